// r3..r10 accumulate, r11 walks through the lanes, r12 through the weights; the rest holds operands.
#include "kernels/packed_gemm/tile.h"

#include <algorithm>
#include <array>
#include <map>

namespace mixq::kernels::packed_gemm {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

constexpr int kFirstAccumulator = 3;
constexpr Reg kLanes = r11;
constexpr Reg kWeights = r12;
constexpr Reg kOutput = r11;    // once the products are done
constexpr int kReach = 4095;    // bytes a load or store reaches from its base
constexpr int kUnrolled = 640;  // instructions of products that are not worth a loop

const std::vector<Reg> kPool{r0, r1, r2, lr};
constexpr int kLastAccumulator = 10;
constexpr int kSpilled = 3;

class TileCode {
  public:
    TileCode(Routine& routine,
             Body& body,
             const Plan& plan,
             const Requantise& requantise,
             Layout output,
             const Frame& frame)
        : routine_(routine),
          body_(body),
          plan_(plan),
          requantise_(requantise),
          layout_(output),
          frame_(frame) {
        const std::int64_t pixels = std::int64_t{plan.shape.out_height()} * plan.shape.out_width();
        element_ = requantise.output_bits == 0 ? 4 : 1;
        const bool planar = output == Layout::Planar;
        channel_step_ = static_cast<int>(planar ? pixels : 1) * element_;
        position_step_ = (planar ? 1 : plan.shape.out_channels) * element_;
        for (int k = kFirstAccumulator + plan.registers() * plan.accumulators();
             k <= kLastAccumulator;
             ++k)
            pool_.push_back(Reg{k});
        if (plan.blocks() > 1) {
            const int each = plan.product == Product::Outer ? kOuterStarts : 1;
            for (int k = 0; k < each * plan.accumulators(); ++k) sums_.push_back(routine.slot());
        }
    }

    void emit() {
        const int blocks = plan_.blocks();
        if (plan_.product == Product::DualChannels && quads() && plan_.words == 2) {
            for (int k = 0; k < kSpilled; ++k) spilled_.push_back(routine_.slot());
        }
        if (plan_.product == Product::Outer && quads() && plan_.words == 2) {
            for (int k = 0; k < 4; ++k) spilled_.push_back(routine_.slot());
        }
        unrolls_block_ =
            plan_.pieces == 1 || plan_.pieces * plan_.piece_instructions() <= kUnrolled;
        unrolls_blocks_ = blocks * plan_.pieces * plan_.piece_instructions() <= kUnrolled;
        first_sets_ = !plan_.biased && unrolls_block_ && (blocks == 1 || unrolls_blocks_);
        Code code = start();
        if (blocks > 1 && !unrolls_blocks_) {
            body_.straight(code, pool_);
            code = {};
            Body& loop = body_.loop(blocks - 1, routine_.slot(), pool_, "blocks");
            pieces(loop, code, true);
        } else {
            for (int block = 0; block + 1 < blocks; ++block) pieces(body_, code, true);
        }
        pieces(body_, code, false);
        epilogue();
    }

  private:
    Reg accumulator(int word, int operand) const {
        return Reg{kFirstAccumulator + plan_.registers() * (word * plan_.operands() + operand)};
    }

    // The upper half of one of 64 bits.
    Reg upper(int word, int operand) const { return Reg{accumulator(word, operand).id + 1}; }

    Slot sum(int word, int operand) const {
        return sums_.at(static_cast<std::size_t>(word * plan_.operands() + operand));
    }

    int piece_bytes() const { return 4 * plan_.piece_pairs * plan_.pair_words(); }

