// Encodings and meanings: Armv7-M Architecture Reference Manual (DDI 0403E), A6.4 and A7.7. The host's arithmetic is IEEE 754
// too; rounding mode, exception flags and what becomes of NaNs are carried over.
#include "sim/double_precision.h"

#include <bit>
#include <cfenv>
#include <cmath>
#include <limits>
#include <optional>

namespace mixq::sim {

namespace {

// FPSCR.
constexpr std::uint32_t kDefaultNan = 1u << 25;
constexpr std::uint32_t kRounding = 3u << 22;
constexpr std::uint32_t kInvalid = 1u << 0;
constexpr std::uint32_t kInexact = 1u << 4;
constexpr std::uint32_t kCompareFlags = 0xf000'0000;

constexpr std::uint64_t kQuietBit = std::uint64_t{1} << 51;
constexpr std::uint64_t kNan = 0x7ff8'0000'0000'0000;
constexpr std::uint64_t kSign = std::uint64_t{1} << 63;

std::uint32_t field(std::uint32_t encoding, int low, int bits) {
    return encoding >> low & ((1u << bits) - 1);
}

bool is_nan(std::uint64_t bits) {
    return (bits & ~kSign) > 0x7ff0'0000'0000'0000;
}

bool is_signalling(std::uint64_t bits) {
    return is_nan(bits) && (bits & kQuietBit) == 0;
}

double number(std::uint64_t bits) {
    return std::bit_cast<double>(bits);
}

std::uint64_t bits_of(double value) {
    return std::bit_cast<std::uint64_t>(value);
}

// The host computes in the mode of FPSCR for as long as this lives; then FPSCR has the exceptions.
class Arithmetic {
  public:
    explicit Arithmetic(std::uint32_t& fpscr) : fpscr_(fpscr) {
        std::feholdexcept(&host_);
        constexpr int kModes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
        std::fesetround(kModes[(fpscr & kRounding) >> 22]);
    }

    ~Arithmetic() {
        constexpr int kRaised[] = {FE_INVALID, FE_DIVBYZERO, FE_OVERFLOW, FE_UNDERFLOW, FE_INEXACT};
        for (int k = 0; k < 5; ++k) {
            if (std::fetestexcept(kRaised[k])) fpscr_ |= 1u << k;
        }
        std::fesetenv(&host_);
    }

    Arithmetic(const Arithmetic&) = delete;
    Arithmetic& operator=(const Arithmetic&) = delete;

