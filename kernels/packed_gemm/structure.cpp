// How the words of packed matrix products repeat (see pack.cpp): what storing them in few bits follows.
#include "kernels/packed_gemm/pack.h"
#include "kernels/packed_gemm/routine.h"

namespace mixq::kernels::packed_gemm {

namespace {

using storage::Item;
using storage::Word;

constexpr int kWord = 32;
constexpr int kLane = 16;
constexpr int kByte = 8;

// A high channel that is negated needs no other form: its sums wrap within their lane.
Word pair_word(const Plan& plan) {
    const int bits = plan.precision.weight_bits;
    std::vector<int> places;
    if (plan.product == Product::Outer) {
        for (int k = 0; k < kOuterChannels; ++k) places.push_back(kOuterBits * k);
        return storage::weight_word(places, bits, kWord);
    }
    if (!plan.wide) return storage::weight_word({0, kByte, kLane, kLane + kByte}, bits, kByte);
    for (const int lane : {0, kLane}) {
        places.push_back(lane);
        if (plan.product == Product::DualChannels) places.push_back(lane + plan.field_bits);
    }
    return storage::weight_word(places, bits, kLane);
}

Item whole(int words) {
    return {words, {Word{}}, {}};
}

}  // namespace

storage::Structure structure_of(const Plan& plan) {
    const Item weights{plan.block_pairs() * plan.pair_words(), {pair_word(plan)}, {}};
    storage::Structure structure;
    structure.units = plan.groups();
    structure.channels = plan.channels();
    std::vector<Item>& items = structure.unit.items;
    items.push_back(whole(start_words(plan)));
    if (bias_words(plan) == 0) {
        items.push_back({plan.blocks(), {}, {weights}});
    } else {
        items.push_back(weights);
        items.push_back({plan.blocks() - 1, {}, {whole(bias_words(plan)), weights}});
    }
    const int constants = GroupConstants::words(plan) + closing_words(plan);
    items.push_back(whole(constants));
    const int words = start_words(plan) + (plan.blocks() - 1) * bias_words(plan) +
                      plan.stored_pairs() * plan.pair_words() + constants;
    items.push_back({group_words(plan) - words, {storage::zero_word()}, {}});
    return structure;
}

}  // namespace mixq::kernels::packed_gemm