    Code start() {
        Code code;
        const Reg tile = code.value();
        const Reg step = code.value();
        const Reg scratch = code.value();
        load(code, kWeights, frame_.group_weights);
        load(code, tile, frame_.tile);
        load(code, scratch, frame_.scratch);
        code.mov(step,
                 static_cast<std::uint32_t>(4 * plan_.lines.position_step * plan_.lines.column));
        code.mla(kLanes, tile, step, scratch);
        for (int word = 0; word < plan_.words; ++word) {
            if (plan_.product == Product::Outer) {
                start_outer(code, word);
            } else if (plan_.biased) {
                code.ldr(accumulator(word, 0), {kWeights, 4 * word, kConstantSpace});
                for (int operand = 1; operand < plan_.operands(); ++operand)
                    code.mov(accumulator(word, operand), accumulator(word, 0));
            } else if (!first_sets_) {
                for (int operand = 0; operand < plan_.operands(); ++operand)
                    code.mov(accumulator(word, operand), 0);
            }
        }
        start_sums(code);
        if (plan_.biased) code.add(kWeights, kWeights, 4 * start_words(plan_));
        return code;
    }

    void start_outer(Code& code, int word) {
        code.ldr(accumulator(word, 0), {kWeights, 8 * word, kConstantSpace});
        code.ldr(upper(word, 0), {kWeights, 8 * word + 4, kConstantSpace});
        for (int operand = 1; operand < plan_.operands(); ++operand) {
            code.mov(accumulator(word, operand), accumulator(word, 0));
            code.mov(upper(word, operand), upper(word, 0));
        }
    }

    // Of Outer: lanes of two fields each (see GroupConstants).
    Slot lanes_sum(int word, int operand, int which) const {
        return sums_.at(
            static_cast<std::size_t>(kOuterStarts * (word * plan_.operands() + operand) + which));
    }

    // Minus all starts of a word's fields, in front of the first block.
    void outer_sums(Code& code, Reg group, int word, int which) {
        const Reg minus = code.value();
        code.ldr(minus,
                 {group, 4 * (bias_words(plan_) + kOuterStarts * word + which), kConstantSpace});
        for (int operand = 0; operand < plan_.operands(); ++operand)
            store(code, minus, lanes_sum(word, operand, which));
    }

    void flush_outer(Code& code) {
        Reg group;
        if (first_flush_) {
            group = code.value();
            load(code, group, frame_.group_weights);
        }
        for (int word = 0; word < plan_.words; ++word) {
            for (int which = 0; which < kOuterStarts; ++which) {
                Reg minus;
                if (first_flush_) {
                    minus = code.value();
                    code.ldr(minus,
                             {group,
                              4 * (bias_words(plan_) + kOuterStarts * word + which),
                              kConstantSpace});
                }
                for (int operand = 0; operand < plan_.operands(); ++operand) {
                    const Reg sum = code.value();
                    if (!first_flush_) load(code, sum, lanes_sum(word, operand, which));
                    code.uxtab16(sum,
                                 first_flush_ ? minus : sum,
                                 which < 2 ? accumulator(word, operand) : upper(word, operand),
                                 which == 0 || which == 2 ? 0 : 8);
                    store(code, sum, lanes_sum(word, operand, which));
                }
            }
            start_outer(code, word);
        }
        code.add(kWeights, kWeights, 4 * bias_words(plan_));
        first_flush_ = false;
    }

    // Sums of low fields begin without what their starts add.
    void start_sums(Code& code) {
        if (sums_.empty()) return;
        first_flush_ = unrolls_blocks_;
        if (first_flush_) return;
        for (int word = 0; word < plan_.words; ++word) {
            if (plan_.product == Product::Outer) {
                for (int which = 0; which < kOuterStarts; ++which)
                    outer_sums(code, kWeights, word, which);
                continue;
            }
            const Reg value = code.value();
            if (plan_.biased) {
                code.ldr(value, {kWeights, 4 * (bias_words(plan_) + word), kConstantSpace});
            } else {
                code.mov(value, 0);
            }
            for (int operand = 0; operand < plan_.operands(); ++operand)
                store(code, value, sum(word, operand));
        }
    }

