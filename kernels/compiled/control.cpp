// The arithmetic of addresses, counters and flags.
#include "kernels/compiled/control.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "sim/isa/block_decoder.h"
#include "sim/isa/hex.h"

namespace mixq::kernels::compiled {

namespace {

using sim::BranchKind;
using sim::kPc;

constexpr std::uint32_t kReturnAddress = 0xffff'fffe;  // where no code is
constexpr std::uint32_t kPcOffset = 4;
constexpr std::uint64_t kMostBlocks =
    2'000'000'000;  // longer than any layer: a loop that does not end

Value known(std::uint32_t bits) {
    return {bits, true};
}

std::uint8_t condition_of(std::uint8_t it, int index) {
    const int low = it >> (4 - index) & 1;
    return static_cast<std::uint8_t>(index == 0 ? it >> 4 : (it >> 4 & 0xe) | low);
}

}  // namespace

Control::Control(const Executable& executable, std::vector<std::string> data)
    : executable_(executable),
      memory_(executable.memory_end() - executable.memory_begin()),
      memory_known_(memory_.size()) {
    for (const auto& [name, symbol] : executable.symbols()) {
        const bool is_data = std::any_of(data.begin(), data.end(), [&](const std::string& prefix) {
            return name.starts_with(prefix);
        });
        if (is_data) data_.push_back(symbol);
    }
}

void Control::fail(const std::string& why) const {
    throw std::runtime_error("the instruction at " + sim::hex(pc_) + " " + why);
}

const ControlBlock& Control::block_at(std::uint32_t address) {
    std::unique_ptr<ControlBlock>& made = blocks_[address];
    if (made) return *made;
    pc_ = address;
    const std::span<const std::uint8_t> code = executable_.constant(address);
    auto block = std::make_unique<ControlBlock>();
    block->number = blocks_.size() - 1;
    block->address = address;
    std::size_t offset = 0;
    std::uint8_t it = 0;
    int covered = 0;
    int length = 0;
    for (bool ends = false; !ends;) {
        if (offset + 2 > code.size()) fail("is not in the file");
        const sim::Instruction instruction =
            decoder_.decode(address + static_cast<std::uint32_t>(offset),
                            code.data() + offset,
                            code.size() - offset,
                            covered > 0);
        std::uint32_t encoding = code[offset] | std::uint32_t{code[offset + 1]} << 8;
        if (instruction.size == 4)
            encoding = encoding << 16 | code[offset + 2] | std::uint32_t{code[offset + 3]} << 8;
        const std::uint8_t condition = covered > 0 ? condition_of(it, length - covered) : kAlways;
        block->steps.push_back(step_of(instruction, encoding, condition));
        if (instruction.mnemonic == "it") {
            it = static_cast<std::uint8_t>(encoding);
            covered = length = sim::it_block_length(static_cast<std::uint16_t>(encoding));
        } else {
            covered = std::max(covered - 1, 0);
        }
        offset += instruction.size;
        ends = instruction.branch != BranchKind::None;
    }
    block->block = sim::make_block(decoder_, address, code.first(offset)).block;
    made = std::move(block);
    return *made;
}

Value Control::read(sim::Register reg) const {
    if (reg == kPc) return known(pc_ + kPcOffset);
    return registers_[reg];
}

void Control::write(sim::Register reg, Value value) {
    if (reg < kPc) registers_[reg] = value;
}

// DDI 0403E A7.3.
std::optional<bool> Control::holds(std::uint8_t condition) const {
    if (condition >= kAlways) return true;
    const auto of = [&](FlagName name) -> std::optional<bool> {
        if (!flags_[name].known) return std::nullopt;
        return flags_[name].set;
    };
    std::optional<bool> result;
    switch (condition >> 1) {
        case 0:
            result = of(Z);
            break;
        case 1:
            result = of(C);
            break;
        case 2:
            result = of(N);
            break;
        case 3:
            result = of(V);
            break;
        case 4:
            if (of(C) && of(Z)) result = *of(C) && !*of(Z);
            break;
        case 5:
            if (of(N) && of(V)) result = *of(N) == *of(V);
            break;
        default:
            if (of(N) && of(V) && of(Z)) result = *of(N) == *of(V) && !*of(Z);
            break;
    }
    if (result && (condition & 1) != 0) result = !*result;
    return result;
}

Value Control::second(const Step& step, Flag& carry) const {
    if (step.constant) {
        if (step.rotated) carry = {(step.value >> 31) != 0, true};
        return known(step.value);
    }
    const Value value = read(step.m);
    const unsigned amount = step.amount;
    if (amount == 0) return value;
    if (!value.known) {
        carry = {};
        return {};
    }
    const std::uint32_t bits = value.bits;
    carry.known = true;
    switch (step.shift) {
        case ShiftKind::Left:
            carry.set = (bits >> (32 - amount) & 1) != 0;
            return known(bits << amount);
        case ShiftKind::Right:
            carry.set = (bits >> (amount - 1) & 1) != 0;
            return known(amount == 32 ? 0 : bits >> amount);
        case ShiftKind::Arithmetic:
            carry.set = (bits >> (amount - 1) & 1) != 0;
            return known(static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >>
                                                    std::min(amount, 31u)));
        case ShiftKind::Rotate:
            carry.set = (bits >> (amount - 1) & 1) != 0;
            return known(std::rotr(bits, static_cast<int>(amount)));
    }
    return {};
}

