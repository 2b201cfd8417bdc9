// Integer Winograd F(2x2, 3x3): four outputs of a 3x3 convolution from 16 products instead of 36, exact in integers.
//
//   V = B^T d B   of every 4x4 patch d of the input, per channel: sums of at most four activations, 16-bit lanes
//   U = (2G) g (2G)^T   of every filter, offline: within 9 * 2^(w-1), 16-bit lanes
//   M = sum over channels of U * V, SMLAD on pairs of channels;   4 y = A^T M A
//
// G has halves; doubled on both sides it is integral and the result is exactly four times the convolution. Sums of M may wrap:
// all that follows is linear modulo 2^32, so only 4 y has to fit 32 bits.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/generate/routine.h"
#include "kernels/kernel.h"

namespace mixq::kernels::int8 {

// Where everything lies. A tile is 2x2 outputs; a pair is two tiles side by side, a band one row of tiles.
struct WinogradPlan {
    traces::Layer shape;
    int output_bits = 8;
    int shift = 0;
    int pairs = 0;   // of tiles in a band
    int quads = 0;   // of input channels, rounded up
    int chunk = 0;   // words of two channels that one pass over a position unrolls
    int chunks = 0;  // passes
    // Requantisation: y = clamp((bias + (4 acc << up) * multiplier >> 32) >> shift); up < 0: the product takes 64 bits.
    int up = 0;

    int words() const { return chunk * chunks; }  // of two channels, per position

    // Bytes of one position of a pair of tiles: V as [word][tile], then M as [output channel of a group][tile].
    int position_bytes() const { return 8 * words() + 32; }

    int columns() const { return 4 * pairs + 2; }  // of the band: what its patches cover

    // The band of four input rows, [column][row][channel], behind the positions.
    int band_offset() const { return 16 * position_bytes(); }

    int pixel_bytes() const { return 4 * quads; }

    int scratch_bytes() const { return band_offset() + columns() * 4 * pixel_bytes(); }
};

constexpr int kWinogradFilters = 4;  // output channels of a group: 8 accumulators with two tiles

WinogradPlan plan_winograd(const IntegerLayer& layer);

// The part of it that no weight decides.
WinogradPlan winograd_shape(const traces::Layer& layer);

// (2G) g (2G)^T of one filter's channel, rows first.
std::array<std::int16_t, 16> transformed_filter(std::span<const std::int8_t> taps);

generate::Lowered winograd_code(const WinogradPlan& plan,
                                const std::string& layer,
                                Layout output,
                                generate::Scheduling how);

}  // namespace mixq::kernels::int8