    // One block, behind `before`, which is taken.
    void pieces(Body& body, Code& before, bool flushes) {
        const auto finish = [&](Code& code) {
            if (flushes) {
                flush(code);
            } else {
                spill(code);
            }
        };
        if (unrolls_block_) {
            for (int k = 0; k < plan_.pieces; ++k) {
                products(before);
                if (k + 1 == plan_.pieces) finish(before);
                // All in one piece where all is unrolled: products of one block beside the segmentation of the other.
                if (unrolls_blocks_ && !(k + 1 == plan_.pieces && !flushes)) continue;
                body.straight(before, pool_);
                before = {};
            }
            return;
        }
        if (!before.insns.empty()) body.straight(before, pool_);
        before = {};
        Body& loop =
            body.loop(plan_.pieces - (flushes ? 1 : 0), routine_.slot(), pool_, "products");
        Code code;
        products(code);
        loop.straight(code, pool_);
        if (flushes) {
            Code last;
            products(last);
            finish(last);
            body.straight(last, pool_);
        } else if (!spilled_.empty()) {
            Code last;
            spill(last);
            body.straight(last, {});
        }
    }

    Reg waiting(std::size_t k) const { return Reg{accumulator(1, 0).id + static_cast<int>(k)}; }

    // The first word's outputs need more registers than are free: accumulators of the second wait in memory.
    void spill(Code& code) {
        for (std::size_t k = 0; k < spilled_.size(); ++k) store(code, waiting(k), spilled_[k]);
    }

    // Products in the order in which two weights, or two positions, stay while the others pass by; every operand is loaded as soon as
    // a register is free for it, which is with the last product of another one. In this order a pair takes as many cycles as
    // multiplies, and the scheduler has to improve on it.
    void products(Code& code) {
        struct Product {
            int pair, word, operand;
        };

        std::vector<Product> all;
        const bool weights_stay = plan_.words <= plan_.operands();
        for (int pair = 0; pair < plan_.piece_pairs; ++pair) {
            for (int k = 0; k < plan_.accumulators(); ++k) {
                const int inner = weights_stay ? plan_.words : plan_.operands();
                all.push_back({pair,
                               weights_stay ? k % inner : k / inner,
                               weights_stay ? k / inner : k % inner});
            }
        }
        // What is loaded in which order, and when it is last used.
        std::map<std::array<int, 3>, std::size_t> last_use;  // pair, activation or weight, which
        std::vector<std::array<int, 3>> order;
        const auto operands_of = [](const Product& product) {
            return std::array<std::array<int, 3>, 2>{
                {{product.pair, 0, product.operand}, {product.pair, 1, product.word}}};
        };
        for (std::size_t k = 0; k < all.size(); ++k) {
            for (const auto& operand : operands_of(all[k])) {
                if (!last_use.contains(operand)) order.push_back(operand);
                last_use[operand] = k;
            }
        }
        std::map<std::array<int, 3>, Reg> loaded;
        std::size_t next = 0;
        int free = static_cast<int>(pool_.size()) - (plan_.wide ? 0 : 1);
        const auto load_next = [&] {
            const auto& [pair, kind, index] = order[next];
            loaded[order[next]] = kind == 0 ? activation(code, pair, index)
                                            : weight(code, 4 * pair * plan_.pair_words(), index);
            ++next;
            --free;
        };
        while (next < order.size() && free > 0) load_next();
        for (std::size_t k = 0; k < all.size(); ++k) {
            const auto both = operands_of(all[k]);
            while (!loaded.contains(both[0]) || !loaded.contains(both[1])) load_next();
            const bool sets = first_sets_ && !multiplied_ && all[k].pair == 0;
            multiply(code, all[k].word, all[k].operand, loaded[both[0]], loaded[both[1]], sets);
            for (const auto& operand : both) free += last_use[operand] == k ? 1 : 0;
            if (next < order.size() && free > 0) load_next();
        }
        multiplied_ = true;
        add_any(code, kLanes, kLanes, 4 * plan_.piece_pairs);
        add_any(code, kWeights, kWeights, piece_bytes());
    }

