// Takes bits out of stored words.
#include "kernels/storage/gather.h"

#include <algorithm>
#include <bit>

namespace mixq::kernels::storage {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

constexpr std::size_t kKept = 2;  // stored words in registers at once

bool contiguous(std::uint32_t bits) {
    const std::uint32_t low = bits >> std::countr_zero(bits);
    return (low & (low + 1)) == 0;
}

int lowest(const Piece& piece) {
    return (std::countr_zero(piece.bits) + piece.rotate) % 32;
}

// A single field that does not lie across the stored word's end takes UBFX.
bool is_field(const Piece& piece) {
    return contiguous(piece.bits) && lowest(piece) + std::popcount(piece.bits) <= 32;
}

Shift left_by(int amount) {
    return amount == 0 ? Shift{} : lsl(amount);
}

}  // namespace

bool Gather::masked(const Piece& piece) {
    return piece.bits != 0xffff'ffff && !is_field(piece);
}

std::vector<Reg> Gather::keep(Code& code, const Uses& uses, const std::vector<Reg>& registers) {
    std::vector<std::pair<double, std::uint32_t>> order;
    for (const auto& [constant, times] : uses) order.emplace_back(-times, constant);
    std::ranges::sort(order);
    std::vector<Reg> left;
    for (std::size_t k = 0; k < registers.size(); ++k) {
        if (k >= order.size()) {
            left.push_back(registers[k]);
            continue;
        }
        constants_[order[k].second] = registers[k];
        code.mov(registers[k], order[k].second);
    }
    return left;
}

void Gather::begin(int offset, int bytes) {
    offset_ = offset;
    bytes_ = bytes;
    sources_.clear();
}

// The latest few are kept in registers, others loaded again.
Reg Gather::source(Code& code, int index) {
    for (std::size_t k = 0; k < sources_.size(); ++k) {
        if (sources_[k].first != index) continue;
        std::rotate(sources_.begin() + static_cast<std::ptrdiff_t>(k),
                    sources_.begin() + static_cast<std::ptrdiff_t>(k) + 1,
                    sources_.end());
        return sources_.back().second;
    }
    if (sources_.size() == kKept) sources_.erase(sources_.begin());
    sources_.emplace_back(index, code.value());
    const Reg word = sources_.back().second;
    const At at{stored_, offset_ + 4 * index, space_};
    const int bytes = bytes_ == 0 ? 4 : bytes_ - 4 * index;
    if (bytes == 1) {
        code.ldrb(word, at);
    } else if (bytes == 2) {
        code.ldrh(word, at);
    } else {
        code.ldr(word, at);
    }
    return word;
}

Reg Gather::constant(Code& code, std::uint32_t value) const {
    const auto known = constants_.find(value);
    if (known != constants_.end()) return known->second;
    const Reg made = code.value();
    code.mov(made, value);
    return made;
}

std::pair<Reg, int> Gather::taken(Code& code, const Piece& piece) {
    const Reg from = source(code, piece.source);
    if (piece.bits == 0xffff'ffff) {
        if (piece.rotate == 0) return {from, 0};
        const Reg rotated = code.value();
        code.shift(rotated, from, ror(piece.rotate));
        return {rotated, 0};
    }
    const Reg bits = code.value();
    if (is_field(piece)) {
        code.ubfx(bits, from, lowest(piece), std::popcount(piece.bits));
        return {bits, std::countr_zero(piece.bits)};
    }
    code.and_(
        bits, constant(code, piece.bits), from, piece.rotate == 0 ? Shift{} : ror(piece.rotate));
    return {bits, 0};
}

Reg Gather::word(Code& code, std::span<const Piece> pieces) {
    Reg sum;
    int up = 0;
    for (const Piece& piece : pieces) {
        const auto [bits, places] = taken(code, piece);
        if (!sum.exists()) {
            sum = bits;
            up = places;
            continue;
        }
        const Reg more = code.value();
        if (up == 0) {
            code.orr(more, sum, bits, left_by(places));
        } else {
            // One of the two has to be moved by itself, unless both move alike.
            Reg moved = bits;
            if (places != 0) {
                moved = code.value();
                code.shift(moved, bits, lsl(places));
            }
            code.orr(more, moved, sum, lsl(up));
            up = 0;
        }
        sum = more;
    }
    if (up == 0) return sum;
    const Reg moved = code.value();
    code.shift(moved, sum, lsl(up));
    return moved;
}

}  // namespace mixq::kernels::storage
