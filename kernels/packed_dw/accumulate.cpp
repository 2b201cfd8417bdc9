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

    void pass(std::uint32_t start, Words& words) {
        words.push_back(low);
        low = high;
        high = start;
    }
};

class Row {
  public:
    Row(const Plan& plan, std::span<const std::uint8_t> record)
        : plan_(plan), at_(record_of(plan.packing)), record_(record) {
        first_ = {word(at_.start), word(at_.start)};
        second_ = first_;
        if (plan.packing == Packing::Digits) second_ = {word(at_.high_start), word(at_.high_start)};
        if (plan.packing == Packing::Mixed)
            second_ = {word(at_.odd_start), word(at_.odd_start + 1)};
    }

    // `rows`: of the input, empty where it is padding.
    void run(const std::array<std::span<const std::uint8_t>, 3>& rows) {
        const std::uint32_t first = first_.high;
        const std::uint32_t second = second_.high;
        for (int strip = 0; strip <= plan_.strips(); ++strip) {
            for (int k = 0; k < 3; ++k) {
                const auto& row = rows[static_cast<std::size_t>(k)];
                std::uint32_t bytes = 0;
                for (int i = 0; i < 4 && 4 * strip + i < plan_.shape.width && !row.empty(); ++i)
                    bytes |= std::uint32_t{row[static_cast<std::size_t>(4 * strip + i)]} << (8 * i);
                multiply(bytes, k);
            }
            if (plan_.packing == Packing::Mixed) second_.add(first_.low, word(at_.less));
            first_.pass(first, firsts_);
            second_.pass(second, seconds_);
        }
    }

    // The sum centred at a column, -1 to the width.
    std::int32_t sum(int centre) const {
        const auto byte = static_cast<std::size_t>(centre + 1);
        const auto byte_of = [byte](const Words& words) {
            return static_cast<std::int32_t>(words[byte / 4] >> (8 * (byte % 4)) & 0xff);
        };
        const std::int32_t minus = lane(word(at_.minus), 0);
        if (plan_.packing == Packing::Bytes) return byte_of(firsts_) + minus;
        if (plan_.packing == Packing::Digits)
            return byte_of(firsts_) + (byte_of(seconds_) << plan_.digit_bits) - minus;
        const bool is_odd = centre % 2 != 0;
        const int from = is_odd ? centre + 1 : centre;
        const Words& words = is_odd ? seconds_ : firsts_;
        return lane(static_cast<std::uint32_t>(
                        lane(words[static_cast<std::size_t>(from / 4)], from % 4 / 2) - minus),
                    0);
    }

  private:
    std::uint32_t word(int index) const {
        return word_at(record_, 4 * static_cast<std::size_t>(index));
    }

    void multiply(std::uint32_t bytes, int k) {
        const std::uint32_t e = bytes & 0x00ff'00ff;
        const std::uint32_t o = bytes >> 8 & 0x00ff'00ff;
        const std::uint32_t digit = ((1u << plan_.digit_bits) - 1) * 0x0101'0101;
        switch (plan_.packing) {
            case Packing::Bytes:
                return first_.add(bytes, word(at_.taps + k));
            case Packing::Digits:
                first_.add(bytes & digit, word(at_.taps + k));
                return second_.add(bytes >> plan_.digit_bits & digit, word(at_.taps + k));
            case Packing::Lanes:
                first_.add(o, word(at_.sides + k));
                first_.add(e, word(at_.middle + k));
                second_.add(e, word(at_.sides + k));
                return second_.add(o, word(at_.shifted + k));
            case Packing::Mixed:
                first_.add(bytes, word(at_.middle + k));
                first_.add(o, word(at_.sides + k));
                return second_.add(bytes, word(at_.taps + k));
        }
    }

    const Plan& plan_;
    Record at_;
    std::span<const std::uint8_t> record_;
    // Bytes, or the low digits, or even outputs; high digits, or odd outputs.
    Accumulator first_, second_;
    Words firsts_, seconds_;
};

}  // namespace

std::vector<std::int32_t> accumulate(const Plan& plan,
                                     std::span<const std::uint8_t> records,
                                     std::span<const std::uint8_t> input) {
    const traces::Layer& shape = plan.shape;
    const auto bytes = 4 * static_cast<std::size_t>(record_of(plan.packing).words);
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