    // The weights of one operand: two lanes. Bytes hold two operands, the even one in bytes 0 and 2.
    Reg weight(Code& code, int at, int word) {
        if (plan_.wide) {
            const Reg value = code.value();
            code.ldr(value, {kWeights, at + 4 * word, kConstantSpace});
            return value;
        }
        if (word % 2 == 0) {
            bytes_ = code.value();
            code.ldr(bytes_, {kWeights, at + 2 * word, kConstantSpace});
        }
        const Reg value = code.value();
        code.sxtb16(value, bytes_, word % 2 == 0 ? 0 : 8);
        return value;
    }

    Reg activation(Code& code, int pair, int operand) {
        const Reg lanes = code.value();
        const int positions = plan_.positions / plan_.operands();
        code.ldr(lanes,
                 {kLanes,
                  4 * (pair + operand * positions * plan_.lines.position_step * plan_.lines.column),
                  kScratchSpace});
        return lanes;
    }

    void multiply(Code& code, int word, int operand, Reg lanes, Reg weights, bool sets) {
        const Reg sum = accumulator(word, operand);
        if (plan_.product == Product::Outer) {
            code.smlal(sum, upper(word, operand), lanes, weights);
        } else if (sets) {
            code.smuad(sum, lanes, weights);
        } else {
            code.smlad(sum, lanes, weights, sum);
        }
    }

    // The low field of an accumulator, which then is the high one times 2^S.
    Reg split(Code& code, Reg packed) {
        const Reg low = code.value();
        code.sbfx(low, packed, 0, plan_.field_bits);
        code.sub(packed, packed, low);
        return low;
    }

    // Behind the weights of a block: the starts of the next one. The first segmentation begins the sums, where it is code of its own.
    void flush(Code& code) {
        if (plan_.product == Product::Outer) return flush_outer(code);
        Reg group;
        if (first_flush_ && plan_.biased) {
            group = code.value();
            load(code, group, frame_.group_weights);
        }
        for (int word = 0; word < plan_.words; ++word) {
            Reg bias;
            Reg minus;
            if (plan_.biased) {
                bias = code.value();
                code.ldr(bias, {kWeights, 4 * word, kConstantSpace});
            }
            if (group.exists()) {
                minus = code.value();
                code.ldr(minus, {group, 4 * (bias_words(plan_) + word), kConstantSpace});
            }
            for (int operand = 0; operand < plan_.operands(); ++operand) {
                const Reg packed = accumulator(word, operand);
                const Reg low = split(code, packed);
                if (plan_.biased) code.add(packed, packed, bias);
                if (!first_flush_) {
                    minus = code.value();
                    load(code, minus, sum(word, operand));
                }
                if (minus.exists()) code.add(low, low, minus);
                store(code, low, sum(word, operand));
            }
        }
        first_flush_ = false;
        if (plan_.biased) code.add(kWeights, kWeights, 4 * bias_words(plan_));
    }

    // --- requantisation

    struct Constants {
        Reg multiplier;
        Reg bias;
    };

    Constants constants(Code& code, int channel, bool with_sign = false) {
        Constants c;
        const bool sums = requantise_.output_bits == 0;
        const int at = 4 * (GroupConstants::kChannels + 2 * channel);
        if (!sums || with_sign) {
            c.multiplier = code.value();
            code.ldr(c.multiplier, {kWeights, at, kConstantSpace});
        }
        c.bias = code.value();
        code.ldr(c.bias, {kWeights, at + 4, kConstantSpace});
        return c;
    }

