// The notation of bit widths.
#include "traces/precision.h"

#include <set>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace mixq::traces {
namespace {

TEST(Precision, WeightsComeFirst) {
    EXPECT_EQ(parse_precision("w4a2").weight_bits, 4);
    EXPECT_EQ(parse_precision("w4a2").activation_bits, 2);
}

TEST(Precision, AllPairsFromTwoToEightAreDifferentAndReadBack) {
    const auto all = all_precisions();
    EXPECT_EQ(std::set<Precision>(all.begin(), all.end()).size(), 49u);
    for (const Precision precision : all) {
        EXPECT_EQ(parse_precision(to_string(precision)), precision);
    }
    EXPECT_EQ(to_string(all.front()), "w2a2");
    EXPECT_EQ(to_string(all[1]), "w2a3");
    EXPECT_EQ(to_string(all.back()), "w8a8");
}

class MalformedPrecision : public testing::TestWithParam<const char*> {};

TEST_P(MalformedPrecision, IsRefusedByNameAndExample) {
    try {
        parse_precision(GetParam());
        FAIL() << "taken: " << GetParam();
    } catch (const std::invalid_argument& error) {
        const std::string message = error.what();
        EXPECT_NE(message.find(std::string("'") + GetParam() + "'"), message.npos) << message;
        EXPECT_NE(message.find("such as w4a2"), message.npos) << message;
    }
}

INSTANTIATE_TEST_SUITE_P(Texts,
                         MalformedPrecision,
                         testing::Values("",
                                         "w4",
                                         "a4",
                                         "4",
                                         "w4a",
                                         "wxa4",
                                         "a4w4",
                                         "W4A4",
                                         "w1a2",
                                         "w2a1",
                                         "w9a2",
                                         "w0a4",
                                         "w16a2",
                                         "w4a2 ",
                                         " w4a2",
                                         "w4-a2",
                                         "w4a2w4a2"));

}  // namespace
}  // namespace mixq::traces
