// Decodes blocks once.
#include "sim/machine_code.h"

#include <algorithm>
#include <stdexcept>

#include "sim/isa/block_decoder.h"

namespace mixq::sim {

namespace {

// A Thumb half-word that starts a 32-bit instruction: 0b11101, 0b11110 or 0b11111 on top.
bool starts_wide(const std::uint8_t* halfword) {
    return (halfword[1] >> 3) >= 0x1d;
}

}  // namespace

CodeTable::CodeTable(Fetch fetch, std::function<bool(std::uint32_t)> constant)
    : fetch_(std::move(fetch)),
      constant_(std::move(constant)),
      recent_(kRecent, nullptr),
      counted_(kRecent) {
}

const KnownBlock& CodeTable::block(std::uint32_t address, std::uint32_t size, int it_before) {
    const KnownBlock*& recent = recent_[(address >> 1) % kRecent];
    const KnownBlock* known = recent;
    if (known == nullptr || known->block.address != address || known->block.size != size ||
        known->it_before != it_before) {
        const std::uint64_t key = address | static_cast<std::uint64_t>(size & 0xffffff) << 32 |
                                  static_cast<std::uint64_t>(it_before) << 56;
        std::unique_ptr<KnownBlock>& slot = blocks_[key];
        if (slot == nullptr) slot = decode(address, size, it_before);
        known = recent = slot.get();
    }
    if (!known->bytes.empty()) {
        const std::span<const std::uint8_t> now = fetch_(address, size);
        if (!std::equal(now.begin(), now.end(), known->bytes.begin(), known->bytes.end())) {
            const std::uint64_t key = address | static_cast<std::uint64_t>(size & 0xffffff) << 32 |
                                      static_cast<std::uint64_t>(it_before) << 56;
            std::unique_ptr<KnownBlock>& slot = blocks_[key];
            std::unique_ptr<KnownBlock> fresh = decode(address, size, it_before);
            replaced_.push_back(std::move(slot));
            slot = std::move(fresh);
            known = recent = slot.get();
        }
    }
    return *known;
}

std::unique_ptr<KnownBlock> CodeTable::decode(std::uint32_t address,
                                              std::uint32_t size,
                                              int it_before) {
    const std::span<const std::uint8_t> bytes = fetch_(address, size);
    if (bytes.size() < size) throw std::runtime_error("code runs past the end of memory");
    auto known = std::make_unique<KnownBlock>();
    DecodedBlock decoded = make_block(decoder_, address, bytes, it_before);
    known->block = std::move(decoded.block);
    known->block.number = ++numbers_;
    known->it_before = it_before;
    known->it_after = decoded.open_it_instructions;
    known->index_at.assign(size / 2, 0);
    for (std::size_t k = 0; k < known->block.instructions.size(); ++k) {
        const Instruction& instruction = known->block.instructions[k];
        const std::uint32_t offset = instruction.address - address;
        for (std::uint32_t h = offset / 2; h < (offset + instruction.size) / 2 && h < size / 2;
             ++h) {
            known->index_at[h] = static_cast<std::uint16_t>(k);
        }
        if (instruction.mnemonic == "sdiv" || instruction.mnemonic == "udiv") {
            known->divides.push_back({static_cast<std::uint16_t>(k),
                                      static_cast<std::uint8_t>(bytes[offset] & 15),
                                      static_cast<std::uint8_t>(bytes[offset + 2] & 15)});
        }
    }
    if (!constant_(address)) known->bytes.assign(bytes.begin(), bytes.end());
    return known;
}

std::uint32_t CodeTable::count(std::uint32_t address, std::uint32_t size) {
    Counted& counted = counted_[(address >> 1) % kRecent];
    if (counted.address != address || counted.size != size) {
        const std::span<const std::uint8_t> bytes = fetch_(address, size);
        std::uint32_t instructions = 0;
        for (std::size_t at = 0; at + 2 <= bytes.size(); at += starts_wide(&bytes[at]) ? 4 : 2)
            ++instructions;
        counted = {address, size, std::max(instructions, 1u)};
    }
    return counted.count;
}

void CodeTable::forget() {
    std::fill(recent_.begin(), recent_.end(), nullptr);
    std::fill(counted_.begin(), counted_.end(), Counted{});
    for (auto& [key, known] : blocks_) replaced_.push_back(std::move(known));
    blocks_.clear();
}

}  // namespace mixq::sim
