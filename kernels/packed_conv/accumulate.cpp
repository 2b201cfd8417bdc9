// The arithmetic of a plan on the host: packed words, 64-bit accumulators, sums and what they hold, as the generated code has them.
#include <array>

#include "kernels/packed_conv/plan.h"

namespace mixq::kernels::packed_conv {

namespace {

constexpr int kLaneBits = 16;
constexpr int kMostElements = 4;

using Sums = std::array<std::uint32_t, kMostElements>;

std::uint32_t word_at(const std::vector<std::uint8_t>& bytes, std::size_t word) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = value << 8 | bytes.at(4 * word + i);
    return value;
}

std::uint32_t lanes(std::uint32_t bottom, std::uint32_t top) {
    return (bottom & 0xffff) | top << kLaneBits;
}

std::uint32_t add_lanes(std::uint32_t a, std::uint32_t b) {
    return lanes(a + b, (a >> kLaneBits) + (b >> kLaneBits));
}

std::int32_t bottom(std::uint32_t word) {
    return static_cast<std::int16_t>(word);
}

std::int32_t top(std::uint32_t word) {
    return static_cast<std::int16_t>(word >> kLaneBits);
}

std::uint32_t left(std::uint32_t word, int by) {
    return by < 32 ? word << by : 0;
}

class Row {
  public:
    Row(const Plan& plan,
        const std::vector<std::uint8_t>& weights,
        const std::vector<std::uint8_t>& input)
        : plan_(plan), layer_(plan.geometry.layer), weights_(weights), input_(input) {}

    void run(int filter, int y, std::vector<std::int32_t>& out) {
        const auto start =
            static_cast<std::size_t>(filter) * static_cast<std::size_t>(plan_.filter_words());
        std::vector<Sums> sums(static_cast<std::size_t>(plan_.strips()));
        for (Sums& strip : sums) {
            for (int i = 0; i < plan_.sum_words(); ++i)
                strip[static_cast<std::size_t>(i)] =
                    word_at(weights_, start + static_cast<std::size_t>(i));
        }
        for (int group = 0; group < plan_.groups; ++group) {
            add_group(
                start + static_cast<std::size_t>(plan_.start_words() + group * plan_.group_words()),
                group,
                y,
                sums);
        }
        for (int x = 0; x < layer_.out_width(); ++x) {
            const int position = plan_.geometry.first + x;
            out.push_back(field_sum(sums[static_cast<std::size_t>(position / plan_.elements())],
                                    position % plan_.elements()));
        }
    }

  private:
    std::int32_t activations(int channel, int phase, int row, int word) const {
        std::uint32_t packed = 0;
        for (int i = 0; i < plan_.elements(); ++i) {
            const int t = word * plan_.elements() + i;
            const int column = plan_.geometry.column(phase, t);
            if (t < 0 || t >= plan_.geometry.length || row < 0 || row >= layer_.height ||
                column < 0 || column >= layer_.width || channel >= layer_.in_channels)
                continue;
            const auto at =
                static_cast<std::size_t>((channel * layer_.height + row) * layer_.width + column);
            packed |= std::uint32_t{input_[at]}
                      << (plan_.bits() * i + plan_.placement.activation_shift);
        }
        return static_cast<std::int32_t>(packed);
    }

    void add_group(std::size_t at, int group, int y, std::vector<Sums>& sums) const {
        const auto constants = at + static_cast<std::size_t>(plan_.multiply_words());
        const std::uint32_t high = word_at(weights_, constants);
        const bool straddled = plan_.form() == Form::Straddled;
        std::uint64_t accumulator = std::uint64_t{high} << 32;
        accumulator |= straddled ? word_at(weights_, constants + 2) : high << plan_.first_bit();
        for (int strip = 0; strip < plan_.strips(); ++strip) {
            std::size_t weight = at;
            for (int k = 0; k < plan_.depth; ++k) {
                for (int phase = 0; phase < plan_.geometry.phases; ++phase) {
                    for (int ky = 0; ky < layer_.kernel_height; ++ky) {
                        for (int chunk = 0; chunk < plan_.chunks; ++chunk) {
                            const int row = y * layer_.stride + ky - layer_.padding_y;
                            const std::int64_t product =
                                std::int64_t{activations(
                                    group * plan_.depth + k, phase, row, strip - chunk)} *
                                static_cast<std::int32_t>(word_at(weights_, weight++));
                            accumulator += static_cast<std::uint64_t>(product);
                        }
                    }
                }
            }
            const auto lo = static_cast<std::uint32_t>(accumulator);
            const auto hi = static_cast<std::uint32_t>(accumulator >> 32);
            empty(lo, hi, sums[static_cast<std::size_t>(strip)]);
            const std::uint32_t carried =
                straddled ? word_at(weights_, constants + 1) + (hi >> plan_.bits_above())
                          : hi << plan_.first_bit();
            accumulator = std::uint64_t{high} << 32 | carried;
        }
    }

