// What is known of kernels before they run is what they execute.
#include "kernels/analytic.h"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernel.h"
#include "tests/kernels/kernel_run.h"

namespace mixq::kernels {
namespace {

struct Random {
    std::uint64_t state;

    int one_of(const std::vector<int>& values) {
        state = state * 48271 % 2147483647;
        return values[static_cast<std::size_t>(state >> 8) % values.size()];
    }
};

// Small layers of any kind: widths that do not divide, odd channels, strides, one pixel.
traces::Layer random_shape(Random& random) {
    const auto text = [&](const std::vector<int>& values) {
        return std::to_string(random.one_of(values));
    };
    const std::vector<int> sizes = {3, 4, 5, 7, 8, 9, 12, 13};
    const std::vector<int> channels = {1, 3, 4, 5, 8, 12, 16, 18};
    const std::string plane = "@" + text(sizes) + "x" + text(sizes);
    const std::string strides = random.one_of({1, 1, 2}) == 2 ? "s2" : "";
    switch (random.one_of({0, 1, 2, 3})) {
        case 0:
            return traces::parse_layer("conv3x3:" + text(channels) + "x" + text(channels) + plane +
                                       strides);
        case 1:
            return traces::parse_layer("conv1x1:" + text(channels) + "x" + text(channels) + plane);
        case 2:
            return traces::parse_layer("dw3x3:" + text(channels) + plane + strides);
        default:
            return traces::parse_layer("fc:" + text({16, 31, 64, 100}) + "x" + text(channels));
    }
}

traces::Counts simulated_counts(const std::string& kernel,
                                const traces::Layer& layer,
                                traces::Precision precision) {
    const IntegerNetwork network =
        random_layer(layer, precision, WeightKind::BellShaped, kAnalyticSeed);
    const Folder folder;
    static const Folder shared;
    BuildOptions options;
    options.directory = folder.path();
    options.shared_objects = shared.path();
    options.kernel = kernel;
    options.calls = 1;
    const Firmware firmware = build_firmware(network, options);
    const sim::Image image = sim::read_elf(firmware.elf);
    const std::string function = "mixq_kernel_" + network.layers.front().name;
    sim::Simulation simulation(image, sim::find_board("stm32f746"), {function});
    simulation.run(true);
    for (const auto& call : simulation.calls()) {
        if (call.function == function) return call.counts;
    }
    ADD_FAILURE() << function << " was not called";
    return {};
}

// Of every kernel there is, a few random layers it takes, at random bits: schedules of generated ones, the code of compiled ones.
TEST(Analytic, CountsOfEveryKernelAreThoseSimulated) {
    constexpr int kLayersPerKernel = 3;
    Random random{11};
    std::map<std::string, int> tried;
    for (const Kernel* kernel : all_kernels()) {
        const std::string name(kernel->name());
        for (int attempt = 0; attempt < 60 && tried[name] < kLayersPerKernel; ++attempt) {
            const traces::Layer layer = random_shape(random);
            const traces::Precision precision{random.one_of({2, 3, 4, 5, 6, 7, 8}),
                                              random.one_of({2, 3, 4, 5, 6, 7, 8})};
            if (kernel->refuses(layer, precision)) continue;
            const Structure known = structure(name, layer, precision);
            ++tried[name];
            EXPECT_EQ(known.counts.by_class, simulated_counts(name, layer, precision).by_class)
                << name << " " << to_string(layer) << " " << to_string(precision);
        }
        EXPECT_EQ(tried[name], kLayersPerKernel) << name;
    }
}

// Kernels a compiler translated say what their loops do instead; all of them must say something.
TEST(Analytic, EveryKernelHasWorkForWhatItTakes) {
    const traces::Precision precision{4, 4};
    for (const Kernel* kernel : all_kernels()) {
        for (const char* text : {"conv3x3:8x8@8x8",
                                 "conv1x1:8x8@4x4",
                                 "dw3x3:8@8x8",
                                 "fc:32x8",
                                 "conv3x3:3x5@7x7s2"}) {
            const traces::Layer layer = traces::parse_layer(text);
            if (kernel->refuses(layer, precision)) continue;
            const std::vector<WorkTerm> terms = work(kernel->name(), layer, precision);
            EXPECT_TRUE(std::any_of(
                terms.begin(), terms.end(), [](const auto& term) { return term.amount > 0; }))
                << kernel->name() << " " << text;
            for (const WorkTerm& term : terms) {
                EXPECT_GE(term.amount, 0) << kernel->name() << " " << text << " " << term.name;
            }
        }
    }
}

}  // namespace
}  // namespace mixq::kernels
