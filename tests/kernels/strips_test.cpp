// The laws of activations stored in bits: nothing of a tensor is lost, strips make every row, and firmware that runs in strips gives
// the reference's bytes in less RAM.
#include "kernels/strips/strips.h"

#include <random>

#include "kernels/strips/tensor.h"
#include "tests/kernels/strips_run.h"

namespace mixq::kernels::strips {

namespace {

std::vector<std::uint8_t> random_elements(std::size_t count, int bits, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<std::uint8_t> bytes(count);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random() % (1U << bits));
    return bytes;
}

TEST(Tensor, ComesBackWholeFromItsBits) {
    for (int bits = 2; bits <= 8; ++bits) {
        for (int elements = 1; elements <= 100; ++elements) {
            const Tensor tensor{2, 3, elements, bits};
            const std::vector<std::uint8_t> bytes = random_elements(
                static_cast<std::size_t>(6 * elements), bits, static_cast<std::uint64_t>(elements));
            const std::vector<std::uint8_t> stored = packed(tensor, bytes);
            EXPECT_EQ(stored.size(), 6u * static_cast<unsigned>((elements * bits + 7) / 8));
            EXPECT_EQ(unpacked(tensor, stored), bytes) << bits << " bits, " << elements;
        }
    }
}

TEST(Tensor, OfEightBitsIsTheTensorThatKernelsRead) {
    const Tensor tensor = tensor_of(Layout::Planar, 3, 5, 7, 8);
    const std::vector<std::uint8_t> bytes = random_elements(3 * 5 * 7, 8, 1);
    EXPECT_EQ(packed(tensor, bytes), bytes);
}

IntegerLayer layer_of(const char* shape, Pool pool) {
    return named_layer("conv", shape, "w4a4", 4, pool, 1);
}

TEST(Strips, MakeEveryRowFromTheRowsItReads) {
    for (const char* shape : {"conv3x3:2x3@9x8",
                              "conv5x5:2x3@13x8s2",
                              "conv3x3:2x3@12x8s2p0",
                              "conv1x1:2x3@7x8s3",
                              "conv7x3:2x3@8x8",
                              "dw3x3:4@11x8"}) {
        for (const Pool pool : {Pool::None, Pool::Max2x2}) {
            const IntegerLayer layer = layer_of(shape, pool);
            const int step = pool == Pool::None ? 1 : 2;
            const int usable = layer.shape.out_height() / step * step;
            int last = usable + 1;
            for (const int rows : row_choices(layer)) {
                EXPECT_LT(rows, last) << shape;
                EXPECT_EQ(rows % step, 0) << shape;
                last = rows;
                const Strips strips = strips_of(layer, rows);
                int next = 0;
                for (int strip = 0; strip < strips.count; ++strip) {
                    const int first = strips.first_row(strip);
                    EXPECT_LE(first, next) << shape << " " << rows;
                    next = first + rows;
                    const Window window = strips.window(strip);
                    if (strips.count == 1) continue;
                    EXPECT_EQ(window.above + window.lines + window.below,
                              strips.layer.shape.height);
                    EXPECT_EQ(window.first - window.above,
                              first * layer.shape.stride - layer.shape.padding_y)
                        << shape << " " << rows;
                    EXPECT_LE(window.first + window.lines, layer.shape.height);
                }
                EXPECT_EQ(next, strips.count == 1 ? rows : usable) << shape << " " << rows;
                EXPECT_EQ(strips.count > 1 ? strips.layer.shape.out_height() : rows, rows) << shape;
            }
            EXPECT_LE(last, step) << shape;
        }
    }
}

TEST(Strips, ALayerThatCannotBeCutIsOne) {
    IntegerLayer logits = layer_of("conv3x3:2x3@9x8", Pool::None);
    logits.output_bits = 0;
    for (const IntegerLayer& layer : {layer_of("fc:64x10", Pool::None),
                                      layer_of("conv3x3:2x3@9x8", Pool::GlobalAverage),
                                      logits}) {
        ASSERT_EQ(row_choices(layer).size(), 1u);
        const Strips strips = strips_of(layer, row_choices(layer)[0]);
        EXPECT_EQ(strips.count, 1);
        EXPECT_EQ(strips.layer.shape, layer.shape);
    }
}

// The least limit that the builder can keep to, by halving.
std::uint64_t least_ram(const IntegerNetwork& network,
                        const std::vector<std::uint8_t>& input,
                        BuildOptions options,
                        std::uint64_t enough) {
    std::uint64_t least = enough;
    std::uint64_t too_little = 0;
    while (least - too_little > 64) {
        options.max_activations = (least + too_little) / 2;
        try {
            const Folder folder;
            options.directory = folder.path();
            options.input = input;
            build_firmware(network, options);
            least = *options.max_activations;
        } catch (const std::runtime_error&) {
            too_little = *options.max_activations;
        }
    }
    return least;
}

TEST(Strips, AChainOfEveryKindOfLayerGivesTheSameLogitsInBitsAndInLessRam) {
    IntegerNetwork network{"chain", {}};
    network.layers = {named_layer("conv1", "conv3x3:3x8@17x13", "w4a8", 3, Pool::None, 1),
                      named_layer("dw", "dw3x3:8@17x13", "w4a3", 5, Pool::None, 2),
                      named_layer("point", "conv1x1:8x12@17x13", "w4a5", 4, Pool::Max2x2, 3),
                      named_layer("conv2", "conv3x3:12x6@8x6", "w4a4", 6, Pool::None, 4),
                      named_layer("half", "conv3x3:6x9@8x6s2", "w3a6", 2, Pool::None, 5),
                      named_layer("dense", "fc:108x10", "w4a2", 0, Pool::None, 6)};
    const std::vector<std::uint8_t> input = random_input(network.layers[0], 3);
    BuildOptions options;
    const Ran bytes = run(network, input, options);
    EXPECT_EQ(bytes.outputs, expected(network, input));
    options.activations.assign(network.layers.size() + 1, Storage::Bits);
    const Ran bits = run(network, input, options);
    EXPECT_EQ(bits.outputs, bytes.outputs);
    options.max_activations = least_ram(network, input, options, bits.firmware.memory.arena_bytes);
    const Ran least = run(network, input, options);
    EXPECT_EQ(least.outputs, bytes.outputs);
    EXPECT_LE(least.firmware.memory.arena_bytes, *options.max_activations);
    EXPECT_LT(least.firmware.memory.arena_bytes, bytes.firmware.memory.arena_bytes * 3 / 4);
}

TEST(Strips, EveryKernelRunsThemInEitherFormOfInputAndOutput) {
    int seen = 0;
    for (const Kernel* kernel : all_kernels()) {
        for (const char* shape : {"conv3x3:5x6@9x10", "dw3x3:6@9x10s2", "conv1x1:9x6@6x5"}) {
            const IntegerNetwork network =
                random_layer(traces::parse_layer(shape), {4, 3}, WeightKind::Uniform, 5);
            if (refusal(std::string(kernel->name()), network.layers[0])) continue;
            const std::vector<std::uint8_t> input = random_input(network.layers[0], 3);
            for (const auto& forms : {std::vector{Storage::Bits, Storage::Bits},
                                      std::vector{Storage::Bytes, Storage::Bits},
                                      std::vector{Storage::Bits, Storage::Bytes}}) {
                BuildOptions options;
                options.kernel = kernel->name();
                options.activations = forms;
                const Ran made = run(network, input, options);
                EXPECT_EQ(made.outputs, expected(network, input)) << kernel->name() << " " << shape;
                ++seen;
            }
        }
    }
    EXPECT_GT(seen, 60);
}

TEST(Strips, SayWhatTheyNeedWhereThereIsTooLittleRam) {
    const IntegerNetwork network =
        random_layer(traces::parse_layer("conv3x3:8x8@16x16"), {4, 4}, WeightKind::Uniform, 5);
    BuildOptions options;
    const Folder folder;
    options.directory = folder.path();
    options.activations = {Storage::Bits, Storage::Bits};
    options.max_activations = 2000;
    const std::string error = error_of([&] { build_firmware(network, options); });
    EXPECT_NE(error.find("line buffers take"), std::string::npos) << error;
    EXPECT_NE(error.find("of 2000"), std::string::npos) << error;
}

}  // namespace

}  // namespace mixq::kernels::strips
