// What the page is made of: the files other verbs left behind, read once, each optional.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "costmodel/model.h"
#include "traces/record.h"
#include "traces/table.h"

namespace mixq::tools::report {

// A file that went into the page.
struct Source {
    std::string role;  // "traces"
    std::string name;  // without its folder
    std::string sha256;
};

struct ModelFile {
    costmodel::ModelContent content;
    std::vector<std::pair<std::string, std::string>> metadata;

    // "-" where the file does not say.
    std::string text(std::string_view key) const;
    std::optional<double> real(std::string_view key) const;
};

// One choice of widths the search met.
struct SearchPoint {
    std::string kind;  // "uniform", "search", "result"
    int epoch = 0;
    std::string bits;
    double cycles = 0;
    double accuracy = 0;
};

struct SearchEpoch {
    int epoch = 0;
    std::string phase;
    double loss = 0;
    double accuracy = 0;
};

struct Search {
    std::vector<SearchPoint> points;
    std::vector<SearchEpoch> history;
    std::vector<std::pair<std::string, std::string>> metadata;  // of points.csv
};

struct DeployedLayer {
    std::string name;
    std::string layer;
    std::string bits;
    std::string kernel;
    std::string note;  // why no faster kernel runs it
    std::uint64_t cycles = 0;
};

struct Deployment {
    std::string network;
    std::vector<DeployedLayer> layers;
    std::uint64_t cycles = 0;  // of the whole network
    std::uint64_t clock_hz = 0;
    std::uint64_t ram_bytes = 0;
    std::uint64_t flash_bytes = 0;
    std::uint64_t images_checked = 0;  // with logits equal to the golden ones
    std::optional<double> accuracy;    // on them
    std::vector<std::pair<std::string, std::string>> provenance;
};

struct ComparedCase {
    std::string id;
    std::string quantity;
    std::string unit;
    double board = 0;
    std::optional<double> simulated;
    std::optional<double> error;  // a fraction
    bool exact = false;
    std::string why_not;
};

struct BoardComparison {
    std::vector<ComparedCase> cases;
    std::vector<std::pair<std::string, std::string>> not_run;
    std::optional<double> mape;  // percent
    std::vector<std::pair<std::string, std::string>> provenance;
};

struct Paths {
    std::string traces;
    std::string model;
    std::string nas;  // a folder
    std::string deploy;
    std::string compare;
};

struct Inputs {
    std::string title;
    std::vector<traces::Record> records;
    std::optional<ModelFile> model;
    std::optional<Search> search;
    std::optional<Deployment> deployment;
    std::optional<BoardComparison> comparison;
    std::vector<Source> sources;
};

// Reads what is named, and nothing else. Throws std::runtime_error naming the file and what is wrong
// with it.
Inputs read_inputs(const Paths& paths);

}  // namespace mixq::tools::report
