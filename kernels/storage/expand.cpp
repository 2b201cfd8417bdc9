// Loops as the plan has them; masks and offsets that are used most wait in registers.
#include "kernels/storage/expand.h"

#include <algorithm>
#include <bit>

#include "kernels/storage/gather.h"

namespace mixq::kernels::storage {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

constexpr Reg kStored = r0;
constexpr Reg kPacked = r1;
constexpr Space kPackedSpace = 1;
const std::vector<Reg> kWork{r2, r3, r10, r11, r12, lr};
const std::vector<Reg> kConstants{r4, r5, r6, r7, r8, r9};

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
                if (Gather::masked(piece)) uses_[piece.bits] += passes;
            }
            for (const Word& word : each.words) {
                if (word.offset != 0) uses_[word.offset] += passes;
            }
        }
    }

    void settle_constants() {
        Code code;
        pool_ = kWork;
        const std::vector<Reg> free = gather_.keep(code, uses_, kConstants);
        pool_.insert(pool_.end(), free.begin(), free.end());
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
        gather_.begin();
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

    Reg word(Code& code, const Word& word, const std::vector<Piece>& pieces) {
        if (!word.shifts.empty()) return copies(code, word, pieces);
        if (pieces.empty()) {
            const Reg zero = code.value();
            code.mov(zero, 0);
            return zero;
        }
        const Reg fields = gather_.word(code, pieces);
        if (word.offset == 0) return fields;
        const Reg made = code.value();
        const Reg offset = gather_.constant(code, word.offset);
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
        if (!word.again) copied_ = gather_.word(code, pieces);
        Reg sum;
        for (const int left : word.shifts) {
            const Shift by = left < 0 ? lsr(-left) : left == 0 ? Shift{} : lsl(left);
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
    Gather gather_{kStored, kConstantSpace};
    Uses uses_;
    std::vector<Reg> pool_;
    Reg copied_;
};

}  // namespace

Lowered expand_code(const Plan& plan, int units, const std::string& layer, Scheduling how) {
    return lower(Expander(plan, units, layer).write(), how);
}

}  // namespace mixq::kernels::storage
