// Plans, stores and expands packed weights.
#include "kernels/storage/stored.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace mixq::kernels::storage {

namespace {

constexpr int kMostWords = 48;  // of a leaf: some 200 instructions
constexpr int kBytes = 4;       // of a word, and of an instruction
constexpr int kLoop = 8;        // instructions that a loop costs beside its body, pointers included

std::uint32_t lanes_added(std::uint32_t a, std::uint32_t b, int lane_bits, bool minus) {
    if (lane_bits == 32) return minus ? a - b : a + b;
    std::uint32_t sum = 0;
    const std::uint32_t mask = (1U << lane_bits) - 1;
    for (int at = 0; at < 32; at += lane_bits) {
        const std::uint32_t lane = minus ? (a >> at) - (b >> at) : (a >> at) + (b >> at);
        sum |= (lane & mask) << at;
    }
    return sum;
}

// What of a word is stored.
std::uint32_t mask_of(const Word& word) {
    return word.again ? 0 : word.bits;
}

std::uint32_t shifted(std::uint32_t value, int left) {
    return left >= 0 ? value << left : value >> -left;
}

Node leaf_of(std::vector<Word> words, int count) {
    Node node;
    node.count = count;
    std::vector<std::uint32_t> masks;
    for (const Word& word : words) masks.push_back(mask_of(word));
    node.from = deposit(masks);
    node.words = std::move(words);
    return node;
}

// Bytes of flash, code included, of a leaf's stored words in all its passes, in `times` of what is around it: what plans are
// compared by.
std::int64_t flash_of(const Node& leaf, std::int64_t times) {
    std::int64_t instructions = leaf.from.sources + (leaf.count > 1 ? kLoop : 2);
    for (const Word& word : leaf.words)
        instructions += 1 + (word.offset != 0 ? 1 : 0) + static_cast<int>(word.shifts.size());
    instructions +=
        2 * static_cast<int>(leaf.from.pieces.size()) - static_cast<int>(leaf.words.size());
    return kBytes * (instructions + leaf.from.sources * leaf.count * times);
}

std::vector<Word> repeated(const std::vector<Word>& words, int times) {
    std::vector<Word> all;
    for (int k = 0; k < times; ++k) all.insert(all.end(), words.begin(), words.end());
    return all;
}

// A run of the same words as a loop over some of them and what is left.
struct Run {
    Node loop;
    std::vector<Word> rest;
};

Run run_of(const std::vector<Word>& words, int count, std::int64_t times) {
    Run best;
    std::int64_t least = 0;
    const int most = std::max(1, kMostWords / static_cast<int>(words.size()));
    for (int unrolled = 1; unrolled <= std::min(most, count); ++unrolled) {
        Run run{leaf_of(repeated(words, unrolled), count / unrolled), {}};
        std::int64_t flash = flash_of(run.loop, times);
        if (count % unrolled != 0) {
            run.rest = repeated(words, count % unrolled);
            flash += flash_of(leaf_of(run.rest, 1), times);
        }
        if (unrolled == 1 || flash < least) {
            best = std::move(run);
            least = flash;
        }
    }
    return best;
}

// Collects words until something that is too long to write out comes between.
class Sequence {
  public:
    explicit Sequence(std::int64_t times) : times_(times) {}

    void add(const Item& item) {
        if (words_of(item) == 0) return;
        if (words_of(item) <= kMostWords) {
            if (words_of(item) + static_cast<std::int64_t>(open_.size()) > kMostWords) close();
            for (int k = 0; k < item.count; ++k) write_out(item);
        } else if (item.count == 1) {
            inside(item);
        } else if (item.items.empty()) {
            close();
            Run run = run_of(item.words, item.count, times_);
            nodes_.push_back(std::move(run.loop));
            open_ = std::move(run.rest);
        } else {
            close();
            Sequence each(times_ * item.count);
            each.inside(item);
            Node node;
            node.count = item.count;
            node.nodes = each.take();
            nodes_.push_back(std::move(node));
        }
    }

