// From encodings to steps: operands by the letters of sim/isa's table.
#include "kernels/compiled/step.h"

#include <algorithm>
#include <bit>
#include <map>
#include <stdexcept>
#include <string_view>

#include "sim/isa/form.h"
#include "sim/isa/hex.h"

namespace mixq::kernels::compiled {

namespace {

using sim::Instruction;
using sim::isa::Detail;
using sim::isa::Form;

constexpr std::uint32_t kPcOffset = 4;  // pc reads as the instruction's address plus 4

const std::map<std::string_view, Operation>& operations() {
    static const std::map<std::string_view, Operation> all = {
        {"mov", Operation::Move},
        {"movw", Operation::Move},
        {"movt", Operation::MoveTop},
        {"adr", Operation::Move},
        {"mvn", Operation::MoveNot},
        {"add", Operation::Add},
        {"sub", Operation::Subtract},
        {"rsb", Operation::ReverseSubtract},
        {"adc", Operation::AddCarry},
        {"sbc", Operation::SubtractCarry},
        {"and", Operation::And},
        {"orr", Operation::Or},
        {"orn", Operation::OrNot},
        {"eor", Operation::Xor},
        {"bic", Operation::Clear},
        {"cmp", Operation::Subtract},
        {"cmn", Operation::Add},
        {"tst", Operation::And},
        {"teq", Operation::Xor},
        {"mul", Operation::Multiply},
        {"mla", Operation::MultiplyAdd},
        {"mls", Operation::MultiplySubtract},
        {"umull", Operation::LongMultiply},
        {"smull", Operation::LongMultiplySigned},
        {"clz", Operation::LeadingZeros},
        {"udiv", Operation::UnsignedDivide},
        {"sdiv", Operation::SignedDivide},
        {"ubfx", Operation::Extract},
        {"sbfx", Operation::ExtractSigned},
        {"uxtb", Operation::Extract},
        {"uxth", Operation::Extract},
        {"sxtb", Operation::ExtractSigned},
        {"sxth", Operation::ExtractSigned},
        {"nop", Operation::Nothing},
        {"it", Operation::Nothing},
        {"pld", Operation::Nothing},
    };
    return all;
}

bool is_shift(std::string_view mnemonic) {
    return mnemonic == "lsl" || mnemonic == "lsr" || mnemonic == "asr" || mnemonic == "ror";
}

ShiftKind shift_named(std::string_view mnemonic) {
    if (mnemonic == "lsl") return ShiftKind::Left;
    if (mnemonic == "lsr") return ShiftKind::Right;
    return mnemonic == "asr" ? ShiftKind::Arithmetic : ShiftKind::Rotate;
}

class Maker {
  public:
    Maker(const Instruction& instruction, std::uint32_t encoding)
        : instruction_(instruction),
          encoding_(encoding),
          form_(*sim::isa::find_form(encoding, 8 * instruction.size)) {}

    Step make() {
        step_.sets_flags = instruction_.writes_flags;
        for (const sim::Register reg : instruction_.writes)
            step_.destroys |= std::uint64_t{1} << reg;
        for (const sim::Register reg : instruction_.base_update)
            step_.destroys |= std::uint64_t{1} << reg;
        if (instruction_.memory != sim::Memory::None && form_.mnemonic != "tbb" &&
            form_.mnemonic != "tbh") {
            memory();
        } else if (instruction_.branch != sim::BranchKind::None && form_.mnemonic != "mov" &&
                   form_.mnemonic != "add") {
            branch();
        } else {
            computation();
        }
        step_.branch = instruction_.branch;
        return step_;
    }

  private:
    bool has(char letter) const { return form_.pattern.find(letter) != std::string_view::npos; }

    std::uint32_t bits(char letter) const { return sim::isa::field(form_, encoding_, letter); }

    sim::Register reg(char letter) const {
        return has(letter) ? static_cast<sim::Register>(bits(letter)) : kNoOperand;
    }

    bool wide() const { return instruction_.size == 4; }

    std::uint32_t aligned_pc() const { return (instruction_.address + kPcOffset) & ~3u; }

    // DDI 0403E A5.3.2: a pattern of bytes, or 8 bits rotated.
    void modified_constant() {
        const std::uint32_t code = bits('c');
        const std::uint32_t byte = code & 0xff;
        step_.constant = true;
        switch (code >> 8) {
            case 0:
                step_.value = byte;
                return;
            case 1:
                step_.value = byte | byte << 16;
                return;
            case 2:
                step_.value = byte << 8 | byte << 24;
                return;
            case 3:
                step_.value = byte * 0x0101'0101;
                return;
            default:
                step_.value = std::rotr(0x80u | byte, static_cast<int>(code >> 7));
                step_.rotated = true;
        }
    }

