// Measures the forms of layers, and finds the cheapest way through the chain.
#include "tools/activation_choice.h"

#include <algorithm>

#include "tools/console.h"

namespace mixq::tools {

namespace {

using kernels::Storage;

constexpr std::array kForms{Storage::Bytes, Storage::Bits};

std::size_t index_of(Storage storage) {
    return storage == Storage::Bits ? 1 : 0;
}

// "4 bits" or "bytes".
std::string form_text(int bits) {
    return bits == 8 ? "bytes" : std::to_string(bits) + " bits";
}

int input_bits(const kernels::FirmwareLayer& layer) {
    return layer.strips ? layer.strips->input.bits : 8;
}

int output_bits(const kernels::FirmwareLayer& layer) {
    return layer.strips ? layer.strips->output.bits : 8;
}

nlohmann::json form_json(const ActivationForm& form) {
    if (!form.fits()) return {{"why_not", form.why_not}};
    return {{"kernel", form.kernel}, {"ram_bytes", form.ram_bytes}, {"cycles", form.cycles}};
}

}  // namespace

// Tensor by tensor, keeping for both of its forms the cheapest way to it.
std::optional<std::vector<Storage>> fewest_cycles(std::span<const bool> may,
                                                  std::size_t layers,
                                                  const FormOf& form_of) {
    struct Way {
        std::uint64_t cycles = 0;
        std::vector<Storage> tensors;
    };

    std::array<std::optional<Way>, 2> ways;
    for (const Storage first : kForms) {
        if (first == Storage::Bytes || may[0]) ways[index_of(first)] = Way{0, {first}};
    }
    for (std::size_t layer = 0; layer < layers; ++layer) {
        std::array<std::optional<Way>, 2> next;
        for (const Storage input : kForms) {
            const std::optional<Way>& way = ways[index_of(input)];
            for (const Storage output : kForms) {
                if (!way || (output == Storage::Bits && !may[layer + 1])) continue;
                const ActivationForm form = form_of(layer, input, output);
                if (!form.fits()) continue;
                std::optional<Way>& best = next[index_of(output)];
                const std::uint64_t cycles = way->cycles + form.cycles;
                if (best && best->cycles <= cycles) continue;
                best = Way{cycles, way->tensors};
                best->tensors.push_back(output);
            }
        }
        ways = std::move(next);
    }
    const auto better = [](const auto& a, const auto& b) {
        return a && (!b || a->cycles <= b->cycles);
    };
    const std::optional<Way>& best = better(ways[0], ways[1]) ? ways[0] : ways[1];
    if (!best) return std::nullopt;
    return best->tensors;
}

ActivationChoice::ActivationChoice(const Measurement& measurement,
                                   const kernels::IntegerNetwork& network,
                                   const std::vector<kernels::Choice>& choices,
                                   bool other_kernels,
                                   std::optional<std::uint64_t> limit)
    : measurement_(measurement),
      network_(network),
      choices_(choices),
      other_kernels_(other_kernels),
      limit_(limit),
      known_(network.layers.size()) {
}

bool ActivationChoice::has_bits(std::size_t tensor) const {
    const int bits = tensor == 0 ? network_.layers.front().precision.activation_bits
                                 : network_.layers[tensor - 1].output_bits;
    // What leaves the network is what its user reads.
    return bits != 0 && bits != 8 && tensor < network_.layers.size();
}

std::vector<Storage> ActivationChoice::all_bits() const {
    std::vector<Storage> activations;
    for (std::size_t tensor = 0; tensor <= network_.layers.size(); ++tensor)
        activations.push_back(has_bits(tensor) ? Storage::Bits : Storage::Bytes);
    return activations;
}

ActivationForm ActivationChoice::measured(std::size_t layer,
                                          Storage input,
                                          Storage output,
                                          std::optional<std::uint64_t> limit) const {
    ActivationForm form;
    LayerBuild how;
    how.max_activations = limit;
    how.activations = {input, output};
    how.other_kernels = other_kernels_;
    try {
        const BuiltRun run =
            measurement_.build(choices_[layer].kernel, network_.layers[layer], how);
        form.kernel = run.kernel;
        form.ram_bytes = run.firmware.activation_bytes;
        form.cycles = measurement_.simulate(run).cycles;
    } catch (const OutputDiffers&) {
        throw;
    } catch (const std::runtime_error& error) {
        form.why_not = error.what();
    }
    return form;
}

ActivationForm ActivationChoice::form(std::size_t layer, Storage input, Storage output) {
    std::optional<ActivationForm>& known =
        known_[layer].forms[2 * index_of(input) + index_of(output)];
    const bool bytes = input == Storage::Bytes && output == Storage::Bytes;
    if (!known && bytes && (!limit_ || unlimited(layer).ram_bytes <= *limit_))
        known = unlimited(layer);
    if (!known) known = measured(layer, input, output, limit_);
    return *known;
}

const ActivationForm& ActivationChoice::unlimited(std::size_t layer) {
    std::optional<ActivationForm>& known = known_[layer].unlimited;
    if (!known) known = measured(layer, Storage::Bytes, Storage::Bytes, std::nullopt);
    return *known;
}

// From the tensors of layers that the limit makes slower, or that do not fit, outwards: the fewer forms, the fewer measurements.
std::optional<std::vector<Storage>> ActivationChoice::within_limit() {
    const std::size_t layers = network_.layers.size();
    Progress progress("activations", static_cast<std::int64_t>(layers));
    std::vector<char> wanted(layers + 1, 0);
    for (std::size_t layer = 0; layer < layers; ++layer) {
        const ActivationForm bytes = form(layer, Storage::Bytes, Storage::Bytes);
        if (!bytes.fits() || bytes.cycles > unlimited(layer).cycles)
            wanted[layer] = wanted[layer + 1] = 1;
        progress.advance(network_.layers[layer].name, static_cast<std::int64_t>(layer + 1));
    }
    for (;;) {
        // Not a vector, whose bools are no bools.
        const auto may = std::make_unique<bool[]>(layers + 1);
        for (std::size_t t = 0; t <= layers; ++t) may[t] = wanted[t] != 0 && has_bits(t);
        auto found = fewest_cycles(
            {may.get(), layers + 1}, layers, [&](std::size_t layer, Storage input, Storage output) {
                return form(layer, input, output);
            });
        if (found || std::ranges::count(wanted, 0) == 0) return found;
        const std::vector<char> before = wanted;
        for (std::size_t t = 0; t <= layers; ++t) {
            if (before[t] == 0) continue;
            if (t > 0) wanted[t - 1] = 1;
            if (t < layers) wanted[t + 1] = 1;
        }
        if (wanted == before) return std::nullopt;
    }
}

std::vector<ActivationCost> ActivationChoice::costs(std::span<const Storage> activations) {
    std::vector<ActivationCost> costs;
    Progress progress("activations", static_cast<std::int64_t>(network_.layers.size()));
    for (std::size_t layer = 0; layer < network_.layers.size(); ++layer) {
        costs.push_back(
            {unlimited(layer), form(layer, activations[layer], activations[layer + 1])});
        progress.advance(network_.layers[layer].name, static_cast<std::int64_t>(layer + 1));
    }
    return costs;
}

std::uint64_t activations_within(const Measurement& measurement, std::uint64_t max_ram) {
    const kernels::Firmware smallest = smallest_firmware(measurement);
    const std::uint64_t beside = smallest.ram_bytes - smallest.activation_bytes;
    return max_ram - std::min(max_ram, beside);
}

nlohmann::json activation_json(const kernels::FirmwareLayer& layer, const ActivationCost& cost) {
    nlohmann::json json{{"input_bits", input_bits(layer)},
                        {"output_bits", output_bits(layer)},
                        {"strips", layer.runs()},
                        {"rows", layer.run().shape.out_height()},
                        {"bytes", form_json(cost.bytes)},
                        {"taken", form_json(cost.taken)}};
    return json;
}

std::string activation_table(const kernels::Firmware& firmware,
                             std::span<const ActivationCost> costs) {
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < costs.size(); ++i) {
        const kernels::FirmwareLayer& layer = firmware.layers[i];
        const ActivationCost& cost = costs[i];
        const auto of = [&](const ActivationForm& form, std::uint64_t ActivationForm::*member) {
            return form.fits() ? grouped(form.*member) : "-";
        };
        rows.push_back({layer.layer.name,
                        form_text(input_bits(layer)),
                        form_text(output_bits(layer)),
                        grouped(layer.runs()),
                        grouped(layer.run().shape.out_height()),
                        of(cost.bytes, &ActivationForm::ram_bytes),
                        of(cost.taken, &ActivationForm::ram_bytes),
                        of(cost.bytes, &ActivationForm::cycles),
                        of(cost.taken, &ActivationForm::cycles),
                        cost.taken.kernel == cost.bytes.kernel ? "" : "with " + cost.taken.kernel});
    }
    return format_columns({"layer",
                           "input in",
                           "output in",
                           "strips",
                           "rows",
                           "RAM: bytes",
                           "taken",
                           "cycles: bytes",
                           "taken",
                           "kernel"},
                          rows);
}

}  // namespace mixq::tools
