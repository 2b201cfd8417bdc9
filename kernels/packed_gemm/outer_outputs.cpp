// Outputs of outer products: two positions and three channels in the bytes of a 64-bit accumulator.
#include <array>

#include "kernels/packed_gemm/output_code.h"

namespace mixq::kernels::packed_gemm {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

class OuterOutputs {
  public:
    explicit OuterOutputs(const Tile& tile) : tile_(tile), out_(tile) {}

    void outer() {
        for (int word = 0; word < tile_.plan.words; ++word) {
            Code code;
            if (word == 0) out_.address(code);
            std::vector<Reg> pool = tile_.pool;
            for (std::size_t k = 0; k < tile_.spilled.size(); ++k) {
                if (word == 0) {
                    pool.push_back(tile_.waiting(k));
                } else {
                    load(code, tile_.waiting(k), tile_.spilled[k]);
                    pool.push_back(Reg{tile_.accumulator(0, 0).id + static_cast<int>(k)});
                }
            }
            if (tile_.quads()) {
                outer_quads(code, word);
            } else {
                outer_singly(code, word);
            }
            if (word + 1 == tile_.plan.words) out_.next_tile(code);
            tile_.body.straight(code, pool);
        }
    }

  private:
    // What is known of one accumulator of Outer: fields of positions 0 and 1, channels 0, 1 and 2, as lanes.
    struct Fields {
        int operand = 0;
        Reg first;   // position 0: channel 0, channel 2
        Reg second;  // position 0 channel 1, position 1 channel 0
        Reg third;   // position 1 channel 1
        Reg fourth;  // position 1 channel 2
    };

    // Minus the starts of two fields, in the order of GroupConstants.
    Reg minus_starts(Code& code, int word, int which) {
        const Reg minus = code.value();
        code.ldr(minus,
                 {kWeights,
                  4 * (GroupConstants::words(tile_.plan) + kOuterStarts * word + which),
                  kConstantSpace});
        return minus;
    }

    // Two fields of each accumulator as lanes, rid of their starts: from what all blocks added up, or these constants.
    void split_one(Code& code, int word, int which, std::vector<Fields>& all) {
        Reg minus;
        if (tile_.sums.empty()) minus = minus_starts(code, word, which);
        for (Fields& f : all) {
            Reg begun = minus;
            if (!tile_.sums.empty()) {
                begun = code.value();
                load(code, begun, tile_.lanes_sum(word, f.operand, which));
            }
            const Reg from = which < 2 ? f.first : f.third;
            Reg to = from;
            if (which == 1) to = f.second = code.value();
            if (which == 3) to = f.fourth = code.value();
            code.uxtab16(to, begun, from, which == 0 || which == 2 ? 0 : 8);
        }
    }

    // The lower half of an accumulator, and its upper half.
    void split_lower(Code& code, int word, std::vector<Fields>& all) {
        split_one(code, word, 1, all);
        split_one(code, word, 0, all);
    }

    void split_upper(Code& code, int word, std::vector<Fields>& all) {
        split_one(code, word, 3, all);
        split_one(code, word, 2, all);
    }

    Fields packed_fields(int word, int operand) const {
        return {operand, tile_.accumulator(word, operand), {}, tile_.upper(word, operand), {}};
    }

    void finish_lane(Code& code, Reg to, Reg lanes, bool top, const OutputCode::Constants& c) {
        if (tile_.requantise.output_bits == 0) {
            if (top) {
                code.add(to, c.bias, lanes, asr(16));
            } else {
                code.sxtah(to, c.bias, lanes);
            }
            return;
        }
        if (top) {
            code.smlawt(to, c.multiplier, lanes, c.bias);
        } else {
            code.smlawb(to, c.multiplier, lanes, c.bias);
        }
        code.usat(to, tile_.requantise.output_bits, to, out_.clamp_shift());
    }

    void outer_quads(Code& code, int word) {
        std::vector<Fields> both{packed_fields(word, 0), packed_fields(word, 1)};
        split_upper(code, word, both);
        split_lower(code, word, both);
        const Fields& left = both[0];
        const Fields& right = both[1];
        const int channel = kOuterChannels * word;
        const auto four = [&](int k,
                              const std::array<std::pair<Reg, bool>, 4>& lanes,
                              const std::array<Reg, 4>& to) {
            if (channel + k >= tile_.plan.channels()) return;
            const OutputCode::Constants c = out_.constants(code, channel + k);
            for (std::size_t i = 0; i < 4; ++i)
                finish_lane(code, to[i], lanes[i].first, lanes[i].second, c);
            code.orr(to[0], to[0], to[1], lsl(8));
            code.orr(to[2], to[2], to[3], lsl(8));
            code.orr(to[0], to[0], to[2], lsl(16));
            code.str(to[0], out_.place(code, channel + k, 0));
        };
        four(2,
             {{{left.first, true},
               {left.fourth, false},
               {right.first, true},
               {right.fourth, false}}},
             {code.value(), left.fourth, code.value(), right.fourth});
        four(0,
             {{{left.first, false},
               {left.second, true},
               {right.first, false},
               {right.second, true}}},
             {left.first, code.value(), right.first, code.value()});
        four(1,
             {{{left.second, false},
               {left.third, false},
               {right.second, false},
               {right.third, false}}},
             {left.second, left.third, right.second, right.third});
    }

    void outer_singly(Code& code, int word) {
        for (int operand = 0; operand < tile_.plan.operands(); ++operand) {
            std::vector<Fields> only{packed_fields(word, operand)};
            Fields& f = only.front();
            const int channel = kOuterChannels * word;
            const auto one = [&](int k, int position, Reg lanes, bool top) {
                if (channel + k >= tile_.plan.channels()) return;
                const Reg value = code.value();
                finish_lane(code, value, lanes, top, out_.constants(code, channel + k));
                out_.put(code, channel + k, 2 * operand + position, value);
            };
            split_lower(code, word, only);
            one(0, 0, f.first, false);
            one(1, 0, f.second, false);
            one(2, 0, f.first, true);
            one(0, 1, f.second, true);
            split_upper(code, word, only);
            one(1, 1, f.third, false);
            one(2, 1, f.fourth, false);
        }
    }

    const Tile& tile_;
    OutputCode out_;
};

}  // namespace

void emit_outer_outputs(const Tile& tile) {
    OuterOutputs(tile).outer();
}

}  // namespace mixq::kernels::packed_gemm