    // A sum to its output, in place.
    void finish(Code& code, Reg value, const Constants& c) {
        if (requantise_.output_bits == 0) {
            code.add(value, value, c.bias);
            return;
        }
        if (requantise_.narrow) {
            code.smlawb(value, c.multiplier, value, c.bias);
        } else {
            if (requantise_.up > 0) code.shift(value, value, lsl(requantise_.up));
            code.smmla(value, value, c.multiplier, c.bias);
        }
        code.usat(value, requantise_.output_bits, value, clamp_shift());
    }

    // The high field as it stands, times 2^S; its multiplier is negative where its weights were negated, of a sum 1 or -1.
    void finish_high(Code& code, Reg value, const Constants& c) {
        if (requantise_.output_bits == 0) {
            code.shift(value, value, asr(plan_.field_bits));
            code.mla(value, value, c.multiplier, c.bias);
            return;
        }
        code.smmla(value, value, c.multiplier, c.bias);
        code.usat(value, requantise_.output_bits, value, clamp_shift());
    }

    Shift clamp_shift() const { return requantise_.shift > 0 ? asr(requantise_.shift) : Shift{}; }

    void epilogue() {
        Code code;
        if (plan_.product == Product::Outer) return outer();
        if (plan_.product == Product::DualChannels && quads()) return dual_channels_planar();
        if (plan_.product == Product::DualChannels && runs_along_channels()) {
            dual_channels_in_place(code);
            body_.straight(code, with_output());
            code = {};
            address(code);
            store_pairs(code);
        } else {
            address(code);
            if (plan_.product == Product::Int8) single(code);
            if (plan_.product == Product::DualChannels) dual_channels(code);
            if (plan_.product == Product::DualPositions) dual_positions(code);
        }
        next_tile(code);
        body_.straight(code, pool_);
    }

    // Before outputs are addressed.
    std::vector<Reg> with_output() const {
        std::vector<Reg> pool = pool_;
        pool.push_back(kOutput);
        return pool;
    }

    // Four positions of a channel make a word.
    bool quads() const { return element_ == 1 && position_step_ == 1 && plan_.positions == 4; }

    void address(Code& code) {
        const Reg tile = code.value();
        const Reg group = code.value();
        load(code, tile, frame_.tile);
        load(code, kOutput, frame_.line_output);
        code.ldr(group,
                 {kWeights,
                  4 * (layout_ == Layout::Planar ? GroupConstants::kPlanarOffset
                                                 : GroupConstants::kInterleavedOffset),
                  kConstantSpace});
        if (position_step_ == 1 || position_step_ == 4) {
            code.add(kOutput, kOutput, tile, position_step_ == 4 ? lsl(2) : Shift{});
        } else {
            const Reg step = code.value();
            code.mov(step, static_cast<std::uint32_t>(position_step_));
            code.mla(kOutput, tile, step, kOutput);
        }
        code.add(kOutput, kOutput, group);
        at_ = 0;
    }

    void next_tile(Code& code) {
        if (plan_.tiles() == 1) return;
        const Reg tile = code.value();
        load(code, tile, frame_.tile);
        code.add(tile, tile, plan_.positions);
        const int last = plan_.lines.positions - plan_.positions;
        if (last % plan_.positions != 0) {
            // The last tile overlaps the one before it.
            const Reg over = code.value();
            add_any(code, over, tile, -last);
            const Reg sign = code.value();
            code.shift(sign, over, asr(31));
            code.bic(over, over, sign);
            code.sub(tile, tile, over);
        }
        store(code, tile, frame_.tile);
    }

    // The place of an output, from where the pointer stands or after moving it.
    At place(Code& code, int channel, int position) {
        const int offset = channel * channel_step_ + position * position_step_;
        if (offset - at_ < 0 || offset - at_ > kReach) {
            add_any(code, kOutput, kOutput, offset - at_);
            at_ = offset;
        }
        return {kOutput, offset - at_, kOutputSpace};
    }

