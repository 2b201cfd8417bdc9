// The report: whole without a network, safe with hostile names, honest about what it lacks.
#include <filesystem>
#include <regex>
#include <stdexcept>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tools/report/inputs.h"
#include "tools/report/page.h"
#include "tools/report/svg.h"
#include "traces/file.h"

namespace mixq::tools::report {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHostile = "\"><script>alert('&')</script>";

traces::Record record(const std::string& kernel,
                      const char* layer,
                      const char* bits,
                      std::uint64_t cycles) {
    traces::Record made;
    made.kernel = kernel;
    made.layer = traces::parse_layer(layer);
    made.precision = traces::parse_precision(bits);
    made.counts.by_class = {
        cycles / 4, cycles / 4, cycles / 4, cycles / 8, cycles / 16, cycles / 16};
    made.cycles = cycles;
    made.provenance = {
        "mixq-sim test", "gcc", "-O3", "cortex_m7", "stm32f746", 216'000'000, "ideal", "00", 1};
    return made;
}

ModelFile model() {
    ModelFile made;
    made.content.equation = {0.7, 1.1, 0.9};
    made.content.warnings = {"alpha moves with " + std::string(kHostile)};
    made.metadata = {{"alpha", "1.1"},
                     {"alpha_low", "0.9"},
                     {"alpha_high", "1.3"},
                     {"mape", "4.2"},
                     {"holdout_kernel_mape", "none"}};
    return made;
}

Inputs full(const std::string& name) {
    Inputs inputs;
    inputs.title = "Report of " + name;
    inputs.records = {record("naive", "conv3x3:32x32@16x16", "w4a4", 9'000'000),
                      record(name, "conv3x3:32x32@16x16", "w4a4", 1'000'000),
                      record(name, "conv1x1:64x64@12x12", "w2a2", 300'000)};
    inputs.model = model();
    inputs.search = Search{{{"uniform", 3, "w8a8 w4a4", 3e6, 0.8},
                            {"search", 4, "w8a8 w2a4", 2e6, 0.7},
                            {"result", 9, name, 1.5e6, 0.85}},
                           {{1, name, 2.1, 0.3}},
                           {{"data", name}}};
    inputs.deployment = Deployment{name,
                                   {{name, "conv3x3:3x32@32x32", "w8a4", name, name, 700'000}},
                                   800'000,
                                   216'000'000,
                                   50'000,
                                   300'000,
                                   100,
                                   0.84,
                                   {{"tool", name}}};
    inputs.comparison =
        BoardComparison{{{"MB-00", name, "cycles", 20, 20.0, 0.0, true, ""},
                         {"MB-09", name, "cycles", 8, 10.0, 0.25, false, ""},
                         {"MB-14", name, "cycles", 5, std::nullopt, std::nullopt, false, name}},
                        {{name, name}},
                        12.5,
                        {{"board", name}}};
    inputs.sources = {{"traces", name, "abc"}};
    return inputs;
}

int count(const std::string& text, const std::string& word) {
    int found = 0;
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
        ++found;
    return found;
}

fs::path scratch(const std::string& name) {
    return fs::path(testing::TempDir()) / (std::to_string(::getpid()) + "-" + name);
}

TEST(Report, ThePageRefersToNothingOutsideItself) {
    const std::string page = render_page(full("slbc"));
    for (const char* outside :
         {"http:", "https:", "//cdn", "src=", "@import", "url(", "<link", "<script", "<iframe"}) {
        EXPECT_EQ(page.find(outside), std::string::npos) << outside;
    }
    const std::regex href("href=\"([^\"]*)\"");
    for (std::sregex_iterator link(page.begin(), page.end(), href), end; link != end; ++link) {
        EXPECT_TRUE((*link)[1].str().starts_with("#")) << (*link)[1];
    }
}

TEST(Report, NamesFromFilesCannotBecomeMarkup) {
    const std::string page = render_page(full(kHostile));
    EXPECT_EQ(page.find("<script"), std::string::npos);
    EXPECT_EQ(page.find(kHostile), std::string::npos);
    EXPECT_EQ(page.find("alert('"), std::string::npos);
    EXPECT_NE(page.find("&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;"),
              std::string::npos);
}

TEST(Report, EverySectionAppearsWithItsPicture) {
    const std::string page = render_page(full("slbc"));
    for (const char* id :
         {"headline", "kernels", "fit", "network", "search", "board", "provenance"}) {
        EXPECT_NE(page.find("<section id=\"" + std::string(id) + "\""), std::string::npos) << id;
        EXPECT_NE(page.find("href=\"#" + std::string(id) + "\""), std::string::npos) << id;
    }
    EXPECT_EQ(count(page, "<svg "), 5);
    EXPECT_EQ(page.find("class=\"missing\""), std::string::npos);
}

TEST(Report, EveryPictureHasATitleADescriptionAndATableBesideIt) {
    const std::string page = render_page(full("slbc"));
    const std::regex picture("<svg [^>]*role=\"img\"><title>[^<]+</title><desc>[^<]+</desc>");
    EXPECT_EQ(std::distance(std::sregex_iterator(page.begin(), page.end(), picture), {}),
              count(page, "<svg "));
    EXPECT_GE(count(page, "<table>"), 5);
}

TEST(Report, WithoutInputsEverySectionNamesTheCommandThatFillsIt) {
    const std::string page = render_page({});
    for (const char* verb : {"trace", "fit", "nas", "deploy", "compare"}) {
        EXPECT_NE(page.find("<code>mixq-sim " + std::string(verb) + " "), std::string::npos)
            << verb;
    }
    EXPECT_EQ(count(page, "<svg "), 0);
}

TEST(Report, AnUnmodelledCaseIsShownWithItsReasonAndNoError) {
    const std::string page = board_section(full("slbc"));
    EXPECT_NE(page.find("not modelled</span>"), std::string::npos);
    EXPECT_EQ(count(page, ">exact</span>"), 1);
    EXPECT_EQ(count(page, ">off</span>"), 1);
    EXPECT_NE(page.find("+25.00 %"), std::string::npos);
}

TEST(Report, WarningsOfTheFitAreOnThePage) {
    EXPECT_NE(fit_section(full("slbc")).find("class=\"warning\""), std::string::npos);
}

TEST(Report, TheSameInputsGiveTheSamePage) {
    EXPECT_EQ(render_page(full("slbc")), render_page(full("slbc")));
}

TEST(ReportInputs, DamagedJsonIsNamed) {
    const fs::path path = scratch("damaged.json");
    traces::write_file(path, std::string_view("{\"cases\": [ {\"id\": "));
    try {
        read_inputs({.traces = "", .model = "", .nas = "", .deploy = "", .compare = path.string()});
        FAIL() << "accepted";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("damaged.json"), std::string::npos)
            << error.what();
    }
    fs::remove(path);
}

TEST(ReportInputs, AMissingMemberIsNamedWithItsPlace) {
    const fs::path path = scratch("deploy.json");
    traces::write_file(
        path, std::string_view(R"({"cycles": 1, "clock_hz": 1, "ram_bytes": 1, "flash_bytes": 1,
        "layers": [{"name": "a", "layer": "fc:1x1", "bits": "w8a8", "kernel": "naive"}]})"));
    try {
        read_inputs({.traces = "", .model = "", .nas = "", .deploy = path.string(), .compare = ""});
        FAIL() << "accepted";
    } catch (const std::runtime_error& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("layer 1"), std::string::npos) << text;
        EXPECT_NE(text.find("'cycles'"), std::string::npos) << text;
    }
    fs::remove(path);
}

TEST(ReportInputs, AFileThatIsNotThereIsNamed) {
    EXPECT_THROW(
        read_inputs(
            {.traces = "/nowhere/traces.csv", .model = "", .nas = "", .deploy = "", .compare = ""}),
        std::runtime_error);
    EXPECT_THROW(
        read_inputs({.traces = "", .model = "", .nas = "/nowhere", .deploy = "", .compare = ""}),
        std::runtime_error);
}

TEST(ReportScale, FromZeroEndsAtARoundValueAboveTheLargest) {
    const Scale scale = Scale::from_zero(0.83, 0, 100);
    EXPECT_DOUBLE_EQ(scale.low(), 0);
    EXPECT_GE(scale.high(), 0.83);
    EXPECT_LE(scale.high(), 1.0);
    EXPECT_DOUBLE_EQ(scale.at(scale.high()), 100);
    EXPECT_GE(scale.ticks().size(), 3u);
    EXPECT_LE(scale.ticks().size(), 9u);
}

TEST(ReportScale, OneSingleValueStillHasAnAxis) {
    const Scale scale = Scale::around(5, 5, 0, 100);
    EXPECT_LT(scale.low(), 5);
    EXPECT_GT(scale.high(), 5);
    const Scale empty = Scale::from_zero(0, 0, 100);
    EXPECT_GT(empty.high(), 0);
}

TEST(ReportScale, LogarithmicKeepsRatiosApart) {
    const Scale scale = Scale::logarithmic(1e3, 1e6, 0, 600);
    EXPECT_NEAR(scale.at(1e4) - scale.at(1e3), scale.at(1e6) - scale.at(1e5), 1e-9);
    for (const double tick : scale.ticks()) {
        EXPECT_GE(tick, scale.low());
        EXPECT_LE(tick, scale.high());
    }
}

TEST(ReportNumbers, LargeOnesAreAbbreviatedForAxes) {
    EXPECT_EQ(abbreviated(950), "950");
    EXPECT_EQ(abbreviated(12'345), "12.3 k");
    EXPECT_EQ(abbreviated(3'500'000), "3.5 M");
    EXPECT_EQ(tick_label(0.25), "0.25");
    EXPECT_EQ(tick_label(200'000), "200 k");
}

}  // namespace
}  // namespace mixq::tools::report
