// The laws of the memory plan, of emitted firmware and of random layers.
#include "kernels/network/firmware.h"

#include <random>
#include <set>

#include "kernels/network/toolchain.h"
#include "kernels/reference/reference.h"
#include "tests/kernels/firmware_test.h"
#include "traces/file.h"

namespace mixq::kernels {

namespace {

struct Span {
    std::uint32_t first;
    std::uint32_t bytes;
};

bool overlap(Span a, Span b) {
    return a.bytes > 0 && b.bytes > 0 && a.first < b.first + b.bytes && b.first < a.first + a.bytes;
}

TEST(MemoryPlan, NothingThatLivesAtOnceOverlaps) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 200; ++round) {
        std::vector<LayerMemory> layers(1 + random() % 6);
        std::uint32_t input = 1 + random() % 5000;
        for (LayerMemory& layer : layers) {
            const auto output = static_cast<std::uint32_t>(1 + random() % 5000);
            layer = {input, output, static_cast<std::uint32_t>(random() % 2000)};
            input = random() % 2 == 0 ? output : 1 + output / 4;  // pooled in place
        }
        const MemoryPlan plan = plan_memory(layers);
        std::uint32_t expected_input = plan.layers[0].input;
        for (std::size_t i = 0; i < layers.size(); ++i) {
            const LayerPlace& place = plan.layers[i];
            const Span spans[] = {{place.input, layers[i].input_bytes},
                                  {place.output, layers[i].output_bytes},
                                  {place.scratch, layers[i].scratch_bytes}};
            for (const Span& span : spans) {
                EXPECT_EQ(span.first % 8, 0u);
                EXPECT_LE(span.first + span.bytes, plan.arena_bytes);
            }
            EXPECT_FALSE(overlap(spans[0], spans[1]));
            EXPECT_FALSE(overlap(spans[0], spans[2]));
            EXPECT_FALSE(overlap(spans[1], spans[2]));
            EXPECT_EQ(place.input, expected_input) << "a layer reads where the one before wrote";
            expected_input = place.output;
        }
    }
}

TEST(MemoryPlan, IsAsLargeAsTheLargestLayer) {
    const LayerMemory layers[] = {{800, 1600, 0}, {1600, 400, 80}, {400, 40, 0}};
    EXPECT_EQ(plan_memory(layers).arena_bytes, 800u + 1600u);
}

BuildOptions options_for(const Folder& folder, const std::string& kernel) {
    BuildOptions options;
    options.directory = folder.path();
    options.kernel = kernel;
    return options;
}

TEST(Firmware, IsTheSameEveryTime) {
    const Folder one;
    const Folder two;
    const IntegerNetwork network = small_network();
    const Firmware first = build_firmware(network, options_for(one, "naive"));
    const Firmware second = build_firmware(network, options_for(two, "naive"));
    EXPECT_EQ(traces::sha256(traces::read_bytes(first.elf)),
              traces::sha256(traces::read_bytes(second.elf)));
}

TEST(Firmware, CountsItsMemory) {
    const Folder folder;
    const Firmware firmware = build_firmware(small_network(), options_for(folder, "naive"));
    std::uint32_t weights = 0;
    for (const FirmwareLayer& layer : firmware.layers) {
        EXPECT_GT(layer.code_bytes, 0u);
        weights += layer.weight_bytes;
    }
    EXPECT_GT(firmware.flash_bytes, weights + firmware.code_bytes);
    EXPECT_GT(firmware.code_bytes, 0u);
    EXPECT_EQ(firmware.activation_bytes, firmware.memory.arena_bytes);
    EXPECT_GE(firmware.ram_bytes, firmware.activation_bytes);
    EXPECT_LT(firmware.ram_bytes, firmware.activation_bytes + 64);
    // conv1: 3*12*12 in, 8*12*12 out before pooling.
    EXPECT_EQ(firmware.activation_bytes, 432u + 1152u);
}

TEST(Firmware, UsesTheKernelThatIsChosenPerLayer) {
    const Folder folder;
    BuildOptions options = options_for(folder, "best");
    options.choose = [](const IntegerLayer& layer) -> Choice {
        return layer.name == "conv2" ? Choice{"simd-int8", "a test says so"} : Choice{"naive", ""};
    };
    const Firmware firmware = build_firmware(small_network(), options);
    EXPECT_EQ(firmware.layers[0].packed.kernel, "naive");
    EXPECT_EQ(firmware.layers[1].packed.kernel, "simd-int8");
    EXPECT_EQ(firmware.layers[1].why_not_faster, "a test says so");
}

TEST(Firmware, RefusesWhatDoesNotFitTheRamWithItsSizes) {
    const Folder folder;
    const IntegerNetwork network =
        random_layer(traces::parse_layer("conv1x1:4x4@256x256"), {8, 8}, WeightKind::Uniform, 1);
    const std::string text =
        error_of([&] { build_firmware(network, options_for(folder, "naive")); });
    EXPECT_NE(text.find("524288 bytes of 323584"), std::string::npos) << text;
}