void Control::set_nz(Value value) {
    flags_[N] = {(value.bits >> 31) != 0, value.known};
    flags_[Z] = {value.bits == 0, value.known};
}

// AddWithCarry, DDI 0403E A2.2.1.
Value Control::add(Value left, Value right, Value carry, bool sets) {
    const bool all = left.known && right.known && carry.known;
    const std::uint64_t sum = std::uint64_t{left.bits} + right.bits + carry.bits;
    const Value result{static_cast<std::uint32_t>(sum), all};
    if (sets) {
        set_nz(result);
        flags_[C] = {sum >> 32 != 0, all};
        const std::uint32_t overflow = ~(left.bits ^ right.bits) & (left.bits ^ result.bits);
        flags_[V] = {(overflow >> 31) != 0, all};
    }
    return result;
}

void Control::destroy(const Step& step) {
    for (unsigned reg = 0; reg < kPc; ++reg) {
        if (step.destroys >> reg & 1) registers_[reg] = {};
    }
    if (step.sets_flags) flags_ = {};
}

void Control::compute(const Step& step) {
    Flag carry = flags_[C];
    const auto first = [&] { return read(step.n); };
    const auto invert = [](Value value) { return Value{~value.bits, value.known}; };
    const auto carry_in = [&] { return Value{flags_[C].set ? 1u : 0u, flags_[C].known}; };
    const auto both = [](Value left, Value right, std::uint32_t bits) {
        return Value{bits, left.known && right.known};
    };
    Value result;
    bool logical = true;
    switch (step.operation) {
        case Operation::Nothing:
            return;
        case Operation::Move:
            result = second(step, carry);
            break;
        case Operation::MoveNot:
            result = invert(second(step, carry));
            break;
        case Operation::MoveTop: {
            const Value low = read(step.d);
            result = {(low.bits & 0xffff) | step.value << 16, low.known};
            break;
        }
        case Operation::Add:
            result = add(first(), second(step, carry), known(0), step.sets_flags);
            logical = false;
            break;
        case Operation::Subtract:
            result = add(first(), invert(second(step, carry)), known(1), step.sets_flags);
            logical = false;
            break;
        case Operation::ReverseSubtract:
            result = add(invert(first()), second(step, carry), known(1), step.sets_flags);
            logical = false;
            break;
        case Operation::AddCarry:
            result = add(first(), second(step, carry), carry_in(), step.sets_flags);
            logical = false;
            break;
        case Operation::SubtractCarry:
            result = add(first(), invert(second(step, carry)), carry_in(), step.sets_flags);
            logical = false;
            break;
        case Operation::And: {
            const Value left = first();
            const Value right = second(step, carry);
            result = both(left, right, left.bits & right.bits);
            break;
        }
        case Operation::Or: {
            const Value left = first();
            const Value right = second(step, carry);
            result = both(left, right, left.bits | right.bits);
            break;
        }
        case Operation::OrNot: {
            const Value left = first();
            const Value right = second(step, carry);
            result = both(left, right, left.bits | ~right.bits);
            break;
        }
        case Operation::Xor: {
            const Value left = first();
            const Value right = second(step, carry);
            result = both(left, right, left.bits ^ right.bits);
            break;
        }
        case Operation::Clear: {
            const Value left = first();
            const Value right = second(step, carry);
            result = both(left, right, left.bits & ~right.bits);
            break;
        }
        case Operation::Shift: {
            const Value value = first();
            const Value by = read(step.m);
            const std::uint32_t amount = by.bits & 0xff;
            if (!value.known || !by.known || amount == 0 || amount > 31) {
                result = by.known && amount == 0 ? value : Value{};
                if (!by.known || amount != 0) carry = {};
                break;
            }
            Step constant = step;
            constant.m = step.n;
            constant.amount = static_cast<std::uint8_t>(amount);
            result = second(constant, carry);
            break;
        }
        case Operation::Multiply: {
            const Value left = first();
            const Value right = read(step.m);
            result = both(left, right, left.bits * right.bits);
            carry = flags_[C];
            break;
        }
        case Operation::MultiplyAdd:
        case Operation::MultiplySubtract: {
            const Value left = first();
            const Value right = read(step.m);
            const Value to = read(step.a);
            const std::uint32_t product = left.bits * right.bits;
            const bool adds = step.operation == Operation::MultiplyAdd;
            result = {adds ? to.bits + product : to.bits - product,
                      left.known && right.known && to.known};
            break;
        }
        case Operation::LongMultiply:
        case Operation::LongMultiplySigned: {
            const Value left = first();
            const Value right = read(step.m);
            const bool has_sign = step.operation == Operation::LongMultiplySigned;
            const std::uint64_t product =
                has_sign ? static_cast<std::uint64_t>(
                               std::int64_t{static_cast<std::int32_t>(left.bits)} *
                               static_cast<std::int32_t>(right.bits))
                         : std::uint64_t{left.bits} * right.bits;
            result = both(left, right, static_cast<std::uint32_t>(product));
            write(step.a, both(left, right, static_cast<std::uint32_t>(product >> 32)));
            break;
        }
        case Operation::LeadingZeros: {
            const Value value = read(step.m);
            result = {static_cast<std::uint32_t>(std::countl_zero(value.bits)), value.known};
            break;
        }
        case Operation::UnsignedDivide: {
            const Value left = first();
            const Value right = read(step.m);
            result = both(left, right, right.bits == 0 ? 0 : left.bits / right.bits);
            break;
        }
        case Operation::SignedDivide: {
            const Value left = first();
            const Value right = read(step.m);
            const auto quotient = right.bits == 0
                                      ? std::int64_t{0}
                                      : std::int64_t{static_cast<std::int32_t>(left.bits)} /
                                            static_cast<std::int32_t>(right.bits);
            result = both(left, right, static_cast<std::uint32_t>(quotient));
            break;
        }
        case Operation::Extract:
        case Operation::ExtractSigned: {
            const Value value = first();
            const std::uint32_t up = value.bits << (32 - step.low - step.amount);
            const unsigned down = 32u - step.amount;
            const bool has_sign = step.operation == Operation::ExtractSigned;
            result = {has_sign ? static_cast<std::uint32_t>(static_cast<std::int32_t>(up) >> down)
                               : up >> down,
                      value.known};
            break;
        }
        default:
            return destroy(step);
    }
    if (step.sets_flags && logical) {
        set_nz(result);
        flags_[C] = carry;
    }
    if (step.d != kNoOperand) write(step.d, result);
}