    void constant(std::uint32_t value) {
        step_.constant = true;
        step_.value = value;
    }

    // LSR #0 and ASR #0 mean 32.
    void shifted(ShiftKind kind, std::uint32_t amount) {
        step_.shift = kind;
        const bool whole =
            amount == 0 && (kind == ShiftKind::Right || kind == ShiftKind::Arithmetic);
        step_.amount = static_cast<std::uint8_t>(whole ? 32 : amount);
    }

    void computation() {
        const std::string_view mnemonic = form_.mnemonic;
        step_.d = reg('d');
        step_.m = reg('m');
        const bool two_in_one =
            form_.shape->reads[0].field == 'd' && form_.shape->reads[0].field != 0;
        step_.n = two_in_one ? step_.d : reg('n');
        if (is_shift(mnemonic)) return shift(mnemonic);
        const auto found = operations().find(mnemonic);
        step_.operation = found == operations().end() ? Operation::Other : found->second;
        const Detail detail = form_.shape->detail;
        // Parallel additions set GE, which selects data.
        if (form_.instr_class == traces::InstrClass::Simd) step_.sets_flags = false;
        if (mnemonic == "cmp" || mnemonic == "cmn" || mnemonic == "tst" || mnemonic == "teq")
            step_.d = kNoOperand;
        if (mnemonic == "ubfx" || mnemonic == "sbfx") {
            const std::uint32_t fields = bits('i');  // imm3:imm2:widthminus1
            step_.low = static_cast<std::uint8_t>(fields >> 5);
            step_.amount = static_cast<std::uint8_t>((fields & 31) + 1);
        } else if (mnemonic.starts_with("uxt") || mnemonic.starts_with("sxt")) {
            step_.n = step_.m;
            step_.amount = mnemonic.ends_with('b') ? 8 : 16;
            step_.low = static_cast<std::uint8_t>(wide() ? 8 * bits('i') : 0);
            if (step_.low + step_.amount > 32) step_.operation = Operation::Other;
        } else if (mnemonic == "mul" || mnemonic == "mla" || mnemonic == "mls") {
            if (!wide()) step_.m = step_.d;
            step_.n = reg('n');
            step_.a = reg('a');
        } else if (mnemonic == "umull" || mnemonic == "smull") {
            step_.d = reg('l');
            step_.a = reg('h');
        } else if (detail == Detail::ModifiedConstant) {
            modified_constant();
        } else if (detail == Detail::InlineShift) {
            const std::uint32_t amount = bits('i');
            const auto kind = static_cast<ShiftKind>(bits('y'));
            if (kind == ShiftKind::Rotate && amount == 0)
                step_.operation = Operation::Other;  // RRX
            else
                shifted(kind, amount);
        } else if (mnemonic == "movw" || mnemonic == "movt") {
            const std::uint32_t i = bits('i');  // i:imm4:imm3:imm8
            constant((i >> 11 & 15) << 12 | (i >> 15) << 11 | (i & 0x7ff));
        } else if (mnemonic == "adr") {
            const bool down = wide() && (encoding_ >> 21 & 1) != 0;
            const std::uint32_t offset = wide() ? bits('i') : bits('i') << 2;
            constant(down ? aligned_pc() - offset : aligned_pc() + offset);
        } else if (mnemonic == "rsb" && !wide()) {
            constant(0);
        } else if (has('i') && step_.m == kNoOperand) {
            const bool words = form_.shape->reads[0].field == sim::isa::kFixedSp;
            constant(words ? bits('i') << 2 : bits('i'));
        }
        if (form_.shape->reads[0].field == sim::isa::kFixedSp) step_.n = sim::kSp;
        if (form_.shape->writes[0].field == sim::isa::kFixedSp) step_.d = sim::kSp;
        const bool narrow_high_add = !wide() && mnemonic == "add" && two_in_one;
        if (narrow_high_add && !step_.constant) step_.n = step_.d;
    }

    void shift(std::string_view mnemonic) {
        if (has('i')) {
            step_.operation = Operation::Move;
            shifted(shift_named(mnemonic), bits('i'));
            return;
        }
        step_.operation = Operation::Shift;
        step_.shift = shift_named(mnemonic);
    }

