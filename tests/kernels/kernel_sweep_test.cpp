// Every kernel at every one of the 49 bit pairs it takes, on the weights and inputs that reach furthest.
#include <cstdlib>
#include <random>

#include "tests/kernels/kernel_run.h"

namespace mixq::kernels {

namespace {

class KernelSweep : public testing::TestWithParam<std::string> {};

TEST_P(KernelSweep, EqualsTheReferenceAtEveryPairOfBits) {
    int seen = 0;
    for (const char* text :
         {"conv3x3:5x2@3x5", "conv1x1:18x4@1x5", "conv3x3:4x3@3x5", "dw3x3:3@3x5"}) {
        const traces::Layer shape = traces::parse_layer(text);
        // The last two are for kernels that take whole words of channels, or depthwise layers, only.
        if (seen > 0 && (shape.in_channels == 4 || shape.kind == traces::LayerKind::Depthwise))
            break;
        for (const traces::Precision bits : traces::all_precisions()) {
            if (find_kernel(GetParam()).refuses(shape, bits)) continue;
            const auto weights =
                bits.activation_bits % 2 == 0 ? WeightKind::AllMinimum : WeightKind::Alternating;
            const IntegerNetwork network = with_sums(random_layer(shape, bits, weights, 7));
            const auto input = full_input(network.layers[0]);
            EXPECT_EQ(simulated_bytes(network, GetParam(), input), expected_bytes(network, input))
                << text << " " << to_string(bits);
            ++seen;
        }
    }
    EXPECT_GT(seen, 0);
}

// Of any kind, up to 30 channels and 24 columns.
traces::Layer any_shape(std::mt19937_64& random) {
    const auto below = [&](int limit) {
        return static_cast<int>(random() % static_cast<unsigned>(limit));
    };
    traces::Layer shape;
    shape.in_channels = 1 + below(30);
    shape.out_channels = 1 + below(12);
    if (below(6) == 0) {
        shape.kind = traces::LayerKind::FullyConnected;
        return shape;
    }
    shape.height = 1 + below(9);
    shape.width = 1 + below(24);
    shape.stride = 1 + below(3) / 2;
    const int kernel = below(4);
    if (kernel == 0) {
        shape.kind = traces::LayerKind::Depthwise;
        shape.out_channels = shape.in_channels;
    }
    shape.kernel_height = kernel == 1 ? 1 : kernel == 2 ? 1 + below(5) : 3;
    shape.kernel_width = kernel == 1 ? 1 : kernel == 2 ? 1 + below(5) : 3;
    shape.padding_y = below(1 + shape.kernel_height / 2);
    shape.padding_x = below(1 + shape.kernel_width / 2);
    shape.height = std::max(shape.height, shape.kernel_height);
    shape.width = std::max(shape.width, shape.kernel_width);
    return shape;
}

TEST_P(KernelSweep, EqualsTheReferenceOnRandomShapes) {
    // More of them for who has an hour.
    const char* wanted = std::getenv("MIXQ_SWEEP_SHAPES");
    const int layers = wanted != nullptr ? std::atoi(wanted) : 12;
    std::mt19937_64 random(1);
    int seen = 0;
    for (int tried = 0; seen < layers && tried < 50 * layers; ++tried) {
        const traces::Layer shape = any_shape(random);
        const traces::Precision bits{2 + static_cast<int>(random() % 7),
                                     2 + static_cast<int>(random() % 7)};
        const auto kind = static_cast<WeightKind>(random() % 5);
        if (find_kernel(GetParam()).refuses(shape, bits)) continue;
        const IntegerNetwork network = random_layer(shape, bits, kind, 7);
        const auto input = random_input(network.layers[0], 3);
        EXPECT_EQ(simulated_bytes(network, GetParam(), input), expected_bytes(network, input))
            << to_string(shape) << " " << to_string(bits);
        ++seen;
    }
    EXPECT_EQ(seen, layers);
}

std::vector<std::string> kernel_names() {
    std::vector<std::string> names;
    for (const Kernel* kernel : all_kernels()) names.emplace_back(kernel->name());
    return names;
}

std::string case_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(All, KernelSweep, testing::ValuesIn(kernel_names()), case_name);

}  // namespace

}  // namespace mixq::kernels
