// Writes x86-64 code for blocks of Thumb instructions. One register of the host holds each of the guest's that a block
// uses most; the others stay in memory.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include <xbyak/xbyak.h>

#include "sim/translate/thumb_op.h"
#include "sim/translate/translation.h"

namespace mixq::sim {

// Of a block, an instruction and where it notes its access or division.
struct EmittedOp {
    ThumbOp op;
    std::uint32_t address = 0;
    std::uint16_t reads = 0;  // core registers, bit by bit
    std::uint16_t writes = 0;
    Access* access = nullptr;
    AccessSlot* slot = nullptr;
    Division* division = nullptr;
    bool folded = false;  // a load of constants: they are in `values`
    std::array<std::uint32_t, 2> values{};
};

class Emitter : private Xbyak::CodeGenerator {
  public:
    // Called by translated code for accesses that its slot does not cover. Bits 31 to 0: what was loaded. Bit 32: the
    // instruction has to be left to the emulator.
    using SlowAccess = std::uint64_t (*)(void* user,
                                         AccessSlot* slot,
                                         std::uint32_t address,
                                         std::uint32_t value);

    Emitter(std::uint8_t* memory, std::size_t bytes, SlowAccess slow, void* user);

    std::size_t left() const { return bytes_ - getSize(); }

    // Forgets all code.
    void restart();

    // `end`: the address behind the block.
    TranslatedCode emit(std::span<const EmittedOp> ops, std::uint32_t end);

  private:
    using Reg32 = Xbyak::Reg32;
    using Label = Xbyak::Label;
    enum class HostFlags : std::uint8_t { Unknown, Subtracted, Result };

    void emit_slow_access();
    void allocate(std::span<const EmittedOp> ops);
    void prologue(std::span<const EmittedOp> ops);
    void epilogue();
    void store_written();
    Label& label();
    Label& bail_out(std::uint32_t address);
    void instruction(const EmittedOp& emitted);
    void execute(const EmittedOp& emitted);
    void branch(const EmittedOp& emitted, std::uint32_t end);
    void exchange(const EmittedOp& emitted, std::uint32_t end);
    void table_branch(const EmittedOp& emitted);
    void leave(std::uint32_t address);
    void leave_at_ecx();
    void check_target(Label& bail);
    void skip_unless(std::uint8_t condition, Label& skip);
    bool skip_by_host_flags(std::uint8_t condition, Label& skip);

    // Guest registers.
    bool held(std::uint8_t reg) const { return host_[reg] >= 0; }

    Reg32 host(std::uint8_t reg) const { return Reg32(host_[reg]); }

    Xbyak::Address in_memory(std::uint8_t reg);
    void get(const Reg32& to, std::uint8_t reg);
    Reg32 source(std::uint8_t reg, const Reg32& scratch);
    void put(std::uint8_t reg, const Reg32& from);
    void put_constant(std::uint8_t reg, std::uint32_t value);
    void add_to(std::uint8_t reg, std::int32_t value);
    Xbyak::Address flag(std::size_t offset);

    // Data processing.
    Reg32 result(const ThumbOp& op, const Reg32& operand);
    Reg32 operand(const ThumbOp& op, bool note_carry);
    void shift_constant(const Reg32& value, Shift shift, std::uint8_t amount, bool note_carry);
    void arithmetic(const ThumbOp& op);
    void compare(const ThumbOp& op);
    void logic(const ThumbOp& op);
    void move(const ThumbOp& op);
    void note_constant_carry(const ThumbOp& op);
    void note_result_flags(const ThumbOp& op);
    void note_all_flags(const ThumbOp& op, bool subtracted);
    void carry_into_host(bool borrow);
    void shift_by_register(const ThumbOp& op);
    void extend(const ThumbOp& op);
    void extend_halves(const ThumbOp& op);
    void bit_insert(const ThumbOp& op);
    void bit_extract(const ThumbOp& op);
    void saturate(const ThumbOp& op);
    void saturating_add(const ThumbOp& op);
    void pack_halves(const ThumbOp& op);
    void reverse(const ThumbOp& op);
    void count_zeros(const ThumbOp& op);

    // Multiplication.
    void multiply(const ThumbOp& op);
    void multiply_halves(const ThumbOp& op);
    void multiply_wide(const ThumbOp& op);
    void multiply_top(const ThumbOp& op);
    void dual_multiply(const ThumbOp& op);
    void dual_difference(const ThumbOp& op);
    void long_multiply(const ThumbOp& op);
    void long_halves(const ThumbOp& op);
    void put_long(const ThumbOp& op);
    void divide(const EmittedOp& emitted);
    void half(const Reg32& to, std::uint8_t reg, bool top);
    void note_overflow();

    // Memory.
    void address(const ThumbOp& op);
    void find_memory(const EmittedOp& emitted, Label& slow);
    void load(const EmittedOp& emitted);
    void store(const EmittedOp& emitted);
    void load_folded(const EmittedOp& emitted);
    void load_several(const EmittedOp& emitted);
    void store_several(const EmittedOp& emitted);
    void find_several(const EmittedOp& emitted);
    void load_from(const Reg32& to, std::uint8_t bytes, bool is_signed);

    // Registers that vector instructions have at hand: of reg, or loaded into scratch.
    Xbyak::Xmm vector(std::uint8_t reg, const Xbyak::Xmm& scratch);
    void put_vector(std::uint8_t reg, const Xbyak::Xmm& from);
    void forget_vector(std::uint8_t reg);
    void forget_vectors();

    std::size_t bytes_;
    SlowAccess slow_;
    void* user_;
    const std::uint8_t* slow_entry_ = nullptr;
    std::size_t begin_ = 0;  // of the blocks' code

    // Of the block being written.
    std::array<std::int8_t, 16> host_{};  // number of the host's register, or -1
    std::vector<int> saved_;              // registers that the caller wants back
    std::uint16_t written_ = 0;           // guest registers that differ from memory
    std::array<std::int8_t, 16> vector_{};
    int next_vector_ = 0;
    HostFlags host_flags_ = HostFlags::Unknown;
    std::deque<Label> labels_;
    std::vector<std::function<void()>> aside_;  // code behind the block's
};

// Whether it may go elsewhere than to the next instruction.
bool is_branch(const ThumbOp& op);

}  // namespace mixq::sim
