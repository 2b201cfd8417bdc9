// Multiplies, segmentations and outputs of rp-conv, by the plan that would be taken.
#include "kernels/loops.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>
#include <stdexcept>
#include <tuple>

#include "kernels/packed_conv/routine.h"
#include "kernels/packed_conv/sums.h"

namespace mixq::kernels::packed_conv {

namespace {

// Cycles of what is not multiplied, by issue slots of the code: a filter, a group and a loop over strips begin and end, an output is
// finished, an input element packed.
constexpr double kStripCycles = 4;
constexpr double kFilterCycles = 20;
constexpr double kGroupCycles = 8;
constexpr double kOutputCycles = 3;
constexpr double kPackedCycles = 1.5;

// Issue slots of one strip's segmentation and carry: of the very code, made once for each kind of fields.
double segmentation_slots(const Plan& plan, int rows) {
    using Key = std::tuple<int, int, int, bool, int>;
    static std::mutex mutex;
    static std::map<Key, double> known;
    const Key key{plan.bits(), plan.elements(), plan.taps(), plan.wide, rows};
    const std::lock_guard lock(mutex);
    const auto found = known.find(key);
    if (found != known.end()) return found->second;
    generate::Code code;
    std::vector<Accumulator> accumulators{{generate::r3, generate::r4},
                                          {generate::r5, generate::r6}};
    accumulators.resize(static_cast<std::size_t>(rows));
    for (int k = 0; k < rows; ++k) {
        empty(code,
              plan,
              accumulators[static_cast<std::size_t>(k)],
              {generate::r2, 4 * k * plan.sum_words(), kSumSpace});
    }
    carry(code, plan, accumulators, {generate::r1, 0, generate::kConstantSpace}, true);
    return known[key] = static_cast<double>(code.insns.size());
}

struct Loops {
    double products = 0;
    double segmentation = 0;
    double strips = 0;
    double groups = 0;
    double filters = 0;
    double starts = 0;
    double outputs = 0;
    double packed_words = 0;
    double packed_elements = 0;

    double cycles() const {
        return products + segmentation + kGroupCycles * groups + kFilterCycles * filters + starts +
               kOutputCycles * outputs + kPackedCycles * packed_elements;
    }
};

void add_rows(const Plan& plan, int rows, double count, Loops& loops) {
    const traces::Layer& layer = plan.geometry.layer;
    const double words = 1.0 * plan.depth * plan.geometry.phases * plan.chunks;
    const double multiplies = words * layer.kernel_height * rows;
    const double loads =
        words * (layer.kernel_height + (rows - 1) * layer.stride + layer.kernel_height);
    const double slots = segmentation_slots(plan, rows);
    const double passes = count * layer.out_channels;
    const double groups = passes * plan.groups;
    loops.products +=
        groups * plan.multiplied_strips() * std::max(multiplies, (multiplies + loads) / 2);
    loops.segmentation += groups * plan.strips() * slots / 2;
    loops.groups += groups;
    loops.filters += passes;
    loops.starts += passes * plan.strips() * rows * plan.sum_words();
    const double strip = multiplies + loads + slots;
    if (plan.multiplied_strips() * strip <= kMostGroup) return;
    int unrolled = std::max(1, static_cast<int>(kMostGroup / strip));
    while (plan.multiplied_strips() % unrolled != 0) --unrolled;
    loops.strips += groups * plan.multiplied_strips() / unrolled;
}

Loops loops_of(const Plan& plan) {
    const traces::Layer& layer = plan.geometry.layer;
    const int height = layer.out_height();
    Loops loops;
    if (height >= 2) add_rows(plan, 2, height / 2, loops);
    if (height % 2 != 0) add_rows(plan, 1, 1, loops);
    loops.outputs = 1.0 * height * layer.out_width() * layer.out_channels;
    const double rows = 1.0 * layer.in_channels * std::min(layer.height, plan.geometry.rows);
    loops.packed_elements = rows * plan.geometry.phases * plan.geometry.length;
    loops.packed_words = rows * plan.geometry.phases * plan.multiplied_strips();
    return loops;
}

}  // namespace

std::vector<WorkTerm> loops(const traces::Layer& layer, traces::Precision precision) {
    if (layer.kind != traces::LayerKind::Conv || layer.kernel_height * layer.kernel_width == 1)
        throw std::runtime_error("rp-conv runs convolutions over all channels, wider than 1x1");
    Loops best;
    double least = std::numeric_limits<double>::infinity();
    for (const Plan& plan : typical_plans(layer, precision)) {
        const Loops one = loops_of(plan);
        if (one.cycles() >= least) continue;
        least = one.cycles();
        best = one;
    }
    if (least == std::numeric_limits<double>::infinity()) {
        throw std::runtime_error("rp-conv: no packing of rows holds typical weights of " +
                                 to_string(precision));
    }
    return {{"products", best.products},
            {"segmentation", best.segmentation},
            {"strips", kStripCycles * best.strips},
            {"groups", kGroupCycles * best.groups},
            {"filters", kFilterCycles * best.filters},
            {"starts", best.starts},
            {"outputs", kOutputCycles * best.outputs},
            {"packed words", best.packed_words},
            {"packed elements", kPackedCycles * best.packed_elements}};
}

}  // namespace mixq::kernels::packed_conv
