// Routines of generated kernels, lowered or estimated once and remembered; compiled ones, from what the compiler made of them.
#include <filesystem>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include <stdlib.h>

#include "kernels/analytic.h"
#include "kernels/compiled/analysis.h"
#include "kernels/kernel.h"
#include "kernels/network/firmware.h"

namespace mixq::kernels {

namespace {

// A folder for what the compiler writes, gone with its last use.
class Folder {
  public:
    Folder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "mixq-structure-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            throw std::runtime_error("cannot make a temporary folder '" + pattern + "'");
        path_ = pattern;
    }

    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

// The compiler specialises, unrolls and spills for each layer in its own way: what it made is read, not guessed.
Structure translated(std::string_view kernel, const IntegerNetwork& network) {
    static const Folder shared;
    const Folder folder;
    BuildOptions options;
    options.directory = folder.path();
    options.shared_objects = shared.path();
    options.kernel = kernel;
    options.calls = 1;
    const Firmware firmware = build_firmware(network, options);
    const std::string& name = network.layers.front().name;
    const compiled::Analysis found =
        compiled::analyse(firmware.elf, "mixq_layer_" + name, "mixq_kernel_" + name);
    const FirmwareLayer& layer = firmware.layers.front();
    return {found.counts, found.cycles, layer.packed.scratch_bytes, layer.weight_bytes};
}

Structure lowered(std::string_view kernel,
                  const traces::Layer& layer,
                  traces::Precision precision) {
    const IntegerNetwork network =
        random_layer(layer, precision, WeightKind::BellShaped, kAnalyticSeed);
    const PackedLayer packed = find_kernel(kernel).pack(network.layers.front());
    if (!packed.generate) return translated(kernel, network);
    // The layout of a network's output, and of a layer that is traced alone.
    const generate::Lowered routine = packed.generate(Layout::Planar);
    return {routine.counts,
            routine.cycles,
            packed.scratch_bytes,
            static_cast<std::uint32_t>(packed.weights.size())};
}

double estimated(std::string_view kernel, const traces::Layer& layer, traces::Precision precision) {
    const IntegerNetwork network =
        random_layer(layer, precision, WeightKind::BellShaped, kAnalyticSeed);
    const Kernel& found = find_kernel(kernel);
    const std::vector<Candidate> candidates = found.candidates(network.layers.front());
    // Without one, packing says what does not fit.
    if (candidates.empty()) found.pack(network.layers.front());
    if (candidates.empty() || candidates.front().estimated_cycles <= 0) {
        return structure(kernel, layer, precision).scheduled_cycles;
    }
    return candidates.front().estimated_cycles;
}

// Answers by kernel, layer and bits, refusals included.
template <typename Answer>
class Memo {
  public:
    using Make = Answer (*)(std::string_view, const traces::Layer&, traces::Precision);

    explicit Memo(Make make) : make_(make) {}

    Answer get(std::string_view kernel, const traces::Layer& layer, traces::Precision precision) {
        const std::string key =
            std::string(kernel) + " " + to_string(layer) + " " + to_string(precision);
        {
            const std::lock_guard lock(mutex_);
            if (const auto found = all_.find(key); found != all_.end()) {
                return answer(found->second);
            }
        }
        Known known;
        try {
            known.answer = make_(kernel, layer, precision);
        } catch (const std::runtime_error& error) {
            known.why_not = error.what();
        }
        const std::lock_guard lock(mutex_);
        return answer(all_.emplace(key, std::move(known)).first->second);
    }

  private:
    struct Known {
        Answer answer{};
        std::string why_not;
    };

    static Answer answer(const Known& known) {
        if (!known.why_not.empty()) throw std::runtime_error(known.why_not);
        return known.answer;
    }

    Make make_;
    std::mutex mutex_;
    std::map<std::string, Known> all_;
};

}  // namespace

Structure structure(std::string_view kernel,
                    const traces::Layer& layer,
                    traces::Precision precision) {
    static Memo<Structure> memo(lowered);
    return memo.get(kernel, layer, precision);
}

double estimated_cycles(std::string_view kernel,
                        const traces::Layer& layer,
                        traces::Precision precision) {
    static Memo<double> memo(estimated);
    return memo.get(kernel, layer, precision);
}

}  // namespace mixq::kernels
