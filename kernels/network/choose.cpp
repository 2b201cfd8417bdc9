// Which kernel runs a layer: the cheapest by its own schedule.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "kernels/network/firmware.h"

namespace mixq::kernels {

namespace {

// Compiled kernels, whose cycles nobody knows beforehand, by what they measured on most layers.
constexpr const char* kCompiled[] = {"slbc-deep", "simd-int8", "naive"};

struct Tried {
    std::string kernel;
    double cycles = 0;  // of its schedule
    std::string why_not;
};

// The weights decide: a kernel that cannot promise to hold any weights may well hold these.
Tried try_kernel(const Kernel& kernel, const IntegerLayer& layer, std::uint64_t most_scratch) {
    Tried tried{std::string(kernel.name()), 0, ""};
    try {
        const PackedLayer packed = pack_within(kernel, layer, most_scratch);
        tried.cycles = packed.generate ? packed.generate(Layout::Planar).cycles : 0;
    } catch (const std::runtime_error& error) {
        tried.why_not = error.what();
    }
    return tried;
}

// In words, of the kernels that were not taken.
std::string others(const std::vector<Tried>& tried, const std::string& taken) {
    std::string text;
    for (const Tried& other : tried) {
        if (other.kernel == taken) continue;
        text += (text.empty() ? "" : "; ") + other.kernel + ": " +
                (other.why_not.empty() ? std::to_string(std::llround(other.cycles)) + " cycles"
                                       : other.why_not);
    }
    return text;
}

// Why a compiled kernel cannot be taken.
std::optional<std::string> refusal_within(const char* name,
                                          const IntegerLayer& layer,
                                          std::uint64_t most_scratch) {
    if (auto why = refusal(name, layer)) return why;
    const std::string why = try_kernel(find_kernel(name), layer, most_scratch).why_not;
    return why.empty() ? std::nullopt : std::optional(why);
}

Choice choose_compiled(const IntegerLayer& layer,
                       const std::vector<Tried>& tried,
                       std::uint64_t most_scratch) {
    Choice choice;
    choice.why_not_faster = others(tried, "");
    for (const char* name : kCompiled) {
        const std::optional<std::string> why = refusal_within(name, layer, most_scratch);
        if (!why) {
            choice.kernel = name;
            return choice;
        }
        choice.why_not_faster +=
            (choice.why_not_faster.empty() ? "" : "; ") + std::string(name) + ": " + *why;
    }
    throw std::runtime_error("layer '" + layer.name + "' (" + to_string(layer.shape) + " " +
                             to_string(layer.precision) +
                             "): no kernel fits: " + choice.why_not_faster);
}

}  // namespace

std::optional<std::string> refusal(const std::string& name, const IntegerLayer& layer) {
    const Kernel& kernel = find_kernel(name);
    try {
        kernel.pack(layer);
    } catch (const std::runtime_error& error) {
        // The shape's reason is the shorter one.
        if (auto why = kernel.refuses(layer.shape, layer.precision)) return why;
        return error.what();
    }
    // Compiled kernels make no promise beyond what they refuse.
    return kernel.purpose() == Purpose::Deploy ? std::nullopt
                                               : kernel.refuses(layer.shape, layer.precision);
}

PackedLayer pack_within(const Kernel& kernel,
                        const IntegerLayer& layer,
                        std::uint64_t most_scratch) {
    PackedLayer best = kernel.pack(layer);
    if (best.scratch_bytes <= most_scratch) return best;
    std::uint64_t least = best.scratch_bytes;
    for (const Candidate& candidate : kernel.candidates(layer)) {
        PackedLayer packed = candidate.pack();
        if (packed.scratch_bytes <= most_scratch) return packed;
        least = std::min<std::uint64_t>(least, packed.scratch_bytes);
    }
    throw std::runtime_error(std::string(kernel.name()) + " needs " + std::to_string(least) +
                             " bytes of scratch, there are " + std::to_string(most_scratch) +
                             " beside its input and output");
}

Choice choose_by_schedule(const IntegerLayer& layer, std::uint64_t most_scratch) {
    std::vector<Tried> tried;
    const Tried* best = nullptr;
    for (const Kernel* kernel : all_kernels()) {
        if (kernel->purpose() == Purpose::Deploy)
            tried.push_back(try_kernel(*kernel, layer, most_scratch));
    }
    for (const Tried& candidate : tried) {
        if (!candidate.why_not.empty()) continue;
        if (best == nullptr || candidate.cycles < best->cycles) best = &candidate;
    }
    if (best == nullptr) return choose_compiled(layer, tried, most_scratch);
    return {best->kernel, others(tried, best->kernel)};
}

}  // namespace mixq::kernels
