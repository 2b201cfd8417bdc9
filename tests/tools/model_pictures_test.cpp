// The laws of the cost model's pictures.
#include "tools/model_pictures.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace mixq::tools {
namespace {

std::size_t count_of(const std::string& text, const std::string& what) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++count;
    return count;
}

std::vector<costmodel::PairPrediction> all_pairs() {
    std::vector<costmodel::PairPrediction> pairs;
    for (const traces::Precision precision : traces::all_precisions()) {
        const double cycles = 1000.0 * precision.weight_bits * precision.activation_bits;
        pairs.push_back({precision, {"kernel", cycles, 0.9 * cycles, 1.1 * cycles, false}});
    }
    return pairs;
}

TEST(HeatMap, HasACellForEveryPairAndStandsOnItsOwn) {
    const std::string svg = heat_map_svg("a <layer>", 1e6, all_pairs());
    EXPECT_EQ(count_of(svg, "<rect"), 49u);
    EXPECT_NE(svg.find("xmlns=\"http://www.w3.org/2000/svg\""), std::string::npos);
    EXPECT_NE(svg.find("<style>"), std::string::npos);
    EXPECT_NE(svg.find("a &lt;layer&gt;"), std::string::npos);
    EXPECT_EQ(svg.find("a <layer>"), std::string::npos);
}

TEST(HeatMap, SaysKernelAndIntervalOfEachPair) {
    const std::string svg = heat_map_svg("layer", 1e6, all_pairs());
    EXPECT_NE(svg.find("w2a3: 6,000 (5,400 .. 6,600) cycles, 166.67 MAC/cycle, kernel"),
              std::string::npos);
}

TEST(HeatMap, LeavesOutPairsThatAreNotGiven) {
    std::vector<costmodel::PairPrediction> pairs = all_pairs();
    pairs.resize(7);
    EXPECT_EQ(count_of(heat_map_svg("layer", 1e6, pairs), "<rect"), 7u);
}

TEST(Residuals, HaveAPointForEveryRunAndAColourForEveryKernel) {
    const std::vector<ResidualPoint> points = {{"one", "slbc", 1000, 1010},
                                               {"two", "slbc", 5000, 4900},
                                               {"three", "naive", 90000, 100000}};
    const std::string svg = residuals_svg("errors", points);
    EXPECT_EQ(count_of(svg, "three: 11.11 %"), 1u);
    EXPECT_NE(svg.find("\"k0\""), std::string::npos);
    EXPECT_NE(svg.find("\"k1\""), std::string::npos);
}

}  // namespace
}  // namespace mixq::tools
