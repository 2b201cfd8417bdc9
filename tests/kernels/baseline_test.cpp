// The baselines of other packings, compiled and scheduled: exact on shapes that only some of them cover, in both output layouts; what
// schedules say they execute; and what reordered packing brings at equal depth.
#include <algorithm>

#include "sim/simulate.h"
#include "tests/kernels/kernel_run.h"

namespace mixq::kernels {

namespace {

constexpr const char* kKernels[] = {"tinyengine",
                                    "cmix",
                                    "wpc-ddd",
                                    "hikonv",
                                    "ulppack",
                                    "slbc-scheduled",
                                    "rp-slbc-scheduled",
                                    "hikonv-scheduled",
                                    "cmix-scheduled",
                                    "ulppack-scheduled"};

constexpr const char* kScheduled[] = {"slbc-scheduled",
                                      "rp-slbc-scheduled",
                                      "hikonv-scheduled",
                                      "cmix-scheduled",
                                      "ulppack-scheduled"};

struct Case {
    const char* shape;
    const char* bits;
};

// Channels in fours with odd output channels, odd widths, one pixel, one row, no padding, stride 2, 5x5 and 1xN kernels.
constexpr Case kCases[] = {
    {"conv3x3:4x3@5x5", "w4a4"},
    {"conv3x3:8x5@4x7p0", "w2a8"},
    {"conv3x3:4x3@6x5s2", "w4a2"},
    {"conv5x5:4x2@6x7", "w2a3"},
    {"conv3x3:4x4@5x6", "w3a3"},
    {"conv1x1:12x5@3x3", "w4a5"},
    {"conv3x3:8x6@1x1", "w2a2"},
    {"fc:40x7", "w4a4"},
    {"dw5x5:6@7x6", "w4a4"},
    {"dw3x3:9@5x7s2", "w2a5"},
};

class BaselineExact : public testing::TestWithParam<const char*> {};

TEST_P(BaselineExact, EqualsTheReferenceWhereSumsAreExtreme) {
    const std::string kernel = GetParam();
    for (const auto& [text, bits_text] : kCases) {
        const traces::Layer shape = traces::parse_layer(text);
        const traces::Precision bits = traces::parse_precision(bits_text);
        if (find_kernel(kernel).refuses(shape, bits)) continue;
        for (const WeightKind weights : {WeightKind::AllMaximum, WeightKind::Alternating}) {
            const IntegerNetwork network = with_sums(random_layer(shape, bits, weights, 3));
            const auto input = full_input(network.layers[0]);
            EXPECT_EQ(simulated_bytes(network, kernel, input), expected_bytes(network, input))
                << text << " " << bits_text << " weights " << static_cast<int>(weights);
        }
    }
}

// The last layer's kernel decides what the first one writes.
TEST_P(BaselineExact, WritesEitherLayout) {
    const std::string kernel = GetParam();
    for (const char* reader : {"naive", "simd-int8"}) {
        IntegerNetwork network{"two", {}};
        network.layers = {named_layer("first", "conv3x3:8x6@5x7", "w2a2", 4, Pool::None, 1),
                          named_layer("second", "conv1x1:6x4@5x7", "w4a4", 0, Pool::None, 2)};
        const Folder folder;
        BuildOptions options;
        options.directory = folder.path();
        options.choose = [&](const IntegerLayer& layer) {
            return Choice{layer.name == "first" ? kernel : reader, ""};
        };
        options.input = random_input(network.layers[0], 4);
        options.calls = 1;
        const Firmware firmware = build_firmware(network, options);
        sim::Machine machine(sim::read_elf(firmware.elf), sim::find_board("stm32f746"));
        EXPECT_EQ(machine.reset().halt, sim::Halt::Exited);
        const std::vector<std::int32_t> logits = reference_logits(network, options.input);
        std::vector<std::uint8_t> expected(logits.size() * sizeof(std::int32_t));
        std::memcpy(expected.data(), logits.data(), expected.size());
        EXPECT_EQ(printed_output(machine.console()), expected) << reader;
    }
}

std::string case_name(const testing::TestParamInfo<const char*>& info) {
    std::string name = info.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(All, BaselineExact, testing::ValuesIn(kKernels), case_name);

struct TimedRun {
    Firmware firmware;
    sim::CallTiming timing;
};

TimedRun timed(const std::string& kernel, const char* shape, const char* bits) {
    const Folder folder;
    const IntegerNetwork network = random_layer(
        traces::parse_layer(shape), traces::parse_precision(bits), WeightKind::BellShaped, 5);
    BuildOptions options;
    options.directory = folder.path();
    options.kernel = kernel;
    options.calls = 1;
    TimedRun run{build_firmware(network, options), {}};
    sim::Simulation simulation(
        sim::read_elf(run.firmware.elf), sim::find_board("stm32f746"), {"mixq_kernel_layer"});
    EXPECT_EQ(simulation.run(true).halt, sim::Halt::Exited);
    run.timing = simulation.calls().at(0);
    return run;
}

TEST(ScheduledBaselines, ExecuteWhatTheirSchedulesCount) {
    for (const char* kernel : kScheduled) {
        for (const char* shape : {"conv3x3:8x5@5x7", "conv1x1:8x4@3x4"}) {
            if (find_kernel(kernel).refuses(traces::parse_layer(shape), {2, 2})) continue;
            const TimedRun run = timed(kernel, shape, "w2a2");
            ASSERT_TRUE(run.firmware.layers[0].counts.has_value()) << kernel;
            EXPECT_EQ(*run.firmware.layers[0].counts, run.timing.counts) << kernel << " " << shape;
        }
    }
}

// What the same packing gains from being scheduled for the core instead of compiled.
TEST(ScheduledBaselines, AreFasterThanTheirCompiledSelves) {
    for (const char* scheduled : kScheduled) {
        const std::string name = scheduled;
        const std::string compiled = name.substr(0, name.rfind('-'));
        const char* shape = "conv3x3:8x16@6x16";
        EXPECT_LT(timed(name, shape, "w2a2").timing.timing.cycles,
                  timed(compiled, shape, "w2a2").timing.timing.cycles)
            << name;
    }
}

TEST(ReorderedPacking, IsATenthFasterThanLiteralSlbcAtEqualDepth) {
    for (const char* bits : {"w2a2", "w4a4", "w8a2"}) {
        const char* shape = "conv3x3:8x16@4x16";
        const auto literal = timed("slbc", shape, bits).timing.timing.cycles;
        const auto reordered = timed("rp-slbc", shape, bits).timing.timing.cycles;
        EXPECT_GE(static_cast<double>(literal), 1.1 * static_cast<double>(reordered)) << bits;
    }
}

}  // namespace

}  // namespace mixq::kernels
