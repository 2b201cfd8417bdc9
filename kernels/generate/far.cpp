// Steps and accesses that may lie beyond an instruction's immediate.
#include "kernels/generate/far.h"

namespace mixq::kernels::generate {

namespace {

constexpr int kFarthest = 4095;  // of a 12-bit immediate

}  // namespace

void move_on(Code& code, Reg reg, int bytes) {
    if (bytes == 0) return;
    const int magnitude = bytes < 0 ? -bytes : bytes;
    if (magnitude <= kFarthest || modified_constant(static_cast<std::uint32_t>(magnitude)) >= 0) {
        code.add(reg, reg, bytes);
        return;
    }
    const Reg distance = code.value();
    code.mov(distance, static_cast<std::uint32_t>(bytes));
    code.add(reg, reg, distance);
}

At place(Code& code, Reg base, int offset, Space space) {
    if (offset <= kFarthest) return {base, offset, space};
    const Reg near = code.value();
    code.mov(near, static_cast<std::uint32_t>(offset));
    code.add(near, near, base);
    return {near, 0, space};
}

void load(Code& code, Reg reg, Slot slot) {
    code.ldr(reg, {sp, slot.offset, kStackSpace});
}

void store(Code& code, Reg reg, Slot slot) {
    code.str(reg, {sp, slot.offset, kStackSpace});
}

}  // namespace mixq::kernels::generate