  private:
    std::uint32_t& fpscr_;
    std::fenv_t host_{};
};

// A NaN among the operands is the result, the first signalling one before the first quiet one.
std::optional<std::uint64_t> propagated(std::uint32_t& fpscr,
                                        std::initializer_list<std::uint64_t> operands) {
    std::optional<std::uint64_t> found;
    for (const std::uint64_t operand : operands) {
        if (!is_signalling(operand)) continue;
        fpscr |= kInvalid;
        found = operand;
        break;
    }
    for (const std::uint64_t operand : operands) {
        if (!found && is_nan(operand)) found = operand;
    }
    if (!found) return std::nullopt;
    return (fpscr & kDefaultNan) != 0 ? kNan : *found | kQuietBit;
}

// Operands pass through volatile storage, so that the compiler leaves every operation where the mode is set.
template <typename Operation>
std::uint64_t computed(std::uint32_t& fpscr,
                       std::uint64_t a,
                       std::uint64_t b,
                       Operation operation) {
    if (const auto nan = propagated(fpscr, {a, b})) return *nan;
    const Arithmetic mode(fpscr);
    volatile double left = number(a);
    volatile double right = number(b);
    volatile double result = operation(left, right);
    return std::isnan(result) ? kNan : bits_of(result);
}

std::uint64_t fused(std::uint32_t& fpscr, std::uint64_t sum, std::uint64_t a, std::uint64_t b) {
    if (const auto nan = propagated(fpscr, {sum, a, b})) return *nan;
    const Arithmetic mode(fpscr);
    volatile double result = std::fma(number(a), number(b), number(sum));
    return std::isnan(result) ? kNan : bits_of(result);
}

double plus(double a, double b) {
    return a + b;
}

double times(double a, double b) {
    return a * b;
}

enum class Round : std::uint8_t { Away, Nearest, Up, Down, Zero, Mode };

double rounded(double value, Round how, std::uint32_t fpscr) {
    constexpr Round kModes[] = {Round::Nearest, Round::Up, Round::Down, Round::Zero};
    switch (how == Round::Mode ? kModes[(fpscr & kRounding) >> 22] : how) {
        case Round::Away:
            return std::round(value);
        case Round::Up:
            return std::ceil(value);
        case Round::Down:
            return std::floor(value);
        case Round::Zero:
            return std::trunc(value);
        default: {
            const double near = std::round(value);
            const bool tie = std::abs(value - std::trunc(value)) == 0.5;
            return tie ? std::copysign(2 * std::round(value / 2), value) : near;
        }
    }
}

std::uint64_t to_whole(FloatState& state, std::uint64_t from, Round how, bool tells_inexact) {
    if (const auto nan = propagated(state.fpscr, {from})) return *nan;
    const double whole = std::copysign(rounded(number(from), how, state.fpscr), number(from));
    if (tells_inexact && whole != number(from)) state.fpscr |= kInexact;
    return bits_of(whole);
}

std::uint32_t to_integer(FloatState& state, std::uint64_t from, Round how, bool is_signed) {
    const double least = is_signed ? -2147483648.0 : 0.0;
    const double most = is_signed ? 2147483647.0 : 4294967295.0;
    const double whole = is_nan(from) ? 0.0 : rounded(number(from), how, state.fpscr);
    if (is_nan(from) || whole < least || whole > most) {
        state.fpscr |= kInvalid;
    } else if (whole != number(from)) {
        state.fpscr |= kInexact;
    }
    const double held = std::fmin(std::fmax(whole, least), most);
    return is_signed ? static_cast<std::uint32_t>(static_cast<std::int32_t>(held))
                     : static_cast<std::uint32_t>(held);
}

void compare(FloatState& state, std::uint64_t a, std::uint64_t b, bool quiet_is_invalid) {
    std::uint32_t flags = 0x3000'0000;  // unordered
    if (is_nan(a) || is_nan(b)) {
        if (quiet_is_invalid || is_signalling(a) || is_signalling(b)) state.fpscr |= kInvalid;
    } else if (number(a) == number(b)) {
        flags = 0x6000'0000;
    } else {
        flags = number(a) < number(b) ? 0x8000'0000 : 0x2000'0000;
    }
    state.fpscr = (state.fpscr & ~kCompareFlags) | flags;
}

// VMAXNM, VMINNM: a quiet NaN beside a number gives way to it.
std::uint64_t extreme(std::uint32_t& fpscr, std::uint64_t a, std::uint64_t b, bool least) {
    const bool signals = is_signalling(a) || is_signalling(b);
    if (!signals && is_nan(a) && !is_nan(b)) return b;
    if (!signals && is_nan(b) && !is_nan(a)) return a;
    if (const auto nan = propagated(fpscr, {a, b})) return *nan;
    const bool a_is_less = number(a) < number(b) || (number(a) == number(b) && (a & kSign) != 0);
    return a_is_less == least ? a : b;
}

// VFPExpandImm of eight bits.
std::uint64_t constant(std::uint32_t imm) {
    const std::uint64_t b = imm >> 6 & 1;
    const std::uint64_t exponent = (b ^ 1) << 10 | (b != 0 ? 0xffu << 2 : 0u) | (imm >> 4 & 3);
    return std::uint64_t{imm >> 7} << 63 | exponent << 52 | std::uint64_t{imm & 15} << 48;
}

bool selects(std::uint32_t condition, std::uint32_t flags) {
    const bool n = flags >> 31 & 1;
    const bool z = flags >> 30 & 1;
    const bool v = flags >> 28 & 1;
    switch (condition) {
        case 0:
            return z;
        case 1:
            return v;
        case 2:
            return n == v;
        default:
            return !z && n == v;
    }
}

// Single registers, by the five bits of their number.
std::uint32_t single(const FloatState& state, std::uint32_t number) {
    return static_cast<std::uint32_t>(state.d[number >> 1] >> (32 * (number & 1)));
}

void set_single(FloatState& state, std::uint32_t number, std::uint32_t value) {
    const int shift = 32 * static_cast<int>(number & 1);
    state.d[number >> 1] = (state.d[number >> 1] & ~(std::uint64_t{0xffff'ffff} << shift)) |
                           std::uint64_t{value} << shift;
}

std::uint64_t widened(FloatState& state, std::uint32_t bits) {
    const bool nan = (bits & 0x7fff'ffff) > 0x7f80'0000;
    if (!nan) return bits_of(std::bit_cast<float>(bits));
    if ((bits & 0x0040'0000) == 0) state.fpscr |= kInvalid;
    if ((state.fpscr & kDefaultNan) != 0) return kNan;
    return std::uint64_t{bits >> 31} << 63 | kNan | std::uint64_t{bits & 0x003f'ffff} << 29;
}

std::uint32_t narrowed(FloatState& state, std::uint64_t bits) {
    if (const auto nan = propagated(state.fpscr, {bits}))
        return static_cast<std::uint32_t>(*nan >> 63 << 31 | 0x7fc0'0000 |
                                          (*nan >> 29 & 0x003f'ffff));
    const Arithmetic mode(state.fpscr);
    volatile double from = number(bits);
    volatile auto to = static_cast<float>(from);
    return std::bit_cast<std::uint32_t>(static_cast<float>(to));
}

// The operation field 111: one operand.
bool execute_one_operand(std::uint32_t encoding, FloatState& state) {
    const bool upper = field(encoding, 7, 1) != 0;
    const bool is_double = field(encoding, 8, 1) != 0;
    const std::uint32_t vd = field(encoding, 12, 4);
    const std::uint32_t vm = field(encoding, 0, 4);
    const std::uint32_t sd = vd << 1 | field(encoding, 22, 1);
    const std::uint32_t sm = vm << 1 | field(encoding, 5, 1);
    if (field(encoding, 6, 1) == 0) {
        if (is_double) state.d[vd] = constant(field(encoding, 16, 4) << 4 | vm);
        return is_double;
    }
    const std::uint32_t operation = field(encoding, 16, 4);
    if (!is_double) {
        if (operation != 7 || !upper) return false;
        state.d[vd] = widened(state, single(state, sm));
        return true;
    }
    switch (operation) {
        case 0:
            state.d[vd] = upper ? state.d[vm] & ~kSign : state.d[vm];
            return true;
        case 1:
            state.d[vd] = upper ? computed(state.fpscr,
                                           state.d[vm],
                                           0,
                                           [](double a, double) { return std::sqrt(a); })
                                : state.d[vm] ^ kSign;
            return true;
        case 4:
        case 5:
            compare(state, state.d[vd], operation == 4 ? state.d[vm] : 0, upper);
            return true;
        case 6:
            state.d[vd] = to_whole(state, state.d[vm], upper ? Round::Zero : Round::Mode, false);
            return true;
        case 7:
            if (upper) {
                set_single(state, sd, narrowed(state, state.d[vm]));
            } else {
                state.d[vd] = to_whole(state, state.d[vm], Round::Mode, true);
            }
            return true;
        case 8: {
            const std::uint32_t from = single(state, sm);
            state.d[vd] = bits_of(upper ? static_cast<double>(static_cast<std::int32_t>(from))
                                        : static_cast<double>(from));
            return true;
        }
        case 12:
        case 13:
            set_single(
                state,
                sd,
                to_integer(state, state.d[vm], upper ? Round::Zero : Round::Mode, operation == 13));
            return true;
        default:
            return false;  // halves, fixed point
    }
}

bool execute_arithmetic(std::uint32_t encoding, FloatState& state) {
    const std::uint64_t n = state.d[field(encoding, 16, 4)];
    const std::uint64_t m = state.d[field(encoding, 0, 4)];
    std::uint64_t& d = state.d[field(encoding, 12, 4)];
    std::uint32_t& fpscr = state.fpscr;
    const bool second = field(encoding, 6, 1) != 0;
    const auto product = [&] { return computed(fpscr, n, m, times); };
    const auto negated = [](std::uint64_t value) { return value ^ kSign; };
    switch (field(encoding, 23, 1) << 2 | field(encoding, 20, 2)) {
        case 0: {  // VMLA, VMLS
            const std::uint64_t term = product();
            d = computed(fpscr, d, second ? negated(term) : term, plus);
            return true;
        }
        case 1: {  // VNMLS, VNMLA
            const std::uint64_t term = product();
            d = computed(fpscr, negated(d), second ? negated(term) : term, plus);
            return true;
        }
        case 2: {  // VMUL, VNMUL
            const std::uint64_t term = product();
            d = second ? negated(term) : term;
            return true;
        }
        case 3:  // VADD, VSUB
            d = second ? computed(fpscr, n, m, [](double a, double b) { return a - b; })
                       : computed(fpscr, n, m, plus);
            return true;
        case 4:
            if (second) return false;
            d = computed(fpscr, n, m, [](double a, double b) { return a / b; });
            return true;
        case 5:  // VFNMS, VFNMA
            d = fused(fpscr, negated(d), second ? negated(n) : n, m);
            return true;
        case 6:  // VFMA, VFMS
            d = fused(fpscr, d, second ? negated(n) : n, m);
            return true;
        default:
            return false;
    }
}

// VSEL, VMAXNM, VMINNM, VRINTx and VCVTx of Armv8's FPv5.
bool execute_directed(std::uint32_t encoding, FloatState& state) {
    constexpr Round kDirections[] = {Round::Away, Round::Nearest, Round::Up, Round::Down};
    const std::uint64_t n = state.d[field(encoding, 16, 4)];
    const std::uint64_t m = state.d[field(encoding, 0, 4)];
    std::uint64_t& d = state.d[field(encoding, 12, 4)];
    const bool bit6 = field(encoding, 6, 1) != 0;
    if (field(encoding, 23, 1) == 0) {
        if (!bit6) d = selects(field(encoding, 20, 2), state.flags) ? n : m;
        return !bit6;
    }
    if (field(encoding, 20, 2) == 0) {
        d = extreme(state.fpscr, n, m, bit6);
        return true;
    }
    if (field(encoding, 20, 2) != 3 || !bit6 || field(encoding, 19, 1) == 0) return false;
    const Round how = kDirections[field(encoding, 16, 2)];
    const bool bit7 = field(encoding, 7, 1) != 0;
    if (field(encoding, 18, 1) == 0) {
        if (!bit7) d = to_whole(state, m, how, false);
        return !bit7;
    }
    const std::uint32_t sd = field(encoding, 12, 4) << 1 | field(encoding, 22, 1);
    set_single(state, sd, to_integer(state, m, how, bit7));
    return true;
}

}  // namespace

bool execute_double(std::uint32_t encoding, FloatState& state) {
    const std::uint32_t group = encoding >> 24;
    if ((group != 0xee && group != 0xfe) || field(encoding, 9, 3) != 5 ||
        field(encoding, 4, 1) != 0)
        return false;
    const bool one_operand =
        group == 0xee && field(encoding, 23, 1) == 1 && field(encoding, 20, 2) == 3;
    if (one_operand) return execute_one_operand(encoding, state);
    if (field(encoding, 8, 1) == 0) return false;  // single precision: the emulator's
    return group == 0xee ? execute_arithmetic(encoding, state) : execute_directed(encoding, state);
}

}  // namespace mixq::sim
