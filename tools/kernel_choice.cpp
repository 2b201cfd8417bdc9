// Measures the kernels that are there to be deployed.
#include "tools/kernel_choice.h"

#include "kernels/kernel.h"
#include "tools/console.h"

namespace mixq::tools {

namespace {

// Nothing if there is none.
std::optional<kernels::Choice> choose_measured(const Measurement& measurement,
                                               const kernels::IntegerLayer& layer) {
    kernels::Choice choice;
    std::optional<std::uint64_t> least;
    std::string others;
    const auto note = [&](const std::string& kernel, std::uint64_t cycles) {
        others += (others.empty() ? "" : ", ") + kernel + " " +
                  grouped(static_cast<std::int64_t>(cycles));
    };
    for (const kernels::Kernel* kernel : kernels::all_kernels()) {
        if (kernel->purpose() != kernels::Purpose::Deploy) continue;
        const std::string name(kernel->name());
        if (kernels::refusal(name, layer)) continue;
        const std::uint64_t cycles = measurement.simulate(measurement.build(name, layer)).cycles;
        if (least && cycles >= *least) {
            note(name, cycles);
            continue;
        }
        if (least) note(choice.kernel, *least);
        least = cycles;
        choice.kernel = name;
    }
    if (!least) return std::nullopt;
    choice.why_not_faster = others;
    return choice;
}

}  // namespace

std::vector<kernels::Choice> choose_kernels(const Measurement& measurement,
                                            const kernels::IntegerNetwork& network) {
    std::vector<kernels::Choice> choices;
    Progress progress("kernels", static_cast<std::int64_t>(network.layers.size()));
    for (const kernels::IntegerLayer& layer : network.layers) {
        const auto choice = choose_measured(measurement, layer);
        choices.push_back(choice ? *choice : kernels::choose_by_schedule(layer));
        progress.advance(layer.name + " " + choices.back().kernel,
                         static_cast<std::int64_t>(choices.size()));
    }
    return choices;
}

}  // namespace mixq::tools
