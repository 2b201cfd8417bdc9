// Follows base registers through a block, as far as plain arithmetic and loads go.
#include "sim/address_program.h"

#include <algorithm>
#include <cstring>

namespace mixq::sim {

namespace {

constexpr std::uint16_t kZeroStep = 0;
constexpr int kCoreRegisters = 15;  // pc is no variable
constexpr std::size_t kMostSteps = 250;

std::uint32_t expanded(std::uint32_t twelve) {
    const std::uint32_t byte = twelve & 0xff;
    switch (twelve >> 8) {
        case 0:
            return byte;
        case 1:
            return byte << 16 | byte;
        case 2:
            return byte << 24 | byte << 8;
        case 3:
            return byte * 0x0101'0101u;
        default: {
            const std::uint32_t value = 0x80 | (twelve & 0x7f);
            const std::uint32_t by = twelve >> 7;
            return value >> by | value << (32 - by);
        }
    }
}

}  // namespace

struct AddressProgram::Builder {
    AddressProgram& program;
    const Host& host;
    const std::function<bool(std::uint32_t)>& constant;
    bool loads;
    std::array<Value, 16> registers{};

    struct Stored {
        Value at;
        std::uint32_t bytes;
        Value data;  // of a word store
    };

    std::vector<Stored> stores;

    static Value number(std::uint32_t value) {
        return {true, kZeroStep, static_cast<std::int32_t>(value)};
    }

    Value value(unsigned reg) {
        if (reg >= kCoreRegisters) return {};
        return registers[reg];
    }

    Value step(Code code, Value a, Value b) {
        if (!a.known || !b.known || program.steps_.size() >= kMostSteps) return {};
        program.steps_.push_back({code, a.step, b.step, a.offset, b.offset});
        return {true, static_cast<std::uint16_t>(program.steps_.size() - 1), 0};
    }

    static Value plus(Value a, std::int32_t offset) {
        a.offset = static_cast<std::int32_t>(static_cast<std::uint32_t>(a.offset) +
                                             static_cast<std::uint32_t>(offset));
        return a;
    }

    Value add(Value a, Value b) {
        if (!a.known || !b.known) return {};
        if (b.step == kZeroStep) return plus(a, b.offset);
        if (a.step == kZeroStep) return plus(b, a.offset);
        return step(Code::Add, a, b);
    }

    Value subtract(Value a, Value b) {
        if (!a.known || !b.known) return {};
        if (b.step == kZeroStep)
            return plus(a, static_cast<std::int32_t>(0u - static_cast<std::uint32_t>(b.offset)));
        return step(Code::Sub, a, b);
    }

    Value shifted(Value a, unsigned type, unsigned by) {
        if (type == 0 && by == 0) return a;
        if (by == 0 || type > 2) return {};
        constexpr Code kShifts[] = {Code::ShiftLeft, Code::ShiftRight, Code::ShiftRightSigned};
        return step(kShifts[type], a, number(by));
    }

    Value address(const AddressForm& form) {
        Value at = form.base == AddressForm::kNone ? number(0) : value(form.base);
        at = plus(at, form.offset);
        if (form.index != AddressForm::kNone)
            at = add(at, shifted(value(form.index), 0, form.shift));
        return at;
    }

    // What the last store to exactly this word left there, if no store since may have changed it.
    Value forwarded(const Value& at) const {
        for (auto store = stores.rbegin(); store != stores.rend(); ++store) {
            if (!store->at.known || store->at.step != at.step) return {};
            const std::int64_t gap = std::int64_t{at.offset} - store->at.offset;
            if (gap == 0 && store->bytes == 4) return store->data;
            if (gap < store->bytes && -gap < 4) return {};
        }
        return {};
    }

    // Whether a store of the block may have changed what lies there.
    bool overwritten(const Value& at, std::uint32_t bytes) const {
        return std::any_of(stores.begin(), stores.end(), [&](const Stored& store) {
            if (!store.at.known) return true;
            if (store.at.step != at.step) return false;  // looked at when it runs
            const std::int64_t gap = std::int64_t{at.offset} - store.at.offset;
            return gap < store.bytes && -gap < bytes;
        });
    }

    Value guarded(Value result, const Value& at, std::uint8_t bytes) {
        if (!result.known) return result;
        for (const Stored& store : stores) {
            if (store.at.step == at.step) continue;
            program.guards_.push_back({result.step,
                                       store.at.step,
                                       store.at.offset,
                                       bytes,
                                       static_cast<std::uint8_t>(store.bytes)});
        }
        return result;
    }

