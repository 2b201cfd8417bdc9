// The definition of right: plain loops over the specification in kernels/network/network.h. Every
// kernel, every backend, equals this.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/network/network.h"

namespace mixq::kernels {

// 32-bit accumulators, [out][row][column].
std::vector<std::int32_t> reference_accumulate(const IntegerLayer& layer,
                                               std::span<const std::uint8_t> input);

std::uint8_t reference_requantise(std::int32_t accumulator,
                                  std::int32_t multiplier,
                                  std::int32_t bias,
                                  int shift,
                                  int output_bits);

// One layer with its requantisation and pooling. Not for logits.
std::vector<std::uint8_t> reference_layer(const IntegerLayer& layer,
                                          std::span<const std::uint8_t> input);

std::vector<std::uint8_t> reference_add(const Addition& addition,
                                        std::span<const std::uint8_t> a,
                                        std::span<const std::uint8_t> b);

std::vector<std::int32_t> reference_logits(const IntegerNetwork& network,
                                           std::span<const std::uint8_t> input);

}  // namespace mixq::kernels
