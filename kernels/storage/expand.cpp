// Loops as the plan has them; masks and offsets that are used most wait in registers.
#include "kernels/storage/expand.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>

namespace mixq::kernels::storage {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

constexpr Reg kStored = r0;
constexpr Reg kPacked = r1;
constexpr Space kPackedSpace = 1;
const std::vector<Reg> kWork{r2, r3, r10, r11, r12, lr};
constexpr std::size_t kKept = 2;  // stored words in registers at once
const std::vector<Reg> kConstants{r4, r5, r6, r7, r8, r9};

// How often constants are needed in registers, each loop counting for so many passes at most: what is innermost matters.
using Uses = std::map<std::uint32_t, double>;

bool contiguous(std::uint32_t bits) {
    const std::uint32_t low = bits >> std::countr_zero(bits);
    return (low & (low + 1)) == 0;
}

class Expander {
  public:
    Expander(const Plan& plan, int units, const std::string& layer)
        : plan_(plan), units_(units), routine_("mixq_expand_" + layer) {}

    const Routine& write() {
        count_uses(plan_.unit, units_);
        count_uses(plan_.tail, 1);
        settle_constants();
        Node unit;
        unit.count = units_;
        unit.nodes = plan_.unit;
        node(routine_.body(), unit);
        nodes(routine_.body(), plan_.tail);
        return routine_;
    }

  private:
    void count_uses(const std::vector<Node>& nodes, double times) {
        for (const Node& each : nodes) {
            const double passes = times * each.count;
            count_uses(each.nodes, passes);
            for (const Piece& piece : each.from.pieces) {
                if (masked(piece)) uses_[piece.bits] += passes;
            }
            for (const Word& word : each.words) {
                if (word.offset != 0) uses_[word.offset] += passes;
            }
        }
    }

    // A single field that does not lie across the stored word's end takes UBFX.
    static bool is_field(const Piece& piece) {
        return contiguous(piece.bits) && lowest(piece) + std::popcount(piece.bits) <= 32;
    }

    static int lowest(const Piece& piece) {
        return (std::countr_zero(piece.bits) + piece.rotate) % 32;
    }

