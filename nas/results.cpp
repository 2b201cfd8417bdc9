// The search's tables as commented CSV.
#include <sstream>
#include <stdexcept>

#include "nas/search.h"

namespace mixq::nas {

std::string_view name(Phase phase) {
    switch (phase) {
        case Phase::Float:
            return "float";
        case Phase::Search:
            return "search";
        case Phase::Qat:
            return "qat";
        case Phase::Done:
            break;
    }
    return "done";
}

std::string to_string(const std::vector<traces::Precision>& bits) {
    std::string text;
    for (const traces::Precision precision : bits) {
        text += text.empty() ? "" : " ";
        text += traces::to_string(precision);
    }
    return text;
}

std::vector<traces::Precision> parse_bits(std::string_view text) {
    std::istringstream words{std::string(text)};
    std::vector<traces::Precision> bits;
    for (std::string word; words >> word;) {
        bits.push_back(traces::parse_precision(word));
    }
    return bits;
}

traces::Table history_table(const std::vector<HistoryRow>& history) {
    traces::Table table;
    table.columns = {"epoch", "phase", "loss", "accuracy", "expected_cycles", "lambda"};
    for (const HistoryRow& row : history) {
        table.rows.push_back({std::to_string(row.epoch),
                              std::string(name(row.phase)),
                              traces::format_real(row.loss),
                              traces::format_real(row.accuracy),
                              traces::format_real(row.expected_cycles),
                              traces::format_real(row.lambda)});
    }
    return table;
}

std::vector<HistoryRow> read_history(const traces::Table& table) {
    std::vector<HistoryRow> history;
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
        HistoryRow row;
        row.epoch = static_cast<int>(table.integer(i, "epoch"));
        const std::string& phase = table.text(i, "phase");
        for (const Phase known : {Phase::Float, Phase::Search, Phase::Qat}) {
            if (phase == name(known)) {
                row.phase = known;
            }
        }
        if (phase != name(row.phase)) {
            throw std::runtime_error(table.where(i) + ": no phase '" + phase + "'");
        }
        row.loss = table.real(i, "loss");
        row.accuracy = table.real(i, "accuracy");
        row.expected_cycles = table.real(i, "expected_cycles");
        row.lambda = table.real(i, "lambda");
        history.push_back(row);
    }
    return history;
}

traces::Table points_table(const std::vector<SearchPoint>& points) {
    traces::Table table;
    table.columns = {"kind", "epoch", "bits", "predicted_cycles", "accuracy"};
    for (const SearchPoint& point : points) {
        table.rows.push_back({point.kind,
                              std::to_string(point.epoch),
                              to_string(point.bits),
                              traces::format_real(point.predicted_cycles),
                              traces::format_real(point.accuracy)});
    }
    return table;
}

std::vector<SearchPoint> read_points(const traces::Table& table) {
    std::vector<SearchPoint> points;
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
        points.push_back({table.text(i, "kind"),
                          static_cast<int>(table.integer(i, "epoch")),
                          parse_bits(table.text(i, "bits")),
                          table.real(i, "predicted_cycles"),
                          table.real(i, "accuracy")});
    }
    return points;
}

}  // namespace mixq::nas