TEST(Firmware, LessMemoryCostsCyclesBeforeItIsRefused) {
    const Folder folder;
    BuildOptions options;
    options.directory = folder.path();
    const IntegerNetwork network =
        random_layer(traces::parse_layer("conv3x3:16x8@16x16"), {4, 4}, WeightKind::BellShaped, 1);
    const Firmware free = build_firmware(network, options);
    options.max_activations = free.memory.arena_bytes - 1;
    const Firmware limited = build_firmware(network, options);
    EXPECT_LT(limited.memory.arena_bytes, free.memory.arena_bytes);
    EXPECT_GT(limited.layers[0].scheduled_cycles, free.layers[0].scheduled_cycles);
    options.max_activations = 16 * 256 + 8 * 256;  // input and output alone
    EXPECT_EQ(build_firmware(network, options).layers[0].packed.kernel, "naive");
    options.max_activations = 16 * 256 + 8 * 256 - 1;
    const std::string error = error_of([&] { build_firmware(network, options); });
    EXPECT_NE(error.find("6144 bytes of 6143"), std::string::npos) << error;
}

TEST(Firmware, RefusesAnInputOfTheWrongSizeOrBits) {
    const Folder folder;
    BuildOptions options = options_for(folder, "naive");
    const IntegerNetwork network =
        random_layer(traces::parse_layer("conv1x1:2x2@2x2"), {2, 2}, WeightKind::Uniform, 1);
    options.input.assign(7, 0);
    EXPECT_NE(error_of([&] { build_firmware(network, options); }).find("7 elements"),
              std::string::npos);
    options.input.assign(8, 4);
    EXPECT_NE(error_of([&] { build_firmware(network, options); }).find("2 bits"),
              std::string::npos);
}

TEST(Firmware, SaysWhereItCannotWrite) {
    const Folder folder;
    traces::write_file(folder.file("occupied"), std::string_view("x"));
    BuildOptions options = options_for(folder, "naive");
    options.directory = folder.path() / "occupied";
    EXPECT_NE(error_of([&] { build_firmware(small_network(), options); }).find("occupied"),
              std::string::npos);
}

TEST(Firmware, UnknownKernelsAreAUsageError) {
    const Folder folder;
    EXPECT_THROW(build_firmware(small_network(), options_for(folder, "fastest")),
                 std::invalid_argument);
}

TEST(Firmware, ArrangesTheInputForItsFirstKernel) {
    const Folder folder;
    const IntegerNetwork network =
        random_layer(traces::parse_layer("conv1x1:4x4@1x3"), {8, 8}, WeightKind::Uniform, 1);
    const std::vector<std::uint8_t> image = {0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32};
    const Firmware firmware = build_firmware(network, options_for(folder, "simd-int8"));
    if (find_kernel("simd-int8").input_layout() == Layout::Interleaved) {
        EXPECT_EQ(arrange_input(firmware, image),
                  (std::vector<std::uint8_t>{0, 10, 20, 30, 1, 11, 21, 31, 2, 12, 22, 32}));
    } else {
        EXPECT_EQ(arrange_input(firmware, image), image);
    }
    EXPECT_NE(error_of([&] { arrange_input(firmware, std::span(image).first(5)); }), "no error");
}

TEST(Firmware, DeviceSourcesOfOursCompileWithoutAWarning) {
    const Folder folder;
    for (const char* name : {"start.c", "main.c", "semihosting.c", "memory.c"}) {
        const CompileJob job{
            device_directory() / "device" / name, folder.path() / "x.o", {}, {}, {}};
        EXPECT_EQ(compile({&job, 1})[0], "") << name;
    }
}

TEST(PrintedOutput, ReadsHexadecimalLines) {
    EXPECT_EQ(printed_output("mixq_output\n00ff\n10\n"), (std::vector<std::uint8_t>{0, 255, 16}));
    EXPECT_NE(error_of([] { printed_output("fault\n"); }).find("fault"), std::string::npos);
    EXPECT_NE(error_of([] { printed_output("mixq_output\n0g\n"); }), "no error");
}

TEST(RandomLayer, SpreadsItsOutputsOverTheirRange) {
    for (const char* shape : {"conv3x3:8x8@8x8", "conv1x1:64x16@6x6", "fc:200x50"}) {
        for (const char* bits : {"w2a2", "w4a4", "w8a8", "w2a8", "w8a2"}) {
            const IntegerLayer layer = random_layer(traces::parse_layer(shape),
                                                    traces::parse_precision(bits),
                                                    WeightKind::BellShaped,
                                                    3)
                                           .layers[0];
            const auto output = reference_layer(layer, random_input(layer, 4));
            const int top = (1 << layer.output_bits) - 1;
            const std::set<std::uint8_t> values(output.begin(), output.end());
            EXPECT_EQ(*values.begin(), 0) << shape << bits;
            EXPECT_EQ(*values.rbegin(), top) << shape << bits;
            EXPECT_GE(values.size(), static_cast<std::size_t>(top < 16 ? top - 1 : 16))
                << shape << bits;
        }
    }
}

TEST(RandomLayer, IsTheSameForASeedAndSoundForEveryKindOfWeights) {
    const traces::Layer shape = traces::parse_layer("conv3x3:16x8@5x5");
    for (const WeightKind kind : {WeightKind::Uniform,
                                  WeightKind::BellShaped,
                                  WeightKind::AllMinimum,
                                  WeightKind::AllMaximum,
                                  WeightKind::Alternating}) {
        const IntegerNetwork one = random_layer(shape, {8, 8}, kind, 9);
        const IntegerNetwork two = random_layer(shape, {8, 8}, kind, 9);
        EXPECT_EQ(one.layers[0].weights, two.layers[0].weights);
        EXPECT_EQ(one.layers[0].multiplier, two.layers[0].multiplier);
    }
    EXPECT_NE(random_layer(shape, {8, 8}, WeightKind::Uniform, 1).layers[0].weights,
              random_layer(shape, {8, 8}, WeightKind::Uniform, 2).layers[0].weights);
}

}  // namespace

}  // namespace mixq::kernels
