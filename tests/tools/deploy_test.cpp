// The laws of deploy: what it verifies, what it writes, and when it refuses.
#include <fstream>

#include <nlohmann/json.hpp>

#include "kernels/reference/reference.h"
#include "tests/kernels/firmware_test.h"
#include "tools/activation_choice.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/storage_choice.h"
#include "traces/file.h"

namespace mixq::tools {

namespace {

using kernels::Folder;

// A plan with three golden images, and deploy as a user calls it.
class Deploy : public testing::Test {
  protected:
    Deploy() : network_(kernels::small_network()) {
        set_quiet(true);
        write_plan(plan(), network_, {});
    }

    std::string plan() const { return folder_.file("plan.csv"); }

    kernels::Golden golden() const {
        kernels::Golden golden{static_cast<int>(network_.input().input_elements()), 10, {}, {}, {}};
        for (std::uint64_t image = 0; image < 3; ++image) {
            const auto input = kernels::random_input(network_.layers[0], image);
            const auto logits = kernels::reference_logits(network_, input);
            golden.inputs.insert(golden.inputs.end(), input.begin(), input.end());
            golden.logits.insert(golden.logits.end(), logits.begin(), logits.end());
            golden.labels.push_back(static_cast<std::uint8_t>(
                std::max_element(logits.begin(), logits.end()) - logits.begin()));
        }
        return golden;
    }

    nlohmann::json deploy(const std::string& more = "") const {
        CLI::App app{"test"};
        add_deploy(app);
        app.parse("deploy " + plan() + " -o " + folder_.file("out") + " --json " +
                  folder_.file("deploy.json") + " " + more);
        return nlohmann::json::parse(traces::read_text(folder_.file("deploy.json")));
    }