Value Control::load(std::uint32_t address, unsigned bytes, bool sign) const {
    Value value{0, true};
    const std::uint32_t at = address - executable_.memory_begin();
    if (at < memory_.size() && at + bytes <= memory_.size()) {
        for (unsigned i = 0; i < bytes; ++i) {
            value.known = value.known && memory_known_[at + i] != 0;
            value.bits |= std::uint32_t{memory_[at + i]} << (8 * i);
        }
    } else {
        for (const Executable::Symbol& symbol : data_) {
            if (address - symbol.address < symbol.bytes) return {};
        }
        const std::span<const std::uint8_t> constant = executable_.constant(address);
        if (constant.size() < bytes) return {};
        for (unsigned i = 0; i < bytes; ++i) value.bits |= std::uint32_t{constant[i]} << (8 * i);
    }
    if (sign && bytes < 4) {
        const unsigned up = 32 - 8 * bytes;
        value.bits = static_cast<std::uint32_t>(static_cast<std::int32_t>(value.bits << up) >> up);
    }
    return value;
}

void Control::store(std::uint32_t address, unsigned bytes, Value value) {
    const std::uint32_t at = address - executable_.memory_begin();
    if (at >= memory_.size() || at + bytes > memory_.size()) fail("stores outside the memory");
    for (unsigned i = 0; i < bytes; ++i) {
        memory_[at + i] = static_cast<std::uint8_t>(value.bits >> (8 * i));
        memory_known_[at + i] = value.known ? 1 : 0;
    }
}

