// A trace record as JSON, with the names of its CSV columns.
#pragma once

#include <nlohmann/json.hpp>

#include "traces/record.h"

namespace mixq::tools {

inline nlohmann::json counts_json(const traces::Counts& counts) {
    nlohmann::json json;
    for (std::size_t i = 0; i < traces::kInstrClasses; ++i) {
        json[std::string(traces::name(static_cast<traces::InstrClass>(i)))] = counts.by_class[i];
    }
    return json;
}

inline nlohmann::json record_json(const traces::Record& record) {
    const traces::Provenance& from = record.provenance;
    return {{"kernel", record.kernel},
            {"layer", to_string(record.layer)},
            {"bits", to_string(record.precision)},
            {"macs", record.layer.macs()},
            {"classes", counts_json(record.counts)},
            {"instructions", record.counts.total()},
            {"cycles", record.cycles},
            {"issue_cycles", record.issue_cycles},
            {"scheduled_cycles", record.scheduled_cycles},
            {"mac_per_cycle", record.mac_per_cycle()},
            {"code_bytes", record.code_bytes},
            {"weight_bytes", record.weight_bytes},
            {"scratch_bytes", record.scratch_bytes},
            {"provenance",
             {{"tool", from.tool},
              {"compiler", from.compiler},
              {"flags", from.flags},
              {"core", from.core},
              {"board", from.board},
              {"clock_hz", from.clock_hz},
              {"memory", from.memory},
              {"elf_sha256", from.elf_sha256},
              {"seed", from.seed}}}};
}

}  // namespace mixq::tools
