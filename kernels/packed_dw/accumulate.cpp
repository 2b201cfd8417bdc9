// The arithmetic of packed-dw in portable C++: what the generated code does to one row, without its registers.
#include <cstring>

#include "kernels/packed_dw/plan.h"

namespace mixq::kernels::packed_dw {
namespace {

using Words = std::vector<std::uint32_t>;

std::uint32_t word_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    return word;
}

std::int16_t lane(std::uint32_t word, int half) {
    return static_cast<std::int16_t>(word >> (16 * half));
}

// One 64-bit accumulator, whose high word becomes the next strip's low one.
struct Accumulator {
    std::uint32_t low = 0;
    std::uint32_t high = 0;

    void add(std::uint32_t activations, std::uint32_t weights) {  // SMLAL
        const auto product = std::int64_t{static_cast<std::int32_t>(activations)} *
                             static_cast<std::int32_t>(weights);
        const std::uint64_t sum =
            (std::uint64_t{high} << 32 | low) + static_cast<std::uint64_t>(product);
        low = static_cast<std::uint32_t>(sum);
        high = static_cast<std::uint32_t>(sum >> 32);
    }

    std::uint32_t pass(std::uint32_t start, Words& words) {
        words.push_back(low);
        low = high;
        high = start;
        return low;
    }
};

class Row {
  public:
    Row(const Plan& plan, std::span<const std::uint8_t> record)
        : plan_(plan), record_(record), start_(word(plan.field_bits == 8 ? 3 : 9)) {
        even_ = odd_ = {start_, start_};
    }

    // `rows`: of the input, empty where it is padding.
    void run(const std::array<std::span<const std::uint8_t>, 3>& rows) {
        for (int strip = 0; strip < plan_.strips(); ++strip) {
            for (std::size_t k = 0; k < 3; ++k) {
                if (rows[k].empty()) continue;
                std::uint32_t bytes = 0;
                for (int i = 0; i < 4 && 4 * strip + i < plan_.shape.width; ++i)
                    bytes |= std::uint32_t{rows[k][static_cast<std::size_t>(4 * strip + i)]}
                             << (8 * i);
                if (plan_.field_bits == 8) {
                    even_.add(bytes, word(k));
                    continue;
                }
                const std::uint32_t e = bytes & 0x00ff'00ff;
                const std::uint32_t o = bytes >> 8 & 0x00ff'00ff;
                even_.add(o, word(k));
                even_.add(e, word(3 + k));
                odd_.add(e, word(k));
                odd_.add(o, word(6 + k));
            }
            even_.pass(start_, evens_);
            odd_.pass(start_, odds_);
        }
        even_.pass(start_, evens_);
        odd_.pass(start_, odds_);
    }

    // The sum centred at a column, -1 to the width.
    std::int32_t sum(int centre) const {
        if (plan_.field_bits == 8) {
            const auto at = static_cast<std::size_t>(centre + 1);
            return static_cast<std::int32_t>(evens_[at / 4] >> (8 * (at % 4)) & 0xff) +
                   lane(word(4), 0);
        }
        const bool is_odd = centre % 2 != 0;
        const int from = is_odd ? centre + 1 : centre;
        const std::uint32_t both = (is_odd ? odds_ : evens_)[static_cast<std::size_t>(from / 4)];
        return lane(static_cast<std::uint32_t>(lane(both, from % 4 / 2) - lane(word(10), 0)), 0);
    }

  private:
    std::uint32_t word(std::size_t index) const { return word_at(record_, 4 * index); }

    const Plan& plan_;
    std::span<const std::uint8_t> record_;
    std::uint32_t start_;
    Accumulator even_, odd_;
    Words evens_, odds_;
};

}  // namespace

std::vector<std::int32_t> accumulate(const Plan& plan,
                                     std::span<const std::uint8_t> records,
                                     std::span<const std::uint8_t> input) {
    const traces::Layer& shape = plan.shape;
    const std::size_t bytes = plan.field_bits == 8 ? Record::kBytes8 : Record::kBytes16;
    const auto width = static_cast<std::size_t>(shape.width);
    std::vector<std::int32_t> sums;
    for (int c = 0; c < shape.in_channels; ++c) {
        for (int y = 0; y < shape.out_height(); ++y) {
            std::array<std::span<const std::uint8_t>, 3> rows;
            for (int k = 0; k < 3; ++k) {
                const int from = y * shape.stride + k - shape.padding_y;
                if (from < 0 || from >= shape.height) continue;
                rows[static_cast<std::size_t>(k)] =
                    input.subspan(static_cast<std::size_t>(c * shape.height + from) * width, width);
            }
            Row row(plan, records.subspan(static_cast<std::size_t>(c) * bytes, bytes));
            row.run(rows);
            for (int x = 0; x < shape.out_width(); ++x)
                sums.push_back(row.sum(x * shape.stride + 1 - shape.padding_x));
        }
    }
    return sums;
}

}  // namespace mixq::kernels::packed_dw