    std::vector<Node> take() {
        close();
        return std::move(nodes_);
    }

  private:
    // The words of one pass, however many.
    void inside(const Item& item) {
        for (const Word& word : item.words) {
            if (open_.size() >= kMostWords && !word.again) close();
            open_.push_back(word);
        }
        for (const Item& next : item.items) add(next);
    }

    void write_out(const Item& item) {
        open_.insert(open_.end(), item.words.begin(), item.words.end());
        for (const Item& next : item.items) {
            for (int k = 0; k < next.count; ++k) write_out(next);
        }
    }

    void close() {
        if (!open_.empty()) nodes_.push_back(leaf_of(std::move(open_), 1));
        open_.clear();
    }

    std::int64_t times_;  // how often all of this runs
    std::vector<Word> open_;
    std::vector<Node> nodes_;
};

template <class Do>
void each_leaf(std::span<const Node> nodes, const Do& action) {
    for (const Node& node : nodes) {
        for (int k = 0; k < node.count; ++k) {
            if (node.leaf()) {
                action(node);
            } else {
                each_leaf(node.nodes, action);
            }
        }
    }
}

template <class Do>
void each_leaf(const Plan& plan, const Do& action) {
    for (int k = 0; k < plan.units; ++k) each_leaf(std::span(plan.unit), action);
    each_leaf(std::span(plan.tail), action);
}

std::uint32_t word_at(std::span<const std::uint8_t> bytes, std::size_t index) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < kBytes; ++i)
        word |= std::uint32_t{bytes[kBytes * index + i]} << (8 * i);
    return word;
}

void append(std::vector<std::uint8_t>& bytes, std::uint32_t word) {
    for (int i = 0; i < kBytes; ++i) bytes.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
}

// The words of a leaf from what is stored of them.
std::vector<std::uint32_t> made(const Node& leaf, const std::vector<std::uint32_t>& values) {
    std::vector<std::uint32_t> words;
    std::uint32_t copied = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
        const Word& word = leaf.words[k];
        if (word.shifts.empty()) {
            words.push_back(lanes_added(values[k], word.offset, word.lane_bits, true));
            continue;
        }
        if (!word.again) copied = values[k];
        std::uint32_t sum = 0;
        for (const int left : word.shifts) sum += shifted(copied, left);
        words.push_back(sum);
    }
    return words;
}

// What is stored of the words of a leaf.
std::vector<std::uint32_t> values_of(const Node& leaf, std::span<const std::uint32_t> words) {
    std::vector<std::uint32_t> values;
    std::size_t copied = 0;
    for (std::size_t k = 0; k < words.size(); ++k) {
        const Word& word = leaf.words[k];
        values.push_back(
            word.shifts.empty() ? lanes_added(words[k], word.offset, word.lane_bits, false) : 0);
        if (!word.shifts.empty() && !word.again) copied = k;
        if (std::ranges::count(word.shifts, 0) != 0) values[copied] = words[k] & word.bits;
    }
    return values;
}

}  // namespace