// Returns the address. Where it is not certain that the access happens, what it writes is not known.
std::uint32_t Control::access(const Step& step, bool certain) {
    Value base = step.n == kNoOperand ? known((pc_ + kPcOffset) & ~3u) : read(step.n);
    const bool lists =
        step.operation == Operation::LoadList || step.operation == Operation::StoreList;
    const bool stores =
        step.operation == Operation::Store || step.operation == Operation::StoreList;
    Value moved = base;
    Value address = base;
    if (lists) {
        const auto size = static_cast<std::uint32_t>(4 * std::popcount(step.list));
        moved.bits = step.descends ? base.bits - size : base.bits + size;
        if (step.descends) address = moved;
    } else {
        Flag ignored;
        const Value offset = second(step, ignored);
        moved = {base.bits + offset.bits, base.known && offset.known};
        if (!step.after) address = moved;
    }
    if (stores && !address.known) fail("stores to an address that depends on data");
    const auto put = [&](sim::Register reg, std::uint32_t at, unsigned bytes) {
        Value value = certain ? read(reg) : Value{};
        store(at, bytes, value);
    };
    const auto get = [&](sim::Register reg, std::uint32_t at, unsigned bytes) {
        const Value value = certain && address.known ? load(at, bytes, step.sign) : Value{};
        if (reg == kPc) {
            if (!value.known) fail("goes to an address that is not known");
            loaded_pc_ = value.bits;
            return;
        }
        write(reg, value);
    };
    if (step.update) write(step.n, certain ? moved : Value{});
    if (lists) {
        std::uint32_t at = address.bits;
        for (unsigned reg = 0; reg < 16; ++reg) {
            if ((step.list >> reg & 1) == 0) continue;
            if (stores)
                put(static_cast<sim::Register>(reg), at, 4);
            else
                get(static_cast<sim::Register>(reg), at, 4);
            at += 4;
        }
    } else if (stores) {
        put(step.d, address.bits, step.bytes);
        if (step.a != kNoOperand) put(step.a, address.bits + 4, 4);
    } else {
        get(step.d, address.bits, step.bytes);
        if (step.a != kNoOperand) get(step.a, address.bits + 4, 4);
    }
    return address.known ? address.bits : 0;
}

std::uint32_t Control::branch(const Step& step, std::uint32_t fall_through, bool& executed) {
    if (step.compare >= 0) {
        const Value value = read(step.n);
        if (!value.known) fail("branches on data");
        executed = (value.bits == 0) == (step.compare == 0);
        return executed ? step.target : fall_through;
    }
    const std::optional<bool> taken = holds(step.condition);
    if (!taken) fail("branches on data");
    executed = *taken;
    if (!*taken) return fall_through;
    Value target = known(step.target);
    if (step.table != 0) {
        const Value index = read(step.m);
        const Value base = read(step.n);
        if (!index.known || !base.known) fail("branches by a table on data");
        const Value entry = load(base.bits + step.table * index.bits, step.table, false);
        target = {pc_ + kPcOffset + 2 * entry.bits, entry.known};
    } else if (step.target == 0) {
        target = read(step.m);
    }
    if (!target.known) fail("goes to an address that is not known");
    if (step.branch == BranchKind::Call) write(sim::kLr, known(fall_through | 1));
    return target.bits & ~1u;
}

void Control::run(std::uint32_t function, std::uint32_t stack_top, const Observer& observer) {
    registers_ = {};
    flags_ = {};
    std::fill(memory_known_.begin(), memory_known_.end(), std::uint8_t{0});
    registers_[sim::kSp] = known(stack_top);
    registers_[sim::kLr] = known(kReturnAddress);
    std::uint32_t next = function;
    for (std::uint64_t count = 0; next != kReturnAddress; ++count) {
        if (count == kMostBlocks) fail("is in a loop that does not end");
        const ControlBlock& block = block_at(next);
        const std::uint32_t fall_through = block.address + block.block.size;
        next = fall_through;
        addresses_.clear();
        bool executed = true;
        pc_ = block.address;
        for (std::size_t i = 0; i < block.steps.size(); ++i) {
            const Step& step = block.steps[i];
            if (step.operation == Operation::Branch) {
                next = branch(step, fall_through, executed);
                break;
            }
            const std::optional<bool> happens = holds(step.condition);
            const bool is_memory = step.bytes != 0 || step.operation == Operation::LoadList ||
                                   step.operation == Operation::StoreList;
            if (step.branch != BranchKind::None) {
                if (!happens) fail("branches on data");
                executed = *happens;
                if (!is_memory) fail("branches in a way that is not followed");
            }
            if (is_memory) {
                if (happens && !*happens)
                    addresses_.push_back(sim::Execution::kNotExecuted);
                else
                    addresses_.push_back(access(step, happens.has_value()));
                if (step.branch != BranchKind::None && executed && loaded_pc_) {
                    next = *loaded_pc_ & ~1u;
                    loaded_pc_.reset();
                }
            } else if (!happens) {
                destroy(step);
            } else if (*happens) {
                compute(step);
            }
            pc_ += block.block.instructions[i].size;
        }
        observer({block, addresses_, next, executed});
    }
}

}  // namespace mixq::kernels::compiled