    Value loaded(const Instruction& instruction, const Value& at) {
        if (!at.known || instruction.access_count != 1 || instruction.multiple) return {};
        const std::string& name = instruction.mnemonic;
        if (at.step == kZeroStep) {
            const auto place = static_cast<std::uint32_t>(at.offset);
            const std::uint8_t* from = name == "ldr" ? host(place, 4) : nullptr;
            if (from == nullptr || !constant(place)) return {};
            std::uint32_t word = 0;
            std::memcpy(&word, from, sizeof word);
            return number(word);
        }
        if (name == "ldr") {
            const Value stored = forwarded(at);
            if (stored.known) return stored;
        }
        if (!loads || overwritten(at, instruction.access_bytes)) return {};
        if (name == "ldr") return guarded(step(Code::Load32, at, number(0)), at, 4);
        if (name == "ldrb") return guarded(step(Code::Load8, at, number(0)), at, 1);
        if (name == "ldrh") return guarded(step(Code::Load16, at, number(0)), at, 2);
        return {};
    }

    Value narrow(unsigned code, const Instruction& instruction);
    Value wide(unsigned first, unsigned second, const Instruction& instruction);
    void follow(const Instruction& instruction,
                std::span<const std::uint8_t> bytes,
                std::uint16_t index);
    void access(const Instruction& instruction,
                std::uint16_t index,
                const AddressForm& form,
                bool known_form);
};

// What the instruction leaves in its one result register, memory aside.
AddressProgram::Value AddressProgram::Builder::narrow(unsigned code,
                                                      const Instruction& instruction) {
    const unsigned low = code & 7;
    const unsigned middle = code >> 3 & 7;
    const unsigned three = code >> 6 & 7;
    switch (code >> 11) {
        case 0:
        case 1:
        case 2:
            return shifted(value(middle), code >> 11, code >> 6 & 31);
        case 3: {
            const Value other = (code & 0x400) != 0 ? number(three) : value(three);
            return (code & 0x200) != 0 ? subtract(value(middle), other) : add(value(middle), other);
        }
        case 4:
            return number(code & 0xff);
        case 6:
            return plus(value(code >> 8 & 7), static_cast<std::int32_t>(code & 0xff));
        case 7:
            return plus(value(code >> 8 & 7), -static_cast<std::int32_t>(code & 0xff));
        case 20:
            return number(((instruction.address + 4) & ~3u) + 4 * (code & 0xff));
        case 21:
            return plus(value(kSp), static_cast<std::int32_t>(4 * (code & 0xff)));
        default:
            break;
    }
    const unsigned high = (code >> 4 & 8) | low;
    if ((code & 0xff00) == 0x4400) return add(value(high), value(code >> 3 & 15));
    if ((code & 0xff00) == 0x4600) return value(code >> 3 & 15);
    if ((code & 0xffc0) == 0x4340) return step(Code::Multiply, value(low), value(middle));
    if ((code & 0xffc0) == 0x4000) return step(Code::And, value(low), value(middle));
    if ((code & 0xff80) == 0xb000)
        return plus(value(kSp), static_cast<std::int32_t>(4 * (code & 0x7f)));
    if ((code & 0xff80) == 0xb080)
        return plus(value(kSp), -static_cast<std::int32_t>(4 * (code & 0x7f)));
    if ((code & 0xff00) == 0xb200) {
        constexpr Code kExtends[] = {Code::Sign16, Code::Sign8, Code::Zero16, Code::Zero8};
        return step(kExtends[code >> 6 & 3], value(middle), number(0));
    }
    return {};
}

AddressProgram::Value AddressProgram::Builder::wide(unsigned first,
                                                    unsigned second,
                                                    const Instruction& instruction) {
    const unsigned rn = first & 15;
    const std::uint32_t twelve =
        (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | (second & 0xff);
    const std::uint32_t sixteen = (first & 15) << 12 | twelve;
    const Value left = value(rn);
    switch (first & 0xfbf0) {
        case 0xf240:
            return number(sixteen);
        case 0xf2c0: {
            const Value old = value(second >> 8 & 15);
            if (!old.known || old.step != kZeroStep) return {};
            return number((static_cast<std::uint32_t>(old.offset) & 0xffff) | sixteen << 16);
        }
        case 0xf200:
            return rn == kPc ? number(((instruction.address + 4) & ~3u) + twelve)
                             : plus(left, static_cast<std::int32_t>(twelve));
        case 0xf2a0:
            return rn == kPc ? number(((instruction.address + 4) & ~3u) - twelve)
                             : plus(left, -static_cast<std::int32_t>(twelve));
        default:
            break;
    }
    switch (first & 0xfbe0) {
        case 0xf100:
            return add(left, number(expanded(twelve)));
        case 0xf1a0:
            return subtract(left, number(expanded(twelve)));
        case 0xf1c0:
            return subtract(number(expanded(twelve)), left);
        case 0xf040:
            return rn == kPc ? number(expanded(twelve)) : Value{};
        case 0xf000:
            return step(Code::And, left, number(expanded(twelve)));
        default:
            break;
    }
    const Value right =
        shifted(value(second & 15), second >> 4 & 3, (second >> 10 & 0x1c) | (second >> 6 & 3));
    switch (first & 0xffe0) {
        case 0xeb00:
            return add(left, right);
        case 0xeba0:
            return subtract(left, right);
        case 0xebc0:
            return subtract(right, left);
        case 0xea40:
            return rn == kPc ? right : Value{};
        case 0xea00:
            return step(Code::And, left, right);
        default:
            break;
    }
    if ((first & 0xfff0) == 0xfb00) {
        const Value product = step(Code::Multiply, left, value(second & 15));
        const unsigned plain = second >> 4 & 15;
        const unsigned ra = second >> 12;
        if (plain == 1 && ra != kPc) return subtract(value(ra), product);
        if (plain != 0) return {};
        return ra == kPc ? product : add(product, value(ra));
    }
    return {};
}

void AddressProgram::Builder::access(const Instruction& instruction,
                                     std::uint16_t index,
                                     const AddressForm& form,
                                     bool known_form) {
    const auto number_of = static_cast<std::uint16_t>(program.accesses.size());
    const bool write = instruction.memory == Memory::Store;
    const auto bytes = static_cast<std::uint8_t>(instruction.access_bytes *
                                                 std::max<int>(instruction.access_count, 1));
    program.accesses.push_back({index, write, bytes, 0});
    const Value at = known_form ? address(form) : Value{};
    if (at.known && !instruction.conditional) {
        program.places_.push_back({number_of, at.step, at.offset});
    } else {
        program.watched.push_back({number_of, index, form});
    }
    if (!write) return;
    Value data;
    for (const Read& read : instruction.reads) {
        if (read.role == Role::StoreData && instruction.mnemonic == "str") data = value(read.reg);
    }
    stores.push_back({instruction.conditional ? Value{} : at, bytes, data});
}

void AddressProgram::Builder::follow(const Instruction& instruction,
                                     std::span<const std::uint8_t> bytes,
                                     std::uint16_t index) {
    AddressForm form;
    const bool memory = instruction.memory != Memory::None;
    const bool known_form = memory && address_form(instruction, bytes, form);
    Value result;
    if (memory) {
        const Value at = known_form ? address(form) : Value{};
        result = instruction.memory == Memory::Load ? loaded(instruction, at) : Value{};
        access(instruction, index, form, known_form);
    } else if (instruction.writes.size() == 1) {
        const unsigned first = bytes[0] | bytes[1] << 8;
        result = instruction.size == 2 ? narrow(first, instruction)
                                       : wide(first, bytes[2] | bytes[3] << 8, instruction);
    }
    if (instruction.conditional) result = {};
    for (const Register reg : instruction.base_update) {
        if (reg >= kCoreRegisters) continue;
        registers[reg] =
            known_form && !instruction.conditional ? plus(registers[reg], form.update) : Value{};
    }
    for (const Register reg : instruction.writes) {
        if (reg < kCoreRegisters) registers[reg] = result;
    }
}

AddressProgram::AddressProgram(const Block& block,
                               std::span<const std::uint8_t> bytes,
                               const Host& host,
                               const std::function<bool(std::uint32_t)>& constant,
                               bool loads) {
    Builder builder{*this, host, constant, loads, {}, {}};
    steps_.push_back({Code::Input});
    for (int reg = 0; reg < kCoreRegisters; ++reg) {
        steps_.push_back({Code::Input});
        builder.registers[static_cast<std::size_t>(reg)] = {
            true, static_cast<std::uint16_t>(reg + 1), 0};
    }
    for (std::size_t k = 0; k < block.instructions.size(); ++k) {
        const Instruction& instruction = block.instructions[k];
        builder.follow(instruction,
                       bytes.subspan(instruction.address - block.address),
                       static_cast<std::uint16_t>(k));
    }
    prune();
}

// Only what some address needs is computed; inputs come first, in the order they are read.
void AddressProgram::prune() {
    std::vector<std::uint8_t> needed(steps_.size(), 0);
    for (const Place& place : places_) needed[place.step] = 1;
    for (std::size_t k = steps_.size(); k-- > 0;) {
        if (!needed[k] || steps_[k].code == Code::Input) continue;
        needed[steps_[k].a] = needed[steps_[k].b] = 1;
    }
    std::erase_if(guards_, [&](const Guard& guard) { return needed[guard.load] == 0; });
    std::vector<std::uint16_t> renumbered(steps_.size(), 0);
    std::vector<Step> kept{Step{Code::Input}};
    for (std::size_t k = 1; k < steps_.size(); ++k) {
        if (!needed[k]) continue;
        if (steps_[k].code == Code::Input) inputs.push_back(static_cast<std::uint8_t>(k - 1));
        renumbered[k] = static_cast<std::uint16_t>(kept.size());
        kept.push_back(steps_[k]);
        kept.back().a = renumbered[steps_[k].a];
        kept.back().b = renumbered[steps_[k].b];
    }
    for (Place& place : places_) place.step = renumbered[place.step];
    for (Guard& guard : guards_) {
        guard.load = renumbered[guard.load];
        guard.store = renumbered[guard.store];
    }
    steps_ = std::move(kept);
    values_.assign(steps_.size(), 0);
}

bool AddressProgram::evaluate(const std::uint32_t* registers, const Host& host) {
    const std::size_t read = inputs.size();
    for (std::size_t k = 0; k < read; ++k) values_[k + 1] = registers[k];
    for (std::size_t k = read + 1; k < steps_.size(); ++k) {
        const Step& step = steps_[k];
        const std::uint32_t a = values_[step.a] + static_cast<std::uint32_t>(step.offset_a);
        const std::uint32_t b = values_[step.b] + static_cast<std::uint32_t>(step.offset_b);
        std::uint32_t& to = values_[k];
        switch (step.code) {
            case Code::Input:
                break;
            case Code::Add:
                to = a + b;
                break;
            case Code::Sub:
                to = a - b;
                break;
            case Code::ShiftLeft:
                to = a << b;
                break;
            case Code::ShiftRight:
                to = a >> b;
                break;
            case Code::ShiftRightSigned:
                to = static_cast<std::uint32_t>(static_cast<std::int32_t>(a) >> b);
                break;
            case Code::And:
                to = a & b;
                break;
            case Code::Multiply:
                to = a * b;
                break;
            case Code::Zero8:
                to = a & 0xff;
                break;
            case Code::Zero16:
                to = a & 0xffff;
                break;
            case Code::Sign8:
                to = static_cast<std::uint32_t>(std::int32_t{static_cast<std::int8_t>(a)});
                break;
            case Code::Sign16:
                to = static_cast<std::uint32_t>(std::int32_t{static_cast<std::int16_t>(a)});
                break;
            case Code::Load8:
            case Code::Load16:
            case Code::Load32: {
                const std::uint32_t bytes = step.code == Code::Load8    ? 1
                                            : step.code == Code::Load16 ? 2
                                                                        : 4;
                const std::uint8_t* from = host(a, bytes);
                if (from == nullptr) return false;
                to = 0;
                std::memcpy(&to, from, bytes);
                break;
            }
        }
    }
    for (const Guard& guard : guards_) {
        const Step& load = steps_[guard.load];
        const std::uint32_t from = values_[load.a] + static_cast<std::uint32_t>(load.offset_a);
        const std::uint32_t to =
            values_[guard.store] + static_cast<std::uint32_t>(guard.store_offset);
        if (from - to < guard.store_bytes || to - from < guard.load_bytes) return false;
    }
    for (const Place& place : places_)
        accesses[place.access].address =
            values_[place.step] + static_cast<std::uint32_t>(place.offset);
    return true;
}

}  // namespace mixq::sim
