// The model file: exact both ways, and precise about what is wrong with a damaged one.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "costmodel/model.h"
#include "tests/costmodel/synthetic_traces.h"
#include "traces/file.h"

namespace mixq::costmodel {
namespace {

namespace fs = std::filesystem;

class ModelFile : public testing::Test {
  protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        path_ = fs::path(testing::TempDir()) / (std::string("mixq_") + test->name() + ".csv");
        fit_ = fit(synthetic_traces({.factors = {1.0, 1.1, 1.3}}));
        write_model(path_, fit_);
    }

    void TearDown() override { fs::remove(path_); }

    // Replaces the first `from`, reads the file, and returns the message.
    std::string message_after(const std::string& from, const std::string& to) {
        std::string text = traces::read_text(path_);
        const std::size_t at = text.find(from);
        if (at == std::string::npos) return "the file does not hold " + from;
        line_ = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
        text.replace(at, from.size(), to);
        traces::write_file(path_, text);
        try {
            LatencyModel::read(path_);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "nothing was thrown";
    }

    std::string where() const { return path_.string() + ":" + std::to_string(line_) + ":"; }

    fs::path path_;
    FitResult fit_;
    std::ptrdiff_t line_ = 0;
};

TEST_F(ModelFile, RoundTripsExactly) {
    const ModelContent read = parse_model(traces::read_table(path_));
    EXPECT_EQ(read.form, fit_.form);
    EXPECT_EQ(read.equation.scale, fit_.eq12.scale.value);
    EXPECT_EQ(read.equation.alpha, fit_.eq12.alpha.value);
    EXPECT_EQ(read.equation.beta, fit_.eq12.beta.value);
    EXPECT_EQ(read.clock_hz, 216000000u);
    EXPECT_EQ(read.warnings, fit_.warnings);
    ASSERT_EQ(read.kernels.size(), fit_.kernels.size());
    for (std::size_t i = 0; i < read.kernels.size(); ++i) {
        EXPECT_EQ(read.kernels[i].law.kernel, fit_.kernels[i].law.kernel);
        EXPECT_EQ(read.kernels[i].law.terms, fit_.kernels[i].law.terms);
        EXPECT_EQ(read.kernels[i].law.per_unit, fit_.kernels[i].law.per_unit);
        EXPECT_EQ(read.kernels[i].factor, fit_.kernels[i].factor);
        EXPECT_EQ(read.kernels[i].spread, fit_.kernels[i].spread);
        EXPECT_EQ(read.kernels[i].spread_of_bits, fit_.kernels[i].spread_of_bits);
        EXPECT_EQ(read.kernels[i].kinds, fit_.kernels[i].kinds);
        EXPECT_EQ(read.kernels[i].precisions, fit_.kernels[i].precisions);
    }
}

TEST_F(ModelFile, TheSameTracesGiveTheSameBytes) {
    const std::string first = traces::read_text(path_);
    write_model(path_, fit(synthetic_traces({.factors = {1.0, 1.1, 1.3}})));
    EXPECT_EQ(traces::read_text(path_), first);
}

TEST_F(ModelFile, SaysWhereItsTracesCameFrom) {
    const traces::Table table = traces::read_table(path_);
    EXPECT_EQ(table.find_metadata("traces_sha256"), "0123");
    EXPECT_EQ(table.find_metadata("core"), "cortex_m7");
    EXPECT_EQ(table.find_metadata("memory"), "ideal");
    EXPECT_EQ(table.find_metadata("compiler"), "compiler, version \"1\"");
    EXPECT_EQ(table.find_metadata("rows"), std::to_string(fit_.rows.size()));
}

TEST_F(ModelFile, AMissingFileIsNamed) {
    EXPECT_THROW(
        {
            try {
                LatencyModel::read("/nonexistent/model.csv");
            } catch (const std::runtime_error& error) {
                EXPECT_NE(std::string(error.what()).find("/nonexistent/model.csv"),
                          std::string::npos);
                throw;
            }
        },
        std::runtime_error);
}

TEST_F(ModelFile, AValueThatIsNoNumberNamesItsLine) {
    const std::string message = message_after("naive,factor,,,", "naive,factor,,,x");
    EXPECT_EQ(message.find(where()), 0u) << message;
}

TEST_F(ModelFile, ANegativeCountNamesItsLine) {
    const std::string message = message_after("naive,count,sisd,call,", "naive,count,sisd,call,-");
    EXPECT_EQ(message.find(where()), 0u) << message;
}

TEST_F(ModelFile, AnUnknownItemNamesItsLine) {
    const std::string message = message_after("naive,factor,", "naive,flavour,");
    EXPECT_EQ(message.find(where()), 0u) << message;
    EXPECT_NE(message.find("unknown item 'flavour'"), std::string::npos) << message;
}

TEST_F(ModelFile, AnUnknownClassNamesItsLine) {
    const std::string message = message_after("naive,count,sisd,", "naive,count,mmx,");
    EXPECT_EQ(message.find(where()), 0u) << message;
}

TEST_F(ModelFile, AMissingCoefficientIsNamed) {
    const std::string message = message_after("# alpha:", "# omega:");
    EXPECT_NE(message.find("alpha"), std::string::npos) << message;
}

TEST_F(ModelFile, AnotherFormatIsRefused) {
    EXPECT_NE(message_after("latency model 2", "latency model 9").find("fit the traces again"),
              std::string::npos);
}

TEST_F(ModelFile, ATraceFileIsNoModel) {
    traces::write_records(path_, fit_.rows);
    EXPECT_THROW(LatencyModel::read(path_), std::runtime_error);
}

TEST_F(ModelFile, AKernelThatIsNotInThisProgramIsNamed) {
    std::string text = traces::read_text(path_);
    for (std::size_t at = 0; (at = text.find("\nnaive,", at)) != std::string::npos;) {
        text.replace(at, 7, "\nmagic,");
    }
    traces::write_file(path_, text);
    try {
        LatencyModel::read(path_);
        FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("magic"), std::string::npos) << error.what();
    }
}

TEST_F(ModelFile, AnUnknownFormIsRefused) {
    EXPECT_THROW(find_form("eq13"), std::invalid_argument);
    for (const ModelForm form : kAllForms) EXPECT_EQ(find_form(name(form)), form);
}

}  // namespace
}  // namespace mixq::costmodel
