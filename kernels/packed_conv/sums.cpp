// Emptying packed accumulators and reading sums: accumulate.cpp in instructions.
#include "kernels/packed_conv/sums.h"

#include <utility>

namespace mixq::kernels::packed_conv {

using generate::At;
using generate::Code;
using generate::lsl;
using generate::lsr;
using generate::Reg;

namespace {

constexpr int kLaneBits = 16;
constexpr int kWordBits = 32;
constexpr std::uint32_t kHalf = 0x8000;  // of a lane

At word_of(At at, int word) {
    at.offset += 4 * word;
    return at;
}

// The sum words that are loaded, changed and stored again.
class Update {
  public:
    Update(Code& code, At at) : code_(code), at_(at) {}

    template <typename Change>
    void operator()(int word, Change change) {
        const Reg sum = code_.value();
        code_.ldr(sum, word_of(at_, word));
        change(sum);
        code_.str(sum, word_of(at_, word));
    }

  private:
    Code& code_;
    At at_;
};

void add_shifted(Code& code, Reg sum, Reg from, int right) {
    code.add(sum, sum, from, right > 0 ? lsr(right) : generate::Shift{});
}

void empty_straddled(Code& code, const Plan& plan, const Accumulator& acc, Update& update) {
    const int s = plan.bits();
    const int above = plan.bits_above();
    if (plan.wide) {
        update(0, [&](Reg sum) { code.add(sum, sum, acc.lo); });
        update(1, [&](Reg sum) { add_shifted(code, sum, acc.lo, s); });
    } else {
        update(0, [&](Reg sum) {
            const Reg pair = code.value();
            code.pkhbt(pair, acc.lo, acc.lo, kLaneBits - s);
            code.uadd16(sum, sum, pair);
        });
    }
    update(plan.wide ? 2 : 1, [&](Reg sum) {
        const Reg upper = code.value();
        if (above <= 8) {
            code.and_(upper, acc.hi, (1u << above) - 1);
        } else {
            code.ubfx(upper, acc.hi, 0, above);
        }
        if (plan.elements() == 3) {
            add_shifted(code, sum, acc.lo, 2 * s);
            code.add(sum, sum, upper, lsl(s - above));
            return;
        }
        const Reg lower = code.value();
        const Reg both = code.value();
        const Reg pair = code.value();
        code.shift(lower, acc.lo, lsr(2 * s));
        code.orr(both, lower, upper, lsl(2 * s - above));
        code.pkhbt(pair, both, both, kLaneBits - s);
        code.uadd16(sum, sum, pair);
    });
}

std::vector<Reg> load_sums(Code& code, const Plan& plan, At at, const std::vector<bool>& wanted) {
    std::vector<Reg> regs(static_cast<std::size_t>(plan.sum_words()));
    for (std::size_t k = 0; k < regs.size(); ++k) {
        if (!wanted[k]) continue;
        regs[k] = code.value();
        code.ldr(regs[k], word_of(at, static_cast<int>(k)));
    }
    return regs;
}

std::vector<Sum> read_wide(Code& code, const Plan& plan, At at, const std::vector<bool>& wanted) {
    const int s = plan.bits();
    std::vector<bool> loads = wanted;
    for (std::size_t n = 0; n + 1 < wanted.size(); ++n) loads[n + 1] = loads[n + 1] || wanted[n];
    const std::vector<Reg> words = load_sums(code, plan, at, loads);
    std::vector<Sum> sums(wanted.size());
    for (std::size_t n = 0; n < wanted.size(); ++n) {
        if (!wanted[n]) continue;
        if (n + 1 == wanted.size()) {
            sums[n] = {words[n]};
            continue;
        }
        const Reg sum = code.value();
        code.sub(sum, words[n], words[n + 1], lsl(s));
        sums[n] = {sum};
        if (plan.form() == Form::Straddled && n == 1) {
            const Reg exact = code.value();
            code.sbfx(exact, sum, 0, kWordBits - s);
            sums[n] = {exact};
        }
    }
    return sums;
}

}  // namespace

void empty(Code& code, const Plan& plan, const Accumulator& acc, At at) {
    Update update(code, at);
    const int s = plan.bits();
    const int first = plan.first_bit();
    if (plan.form() == Form::Straddled) return empty_straddled(code, plan, acc, update);
    if (plan.wide) {
        for (int n = 0; n < plan.elements(); ++n)
            update(n, [&](Reg sum) { add_shifted(code, sum, acc.lo, first + n * s); });
        return;
    }
    if (plan.form() == Form::Bytes) {
        update(0, [&](Reg sum) { code.uxtab16(sum, sum, acc.lo); });
        update(1, [&](Reg sum) { code.uxtab16(sum, sum, acc.lo, 8); });
        return;
    }
    update(0, [&](Reg sum) {
        add_shifted(code, sum, acc.lo, first + s);
        code.add(sum, sum, acc.lo, lsl(kLaneBits - first));
    });
    if (plan.elements() > 2)
        update(1, [&](Reg sum) { add_shifted(code, sum, acc.lo, first + 2 * s); });
}

void start(Code& code, const Plan& plan, std::span<const Accumulator> accumulators, At constants) {
    const Accumulator& first = accumulators.front();
    code.ldr(first.hi, word_of(constants, 0));
    if (plan.form() == Form::Straddled) {
        code.ldr(first.lo, word_of(constants, 2));
    } else if (plan.first_bit() > 0) {
        code.shift(first.lo, first.hi, lsl(plan.first_bit()));
    } else {
        code.mov(first.lo, first.hi);
    }
    for (const Accumulator& other : accumulators.subspan(1)) {
        code.mov(other.hi, first.hi);
        code.mov(other.lo, first.lo);
    }
}

void carry(Code& code,
           const Plan& plan,
           std::span<Accumulator> accumulators,
           At constants,
           bool exchange) {
    if (plan.form() == Form::Straddled) {
        const Reg low = code.value();
        code.ldr(low, word_of(constants, 1));
        for (const Accumulator& acc : accumulators)
            code.add(acc.lo, low, acc.hi, lsr(plan.bits_above()));
    } else if (plan.first_bit() > 0) {
        for (const Accumulator& acc : accumulators)
            code.shift(acc.lo, acc.hi, lsl(plan.first_bit()));
    } else {
        for (Accumulator& acc : accumulators) {
            if (exchange) {
                std::swap(acc.lo, acc.hi);
            } else {
                code.mov(acc.lo, acc.hi);
            }
        }
    }
    for (const Accumulator& acc : accumulators) code.ldr(acc.hi, word_of(constants, 0));
}

std::vector<Sum> read_sums(Code& code, const Plan& plan, At at, const std::vector<bool>& wanted) {
    if (plan.wide) return read_wide(code, plan, at, wanted);
    const int s = plan.bits();
    std::vector<Sum> sums(wanted.size());
    if (plan.form() == Form::Bytes) {
        const std::vector<Reg> words =
            load_sums(code, plan, at, {wanted[0] || wanted[2], wanted[1] || wanted[3]});
        for (std::size_t n = 0; n < 4; ++n)
            sums[n] = {words[n % 2], n < 2 ? Sum::Bottom : Sum::Top};
        return sums;
    }
    const bool third = plan.elements() > 2;
    const auto without_upper = [&](Reg lanes) {
        // The lower lane holds the upper one's sum too, S bits up.
        const Reg low = code.value();
        const Reg bottom = code.value();
        code.and_(low, lanes, ((1u << (kLaneBits - s)) - 1) << kLaneBits);
        code.sub(bottom, lanes, low, lsr(kLaneBits - s));
        return bottom;
    };
    const bool others = wanted[0] || wanted[1];
    std::vector<bool> loads{others};
    if (third) loads.push_back(true);
    const std::vector<Reg> words = load_sums(code, plan, at, loads);
    Reg upper;
    if (third) {
        upper = words[1];
        if (plan.elements() == 4) {
            sums[3] = {upper, Sum::Top};
            if (wanted[2] || others) upper = without_upper(upper);
        }
        sums[2] = {upper, Sum::Bottom};
    }
    if (!others) return sums;
    Reg x = words[0];
    if (plan.form() == Form::Straddled) {
        x = code.value();
        code.sub(x, words[0], upper, lsl(kLaneBits + s));
        sums[1] = {x, Sum::Top};
        if (!wanted[0]) return sums;
        sums[0] = {without_upper(x), Sum::Bottom};
        return sums;
    }
    if (third) {
        const Reg without = code.value();
        code.sub(without, x, words[1], lsl(s));
        x = without;
    }
    if (s < kLaneBits) {
        const Reg without = code.value();
        code.sub(without, x, x, lsl(kLaneBits + s));
        x = without;
    }
    sums[1] = {x, Sum::Bottom};
    if (!wanted[0]) return sums;
    // A negative bottom lane has borrowed from the top one.
    const Reg rounded = code.value();
    code.add(rounded, x, static_cast<int>(kHalf));
    sums[0] = {rounded, Sum::Top};
    return sums;
}

}  // namespace mixq::kernels::packed_conv