    void put(Code& code, int channel, int position, Reg value) {
        if (channel >= plan_.channels()) return;
        const At at = place(code, channel, position);
        if (element_ == 4) {
            code.str(value, at);
        } else {
            code.strb(value, at);
        }
    }

    // Bytes of outputs that lie side by side, first one first: as few stores as that takes.
    void put_run(Code& code, int channel, int position, const std::vector<Reg>& values) {
        std::size_t k = 0;
        const bool along_channels = channel_step_ == 1;
        const auto at = [&](std::size_t i) {
            const int by = static_cast<int>(i);
            return along_channels ? place(code, channel + by, position)
                                  : place(code, channel, position + by);
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
        if (channel >= plan_.channels()) return;
        if (element_ == 1 && position_step_ == 1) {
            put_run(code, channel, 0, values);
            return;
        }
        for (std::size_t k = 0; k < values.size(); ++k)
            put(code, channel, static_cast<int>(k), values[k]);
    }

    bool runs_along_channels() const {
        return element_ == 1 && channel_step_ == 1 && plan_.room() > 1;
    }

    void single(Code& code) {
        for (int word = 0; word < plan_.words; ++word) {
            const Constants c = constants(code, word);
            std::vector<Reg> values;
            for (int operand = 0; operand < plan_.operands(); ++operand) {
                values.push_back(accumulator(word, operand));
                finish(code, values.back(), c);
            }
            if (!runs_along_channels()) put_channel(code, word, values);
        }
        if (!runs_along_channels()) return;
        for (int operand = 0; operand < plan_.operands(); ++operand) {
            std::vector<Reg> values;
            for (int word = 0; word < plan_.channels(); ++word)
                values.push_back(accumulator(word, operand));
            put_run(code, 0, operand, values);
        }
    }

    // The whole sum of the low field; the accumulator keeps the other one, times 2^S.
    Reg complete(Code& code, int word, int operand) {
        const Reg low = split(code, accumulator(word, operand));
        if (!sums_.empty()) {
            const Reg sum = code.value();
            load(code, sum, this->sum(word, operand));
            code.add(low, low, sum);
        } else if (plan_.biased) {
            const Reg bias = code.value();
            code.ldr(bias, {kWeights, 4 * (GroupConstants::words(plan_) + word), kConstantSpace});
            code.sub(low, low, bias);
        }
        return low;
    }

    // Two channels of each position become two bytes of its accumulator.
    void dual_channels_in_place(Code& code) {
        for (int word = 0; word < plan_.words; ++word) {
            for (int operand = 0; operand < plan_.operands(); ++operand) {
                // Loading constants again is cheaper than the registers to keep them.
                const Reg packed = accumulator(word, operand);
                const Reg low = complete(code, word, operand);
                finish(code, low, constants(code, 2 * word));
                finish_high(code, packed, constants(code, 2 * word + 1, true));
                code.orr(packed, low, packed, lsl(8));
            }
        }
    }

    // Words of channels side by side.
    void store_pairs(Code& code) {
        for (int operand = 0; operand < plan_.operands(); ++operand) {
            for (int word = 0; word < plan_.words; word += 2) {
                const Reg bytes = accumulator(word, operand);
                const int left = plan_.channels() - 2 * word;
                if (left <= 0) break;
                if (left >= 3) code.orr(bytes, bytes, accumulator(word + 1, operand), lsl(16));
                if (left >= 4) {
                    code.str(bytes, place(code, 2 * word, operand));
                } else {
                    put_bytes(code, bytes, left, 2 * word, operand);
                }
            }
        }
    }

    // Each word's registers are free for the next: the second may use twice as many.
    void dual_channels_planar() {
        std::vector<Reg> pool = with_output();
        for (int word = 0; word < plan_.words; ++word) {
            Code code;
            if (word + 1 == plan_.words) {
                pool = pool_;
                for (int done = 0; done + 1 < plan_.words; ++done) {
                    pool.push_back(accumulator(done, 2));
                    pool.push_back(accumulator(done, 3));
                }
            }
            for (std::size_t k = 0; k < spilled_.size(); ++k) {
                if (word == 0) {
                    pool.push_back(waiting(k));
                } else {
                    load(code, waiting(k), spilled_[k]);
                }
            }
            const Constants c = constants(code, 2 * word);
            Reg bytes;
            for (int operand = 0; operand < 4; ++operand) {
                const Reg low = complete(code, word, operand);
                finish(code, low, c);
                if (operand == 0) {
                    bytes = low;
                } else {
                    code.orr(bytes, bytes, low, lsl(8 * operand));
                }
            }
            const Constants high = constants(code, 2 * word + 1, true);
            for (int operand = 0; operand < 4; ++operand)
                finish_high(code, accumulator(word, operand), high);
            const auto join = [&](int first, int second, int bits) {
                const Reg to = accumulator(word, first);
                code.orr(to, to, accumulator(word, second), lsl(bits));
            };
            join(0, 1, 8);
            join(2, 3, 8);
            join(0, 2, 16);
            if (word + 1 < plan_.words) {
                code.mov(accumulator(word, 1), bytes);
                body_.straight(code, pool);
                continue;
            }
            address(code);
            for (int k = 0; k < plan_.words; ++k) {
                const bool last = k + 1 == plan_.words;
                put_word(code, 2 * k, last ? bytes : accumulator(k, 1));
                put_word(code, 2 * k + 1, accumulator(k, 0));
            }
            next_tile(code);
            body_.straight(code, pool);
        }
    }

    void put_word(Code& code, int channel, Reg bytes) {
        if (channel < plan_.channels()) code.str(bytes, place(code, channel, 0));
    }

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
                  4 * (GroupConstants::words(plan_) + kOuterStarts * word + which),
                  kConstantSpace});
        return minus;
    }

    // Two fields of each accumulator as lanes, rid of their starts: from what all blocks added up, or these constants.
    void split_one(Code& code, int word, int which, std::vector<Fields>& all) {
        Reg minus;
        if (sums_.empty()) minus = minus_starts(code, word, which);
        for (Fields& f : all) {
            Reg begun = minus;
            if (!sums_.empty()) {
                begun = code.value();
                load(code, begun, lanes_sum(word, f.operand, which));
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
        return {operand, accumulator(word, operand), {}, upper(word, operand), {}};
    }

    void finish_lane(Code& code, Reg to, Reg lanes, bool top, const Constants& c) {
        if (requantise_.output_bits == 0) {
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
        code.usat(to, requantise_.output_bits, to, clamp_shift());
    }

    void outer() {
        for (int word = 0; word < plan_.words; ++word) {
            Code code;
            if (word == 0) address(code);
            std::vector<Reg> pool = pool_;
            for (std::size_t k = 0; k < spilled_.size(); ++k) {
                if (word == 0) {
                    pool.push_back(waiting(k));
                } else {
                    load(code, waiting(k), spilled_[k]);
                    pool.push_back(Reg{accumulator(0, 0).id + static_cast<int>(k)});
                }
            }
            if (quads()) {
                outer_quads(code, word);
            } else {
                outer_singly(code, word);
            }
            if (word + 1 == plan_.words) next_tile(code);
            body_.straight(code, pool);
        }
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
            if (channel + k >= plan_.channels()) return;
            const Constants c = constants(code, channel + k);
            for (std::size_t i = 0; i < 4; ++i)
                finish_lane(code, to[i], lanes[i].first, lanes[i].second, c);
            code.orr(to[0], to[0], to[1], lsl(8));
            code.orr(to[2], to[2], to[3], lsl(8));
            code.orr(to[0], to[0], to[2], lsl(16));
            code.str(to[0], place(code, channel + k, 0));
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
        for (int operand = 0; operand < plan_.operands(); ++operand) {
            std::vector<Fields> only{packed_fields(word, operand)};
            Fields& f = only.front();
            const int channel = kOuterChannels * word;
            const auto one = [&](int k, int position, Reg lanes, bool top) {
                if (channel + k >= plan_.channels()) return;
                const Reg value = code.value();
                finish_lane(code, value, lanes, top, constants(code, channel + k));
                put(code, channel + k, 2 * operand + position, value);
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

    void dual_channels(Code& code) {
        for (int word = 0; word < plan_.words; ++word) {
            const Constants c = constants(code, 2 * word);
            for (int operand = 0; operand < plan_.operands(); ++operand) {
                const Reg low = complete(code, word, operand);
                finish(code, low, c);
                put(code, 2 * word, operand, low);
            }
            if (2 * word + 1 >= plan_.channels()) continue;
            const Constants high = constants(code, 2 * word + 1, true);
            for (int operand = 0; operand < plan_.operands(); ++operand) {
                const Reg packed = accumulator(word, operand);
                finish_high(code, packed, high);
                put(code, 2 * word + 1, operand, packed);
            }
        }
    }

    // One to three channels side by side.
    void put_bytes(Code& code, Reg bytes, int count, int channel, int position) {
        if (count >= 2) {
            code.strh(bytes, place(code, channel, position));
        } else {
            code.strb(bytes, place(code, channel, position));
        }
        if (count == 3) {
            code.shift(bytes, bytes, lsr(16));
            code.strb(bytes, place(code, channel + 2, position));
        }
    }

    // Positions of one channel, two to a register.
    void put_halves(Code& code, int channel, const std::vector<Reg>& halves) {
        if (channel >= plan_.channels()) return;
        if (plan_.positions == 4) {
            code.orr(halves[0], halves[0], halves[1], lsl(16));
            code.str(halves[0], place(code, channel, 0));
        } else if (plan_.positions == 2) {
            code.strh(halves[0], place(code, channel, 0));
        } else {
            code.strb(halves[0], place(code, channel, 0));
        }
    }

    void dual_positions(Code& code) {
        for (int word = 0; word < plan_.words; ++word) {
            const Constants c = constants(code, word);
            std::vector<Reg> values;
            for (int operand = 0; operand < plan_.operands(); ++operand) {
                const Reg packed = accumulator(word, operand);
                const Reg low = complete(code, word, operand);
                finish(code, low, c);
                code.shift(packed, packed, asr(plan_.field_bits));
                finish(code, packed, c);
                if (element_ == 1 && position_step_ == 1) {
                    code.orr(packed, low, packed, lsl(8));
                    values.push_back(packed);
                } else {
                    put(code, word, 2 * operand, low);
                    put(code, word, 2 * operand + 1, packed);
                }
            }
            if (element_ == 1 && position_step_ == 1) put_halves(code, word, values);
        }
    }

    Routine& routine_;
    Body& body_;
    const Plan& plan_;
    Requantise requantise_;
    Layout layout_;
    const Frame& frame_;
    int element_ = 1;       // bytes
    int channel_step_ = 1;  // bytes from channel to channel of the output
    int position_step_ = 1;
    int at_ = 0;  // where kOutput stands, from the tile's first output
    bool unrolls_block_ = false;
    bool unrolls_blocks_ = false;
    bool first_sets_ =
        false;  // the first products set their accumulators, where they are not in a loop
    bool multiplied_ = false;
    bool first_flush_ = false;
    std::vector<Slot> sums_;
    std::vector<Slot> spilled_;
    std::vector<Reg> pool_ = kPool;
    Reg bytes_;
};

}  // namespace

void emit_tile(Routine& routine,
               Body& body,
               const Plan& plan,
               const Requantise& requantise,
               Layout output,
               const Frame& frame) {
    TileCode(routine, body, plan, requantise, output, frame).emit();
}

}  // namespace mixq::kernels::packed_gemm
