// What of a trace file still holds.
#include "tools/trace_records.h"

#include <filesystem>

#include "kernels/network/toolchain.h"
#include "tools/versions.h"

namespace mixq::tools {

RecordedRuns::RecordedRuns(const std::string& path, const std::string& board, std::uint64_t seed) {
    if (path.empty() || path == "-" || !std::filesystem::is_regular_file(path)) return;
    for (traces::Record& record : traces::read_records(path)) {
        if (record.provenance.board != board || record.provenance.seed != seed) continue;
        std::string key = to_string(KernelRun{record.kernel, record.layer, record.precision});
        records_.insert_or_assign(std::move(key), std::move(record));
    }
}

std::optional<traces::Record> RecordedRuns::unchanged(const KernelRun& run) const {
    const auto found = records_.find(to_string(run));
    if (found == records_.end()) return std::nullopt;
    const traces::Provenance& from = found->second.provenance;
    if (from.tool != recording_tool() || from.compiler != kernels::find_compiler().version) {
        return std::nullopt;
    }
    return found->second;
}

std::optional<traces::Record> RecordedRuns::same_image(const KernelRun& run,
                                                       const std::string& elf_sha256) const {
    const auto found = records_.find(to_string(run));
    if (found == records_.end()) return std::nullopt;
    // From before the code of compiled kernels was read.
    if (found->second.scheduled_cycles <= 0) return std::nullopt;
    const traces::Provenance& from = found->second.provenance;
    if (from.elf_sha256 != elf_sha256 || !same_simulator(from.tool)) return std::nullopt;
    return found->second;
}

void RecordsFile::add(std::size_t index, traces::Record record) {
    const std::lock_guard lock(mutex_);
    records_[index] = std::move(record);
    const auto now = std::chrono::steady_clock::now();
    if (path_.empty() || path_ == "-" || now - written_ < std::chrono::seconds(5)) return;
    written_ = now;
    traces::write_records(path_, present());
}

std::vector<traces::Record> RecordsFile::finish() {
    const std::lock_guard lock(mutex_);
    std::vector<traces::Record> all = present();
    if (!path_.empty()) traces::write_records(path_, all);
    return all;
}

std::vector<traces::Record> RecordsFile::present() const {
    std::vector<traces::Record> all;
    for (const auto& record : records_) {
        if (record) all.push_back(*record);
    }
    return all;
}

}  // namespace mixq::tools
