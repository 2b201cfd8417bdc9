// Board cases run from a user's folder, as a table, as the README's scoreboard and as JSON.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tools/compare/board_cases.h"

namespace mixq::tools {

// Runs all cases, with progress on stderr. Of the cases named in `only` where there are any.
std::vector<CaseResult> run_board_cases(const std::filesystem::path& images,
                                        const std::vector<std::string>& only,
                                        const std::vector<Variation>& variations);

std::string case_table(const std::vector<CaseResult>& results);
// Markdown; calibration cases apart.
std::string scoreboard(const std::vector<CaseResult>& results);
// Markdown: error per case and variation, and by how much the mean error grows.
std::string ablation_table(const std::vector<CaseResult>& results,
                           const std::vector<Variation>& variations);
nlohmann::json to_json(const std::vector<CaseResult>& results);

}  // namespace mixq::tools
