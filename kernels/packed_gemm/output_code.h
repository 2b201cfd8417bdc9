// What the outputs of all products have in common: constants, requantisation, places.
#pragma once

#include "kernels/packed_gemm/tile_code.h"

namespace mixq::kernels::packed_gemm {

class OutputCode {
  public:
    explicit OutputCode(const Tile& tile) : tile_(tile) {}

    struct Constants {
        generate::Reg multiplier;
        generate::Reg bias;
    };

    // Of a channel of the group. Sums have no multiplier but, `with_sign`, 1 or -1.
    Constants constants(generate::Code& code, int channel, bool with_sign = false) const;

    // A sum to its output, in place.
    void finish(generate::Code& code, generate::Reg value, const Constants& c) const;

    generate::Shift clamp_shift() const;

    // kOutput at the first output of the tile.
    void address(generate::Code& code);

    // frame.tile at the next one.
    void next_tile(generate::Code& code) const;

    // The place of an output, from where the pointer stands or after moving it.
    generate::At place(generate::Code& code, int channel, int position);

    void put(generate::Code& code, int channel, int position, generate::Reg value);

  private:
    const Tile& tile_;
    int at_ = 0;  // where kOutput stands, from the tile's first output
};

}  // namespace mixq::kernels::packed_gemm
