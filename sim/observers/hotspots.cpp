// Adds up issues by instruction.
#include "sim/observers/hotspots.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "sim/block.h"

namespace mixq::sim {

std::uint64_t Cost::stalled() const {
    return std::accumulate(stalls.begin(), stalls.end(), std::uint64_t{0});
}

Cost& Cost::operator+=(const Cost& other) {
    count += other.count;
    cycles += other.cycles;
    issued += other.issued;
    paired += other.paired;
    for (std::size_t k = 0; k < kStalls; ++k) stalls[k] += other.stalls[k];
    for (std::size_t k = 0; k < kUnpaired; ++k) unpaired[k] += other.unpaired[k];
    return *this;
}

const Hotspots::KnownCode& Hotspots::known(const Block& block) {
    if (block.number >= blocks_.size()) blocks_.resize(block.number + 1);
    KnownCode& code = blocks_[block.number];
    if (code.block == &block && code.records.size() == block.instructions.size()) return code;
    code.block = &block;
    code.records.clear();
    for (const Instruction& instruction : block.instructions) {
        const auto [entry, added] = by_address_.try_emplace(instruction.address, records_.size());
        if (added) {
            records_.push_back({instruction.address, instruction.size, instruction.text, 0, {}});
        }
        code.records.push_back(entry->second);
    }
    return code;
}

void Hotspots::on_issue(const Issue& issue, const CallStack& stack, std::optional<std::size_t>) {
    const std::size_t index = known(*issue.block).records[issue.index];
    InstructionCost& record = records_[index];
    if (record.cost.count == 0) record.function = stack.frames().back().function;
    Cost& cost = record.cost;
    ++cost.count;
    cost.cycles += issue.cycles;
    for (std::size_t k = 0; k < kStalls; ++k) cost.stalls[k] += issue.stalls[k];
    if (older_ < records_.size()) {
        Cost& older = records_[older_].cost;
        if (issue.refused) ++older.unpaired[static_cast<std::size_t>(*issue.refused)];
        if (issue.younger) ++older.paired;
    }
    if (issue.younger) return;
    ++cost.issued;
    if (issue.alone) ++cost.unpaired[static_cast<std::size_t>(*issue.alone)];
    older_ = index;
}

std::vector<InstructionCost> Hotspots::instructions() const {
    std::vector<InstructionCost> sorted;
    for (const InstructionCost& record : records_) {
        if (record.cost.count != 0) sorted.push_back(record);
    }
    std::sort(sorted.begin(), sorted.end(), [](const auto& left, const auto& right) {
        return left.address < right.address;
    });
    return sorted;
}

std::vector<FunctionCost> Hotspots::functions() const {
    std::map<std::size_t, Cost> sums;
    for (const InstructionCost& record : records_) sums[record.function] += record.cost;
    std::vector<FunctionCost> functions;
    for (const auto& [function, cost] : sums) {
        if (cost.count != 0) functions.push_back({function, cost});
    }
    std::stable_sort(functions.begin(), functions.end(), [](const auto& left, const auto& right) {
        return left.cost.cycles > right.cost.cycles;
    });
    return functions;
}

Cost Hotspots::total() const {
    Cost sum;
    for (const InstructionCost& record : records_) sum += record.cost;
    return sum;
}

}  // namespace mixq::sim