    static bool masked(const Piece& piece) { return piece.bits != 0xffff'ffff && !is_field(piece); }

    void settle_constants() {
        std::vector<std::pair<double, std::uint32_t>> order;
        for (const auto& [constant, times] : uses_) order.emplace_back(-times, constant);
        std::ranges::sort(order);
        Code code;
        pool_ = kWork;
        for (std::size_t k = 0; k < kConstants.size(); ++k) {
            if (k >= order.size()) {
                pool_.push_back(kConstants[k]);
                continue;
            }
            constants_[order[k].second] = kConstants[k];
            code.mov(kConstants[k], order[k].second);
        }
        routine_.body().straight(code, pool_);
    }

    void nodes(Body& body, const std::vector<Node>& all) {
        for (const Node& each : all) node(body, each);
    }

    void node(Body& body, const Node& each) {
        if (each.count == 1) return inside(body, each);
        inside(body.loop(each.count, routine_.slot(), pool_, each.leaf() ? "words" : "runs"), each);
    }

    void inside(Body& body, const Node& each) {
        if (!each.leaf()) return nodes(body, each.nodes);
        body.straight(leaf(each), pool_);
    }

    Code leaf(const Node& each) {
        Code code;
        sources_.clear();
        copied_ = Reg{};
        std::vector<std::vector<Piece>> pieces(each.words.size());
        for (const Piece& piece : each.from.pieces)
            pieces[static_cast<std::size_t>(piece.word)].push_back(piece);
        for (const std::size_t k : order(each, pieces)) {
            code.str(word(code, each.words[k], pieces[k]),
                     {kPacked, 4 * static_cast<int>(k), kPackedSpace});
        }
        if (each.from.sources > 0) code.add(kStored, kStored, 4 * each.from.sources);
        code.add(kPacked, kPacked, 4 * static_cast<int>(each.words.size()));
        return code;
    }

    // Words that lie in the same stored word follow each other; copies follow what they copy.
    static std::vector<std::size_t> order(const Node& each,
                                          const std::vector<std::vector<Piece>>& pieces) {
        std::vector<std::pair<int, std::size_t>> keyed;
        int source = 0;
        for (std::size_t k = 0; k < each.words.size(); ++k) {
            const auto most = std::ranges::max_element(
                pieces[k], {}, [](const Piece& piece) { return std::popcount(piece.bits); });
            if (most != pieces[k].end()) source = most->source;
            keyed.emplace_back(source, k);
        }
        std::ranges::stable_sort(keyed, {}, &std::pair<int, std::size_t>::first);
        std::vector<std::size_t> all;
        for (const auto& [key, k] : keyed) all.push_back(k);
        return all;
    }

    // The latest few are kept in registers, others loaded again.
    Reg source(Code& code, int index) {
        for (std::size_t k = 0; k < sources_.size(); ++k) {
            if (sources_[k].first != index) continue;
            std::rotate(sources_.begin() + static_cast<std::ptrdiff_t>(k),
                        sources_.begin() + static_cast<std::ptrdiff_t>(k) + 1,
                        sources_.end());
            return sources_.back().second;
        }
        if (sources_.size() == kKept) sources_.erase(sources_.begin());
        sources_.emplace_back(index, code.value());
        code.ldr(sources_.back().second, {kStored, 4 * index, kConstantSpace});
        return sources_.back().second;
    }

    Reg constant(Code& code, std::uint32_t value) const {
        const auto known = constants_.find(value);
        if (known != constants_.end()) return known->second;
        const Reg made = code.value();
        code.mov(made, value);
        return made;
    }

    // The bits of a piece: at their places, or lower by what the second says.
    std::pair<Reg, int> taken(Code& code, const Piece& piece) {
        const Reg from = source(code, piece.source);
        if (piece.bits == 0xffff'ffff) {
            if (piece.rotate == 0) return {from, 0};
            const Reg rotated = code.value();
            code.shift(rotated, from, ror(piece.rotate));
            return {rotated, 0};
        }
        const Reg bits = code.value();
        if (is_field(piece)) {
            code.ubfx(bits, from, lowest(piece), std::popcount(piece.bits));
            return {bits, std::countr_zero(piece.bits)};
        }
        code.and_(bits,
                  constant(code, piece.bits),
                  from,
                  piece.rotate == 0 ? Shift{} : ror(piece.rotate));
        return {bits, 0};
    }

    static Shift left_by(int amount) { return amount == 0 ? Shift{} : lsl(amount); }

    Reg stored(Code& code, const std::vector<Piece>& pieces) {
        Reg sum;
        int up = 0;
        for (const Piece& piece : pieces) {
            const auto [bits, places] = taken(code, piece);
            if (!sum.exists()) {
                sum = bits;
                up = places;
                continue;
            }
            const Reg more = code.value();
            if (up == 0) {
                code.orr(more, sum, bits, left_by(places));
            } else {
                // One of the two has to be moved by itself, unless both move alike.
                Reg moved = bits;
                if (places != 0) {
                    moved = code.value();
                    code.shift(moved, bits, lsl(places));
                }
                code.orr(more, moved, sum, lsl(up));
                up = 0;
            }
            sum = more;
        }
        if (up == 0) return sum;
        const Reg moved = code.value();
        code.shift(moved, sum, lsl(up));
        return moved;
    }

    Reg word(Code& code, const Word& word, const std::vector<Piece>& pieces) {
        if (!word.shifts.empty()) return copies(code, word, pieces);
        if (pieces.empty()) {
            const Reg zero = code.value();
            code.mov(zero, 0);
            return zero;
        }
        const Reg fields = stored(code, pieces);
        if (word.offset == 0) return fields;
        const Reg made = code.value();
        const Reg offset = constant(code, word.offset);
        if (word.lane_bits == 32) {
            code.sub(made, fields, offset);
        } else if (word.lane_bits == 16) {
            code.ssub16(made, fields, offset);
        } else {
            code.usub8(made, fields, offset);
        }
        return made;
    }

    Reg copies(Code& code, const Word& word, const std::vector<Piece>& pieces) {
        if (!word.again) copied_ = stored(code, pieces);
        Reg sum;
        for (const int left : word.shifts) {
            const Shift by = left < 0 ? lsr(-left) : left_by(left);
            const Reg more = code.value();
            if (sum.exists()) {
                code.add(more, sum, copied_, by);
            } else if (by.amount == 0) {
                sum = copied_;
                continue;
            } else {
                code.shift(more, copied_, by);
            }
            sum = more;
        }
        return sum;
    }

    const Plan& plan_;
    int units_;
    Routine routine_;
    Uses uses_;
    std::map<std::uint32_t, Reg> constants_;
    std::vector<Reg> pool_;
    std::vector<std::pair<int, Reg>> sources_;  // of the leaf, latest last
    Reg copied_;
};

}  // namespace

Lowered expand_code(const Plan& plan, int units, const std::string& layer, Scheduling how) {
    return lower(Expander(plan, units, layer).write(), how);
}

}  // namespace mixq::kernels::storage