    void empty(std::uint32_t lo, std::uint32_t hi, Sums& u) const {
        const int s = plan_.bits();
        const int first = plan_.first_bit();
        if (plan_.form() == Form::Straddled) {
            const int above = plan_.bits_above();
            const std::uint32_t upper = (hi & ((1u << above) - 1)) << (s - above);
            if (plan_.wide) {
                u[0] += lo;
                u[1] += lo >> s;
            } else {
                u[0] = add_lanes(u[0], lanes(lo, lo << (kLaneBits - s) >> kLaneBits));
            }
            if (plan_.elements() == 3) {
                u[plan_.wide ? 2 : 1] += (lo >> (2 * s)) + upper;
            } else {
                const std::uint32_t both = (lo >> (2 * s)) + (upper << s);
                u[1] = add_lanes(u[1], lanes(both, both << (kLaneBits - s) >> kLaneBits));
            }
        } else if (plan_.wide) {
            for (int n = 0; n < plan_.elements(); ++n)
                u[static_cast<std::size_t>(n)] += lo >> (first + n * s);
        } else if (plan_.form() == Form::Bytes) {
            u[0] = add_lanes(u[0], lo & 0xff00ff);
            u[1] = add_lanes(u[1], lo >> 8 & 0xff00ff);
        } else {
            u[0] += (lo >> (first + s)) + (lo << (kLaneBits - first));
            if (plan_.elements() > 2) u[1] += lo >> (first + 2 * s);
        }
    }

    std::int32_t field_sum(const Sums& u, int n) const {
        const int s = plan_.bits();
        const auto k = static_cast<std::size_t>(n);
        if (plan_.wide) {
            const std::uint32_t sum = n + 1 < plan_.elements() ? u[k] - (u[k + 1] << s) : u[k];
            if (plan_.form() != Form::Straddled || n != 1) return static_cast<std::int32_t>(sum);
            return static_cast<std::int32_t>(sum << s) >> s;
        }
        if (plan_.form() == Form::Bytes) return n < 2 ? bottom(u[k]) : top(u[k - 2]);
        if (n == 3) return top(u[1]);
        std::uint32_t third = u[1];
        if (plan_.elements() == 4) third -= (third >> kLaneBits) << s;
        if (n == 2) return bottom(third);
        if (plan_.form() == Form::Straddled) {
            const std::uint32_t x = u[0] - (third << (kLaneBits + s));
            return n == 1 ? top(x) : bottom(x - ((x >> kLaneBits) << s));
        }
        const std::uint32_t x = plan_.elements() > 2 ? u[0] - (u[1] << s) : u[0];
        const std::uint32_t y = x - left(x, kLaneBits + s);
        return n == 1 ? bottom(y) : top(y + 0x8000);
    }

    const Plan& plan_;
    const traces::Layer& layer_;
    const std::vector<std::uint8_t>& weights_;
    const std::vector<std::uint8_t>& input_;
};

}  // namespace

std::vector<std::int32_t> accumulate(const Plan& plan,
                                     const std::vector<std::uint8_t>& weights,
                                     const std::vector<std::uint8_t>& input) {
    std::vector<std::int32_t> out;
    Row row(plan, weights, input);
    for (int filter = 0; filter < plan.geometry.layer.out_channels; ++filter) {
        for (int y = 0; y < plan.geometry.layer.out_height(); ++y) row.run(filter, y, out);
    }
    return out;
}

}  // namespace mixq::kernels::packed_conv
