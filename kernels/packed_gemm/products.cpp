// Products, block by block, and the segmentation between blocks.
#include <array>
#include <map>

#include "kernels/packed_gemm/tile_code.h"

namespace mixq::kernels::packed_gemm {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

constexpr int kUnrolledBlock = 330;  // instructions of a block's products that are not worth a loop

class Products {
  public:
    explicit Products(const Tile& tile) : tile_(tile) {}

    void emit() {
        const int blocks = tile_.plan.blocks();
        unrolls_blocks_ = tile_.plan.unrolled();
        unrolls_block_ = unrolls_blocks_ || tile_.plan.pieces == 1 ||
                         tile_.plan.pieces * tile_.plan.piece_instructions() <= kUnrolledBlock;
        first_sets_ = !tile_.plan.biased && unrolls_block_ && (blocks == 1 || unrolls_blocks_);
        Code code = start();
        if (blocks > 1 && !unrolls_blocks_) {
            tile_.body.straight(code, tile_.pool);
            code = {};
            Body& loop = tile_.body.loop(blocks - 1, tile_.routine.slot(), tile_.pool, "blocks");
            pieces(loop, code, true);
        } else {
            for (int block = 0; block + 1 < blocks; ++block) pieces(tile_.body, code, true);
        }
        pieces(tile_.body, code, false);
    }

  private:
    Code start() {
        Code code;
        const Reg tile = code.value();
        const Reg step = code.value();
        const Reg scratch = code.value();
        load(code, kWeights, tile_.frame.group_weights);
        load(code, tile, tile_.frame.tile);
        load(code, scratch, tile_.frame.scratch);
        code.mov(step,
                 static_cast<std::uint32_t>(4 * tile_.plan.lines.position_step *
                                            tile_.plan.lines.column));
        code.mla(kLanes, tile, step, scratch);
        for (int word = 0; word < tile_.plan.words; ++word) {
            if (tile_.plan.product == Product::Outer) {
                start_outer(code, word);
            } else if (tile_.plan.biased) {
                code.ldr(tile_.accumulator(word, 0), {kWeights, 4 * word, kConstantSpace});
                for (int operand = 1; operand < tile_.plan.operands(); ++operand)
                    code.mov(tile_.accumulator(word, operand), tile_.accumulator(word, 0));
            } else if (!first_sets_) {
                for (int operand = 0; operand < tile_.plan.operands(); ++operand)
                    code.mov(tile_.accumulator(word, operand), 0);
            }
        }
        start_sums(code);
        if (tile_.plan.biased) code.add(kWeights, kWeights, 4 * start_words(tile_.plan));
        return code;
    }

    void start_outer(Code& code, int word) {
        code.ldr(tile_.accumulator(word, 0), {kWeights, 8 * word, kConstantSpace});
        code.ldr(tile_.upper(word, 0), {kWeights, 8 * word + 4, kConstantSpace});
        for (int operand = 1; operand < tile_.plan.operands(); ++operand) {
            code.mov(tile_.accumulator(word, operand), tile_.accumulator(word, 0));
            code.mov(tile_.upper(word, operand), tile_.upper(word, 0));
        }
    }

    // Minus all starts of a word's fields, in front of the first block.
    void outer_sums(Code& code, Reg group, int word, int which) {
        const Reg minus = code.value();
        code.ldr(
            minus,
            {group, 4 * (bias_words(tile_.plan) + kOuterStarts * word + which), kConstantSpace});
        for (int operand = 0; operand < tile_.plan.operands(); ++operand)
            store(code, minus, tile_.lanes_sum(word, operand, which));
    }

    // Sums of low fields begin without what their starts add.
    void start_sums(Code& code) {
        if (tile_.sums.empty()) return;
        first_flush_ = unrolls_blocks_;
        if (first_flush_) return;
        for (int word = 0; word < tile_.plan.words; ++word) {
            if (tile_.plan.product == Product::Outer) {
                for (int which = 0; which < kOuterStarts; ++which)
                    outer_sums(code, kWeights, word, which);
                continue;
            }
            const Reg value = code.value();
            if (tile_.plan.biased) {
                code.ldr(value, {kWeights, 4 * (bias_words(tile_.plan) + word), kConstantSpace});
            } else {
                code.mov(value, 0);
            }
            for (int operand = 0; operand < tile_.plan.operands(); ++operand)
                store(code, value, tile_.sum(word, operand));
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
            for (int k = 0; k < tile_.plan.pieces; ++k) {
                products(before);
                if (k + 1 == tile_.plan.pieces) finish(before);
                // All in one piece where all is unrolled: products of one block beside the segmentation of the other.
                if (unrolls_blocks_ && !(k + 1 == tile_.plan.pieces && !flushes)) continue;
                body.straight(before, tile_.pool);
                before = {};
            }
            return;
        }
        if (!before.insns.empty()) body.straight(before, tile_.pool);
        before = {};
        Body& loop = body.loop(
            tile_.plan.pieces - (flushes ? 1 : 0), tile_.routine.slot(), tile_.pool, "products");
        Code code;
        products(code);
        loop.straight(code, tile_.pool);
        if (flushes) {
            Code last;
            products(last);
            finish(last);
            body.straight(last, tile_.pool);
        } else if (!tile_.spilled.empty()) {
            Code last;
            spill(last);
            body.straight(last, {});
        }
    }