Word weight_word(const std::vector<int>& places, int weight_bits, int lane_bits) {
    Word word;
    word.bits = 0;
    word.lane_bits = lane_bits;
    const std::uint64_t lane = (std::uint64_t{1} << lane_bits) - 1;
    const std::uint64_t field = (std::uint64_t{1} << weight_bits) - 1;
    for (const int place : places) {
        // What does not fit the lane is not there.
        const int begin = place / lane_bits * lane_bits;
        const auto part = [&](std::uint64_t value) {
            return static_cast<std::uint32_t>((value << (place - begin) & lane) << begin);
        };
        word.bits |= part(field);
        word.offset =
            lanes_added(word.offset, part(std::uint64_t{1} << (weight_bits - 1)), lane_bits, false);
    }
    // Nothing is gained by an offset where all bits are stored.
    if (word.bits == 0xffff'ffff) word.offset = 0;
    return word;
}

Word zero_word() {
    Word word;
    word.bits = 0;
    return word;
}

Word copied_word(int field_bits, std::vector<int> shifts, bool again) {
    Word word;
    word.bits = (1U << field_bits) - 1;
    word.shifts = std::move(shifts);
    word.again = again;
    return word;
}

std::int64_t words_of(const Item& item) {
    auto words = static_cast<std::int64_t>(item.words.size());
    for (const Item& next : item.items) words += words_of(next);
    return words * item.count;
}

Plan plan_of(const Structure& structure) {
    Plan plan;
    plan.units = structure.units;
    plan.channels = structure.channels;
    Sequence unit(structure.units);
    unit.add(structure.unit);
    plan.unit = unit.take();
    Sequence tail(1);
    tail.add({1, structure.tail, {}});
    plan.tail = tail.take();
    return plan;
}

std::uint32_t stored_bytes(std::span<const Node> nodes) {
    std::uint32_t words = 0;
    each_leaf(nodes,
              [&](const Node& leaf) { words += static_cast<std::uint32_t>(leaf.from.sources); });
    return kBytes * words;
}

std::uint32_t packed_bytes(std::span<const Node> nodes) {
    std::uint32_t words = 0;
    each_leaf(nodes,
              [&](const Node& leaf) { words += static_cast<std::uint32_t>(leaf.words.size()); });
    return kBytes * words;
}

std::uint32_t StoredWeights::expanded_bytes() const {
    return packed_bytes(plan.unit) * static_cast<std::uint32_t>(units) + packed_bytes(plan.tail);
}

std::vector<std::uint8_t> store(const Plan& plan, std::span<const std::uint8_t> packed) {
    const std::size_t expected =
        std::size_t{packed_bytes(plan.unit)} * static_cast<std::size_t>(plan.units) +
        packed_bytes(plan.tail);
    if (packed.size() != expected) {
        throw std::logic_error("packed weights of " + std::to_string(packed.size()) +
                               " bytes, their structure has " + std::to_string(expected));
    }
    std::vector<std::uint8_t> bytes;
    std::size_t at = 0;
    each_leaf(plan, [&](const Node& leaf) {
        std::vector<std::uint32_t> words;
        for (std::size_t k = 0; k < leaf.words.size(); ++k)
            words.push_back(word_at(packed, at + k));
        const std::vector<std::uint32_t> values = values_of(leaf, words);
        std::vector<std::uint32_t> sources(static_cast<std::size_t>(leaf.from.sources), 0);
        std::vector<std::uint32_t> kept(values.size(), 0);
        for (const Piece& piece : leaf.from.pieces) {
            const auto word = static_cast<std::size_t>(piece.word);
            kept[word] |= values[word] & piece.bits;
            sources[static_cast<std::size_t>(piece.source)] |=
                std::rotl(values[word] & piece.bits, piece.rotate);
        }
        if (made(leaf, kept) != words) {
            throw std::logic_error("packed weights from word " + std::to_string(at) +
                                   " on are not what their structure says");
        }
        for (const std::uint32_t source : sources) append(bytes, source);
        at += words.size();
    });
    return bytes;
}

std::vector<std::uint8_t> expanded(const Plan& plan, std::span<const std::uint8_t> stored) {
    std::vector<std::uint8_t> bytes;
    std::size_t at = 0;
    each_leaf(plan, [&](const Node& leaf) {
        std::vector<std::uint32_t> values(leaf.words.size(), 0);
        for (const Piece& piece : leaf.from.pieces) {
            const std::uint32_t source =
                word_at(stored, at + static_cast<std::size_t>(piece.source));
            values[static_cast<std::size_t>(piece.word)] |=
                std::rotr(source, piece.rotate) & piece.bits;
        }
        for (const std::uint32_t word : made(leaf, values)) append(bytes, word);
        at += static_cast<std::size_t>(leaf.from.sources);
    });
    return bytes;
}

}  // namespace mixq::kernels::storage
