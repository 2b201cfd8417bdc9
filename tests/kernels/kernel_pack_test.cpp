// The laws of kernels on the host: who refuses what, what packing proves, and what it will not pack.
#include "kernels/kernel.h"
#include "tests/kernels/firmware_test.h"

namespace mixq::kernels {

namespace {

IntegerLayer random(const char* shape, const char* bits, WeightKind weights) {
    return random_layer(traces::parse_layer(shape), traces::parse_precision(bits), weights, 5)
        .layers[0];
}

TEST(Kernels, AreFoundByName) {
    for (const Kernel* kernel : all_kernels()) EXPECT_EQ(&find_kernel(kernel->name()), kernel);
    try {
        find_kernel("fast");
        FAIL();
    } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find("naive, simd-int8, slbc"), std::string::npos);
    }
}

TEST(Kernels, NaiveTakesEverything) {
    for (const char* shape :
         {"conv5x3:3x4@9x8s2", "dw3x3:7@5x5s2", "fc:100x10", "conv1x1:1x1@1x1"}) {
        for (const traces::Precision bits : traces::all_precisions()) {
            EXPECT_FALSE(find_kernel("naive").refuses(traces::parse_layer(shape), bits));
        }
    }
}

TEST(Kernels, TakeTheBitsOfTheDemo) {
    for (const char* bits : {"w2a2", "w3a3", "w4a4"}) {
        const auto precision = traces::parse_precision(bits);
        for (const char* kernel : {"naive", "simd-int8", "slbc", "rp-slbc", "slbc-deep"}) {
            EXPECT_FALSE(
                find_kernel(kernel).refuses(traces::parse_layer("conv3x3:32x32@16x16"), precision))
                << kernel << " " << bits;
            if (std::string_view(kernel) == "rp-slbc") continue;
            EXPECT_FALSE(
                find_kernel(kernel).refuses(traces::parse_layer("conv1x1:64x64@12x12"), precision))
                << kernel << " " << bits;
        }
    }
}

TEST(Kernels, RefuseWithAReason) {
    const traces::Precision bits{4, 4};
    for (const char* kernel : {"slbc", "rp-slbc", "slbc-deep"}) {
        for (const char* shape : {"conv3x3:8x8@8x8s2", "dw3x3:8@8x8", "fc:64x10"}) {
            const auto why = find_kernel(kernel).refuses(traces::parse_layer(shape), bits);
            ASSERT_TRUE(why.has_value()) << kernel << " " << shape;
            EXPECT_GT(why->size(), 10u);
        }
        EXPECT_TRUE(find_kernel(kernel).refuses(traces::parse_layer("conv3x3:8x8@8x8"), {8, 8}));
    }
    EXPECT_TRUE(find_kernel("rp-slbc").refuses(traces::parse_layer("conv1x1:8x8@8x8"), bits));
    EXPECT_TRUE(find_kernel("ulppack").refuses(traces::parse_layer("dw3x3:8@8x8"), bits));
    EXPECT_TRUE(find_kernel("ulppack").refuses(traces::parse_layer("fc:64x10"), {8, 8}));
    EXPECT_TRUE(find_kernel("hikonv").refuses(traces::parse_layer("fc:64x10"), bits));
    EXPECT_TRUE(find_kernel("hikonv").refuses(traces::parse_layer("conv3x3:8x8@8x8s2"), bits));
    EXPECT_TRUE(find_kernel("hikonv").refuses(traces::parse_layer("conv3x3:8x8@8x8"), {8, 8}));
    EXPECT_TRUE(find_kernel("wpc-ddd").refuses(traces::parse_layer("fc:64x10"), bits));
}

TEST(Kernels, PackWhatTheyDoNotRefuseWhateverTheWeights) {
    for (const Kernel* kernel : all_kernels()) {
        for (const char* shape : {"conv3x3:5x3@6x6", "conv1x1:9x4@5x5"}) {
            for (const traces::Precision bits : traces::all_precisions()) {
                if (kernel->refuses(traces::parse_layer(shape), bits)) continue;
                for (const WeightKind weights :
                     {WeightKind::AllMinimum, WeightKind::AllMaximum, WeightKind::Alternating}) {
                    const PackedLayer packed =
                        kernel->pack(random(shape, to_string(bits).c_str(), weights));
                    EXPECT_LE(packed.proof_largest_field, packed.proof_field_limit)
                        << kernel->name() << " " << to_string(bits);
                    EXPECT_FALSE(packed.proof.empty());
                }
            }
        }
    }
}

TEST(Kernels, TheCostOfDeepSlbcDoesNotDependOnTheWeights) {
    for (const char* bits : {"w2a2", "w3a3", "w4a4"}) {
        const Kernel& kernel = find_kernel("slbc-deep");
        const auto wide = kernel.pack(random("conv3x3:8x3@6x6", bits, WeightKind::AllMinimum));
        const auto narrow = kernel.pack(random("conv3x3:8x3@6x6", bits, WeightKind::BellShaped));
        const auto find = [](const PackedLayer& packed, std::string_view name) {
            for (const auto& [key, value] : packed.defines) {
                if (key == name) return value;
            }
            return std::string("missing");
        };
        for (const char* name : {"MIXQ_FIELD_BITS", "MIXQ_FIELDS", "MIXQ_GROUP", "MIXQ_GROUPS"}) {
            EXPECT_EQ(find(wide, name), find(narrow, name)) << bits << " " << name;
        }
    }
}

TEST(Kernels, DeepSlbcPacksBeyondItsGuaranteeWhatTheWeightsProve) {
    const Kernel& kernel = find_kernel("slbc-deep");
    IntegerLayer layer = random("conv3x3:4x2@6x6", "w6a6", WeightKind::Uniform);
    ASSERT_TRUE(kernel.refuses(layer.shape, layer.precision));
    for (std::int8_t& weight : layer.weights) weight = static_cast<std::int8_t>(weight % 4);
    const PackedLayer packed = kernel.pack(layer);
    EXPECT_LE(packed.proof_largest_field, packed.proof_field_limit);
    layer.weights.assign(layer.weights.size(), -32);
    const std::string error = error_of([&] { kernel.pack(layer); });
    EXPECT_NE(error.find("filter 0"), std::string::npos) << error;
}

TEST(Kernels, RefuseLayersTheirConstantsDoNotFit) {
    for (const Kernel* kernel : all_kernels()) {
        IntegerLayer layer = random("conv3x3:4x2@6x6", "w4a4", WeightKind::Uniform);
        layer.weights[3] = 8;
        EXPECT_NE(error_of([&] { kernel->pack(layer); }).find("weight 3 is 8, outside 4 bits"),
                  std::string::npos);
        layer.weights.pop_back();
        EXPECT_NE(error_of([&] { kernel->pack(layer); }).find("71 weights"), std::string::npos);
    }
}

}  // namespace

}  // namespace mixq::kernels
