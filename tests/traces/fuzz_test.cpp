// Mutated texts: every one is either taken, and then reads back as itself, or refused with the documented exception.
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "traces/layer.h"
#include "traces/precision.h"
#include "traces/table.h"

namespace mixq::traces {
namespace {

constexpr int kRounds = 20'000;

// Seeded, so that a failure comes back.
class Mutator {
  public:
    std::string mutate(std::string text) {
        for (int edits = below(4) + 1; edits > 0; --edits) edit(text);
        return text;
    }

    const std::string& pick(const std::vector<std::string>& texts) {
        return texts[static_cast<std::size_t>(below(static_cast<int>(texts.size())))];
    }

  private:
    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

    char any_char() {
        constexpr std::string_view kTelling = "0123456789xX:@spwacdfnv,\"\n\r\t #-+.\xEF\xBB\xBF";
        if (below(4) == 0) return static_cast<char>(below(256));
        return kTelling[static_cast<std::size_t>(below(static_cast<int>(kTelling.size())))];
    }

    void edit(std::string& text) {
        const auto at = static_cast<std::size_t>(below(static_cast<int>(text.size()) + 1));
        switch (below(5)) {
            case 0:
                text.insert(at, 1, any_char());
                break;
            case 1:
                text.erase(at, static_cast<std::size_t>(below(4)));
                break;
            case 2:
                if (at < text.size()) text[at] = any_char();
                break;
            case 3:
                text.insert(at, text.substr(at, 6));
                break;
            default:
                text.resize(at);
                break;
        }
    }

    std::mt19937 random_{20260101};
};

TEST(Fuzz, LayersAreTakenOrRefused) {
    const std::vector<std::string> texts = {"conv3x3:32x32@16x16",
                                            "conv1x1:64x64@12x12s2p0",
                                            "conv65535x65535:65535x65535@65535x65535p65535",
                                            "dw3x3:64@16x16s65535",
                                            "fc:512x64"};
    Mutator mutator;
    int taken = 0;
    for (int i = 0; i < kRounds; ++i) {
        const std::string text = mutator.mutate(mutator.pick(texts));
        try {
            const Layer layer = parse_layer(text);
            ++taken;
            ASSERT_EQ(parse_layer(to_string(layer)), layer) << text;
            ASSERT_GE(layer.out_height(), 1) << text;
            ASSERT_GE(layer.out_width(), 1) << text;
            ASSERT_GE(layer.macs(), 1) << text;
            ASSERT_LE(layer.macs(), kMaxMacs) << text;
        } catch (const std::invalid_argument&) {
        }
    }
    EXPECT_GT(taken, kRounds / 100) << "the mutations hardly reach the accepting paths";
    EXPECT_LT(taken, kRounds) << "and the refusing ones";
}

TEST(Fuzz, PrecisionsAreTakenOrRefused) {
    Mutator mutator;
    int taken = 0;
    for (int i = 0; i < kRounds; ++i) {
        const std::string text = mutator.mutate("w4a2");
        try {
            ASSERT_EQ(to_string(parse_precision(text)), text);
            ++taken;
        } catch (const std::invalid_argument&) {
        }
    }
    EXPECT_GT(taken, kRounds / 100);
    EXPECT_LT(taken, kRounds);
}

TEST(Fuzz, TablesAreTakenOrRefused) {
    const std::vector<std::string> texts = {
        "# tool: mixq-sim\n# a remark\n\nkernel,layer,cycles\nslbc,fc:1x1,12\n\"a,b\",\"say "
        "\"\"x\"\"\",3\n",
        "\xEF\xBB\xBFonly\r\n\"\"\r\n#\r\nx\r\n",
        "a,b\n\"two\nlines\",1\n,\n"};
    Mutator mutator;
    int taken = 0;
    for (int i = 0; i < kRounds; ++i) {
        const std::string text = mutator.mutate(mutator.pick(texts));
        try {
            const Table table = parse_table(text, "fuzz.csv");
            ++taken;
            const Table again = parse_table(format_table(table), "fuzz.csv");
            ASSERT_EQ(again.columns, table.columns) << text;
            ASSERT_EQ(again.rows, table.rows) << text;
        } catch (const std::runtime_error&) {
        }
    }
    EXPECT_GT(taken, kRounds / 100);
    EXPECT_LT(taken, kRounds);
}

}  // namespace
}  // namespace mixq::traces
