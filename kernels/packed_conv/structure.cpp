// How the words of rp-conv's packed weights repeat (see weights.cpp): what storing them in few bits follows.
#include "kernels/packed_conv/weights.h"

namespace mixq::kernels::packed_conv {

namespace {

using storage::Item;
using storage::Word;

constexpr int kWord = 32;
constexpr int kLaneBits = 16;

// One channel: [phase][kernel row][chunk].
std::vector<Word> channel_words(const Plan& plan, int weight_bits) {
    std::vector<Word> words;
    for (int phase = 0; phase < plan.geometry.phases; ++phase) {
        for (int row = 0; row < plan.geometry.layer.kernel_height; ++row) {
            for (int chunk = 0; chunk < plan.chunks; ++chunk) {
                std::vector<int> places;
                for (int field = 0; field < plan.taps(); ++field) {
                    if (plan.geometry.kernel_column(phase, chunk * plan.elements() + field) >= 0)
                        places.push_back(plan.bits() * field + plan.placement.weight_shift);
                }
                words.push_back(storage::weight_word(places, weight_bits, kWord));
            }
        }
    }
    return words;
}

// A group's bias in fields `from` to the last, as bits `first` to `first + 31` of the accumulator have it.
std::vector<int> spread(const Plan& plan, int from, int fields, int first) {
    std::vector<int> shifts;
    for (int n = from; n < fields; ++n) {
        const int left = plan.first_bit() + n * plan.bits() - first;
        if (left < kWord && left > -plan.bits()) shifts.push_back(left);
    }
    return shifts;
}

// The bias of a group, less than 2^S, in every field; then zeros up to the group's words.
std::vector<Word> group_constants(const Plan& plan) {
    std::vector<Word> words;
    const auto copied = [&](std::vector<int> shifts) {
        words.push_back(storage::copied_word(plan.bits(), std::move(shifts), !words.empty()));
    };
    if (plan.form() == Form::Straddled) {
        const int fields = plan.placement.shape.fields();
        copied(spread(plan, plan.taps() - 1, fields, kWord));
        copied(spread(plan, plan.taps() - 1, fields, 0));
        copied(spread(plan, 0, fields, 0));
    } else {
        copied(spread(plan, 0, plan.elements(), plan.first_bit()));
    }
    const int padding = plan.group_words() - plan.multiply_words() - plan.constant_words();
    words.insert(words.end(), static_cast<std::size_t>(padding), storage::zero_word());
    return words;
}

// The starts of the sums, whole, but for lanes that are alike.
std::vector<Word> starts(const Plan& plan) {
    std::vector<Word> words;
    if (!plan.wide && plan.form() == Form::Bytes) {
        for (const bool again : {false, true})
            words.push_back(storage::copied_word(kLaneBits, {0, kLaneBits}, again));
    } else {
        words.resize(static_cast<std::size_t>(plan.sum_words()));
    }
    words.resize(static_cast<std::size_t>(plan.start_words()), storage::zero_word());
    return words;
}

}  // namespace

storage::Structure structure_of(const Plan& plan, int weight_bits) {
    const Item channels{plan.depth, channel_words(plan, weight_bits), {}};
    const Item constants{1, group_constants(plan), {}};
    const Item groups{plan.groups, {}, {channels, constants}};
    const Item finish{1, std::vector<Word>(2), {}};  // multiplier and bias
    storage::Structure structure;
    structure.units = plan.geometry.layer.out_channels;
    structure.unit = {1, starts(plan), {groups, finish}};
    structure.tail.assign(2, storage::zero_word());
    return structure;
}

}  // namespace mixq::kernels::packed_conv
