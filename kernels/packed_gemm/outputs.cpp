// Outputs of single and dual products.
#include <algorithm>

#include "kernels/packed_gemm/output_code.h"

namespace mixq::kernels::packed_gemm {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

class Outputs {
  public:
    explicit Outputs(const Tile& tile) : tile_(tile), out_(tile) {}

    void emit() {
        Code code;
        if (tile_.plan.product == Product::DualChannels && tile_.quads())
            return dual_channels_planar();
        if (tile_.plan.product == Product::DualChannels && runs_along_channels()) {
            dual_channels_in_place(code);
            tile_.body.straight(code, with_output());
            code = {};
            out_.address(code);
            store_pairs(code);
        } else {
            out_.address(code);
            if (tile_.plan.product == Product::Int8) single(code);
            if (tile_.plan.product == Product::DualChannels) dual_channels(code);
            if (tile_.plan.product == Product::DualPositions) dual_positions(code);
        }
        out_.next_tile(code);
        tile_.body.straight(code, tile_.pool);
    }

  private:
    // Before outputs are addressed.
    std::vector<Reg> with_output() const {
        std::vector<Reg> pool = tile_.pool;
        pool.push_back(kOutput);
        return pool;
    }

    // The high field as it stands, times 2^S; its multiplier is negative where its weights were negated, of a sum 1 or -1.
    void finish_high(Code& code, Reg value, const OutputCode::Constants& c) {
        if (tile_.requantise.output_bits == 0) {
            code.shift(value, value, asr(tile_.plan.field_bits));
            code.mla(value, value, c.multiplier, c.bias);
            return;
        }
        code.smmla(value, value, c.multiplier, c.bias);
        code.usat(value, tile_.requantise.output_bits, value, out_.clamp_shift());
    }

    // The whole sum of the low field; the accumulator keeps the other one, times 2^S.
    Reg complete(Code& code, int word, int operand) {
        const Reg low = tile_.split(code, tile_.accumulator(word, operand));
        if (!tile_.sums.empty()) {
            const Reg sum = code.value();
            load(code, sum, tile_.sum(word, operand));
            code.add(low, low, sum);
        } else if (tile_.plan.biased) {
            const Reg bias = code.value();
            code.ldr(bias,
                     {kWeights, 4 * (GroupConstants::words(tile_.plan) + word), kConstantSpace});
            code.sub(low, low, bias);
        }
        return low;
    }

    // Bytes of outputs that lie side by side, first one first: as few stores as that takes.
    void put_run(Code& code, int channel, int position, const std::vector<Reg>& values) {
        std::size_t k = 0;
        const bool along_channels = tile_.channel_step == 1;
        const auto at = [&](std::size_t i) {
            const int by = static_cast<int>(i);
            return along_channels ? out_.place(code, channel + by, position)
                                  : out_.place(code, channel, position + by);
        };
        const auto join = [&](std::size_t i, std::size_t j, int bits) {
            code.orr(values[i], values[i], values[j], lsl(bits));
        };
        for (; k + 4 <= values.size(); k += 4) {
            join(k, k + 1, 8);
            join(k + 2, k + 3, 8);
            join(k, k + 2, 16);
            code.str(values[k], at(k));
        }
        if (k + 2 <= values.size()) {
            join(k, k + 1, 8);
            code.strh(values[k], at(k));
            k += 2;
        }
        if (k < values.size()) code.strb(values[k], at(k));
    }

    // All positions of one channel, each in its register.
    void put_channel(Code& code, int channel, const std::vector<Reg>& values) {
        if (channel >= tile_.plan.channels()) return;
        if (tile_.element == 1 && tile_.position_step == 1) {
            put_run(code, channel, 0, values);
            return;
        }
        for (std::size_t k = 0; k < values.size(); ++k)
            out_.put(code, channel, static_cast<int>(k), values[k]);
    }

    bool runs_along_channels() const {
        return tile_.element == 1 && tile_.channel_step == 1 && tile_.plan.room() > 1;
    }

    void single(Code& code) {
        for (int word = 0; word < tile_.plan.words; ++word) {
            const OutputCode::Constants c = out_.constants(code, word);
            std::vector<Reg> values;
            for (int operand = 0; operand < tile_.plan.operands(); ++operand) {
                values.push_back(tile_.accumulator(word, operand));
                out_.finish(code, values.back(), c);
            }
            if (!runs_along_channels()) put_channel(code, word, values);
        }
        if (!runs_along_channels()) return;
        for (int operand = 0; operand < tile_.plan.operands(); ++operand) {
            std::vector<Reg> values;
            for (int word = 0; word < tile_.plan.channels(); ++word)
                values.push_back(tile_.accumulator(word, operand));
            put_run(code, 0, operand, values);
        }
    }

    // Two channels of each position become two bytes of its accumulator.
    void dual_channels_in_place(Code& code) {
        for (int word = 0; word < tile_.plan.words; ++word) {
            for (int operand = 0; operand < tile_.plan.operands(); ++operand) {
                // Loading constants again is cheaper than the registers to keep them.
                const Reg packed = tile_.accumulator(word, operand);
                const Reg low = complete(code, word, operand);
                out_.finish(code, low, out_.constants(code, 2 * word));
                finish_high(code, packed, out_.constants(code, 2 * word + 1, true));
                code.orr(packed, low, packed, lsl(8));
            }
        }
    }

