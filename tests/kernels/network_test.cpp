// The laws of integer networks, plans and golden files.
#include "kernels/network/network.h"

#include <functional>
#include <limits>
#include <random>

#include "tests/kernels/firmware_test.h"
#include "traces/file.h"

namespace mixq::kernels {

namespace {

struct BrokenNetwork {
    const char* name;
    std::function<void(IntegerNetwork&)> breaks;
    const char* says;
};

void PrintTo(const BrokenNetwork& value, std::ostream* out) {
    *out << value.name;
}

class CheckRefuses : public testing::TestWithParam<BrokenNetwork> {};

TEST_P(CheckRefuses, NamingLayerAndField) {
    IntegerNetwork network = small_network();
    GetParam().breaks(network);
    const std::string text = error_of([&] { check(network); });
    EXPECT_NE(text.find(GetParam().says), std::string::npos) << text;
    EXPECT_NE(text.find("small"), std::string::npos) << text;
}

const BrokenNetwork kBroken[] = {
    {"NoLayers", [](auto& n) { n.layers.clear(); }, "has no layers"},
    {"NoIdentifier", [](auto& n) { n.layers[0].name = "conv-1"; }, "not a C identifier"},
    {"EmptyName", [](auto& n) { n.layers[0].name = ""; }, "not a C identifier"},
    {"TwoOfAName", [](auto& n) { n.layers[1].name = "conv1"; }, "two layers named 'conv1'"},
    {"ZeroStride", [](auto& n) { n.layers[0].shape.stride = 0; }, "a dimension lies outside"},
    {"HugeLayer",
     [](auto& n) {
         n.layers[0].shape.in_channels = n.layers[0].shape.out_channels = 65535;
         n.layers[0].shape.kernel_height = n.layers[0].shape.kernel_width = 12;
     },
     "more than 2^28 weights"},
    {"HugeInput",
     [](auto& n) { n.layers[0].shape.height = n.layers[0].shape.width = 65535; },
     "more than 2^28 elements"},
    {"WidePadding", [](auto& n) { n.layers[0].shape.padding_x = 3; }, "padding"},
    {"DepthwiseOfTwoWidths",
     [](auto& n) { n.layers[0].shape.kind = traces::LayerKind::Depthwise; },
     "channels in and out differ"},
    {"FlatPooling", [](auto& n) { n.layers[3].pool = Pool::Max2x2; }, "nothing is left"},
    {"BrokenChain", [](auto& n) { n.layers[1].shape.height = 7; }, "takes 8@7x6"},
    {"BrokenFlattening", [](auto& n) { n.layers[3].shape.in_channels = 71; }, "takes 71 inputs"},
    {"OtherBits", [](auto& n) { n.layers[0].output_bits = 5; }, "output bits 5"},
    {"LogitsInTheMiddle", [](auto& n) { n.layers[0].output_bits = 0; }, "output bits are 0"},
    {"BitsOutOfRange", [](auto& n) { n.layers[0].precision.weight_bits = 9; }, "2..8"},
    {"NegativeShift", [](auto& n) { n.layers[0].shift = -1; }, "shift"},
    {"MissingWeight", [](auto& n) { n.layers[2].weights.pop_back(); }, "95 weights where 96"},
    {"MissingMultiplier", [](auto& n) { n.layers[0].multiplier.pop_back(); }, "7 multipliers"},
    {"MissingBias", [](auto& n) { n.layers[3].bias.pop_back(); }, "9 biases where 10"},
    {"NegativeMultiplier",
     [](auto& n) { n.layers[0].multiplier[1] = -1; },
     "multiplier is negative"},
    {"WeightOutOfRange", [](auto& n) { n.layers[0].weights[5] = 8; }, "weight 5 is 8"},
    {"ProductOutOfRange",
     [](auto& n) {
         n.layers[0].multiplier.assign(8, std::numeric_limits<std::int32_t>::max());
         n.layers[0].weights.assign(n.layers[0].weights.size(), 7);
     },
     "2^46"},
    {"BiasOutOfRange",
     [](auto& n) {
         n.layers[0].bias[2] = std::numeric_limits<std::int32_t>::max();
         n.layers[0].weights.assign(n.layers[0].weights.size(), 7);
     },
     "filter 2 can leave 32 bits"},
    {"LogitsOutOfRange",
     [](auto& n) {
         n.layers[3].bias[0] = std::numeric_limits<std::int32_t>::max();
         n.layers[3].weights.assign(n.layers[3].weights.size(), 7);
     },
     "32-bit logits"},
};

std::string broken_name(const testing::TestParamInfo<BrokenNetwork>& info) {
    return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Network, CheckRefuses, testing::ValuesIn(kBroken), broken_name);

TEST(Network, ASoundNetworkPasses) {
    EXPECT_NO_THROW(check(small_network()));
}

TEST(Network, RefusesAnAccumulatorThatCanLeave32Bits) {
    // 2^31 / (255 * 128) = 65793.9: as many inputs as a layer may have still fit, so two rows of
    // them do not.
    IntegerLayer layer = small_network().layers[3];
    layer.shape = {traces::LayerKind::Conv, 65535, 1, 2, 1, 2, 1, 1, 0, 0};
    layer.precision = {8, 8};
    layer.weights.assign(131070, -128);
    layer.bias.assign(1, 0);
    layer.multiplier.clear();
    EXPECT_NE(error_of([&] {
                  check({"wide", {layer}});
              }).find("32-bit accumulator"),
              std::string::npos);
}

void expect_same(const IntegerNetwork& read, const IntegerNetwork& written) {
    EXPECT_EQ(read.name, written.name);
    ASSERT_EQ(read.layers.size(), written.layers.size());
    for (std::size_t i = 0; i < read.layers.size(); ++i) {
        const IntegerLayer& a = read.layers[i];
        const IntegerLayer& b = written.layers[i];
        EXPECT_EQ(a.name, b.name);
        EXPECT_EQ(a.shape, b.shape);
        EXPECT_EQ(a.precision, b.precision);
        EXPECT_EQ(a.output_bits, b.output_bits);
        EXPECT_EQ(a.pool, b.pool);
        EXPECT_EQ(a.shift, b.shift);
        EXPECT_EQ(a.weights, b.weights);
        EXPECT_EQ(a.multiplier, b.multiplier);
        EXPECT_EQ(a.bias, b.bias);
    }
}

TEST(Plan, ReadsBackWhatWasWritten) {
    const Folder folder;
    const IntegerNetwork network = small_network();
    write_plan(folder.file("plan.csv"), network, {{"seed", "7"}, {"accuracy", "0.71"}});
    expect_same(read_plan(folder.file("plan.csv")), network);
    EXPECT_NE(traces::read_text(folder.file("plan.csv")).find("# seed: 7"), std::string::npos);
}

TEST(Plan, LeavesNothingBehindWhenItCannotBeWritten) {
    const Folder folder;
    EXPECT_NE(error_of([&] { write_plan(folder.file("no/plan.csv"), small_network(), {}); }),
              "no error");
    EXPECT_NE(error_of([&] { write_plan("/dev/full", small_network(), {}); }), "no error");
    EXPECT_NE(error_of([&] {
                  write_plan(folder.file("plan.csv"), small_network(), {{"a", "b\nc"}});
              }),
              "no error");
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Plan, RefusesWeightsOfAnotherPlan) {
    const Folder folder;
    IntegerNetwork network = small_network();
    write_plan(folder.file("a.csv"), network, {});
    network.layers[0].weights[0] ^= 1;
    write_plan(folder.file("b.csv"), network, {});
    std::filesystem::copy_file(folder.file("b.csv.weights"),
                               folder.file("a.csv.weights"),
                               std::filesystem::copy_options::overwrite_existing);
    const std::string text = error_of([&] { read_plan(folder.file("a.csv")); });
    EXPECT_NE(text.find("a.csv.weights"), std::string::npos) << text;
    EXPECT_NE(text.find("SHA-256"), std::string::npos) << text;
}

TEST(Plan, NamesFileAndLineOfABadRow) {
    const Folder folder;
    write_plan(folder.file("plan.csv"), small_network(), {});
    std::string text = traces::read_text(folder.file("plan.csv"));
    text.replace(text.find("w4a8"), 4, "w4a9");
    traces::write_file(folder.file("plan.csv"), text);
    const std::string error = error_of([&] { read_plan(folder.file("plan.csv")); });
    EXPECT_NE(error.find("plan.csv:5"), std::string::npos) << error;
    EXPECT_NE(error.find("w4a9"), std::string::npos) << error;
}

TEST(Plan, IsNotAnyTable) {
    const Folder folder;
    traces::write_file(folder.file("x.csv"), "a,b\n1,2\n");
    EXPECT_NE(error_of([&] { read_plan(folder.file("x.csv")); }).find("not a plan"),
              std::string::npos);
}

Golden small_golden() {
    Golden golden{4, 2, {}, {}, {}};
    for (int image = 0; image < 3; ++image) {
        for (int i = 0; i < 4; ++i)
            golden.inputs.push_back(static_cast<std::uint8_t>(image * 4 + i));
        golden.logits.insert(golden.logits.end(), {image - 100000, image * 70000});
        golden.labels.push_back(static_cast<std::uint8_t>(image));
    }
    return golden;
}

TEST(GoldenFile, ReadsBackWhatWasWritten) {
    const Folder folder;
    write_golden(folder.file("plan.csv"), small_golden());
    const Golden read = read_golden(folder.file("plan.csv"));
    EXPECT_EQ(read.inputs, small_golden().inputs);
    EXPECT_EQ(read.logits, small_golden().logits);
    EXPECT_EQ(read.labels, small_golden().labels);
    EXPECT_EQ(read.input_elements, 4);
    EXPECT_EQ(read.outputs, 2);
}

TEST(GoldenFile, MayBeNamedByItself) {
    const Folder folder;
    write_golden(folder.file("plan.csv.golden"), small_golden());
    EXPECT_EQ(read_golden(folder.file("plan.csv")).images(), 3);
}

TEST(GoldenFile, RefusesPartsOfDifferentImages) {
    Golden golden = small_golden();
    golden.logits.pop_back();
    EXPECT_NE(error_of([&] { write_golden("/no/such/folder/x", golden); }).find("same images"),
              std::string::npos);
}

// Changed files end in a clear error or, where the change does not matter, in a sound value: never
// in anything else. The sanitizer preset watches.
template <typename Read>
void read_mutations(const std::string& path, std::uint64_t seed, int rounds, const Read& read) {
    const std::vector<std::uint8_t> whole = traces::read_bytes(path);
    std::mt19937_64 random(seed);
    for (int round = 0; round < rounds; ++round) {
        std::vector<std::uint8_t> bytes = whole;
        if (round % 3 == 0) bytes.resize(random() % whole.size());
        if (round % 3 != 0) {
            for (std::uint64_t flips = 1 + random() % 3; flips > 0; --flips) {
                bytes[random() % bytes.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
            }
        }
        traces::write_file(path, bytes);
        try {
            read();
        } catch (const std::runtime_error& error) {
            EXPECT_GT(std::string(error.what()).size(), 10u);
        }
    }
    traces::write_file(path, whole);
}

TEST(PlanFuzz, ChangedPlansEndInAnError) {
    const Folder folder;
    const std::string path = folder.file("plan.csv");
    write_plan(path, small_network(), {});
    read_mutations(path, 1, 600, [&] { check(read_plan(path)); });
}

TEST(PlanFuzz, ChangedWeightsAlwaysEndInAnError) {
    const Folder folder;
    const std::string path = folder.file("plan.csv");
    write_plan(path, small_network(), {});
    read_mutations(path + ".weights", 2, 300, [&] {
        read_plan(path);
        FAIL() << "a changed weights file was read";
    });
}

TEST(GoldenFuzz, ChangedGoldensAlwaysEndInAnError) {
    const Folder folder;
    const std::string path = folder.file("plan.csv");
    write_golden(path, small_golden());
    read_mutations(path + ".golden", 3, 600, [&] {
        read_golden(path);
        FAIL() << "a changed golden file was read";
    });
}

}  // namespace

}  // namespace mixq::kernels