    Folder folder_;
    kernels::IntegerNetwork network_;
};

TEST_F(Deploy, VerifiesEveryGoldenImageAndCountsCycles) {
    write_golden(plan(), golden());
    const nlohmann::json json = deploy();
    EXPECT_EQ(json["images_checked"], 3);
    EXPECT_EQ(json["accuracy"], 1.0);
    ASSERT_EQ(json["layers"].size(), 4u);
    std::uint64_t cycles = 0;
    for (const auto& layer : json["layers"]) cycles += layer["cycles"].get<std::uint64_t>();
    EXPECT_GT(cycles, 0u);
    EXPECT_GE(json["cycles"].get<std::uint64_t>(), cycles);
    EXPECT_LT(json["cycles"].get<std::uint64_t>(), cycles + 200);
    EXPECT_TRUE(std::filesystem::exists(json["elf"].get<std::string>()));
    for (const char* name : {"network.c", "constants.S", "link.ld", "deploy.json"}) {
        EXPECT_TRUE(std::filesystem::exists(folder_.path() / "out" / name)) << name;
    }
}

TEST_F(Deploy, DoesWithoutAGoldenFileAndSaysSo) {
    const nlohmann::json json = deploy("--kernel naive");
    EXPECT_EQ(json["images_checked"], 1);
    EXPECT_TRUE(json["accuracy"].is_null());
    EXPECT_NE(json["verified_against"].get<std::string>().find("reference"), std::string::npos);
}

TEST_F(Deploy, NamesTheFirstLogitThatDiffers) {
    kernels::Golden wrong = golden();
    wrong.logits[13] += 1;
    write_golden(plan(), wrong);
    try {
        deploy("--kernel naive");
        FAIL() << "a wrong logit went through";
    } catch (const OutputDiffers& error) {
        EXPECT_NE(std::string(error.what()).find("image 1"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("output 3"), std::string::npos) << error.what();
    }
}

TEST_F(Deploy, HoldsTheLimitsItIsGiven) {
    EXPECT_THROW(deploy("--kernel naive --max-cycles 100"), LimitNotMet);
    EXPECT_THROW(deploy("--kernel naive --max-ram 100"), LimitNotMet);
    EXPECT_THROW(deploy("--kernel naive --max-flash 100"), LimitNotMet);
    EXPECT_NO_THROW(deploy("--kernel naive --max-ram 100000"));
}

TEST_F(Deploy, TakesPackingsOfLessScratchWhereRamIsShort) {
    network_.layers[0] = kernels::named_layer("conv1", "conv3x3:3x16@16x16", "w4a4", 4, {}, 1);
    network_.layers[1] =
        kernels::named_layer("conv2", "conv3x3:16x4@16x16", "w4a4", 4, kernels::Pool::Max2x2, 2);
    network_.layers.resize(2);
    write_plan(plan(), network_, {});
    for (const std::string kernel : {"rp-conv", "best"}) {
        const std::string how = "--storage bytes --kernel " + kernel;
        const nlohmann::json roomy = deploy(how);
        const auto ram = roomy["ram_bytes"].get<std::uint64_t>();
        const nlohmann::json tight = deploy(how + " --max-ram " + std::to_string(ram - 1));
        EXPECT_LT(tight["ram_bytes"].get<std::uint64_t>(), ram) << kernel;
        EXPECT_GT(tight["cycles"], roomy["cycles"]) << kernel;
    }
}

TEST_F(Deploy, RefusesAGoldenFileOfAnotherNetwork) {
    kernels::Golden other = golden();
    other.input_elements = 144;
    other.inputs.resize(3 * 144);
    write_golden(plan(), other);
    EXPECT_NE(kernels::error_of([&] { deploy("--kernel naive"); }).find("144 elements"),
              std::string::npos);
}

// Layers with weights enough to be worth the code that expands them.
class DeployStorage : public Deploy {
  protected:
    DeployStorage() {
        network_ = {"stored",
                    {kernels::named_layer("conv1", "conv3x3:3x24@8x8", "w4a8", 4, {}, 1),
                     kernels::named_layer(
                         "conv2", "conv3x3:24x32@8x8", "w3a4", 4, kernels::Pool::Max2x2, 2),
                     kernels::named_layer("dense", "fc:512x10", "w4a4", 0, {}, 3)}};
        write_plan(plan(), network_, {});
    }
};

TEST_F(DeployStorage, InBitsTakesLessFlashAndShowsWhatBothFormsCost) {
    const nlohmann::json bytes = deploy("--kernel smlad-gemm --storage bytes");
    const nlohmann::json bits = deploy("--kernel smlad-gemm --storage bits");
    EXPECT_LT(bits["flash_bytes"], bytes["flash_bytes"]);
    EXPECT_EQ(bits["images_checked"], 1);
    for (std::size_t i : {1U, 2U}) {
        const nlohmann::json& layer = bits["layers"][i];
        EXPECT_EQ(layer["storage"], "bits");
        EXPECT_LT(layer["weight_bytes"], bytes["layers"][i]["weight_bytes"]);
        const nlohmann::json& forms = layer["storage_forms"];
        EXPECT_EQ(forms["bits"]["flash_bytes"].get<int>(),
                  layer["weight_bytes"].get<int>() + layer["code_bytes"].get<int>());
        EXPECT_LT(forms["bits"]["flash_bytes"], forms["bytes"]["flash_bytes"]);
        EXPECT_GT(forms["bits"]["ram_bytes"], forms["bytes"]["ram_bytes"]);
        EXPECT_GT(forms["bits"]["cycles"], 0);
        EXPECT_EQ(bytes["layers"][i]["storage"], "bytes");
    }
}

TEST_F(DeployStorage, IsInBitsOnlyWhereFlashIsTooSmallOtherwise) {
    const nlohmann::json roomy = deploy("--kernel smlad-gemm");
    for (const auto& layer : roomy["layers"]) EXPECT_EQ(layer["storage"], "bytes");
    const auto flash = roomy["flash_bytes"].get<std::uint64_t>();
    const nlohmann::json tight =
        deploy("--kernel smlad-gemm --max-flash " + std::to_string(flash - 100));
    EXPECT_LE(tight["flash_bytes"].get<std::uint64_t>(), flash - 100);
    int in_bits = 0;
    for (const auto& layer : tight["layers"]) in_bits += layer["storage"] == "bits" ? 1 : 0;
    EXPECT_EQ(in_bits, 1);
    EXPECT_THROW(deploy("--kernel smlad-gemm --max-flash 5000"), LimitNotMet);
}

TEST_F(DeployStorage, ExpandsPartByPartWithinALimitOnRam) {
    const nlohmann::json all = deploy("--kernel smlad-gemm --storage bits");
    const auto ram = all["ram_bytes"].get<std::uint64_t>();
    const nlohmann::json parts =
        deploy("--kernel smlad-gemm --storage bits --max-ram " + std::to_string(ram - 2000));
    EXPECT_LE(parts["ram_bytes"].get<std::uint64_t>(), ram - 2000);
    EXPECT_EQ(parts["layers"][1]["storage"], "bits");
    EXPECT_GT(parts["layers"][1]["storage_forms"]["bits"]["calls"], 1);
}

TEST_F(DeployStorage, WhereTheFastestKernelHasNoBitsTheNextOneThatHasIsTaken) {
    network_.layers[0] = kernels::named_layer("conv1", "conv3x3:3x24@8x8", "w4a8", 8, {}, 1);
    network_.layers[1] =
        kernels::named_layer("conv2", "conv3x3:24x32@8x8", "w8a8", 4, kernels::Pool::Max2x2, 2);
    write_plan(plan(), network_, {});
    const nlohmann::json json = deploy("--storage bits");
    const nlohmann::json& layer = json["layers"][1];
    EXPECT_EQ(layer["storage_forms"]["bytes"]["kernel"], "winograd");
    EXPECT_EQ(layer["storage"], "bits");
    EXPECT_EQ(layer["kernel"], layer["storage_forms"]["bits"]["kernel"]);
    EXPECT_NE(layer["kernel"], "winograd");
}

TEST_F(Deploy, SaysWhyAKernelsWeightsAreNotInBits) {
    const nlohmann::json json = deploy("--kernel naive --storage bits");
    EXPECT_TRUE(json["layers"][0]["storage_forms"]["bits"].is_null());
    EXPECT_NE(json["layers"][0]["storage_forms"]["why_not_bits"].get<std::string>().find("naive"),
              std::string::npos);
}

StorageCost cost_of(std::uint64_t bytes,
                    std::uint64_t bits,
                    std::uint64_t cycles,
                    std::uint64_t expanding) {
    StorageCost cost;
    cost.bytes = {"a", bytes, 0, cycles, 1};
    cost.bits = {"a", bits, 0, cycles + expanding, 1};
    return cost;
}

TEST(StorageChoice, TakesFirstWhatCostsFewestCyclesForAByteAndNoMoreThanNeeded) {
    using enum kernels::Storage;
    const std::vector<StorageCost> costs{cost_of(1000, 500, 10, 5000),   // 10 cycles a byte
                                         cost_of(1000, 900, 10, 100),    // 1
                                         cost_of(2000, 1000, 10, 3000),  // 3
                                         cost_of(100, 200, 10, 1)};      // none saved
    using Chosen = std::vector<kernels::Storage>;
    EXPECT_EQ(storage_within(costs, 50, 4150), (Chosen{Bytes, Bytes, Bytes, Bytes}));
    EXPECT_EQ(storage_within(costs, 50, 4149), (Chosen{Bytes, Bits, Bytes, Bytes}));
    // The first alone is not enough, the second is without it.
    EXPECT_EQ(storage_within(costs, 50, 3200), (Chosen{Bytes, Bytes, Bits, Bytes}));
    EXPECT_EQ(storage_within(costs, 50, 3050), (Chosen{Bytes, Bits, Bits, Bytes}));
    // Nothing is enough: as small as it gets.
    EXPECT_EQ(storage_within(costs, 50, 100), (Chosen{Bits, Bits, Bits, Bytes}));
    EXPECT_EQ(smallest_storage(costs), (Chosen{Bits, Bits, Bits, Bytes}));
}

// A chain whose RAM its tensors take.
class DeployActivations : public Deploy {
  protected:
    DeployActivations() {
        network_ = {"tensors",
                    {kernels::named_layer("conv1", "conv3x3:3x16@16x16", "w4a8", 4, {}, 1),
                     kernels::named_layer(
                         "conv2", "conv3x3:16x16@16x16", "w3a4", 3, kernels::Pool::Max2x2, 2),
                     kernels::named_layer("conv3", "conv1x1:16x8@8x8", "w4a3", 8, {}, 3),
                     kernels::named_layer("dense", "fc:512x10", "w4a8", 0, {}, 4)}};
        write_plan(plan(), network_, {});
    }

    static std::uint64_t ram(const nlohmann::json& json) {
        return json["ram_bytes"].get<std::uint64_t>();
    }
};

TEST_F(DeployActivations, InBitsTakeLessRamAndShowWhatThatCosts) {
    write_golden(plan(), golden());
    const nlohmann::json bytes = deploy("--activations bytes --storage bytes");
    const nlohmann::json bits = deploy("--activations bits --storage bytes");
    EXPECT_EQ(bits["images_checked"], 3);
    EXPECT_LT(ram(bits), ram(bytes) * 2 / 3);
    EXPECT_FALSE(bytes["layers"][1].contains("activations"));
    const nlohmann::json& layer = bits["layers"][1]["activations"];
    EXPECT_EQ(layer["input_bits"], 4);
    EXPECT_EQ(layer["output_bits"], 3);
    EXPECT_GE(layer["strips"].get<int>() * layer["rows"].get<int>(), 16);
    EXPECT_LT(layer["taken"]["ram_bytes"], layer["bytes"]["ram_bytes"]);
    EXPECT_GT(layer["taken"]["cycles"], layer["bytes"]["cycles"]);
    EXPECT_EQ(bits["layers"][0]["activations"]["input_bits"], 8);
    EXPECT_EQ(bits["layers"][3]["activations"]["strips"], 1);
}

TEST_F(DeployActivations, AreInBitsOnlyWhereRamIsTooSmallOtherwise) {
    const nlohmann::json roomy = deploy("--storage bytes");
    EXPECT_EQ(ram(roomy), ram(deploy("--activations bytes --storage bytes")));
    const std::uint64_t limit = ram(roomy) / 2;
    const nlohmann::json tight = deploy("--storage bytes --max-ram " + std::to_string(limit));
    EXPECT_LE(ram(tight), limit);
    EXPECT_GT(tight["cycles"], roomy["cycles"]);
    // The last layers are small.
    EXPECT_EQ(tight["layers"][1]["activations"]["input_bits"], 4);
    EXPECT_EQ(tight["layers"][3]["activations"]["input_bits"], 8);
    EXPECT_THROW(deploy("--storage bytes --max-ram 1000"), LimitNotMet);
}

TEST(ActivationChoice, TakesTheCheapestWayThroughTheChain) {
    using enum kernels::Storage;
    using Chosen = std::vector<kernels::Storage>;
    // Two layers; the first does not fit with bytes on both sides. A tensor in bits costs 10, the middle one 25 more.
    const FormOf form_of = [](std::size_t layer, kernels::Storage input, kernels::Storage output) {
        ActivationForm form;
        form.cycles = 100;
        for (const kernels::Storage tensor : {input, output}) form.cycles += tensor == Bits ? 5 : 0;
        if ((layer == 0 ? output : input) == Bits) form.cycles += 25;
        if (layer == 0 && input == Bytes && output == Bytes) form.why_not = "too large";
        return form;
    };
    const bool all[] = {true, true, true};
    EXPECT_EQ(fewest_cycles(all, 2, form_of), (Chosen{Bits, Bytes, Bytes}));
    const bool not_first[] = {false, true, true};
    EXPECT_EQ(fewest_cycles(not_first, 2, form_of), (Chosen{Bytes, Bits, Bytes}));
    const bool last[] = {false, false, true};
    EXPECT_EQ(fewest_cycles(last, 2, form_of), std::nullopt);
}

TEST_F(Deploy, UnknownNamesAreUsageErrors) {
    EXPECT_THROW(deploy("--kernel quickest"), std::invalid_argument);
    EXPECT_THROW(deploy("--board nucleo"), std::invalid_argument);
}

}  // namespace

}  // namespace mixq::tools