    // Words of channels side by side.
    void store_pairs(Code& code) {
        for (int operand = 0; operand < tile_.plan.operands(); ++operand) {
            for (int word = 0; word < tile_.plan.words; word += 2) {
                const Reg bytes = tile_.accumulator(word, operand);
                const int left = tile_.plan.channels() - 2 * word;
                if (left <= 0) break;
                if (left >= 3)
                    code.orr(bytes, bytes, tile_.accumulator(word + 1, operand), lsl(16));
                if (left >= 4) {
                    code.str(bytes, out_.place(code, 2 * word, operand));
                } else {
                    put_bytes(code, bytes, left, 2 * word, operand);
                }
            }
        }
    }

    // Each word's registers are free for the next: the second may use twice as many.
    void dual_channels_planar() {
        std::vector<Reg> pool = with_output();
        for (int word = 0; word < tile_.plan.words; ++word) {
            Code code;
            if (word + 1 == tile_.plan.words) {
                pool = tile_.pool;
                for (int done = 0; done + 1 < tile_.plan.words; ++done) {
                    pool.push_back(tile_.accumulator(done, 2));
                    pool.push_back(tile_.accumulator(done, 3));
                }
            }
            for (std::size_t k = 0; k < tile_.spilled.size(); ++k) {
                if (word == 0) {
                    pool.push_back(tile_.waiting(k));
                } else {
                    load(code, tile_.waiting(k), tile_.spilled[k]);
                }
            }
            const OutputCode::Constants c = out_.constants(code, 2 * word);
            Reg bytes;
            for (int operand = 0; operand < 4; ++operand) {
                const Reg low = complete(code, word, operand);
                out_.finish(code, low, c);
                if (operand == 0) {
                    bytes = low;
                } else {
                    code.orr(bytes, bytes, low, lsl(8 * operand));
                }
            }
            const OutputCode::Constants high = out_.constants(code, 2 * word + 1, true);
            for (int operand = 0; operand < 4; ++operand)
                finish_high(code, tile_.accumulator(word, operand), high);
            const auto join = [&](int first, int second, int bits) {
                const Reg to = tile_.accumulator(word, first);
                code.orr(to, to, tile_.accumulator(word, second), lsl(bits));
            };
            join(0, 1, 8);
            join(2, 3, 8);
            join(0, 2, 16);
            if (word + 1 < tile_.plan.words) {
                code.mov(tile_.accumulator(word, 1), bytes);
                tile_.body.straight(code, pool);
                continue;
            }
            out_.address(code);
            for (int k = 0; k < tile_.plan.words; ++k) {
                const bool last = k + 1 == tile_.plan.words;
                put_word(code, 2 * k, last ? bytes : tile_.accumulator(k, 1));
                put_word(code, 2 * k + 1, tile_.accumulator(k, 0));
            }
            out_.next_tile(code);
            tile_.body.straight(code, pool);
        }
    }

    void put_word(Code& code, int channel, Reg bytes) {
        if (channel < tile_.plan.channels()) code.str(bytes, out_.place(code, channel, 0));
    }

    void dual_channels(Code& code) {
        for (int word = 0; word < tile_.plan.words; ++word) {
            const OutputCode::Constants c = out_.constants(code, 2 * word);
            for (int operand = 0; operand < tile_.plan.operands(); ++operand) {
                const Reg low = complete(code, word, operand);
                out_.finish(code, low, c);
                out_.put(code, 2 * word, operand, low);
            }
            if (2 * word + 1 >= tile_.plan.channels()) continue;
            const OutputCode::Constants high = out_.constants(code, 2 * word + 1, true);
            for (int operand = 0; operand < tile_.plan.operands(); ++operand) {
                const Reg packed = tile_.accumulator(word, operand);
                finish_high(code, packed, high);
                out_.put(code, 2 * word + 1, operand, packed);
            }
        }
    }

    // One to three channels side by side.
    void put_bytes(Code& code, Reg bytes, int count, int channel, int position) {
        if (count >= 2) {
            code.strh(bytes, out_.place(code, channel, position));
        } else {
            code.strb(bytes, out_.place(code, channel, position));
        }
        if (count == 3) {
            code.shift(bytes, bytes, lsr(16));
            code.strb(bytes, out_.place(code, channel + 2, position));
        }
    }

    // Positions of one channel, two to a register.
    void put_halves(Code& code, int channel, const std::vector<Reg>& halves) {
        if (channel >= tile_.plan.channels()) return;
        if (tile_.plan.positions == 4) {
            code.orr(halves[0], halves[0], halves[1], lsl(16));
            code.str(halves[0], out_.place(code, channel, 0));
        } else if (tile_.plan.positions == 2) {
            code.strh(halves[0], out_.place(code, channel, 0));
        } else {
            code.strb(halves[0], out_.place(code, channel, 0));
        }
    }

    void dual_positions(Code& code) {
        for (int word = 0; word < tile_.plan.words; ++word) {
            const OutputCode::Constants c = out_.constants(code, word);
            std::vector<Reg> values;
            for (int operand = 0; operand < tile_.plan.operands(); ++operand) {
                const Reg packed = tile_.accumulator(word, operand);
                const Reg low = complete(code, word, operand);
                out_.finish(code, low, c);
                code.shift(packed, packed, asr(tile_.plan.field_bits));
                out_.finish(code, packed, c);
                if (tile_.element == 1 && tile_.position_step == 1) {
                    code.orr(packed, low, packed, lsl(8));
                    values.push_back(packed);
                } else {
                    out_.put(code, word, 2 * operand, low);
                    out_.put(code, word, 2 * operand + 1, packed);
                }
            }
            if (tile_.element == 1 && tile_.position_step == 1) put_halves(code, word, values);
        }
    }

    const Tile& tile_;
    OutputCode out_;
};

}  // namespace

void emit_outputs(const Tile& tile) {
    Outputs(tile).emit();
}

}  // namespace mixq::kernels::packed_gemm
