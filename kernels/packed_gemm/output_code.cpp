// Constants, requantisation and places of outputs.
#include "kernels/packed_gemm/output_code.h"

namespace mixq::kernels::packed_gemm {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

constexpr int kReach = 4095;  // bytes a load or store reaches from its base

}  // namespace

OutputCode::Constants OutputCode::constants(Code& code, int channel, bool with_sign) const {
    Constants c;
    const bool sums = tile_.requantise.output_bits == 0;
    const int at = 4 * (GroupConstants::kChannels + 2 * channel);
    if (!sums || with_sign) {
        c.multiplier = code.value();
        code.ldr(c.multiplier, {kWeights, at, kConstantSpace});
    }
    c.bias = code.value();
    code.ldr(c.bias, {kWeights, at + 4, kConstantSpace});
    return c;
}

void OutputCode::finish(Code& code, Reg value, const Constants& c) const {
    if (tile_.requantise.output_bits == 0) {
        code.add(value, value, c.bias);
        return;
    }
    if (tile_.requantise.narrow) {
        code.smlawb(value, c.multiplier, value, c.bias);
    } else {
        if (tile_.requantise.up > 0) code.shift(value, value, lsl(tile_.requantise.up));
        code.smmla(value, value, c.multiplier, c.bias);
    }
    code.usat(value, tile_.requantise.output_bits, value, clamp_shift());
}

Shift OutputCode::clamp_shift() const {
    return tile_.requantise.shift > 0 ? asr(tile_.requantise.shift) : Shift{};
}

void OutputCode::address(Code& code) {
    const Reg tile = code.value();
    const Reg group = code.value();
    load(code, tile, tile_.frame.tile);
    load(code, kOutput, tile_.frame.line_output);
    code.ldr(group,
             {kWeights,
              4 * (tile_.layout == Layout::Planar ? GroupConstants::kPlanarOffset
                                                  : GroupConstants::kInterleavedOffset),
              kConstantSpace});
    if (tile_.position_step == 1 || tile_.position_step == 4) {
        code.add(kOutput, kOutput, tile, tile_.position_step == 4 ? lsl(2) : Shift{});
    } else {
        const Reg step = code.value();
        code.mov(step, static_cast<std::uint32_t>(tile_.position_step));
        code.mla(kOutput, tile, step, kOutput);
    }
    code.add(kOutput, kOutput, group);
    at_ = 0;
}

void OutputCode::next_tile(Code& code) const {
    if (tile_.plan.tiles() == 1) return;
    const Reg tile = code.value();
    load(code, tile, tile_.frame.tile);
    code.add(tile, tile, tile_.plan.positions);
    const int last = tile_.plan.lines.positions - tile_.plan.positions;
    if (last % tile_.plan.positions != 0) {
        // The last tile overlaps the one before it.
        const Reg over = code.value();
        add_any(code, over, tile, -last);
        const Reg sign = code.value();
        code.shift(sign, over, asr(31));
        code.bic(over, over, sign);
        code.sub(tile, tile, over);
    }
    store(code, tile, tile_.frame.tile);
}

At OutputCode::place(Code& code, int channel, int position) {
    const int offset = channel * tile_.channel_step + position * tile_.position_step;
    if (offset - at_ < 0 || offset - at_ > kReach) {
        add_any(code, kOutput, kOutput, offset - at_);
        at_ = offset;
    }
    return {kOutput, offset - at_, kOutputSpace};
}

void OutputCode::put(Code& code, int channel, int position, Reg value) {
    if (channel >= tile_.plan.channels()) return;
    const At at = place(code, channel, position);
    if (tile_.element == 4) {
        code.str(value, at);
    } else {
        code.strb(value, at);
    }
}

}  // namespace mixq::kernels::packed_gemm
