// The laws of deploy: what it verifies, what it writes, and when it refuses.
#include <fstream>

#include <nlohmann/json.hpp>

#include "kernels/reference/reference.h"
#include "tests/kernels/firmware_test.h"
#include "tools/commands.h"
#include "tools/console.h"
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

TEST_F(Deploy, RefusesAGoldenFileOfAnotherNetwork) {
    kernels::Golden other = golden();
    other.input_elements = 144;
    other.inputs.resize(3 * 144);
    write_golden(plan(), other);
    EXPECT_NE(kernels::error_of([&] { deploy("--kernel naive"); }).find("144 elements"),
              std::string::npos);
}

TEST_F(Deploy, UnknownNamesAreUsageErrors) {
    EXPECT_THROW(deploy("--kernel quickest"), std::invalid_argument);
    EXPECT_THROW(deploy("--board nucleo"), std::invalid_argument);
}

}  // namespace

}  // namespace mixq::tools