    void branch() {
        step_.operation = Operation::Branch;
        step_.target = instruction_.target;
        const std::string_view mnemonic = form_.mnemonic;
        if (mnemonic == "cbz" || mnemonic == "cbnz") {
            step_.compare = mnemonic == "cbz" ? 0 : 1;
            step_.n = reg('n');
        } else if (mnemonic == "tbb" || mnemonic == "tbh") {
            step_.table = mnemonic == "tbb" ? 1 : 2;
            step_.n = reg('n');
            step_.m = reg('m');
        } else if (form_.shape->detail == Detail::BranchNarrowConditional) {
            step_.condition = static_cast<std::uint8_t>(encoding_ >> 8 & 15);
        } else if (form_.shape->detail == Detail::BranchWideConditional) {
            step_.condition = static_cast<std::uint8_t>(encoding_ >> 22 & 15);
        } else if (has('m')) {
            step_.m = reg('m');
        }
    }

    void memory() {
        const bool load = instruction_.memory == sim::Memory::Load;
        const std::string_view mnemonic = form_.mnemonic;
        switch (form_.shape->detail) {
            case Detail::List:
            case Detail::ListUpdate:
            case Detail::NarrowLoadList:
            case Detail::PushList:
            case Detail::PopList:
                return list(load);
            case Detail::FpList:
            case Detail::FpListUpdate:
                return untracked(load);
            default:
                break;
        }
        if (mnemonic.starts_with("v") || mnemonic.find("ex") != std::string_view::npos)
            return untracked(load);
        step_.operation = load ? Operation::Load : Operation::Store;
        step_.bytes = form_.access_bytes;
        step_.sign = mnemonic.starts_with("ldrs");
        step_.n = form_.shape->reads[0].field == sim::isa::kFixedSp ? sim::kSp : reg('n');
        step_.list = static_cast<std::uint16_t>(1u << bits('t'));
        step_.d = reg('t');
        step_.a = has('u') ? reg('u') : kNoOperand;
        offset(mnemonic);
    }

    void offset(std::string_view mnemonic) {
        step_.constant = !has('m');
        if (has('m')) {
            step_.m = reg('m');
            shifted(ShiftKind::Left, has('i') ? bits('i') : 0);
            return;
        }
        const std::uint32_t i = bits('i');
        if (!wide()) {
            const bool words = step_.n == kNoOperand || step_.n == sim::kSp;
            step_.value = i * (words ? 4 : step_.bytes);
            return;
        }
        if (mnemonic == "strd" || mnemonic == "ldrd") {
            const bool up = (encoding_ >> 23 & 1) != 0;
            step_.value = up ? 4 * i : 0 - 4 * i;
            step_.after = (encoding_ >> 24 & 1) == 0;
            step_.update = form_.shape->detail == Detail::BaseUpdate;
            if (step_.n == sim::kPc) step_.n = kNoOperand;
            return;
        }
        if (step_.n == kNoOperand) {  // a literal
            step_.value = (encoding_ >> 23 & 1) != 0 ? i : 0 - i;
        } else if (form_.shape->detail == Detail::BaseUpdate) {
            step_.value = (encoding_ >> 9 & 1) != 0 ? i : 0 - i;
            step_.after = (encoding_ >> 10 & 1) == 0;
            step_.update = true;
        } else {
            const bool twelve = form_.pattern.ends_with("iiiiiiiiiiii");
            step_.value = twelve || (encoding_ >> 9 & 1) != 0 ? i : 0 - i;
        }
    }

    void list(bool load) {
        step_.operation = load ? Operation::LoadList : Operation::StoreList;
        std::uint32_t registers = bits('r');
        const Detail detail = form_.shape->detail;
        step_.n = sim::kSp;
        if (detail == Detail::PushList) {
            registers |= bits('l') << sim::kLr;
        } else if (detail == Detail::PopList) {
            registers |= bits('l') << sim::kPc;
        } else if (form_.shape->reads[0].field != sim::isa::kFixedSp) {
            step_.n = reg('n');
        }
        step_.list = static_cast<std::uint16_t>(registers);
        step_.update = !instruction_.base_update.empty();
        step_.descends =
            form_.mnemonic == "push" || form_.mnemonic == "stmdb" || form_.mnemonic == "ldmdb";
    }

    // Loads of what is no counter; where its stores go must be known.
    void untracked(bool load) {
        if (!load) {
            throw std::runtime_error("cannot follow the store '" + instruction_.text + "' at " +
                                     sim::hex(instruction_.address));
        }
        step_.operation = Operation::Other;
    }

    const Instruction& instruction_;
    std::uint32_t encoding_;
    const Form& form_;
    Step step_;
};

}  // namespace

Step step_of(const Instruction& instruction, std::uint32_t encoding, std::uint8_t condition) {
    Step step = Maker(instruction, encoding).make();
    if (condition != kAlways) step.condition = condition;
    return step;
}

}  // namespace mixq::kernels::compiled