    // The first word's outputs need more registers than are free: accumulators of the second wait in memory.
    void spill(Code& code) {
        for (std::size_t k = 0; k < tile_.spilled.size(); ++k)
            store(code, tile_.waiting(k), tile_.spilled[k]);
    }

    // Products in the order in which two weights, or two positions, stay while the others pass by; every operand is loaded as soon as
    // a register is free for it, which is with the last product of another one. In this order a pair takes as many cycles as
    // multiplies, and the scheduler has to improve on it.
    void products(Code& code) {
        struct Product {
            int pair, word, operand;
        };

        std::vector<Product> all;
        const bool weights_stay = tile_.plan.words <= tile_.plan.operands();
        for (int pair = 0; pair < tile_.plan.piece_pairs; ++pair) {
            for (int k = 0; k < tile_.plan.accumulators(); ++k) {
                const int inner = weights_stay ? tile_.plan.words : tile_.plan.operands();
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
        int free = static_cast<int>(tile_.pool.size()) - (tile_.plan.wide ? 0 : 1);
        const auto load_next = [&] {
            const auto& [pair, kind, index] = order[next];
            loaded[order[next]] = kind == 0
                                      ? activation(code, pair, index)
                                      : weight(code, 4 * pair * tile_.plan.pair_words(), index);
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
        add_any(code, kLanes, kLanes, 4 * tile_.plan.piece_pairs);
        add_any(code, kWeights, kWeights, 4 * tile_.plan.piece_pairs * tile_.plan.pair_words());
    }

    // The weights of one operand: two lanes. Bytes hold two operands, the even one in bytes 0 and 2.
    Reg weight(Code& code, int at, int word) {
        if (tile_.plan.wide) {
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
        const int positions = tile_.plan.positions / tile_.plan.operands();
        code.ldr(lanes,
                 {kLanes,
                  4 * (pair + operand * positions * tile_.plan.lines.position_step *
                                  tile_.plan.lines.column),
                  kScratchSpace});
        return lanes;
    }

    void multiply(Code& code, int word, int operand, Reg lanes, Reg weights, bool sets) {
        const Reg sum = tile_.accumulator(word, operand);
        if (tile_.plan.product == Product::Outer) {
            code.smlal(sum, tile_.upper(word, operand), lanes, weights);
        } else if (sets) {
            code.smuad(sum, lanes, weights);
        } else {
            code.smlad(sum, lanes, weights, sum);
        }
    }

    // Behind the weights of a block: the starts of the next one. The first segmentation begins the sums, where it is code of its own.
    void flush(Code& code) {
        if (tile_.plan.product == Product::Outer) return flush_outer(code);
        Reg group;
        if (first_flush_ && tile_.plan.biased) {
            group = code.value();
            load(code, group, tile_.frame.group_weights);
        }
        for (int word = 0; word < tile_.plan.words; ++word) {
            Reg bias;
            Reg minus;
            if (tile_.plan.biased) {
                bias = code.value();
                code.ldr(bias, {kWeights, 4 * word, kConstantSpace});
            }
            if (group.exists()) {
                minus = code.value();
                code.ldr(minus, {group, 4 * (bias_words(tile_.plan) + word), kConstantSpace});
            }
            for (int operand = 0; operand < tile_.plan.operands(); ++operand) {
                const Reg packed = tile_.accumulator(word, operand);
                const Reg low = tile_.split(code, packed);
                if (tile_.plan.biased) code.add(packed, packed, bias);
                if (!first_flush_) {
                    minus = code.value();
                    load(code, minus, tile_.sum(word, operand));
                }
                if (minus.exists()) code.add(low, low, minus);
                store(code, low, tile_.sum(word, operand));
            }
        }
        first_flush_ = false;
        if (tile_.plan.biased) code.add(kWeights, kWeights, 4 * bias_words(tile_.plan));
    }

    void flush_outer(Code& code) {
        Reg group;
        if (first_flush_) {
            group = code.value();
            load(code, group, tile_.frame.group_weights);
        }
        for (int word = 0; word < tile_.plan.words; ++word) {
            for (int which = 0; which < kOuterStarts; ++which) {
                Reg minus;
                if (first_flush_) {
                    minus = code.value();
                    code.ldr(minus,
                             {group,
                              4 * (bias_words(tile_.plan) + kOuterStarts * word + which),
                              kConstantSpace});
                }
                for (int operand = 0; operand < tile_.plan.operands(); ++operand) {
                    const Reg sum = code.value();
                    if (!first_flush_) load(code, sum, tile_.lanes_sum(word, operand, which));
                    code.uxtab16(
                        sum,
                        first_flush_ ? minus : sum,
                        which < 2 ? tile_.accumulator(word, operand) : tile_.upper(word, operand),
                        which == 0 || which == 2 ? 0 : 8);
                    store(code, sum, tile_.lanes_sum(word, operand, which));
                }
            }
            start_outer(code, word);
        }
        code.add(kWeights, kWeights, 4 * bias_words(tile_.plan));
        first_flush_ = false;
    }

    const Tile& tile_;
    bool unrolls_block_ = false;   // the pieces of a block
    bool unrolls_blocks_ = false;  // and all blocks
    bool first_sets_ = false;      // the first products set their accumulators, where not in a loop
    bool multiplied_ = false;
    bool first_flush_ = false;  // the next segmentation begins the sums
    Reg bytes_;                 // weights of two operands
};

}  // namespace

void emit_products(const Tile& tile) {
    Products(tile).emit();
}

}  // namespace mixq::kernels::packed_gemm
