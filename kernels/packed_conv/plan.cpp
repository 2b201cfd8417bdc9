// Which packings a convolution can have.
#include "kernels/packed_conv/plan.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "kernels/packed_conv/weights.h"
#include "kernels/packing/packing.h"
#include "kernels/packing/requantise.h"
#include "kernels/packing/typical.h"

namespace mixq::kernels::packed_conv {

namespace {

// S and Ns of every shape. Fields below 10 bits hold four activations to a word, up to 12 three, and the widest two.
struct Fields {
    int bits;
    int elements;
};

constexpr std::array kFields{Fields{8, 4},
                             Fields{9, 4},
                             Fields{10, 3},
                             Fields{11, 3},
                             Fields{12, 3},
                             Fields{13, 3},
                             Fields{13, 2},
                             Fields{14, 2},
                             Fields{15, 2},
                             Fields{16, 2}};
constexpr int kWord = 32;
constexpr int kMostOffset = 4092;   // of a load, in bytes
constexpr int kLargestDepth = 64;   // channels unrolled: 6 multiplies each
constexpr int kMostUnrolled = 420;  // multiplies of a strip: code of 4 KB
constexpr int kLaneBits = 16;
constexpr double kLikely =
    0.7;  // expected exceptions with which having none is as likely as not: ln 2

// a may be as low as 1 - b.
int ceil_divide(int a, int b) {
    return (a + b - 1) / b;
}

Form form_of(const Fields& fields) {
    if (fields.bits == 8) return Form::Bytes;
    return fields.bits * fields.elements <= kWord ? Form::Aligned : Form::Straddled;
}

int first_bit_of(const Fields& fields) {
    return form_of(fields) == Form::Straddled ? 0 : kWord - fields.bits * fields.elements;
}

// The most taps of a word whose upper fields the next strip can take over: its own fields, or what lies above bit 32.
int most_taps(const Fields& fields) {
    return form_of(fields) == Form::Straddled ? fields.elements : fields.elements + 1;
}

std::optional<Plan> shaped(const Geometry& geometry,
                           traces::Precision precision,
                           const Fields& fields,
                           bool narrow) {
    Plan plan;
    plan.geometry = geometry;
    for (const bool whole : {true, false}) {
        const int taps = whole ? geometry.taps : std::min(geometry.taps, fields.elements);
        if (taps > most_taps(fields)) continue;
        const auto placement = packing::place(
            {fields.bits, fields.elements, taps}, precision, first_bit_of(fields), narrow);
        if (!placement) continue;
        plan.placement = *placement;
        plan.chunks = ceil_divide(geometry.taps, taps);
        return plan;
    }
    return std::nullopt;
}

// With the channels divided evenly over the fewest groups of at most `most` that loads can reach; nothing if none can.
std::optional<Plan> divided(Plan plan, std::int64_t most) {
    const traces::Layer& layer = plan.geometry.layer;
    int depth = static_cast<int>(std::min<std::int64_t>({most, kLargestDepth, layer.in_channels}));
    for (; depth >= 1; --depth) {
        plan.groups = ceil_divide(layer.in_channels, depth);
        plan.depth = ceil_divide(layer.in_channels, plan.groups);
        const int rows = layer.stride + layer.kernel_height;
        if (4 * plan.group_words() <= kMostOffset && rows * plan.row_bytes() <= kMostOffset &&
            (plan.depth == 1 || 2 * plan.multiply_words() <= kMostUnrolled)) {
            return plan;
        }
    }
    return std::nullopt;
}

std::int64_t filter_taps(const traces::Layer& layer) {
    return std::int64_t{layer.kernel_height} * layer.kernel_width;
}

struct Worst {
    std::int64_t field = 0;
    int filter = 0;
};

Worst worst_field(const IntegerLayer& layer, int depth) {
    Worst worst;
    for (int filter = 0; filter < layer.shape.out_channels; ++filter) {
        for (int group = 0; group * depth < layer.shape.in_channels; ++group) {
            const auto reach = packing::actual_reach(group_weights(layer, depth, filter, group),
                                                     layer.precision.activation_bits);
            if (reach.most > worst.field) worst = {reach.most, filter};
        }
    }
    return worst;
}

bool words_fit(const IntegerLayer& layer, const Plan& plan, int* bad_filter) {
    bool fit = true;
    for (int filter = 0; filter < layer.shape.out_channels && fit; ++filter) {
        for (int group = 0; group < plan.groups && fit; ++group) {
            const auto words = weight_words(layer, plan, filter, group);
            fit = std::ranges::all_of(
                words, [](std::int64_t word) { return word >= INT32_MIN && word <= INT32_MAX; });
        }
        if (!fit) *bad_filter = filter;
    }
    return fit;
}

// The deepest groups whose fields hold these weights.
int proved_depth(const IntegerLayer& layer, int field_bits) {
    for (int depth = std::min(kLargestDepth, layer.shape.in_channels); depth > 0; --depth) {
        if (worst_field(layer, depth).field <= packing::field_limit(field_bits)) return depth;
    }
    return 0;
}

bool range_fits(const packing::Range& range, int bits) {
    const std::int64_t limit = std::int64_t{1} << (bits - 1);
    return range.least >= -limit && range.greatest < limit;
}

}  // namespace

int Geometry::padded(int phase) const {
    return std::max(0, ceil_divide(layer.padding_x - phase, layer.stride));
}

int Geometry::column(int phase, int t) const {
    return layer.stride * (t + padded(phase)) + phase - layer.padding_x;
}

int Geometry::kernel_column(int phase, int n) const {
    // Taps run against the activations.
    const int tap = first + padded(phase) - n;
    const int column = layer.stride * tap + phase;
    return tap >= 0 && column < layer.kernel_width ? column : -1;
}

Geometry geometry_of(const traces::Layer& layer) {
    Geometry geometry;
    geometry.layer = layer;
    geometry.phases = std::min(layer.stride, layer.kernel_width);
    geometry.taps = 0;
    geometry.first = 0;
    for (int phase = 0; phase < geometry.phases; ++phase) {
        const int taps = ceil_divide(layer.kernel_width - phase, layer.stride);
        const int padded = geometry.padded(phase);
        geometry.first = std::max(geometry.first, taps - 1 - padded);
        const int inside = ceil_divide(layer.width + layer.padding_x - phase, layer.stride);
        const int read = layer.out_width() + taps - 1;
        geometry.length = std::max(geometry.length, std::min(inside, read) - padded);
    }
    for (int phase = 0; phase < geometry.phases; ++phase)
        geometry.taps = std::max(geometry.taps, geometry.first + geometry.padded(phase) + 1);
    geometry.rows = (layer.out_height() - 1) * layer.stride + layer.kernel_height;
    return geometry;
}

Form Plan::form() const {
    return form_of({bits(), elements()});
}

int Plan::sum_words() const {
    if (wide) return elements();
    return elements() > 2 ? 2 : 1;
}

int Plan::multiplied_strips() const {
    const int words = ceil_divide(geometry.length, elements());
    return std::min(strips(), words + chunks - 1);
}

int Plan::strips() const {
    return geometry.last() / elements() + 1;
}

int Plan::rows_kept() const {
    const int of_two = geometry.layer.stride + geometry.layer.kernel_height;
    return rolling ? of_two : geometry.rows;
}

int Plan::group_bytes() const {
    return (rows_kept() * row_bytes() + 7) / 8 * 8;
}

int Plan::exact_bits() const {
    if (!wide) return kLaneBits;
    return form() == Form::Straddled ? kWord - (elements() - 2) * bits() : kWord;
}

std::string Plan::descriptor() const {
    std::string text = "SMLAL " + std::to_string(elements()) + "x" + std::to_string(taps()) +
                       " S=" + std::to_string(bits()) + " T=" + std::to_string(multiply_words());
    if (wide) text += " wide";
    if (rolling) text += " rolling";
    return text;
}

std::optional<Plan> rolled(Plan plan) {
    const traces::Layer& layer = plan.geometry.layer;
    plan.rolling = true;
    const int shared = plan.rows_shared();
    if (shared < 0 || layer.padding_y > shared || shared - layer.padding_y > layer.height ||
        2 * plan.rows_kept() > plan.geometry.rows)
        return std::nullopt;
    return plan;
}

std::vector<Plan> guaranteed_plans(const traces::Layer& layer, traces::Precision precision) {
    std::vector<Plan> all;
    const Geometry geometry = geometry_of(layer);
    for (const Fields& fields : kFields) {
        auto plan = shaped(geometry, precision, fields, false);
        if (!plan) continue;
        plan->guaranteed = true;
        plan =
            divided(*plan, packing::guaranteed_depth(fields.bits, precision, filter_taps(layer)));
        if (!plan) continue;
        plan->wide = true;
        const std::int64_t most =
            packing::guaranteed_reach(precision, filter_taps(layer) * layer.in_channels);
        if (!range_fits({-most, most}, plan->exact_bits())) continue;
        plan->wide = false;
        all.push_back(*plan);
    }
    return all;
}

std::vector<Plan> typical_plans(const traces::Layer& layer, traces::Precision precision) {
    const packing::TypicalWeights& weights = packing::typical_weights(precision.weight_bits);
    const auto top = static_cast<double>((1 << precision.activation_bits) - 1);
    const std::int64_t taps = filter_taps(layer);
    const std::int64_t all_taps = taps * layer.in_channels;
    const packing::Range range{
        -static_cast<std::int64_t>(weights.negative(all_taps, layer.out_channels) * top),
        static_cast<std::int64_t>(weights.positive(all_taps, layer.out_channels) * top)};
    const auto holds = [&](int depth, int field_bits) {
        const std::int64_t sums =
            std::int64_t{layer.out_channels} * ceil_divide(layer.in_channels, depth);
        return weights.magnitudes(taps * depth, sums) * top <=
               static_cast<double>(packing::field_limit(field_bits));
    };
    // Where the topmost weight of a word has no bit to spare, the least one must not lie above a negative sum, which borrows.
    const auto words_hold = [&](const Plan& plan) {
        const int left = kWord - plan.placement.weight_shift - (plan.taps() - 1) * plan.bits();
        if (left > precision.weight_bits) return true;
        const double words = static_cast<double>(layer.out_channels) * layer.in_channels *
                             layer.kernel_height * plan.chunks * plan.geometry.phases;
        return words * weights.least_share() / 2 < kLikely;
    };
    std::vector<Plan> all;
    const auto add = [&](std::optional<Plan> plan) {
        if (!plan) return;
        plan->wide = !range_fits(range, kLaneBits);
        if (range_fits(range, plan->exact_bits()) && words_hold(*plan)) all.push_back(*plan);
    };
    const Geometry geometry = geometry_of(layer);
    for (const Fields& fields : kFields) {
        int depth = 0;
        if (const auto guaranteed = shaped(geometry, precision, fields, false)) {
            auto plan =
                divided(*guaranteed, packing::guaranteed_depth(fields.bits, precision, taps));
            if (plan) {
                plan->guaranteed = true;
                depth = plan->depth;
                add(plan);
            }
        }
        const auto narrow = shaped(geometry, precision, fields, true);
        if (!narrow) continue;
        int deepest = 0;
        for (int step = kLargestDepth; step > 0; step /= 2) {
            const int more = deepest + step;
            if (more <= std::min(kLargestDepth, layer.in_channels) && holds(more, fields.bits))
                deepest = more;
        }
        const auto proved = divided(*narrow, deepest);
        if (proved && proved->depth > depth) add(proved);
    }
    return all;
}

std::vector<Plan> plans(const IntegerLayer& layer) {
    std::vector<Plan> all;
    const packing::Range range = packing::accumulator_range(layer);
    const auto add = [&](std::optional<Plan> plan) {
        if (!plan) return;
        plan->wide = !range_fits(range, kLaneBits);
        int filter = 0;
        if (!range_fits(range, plan->exact_bits()) || !words_fit(layer, *plan, &filter)) return;
        all.push_back(*plan);
    };
    const Geometry geometry = geometry_of(layer.shape);
    for (const Fields& fields : kFields) {
        const auto guaranteed = shaped(geometry, layer.precision, fields, false);
        int depth = 0;
        if (guaranteed) {
            auto plan = divided(
                *guaranteed,
                packing::guaranteed_depth(fields.bits, layer.precision, filter_taps(layer.shape)));
            if (plan) {
                plan->guaranteed = true;
                depth = plan->depth;
                add(plan);
            }
        }
        const auto narrow = shaped(geometry, layer.precision, fields, true);
        if (!narrow) continue;
        const auto proved = divided(*narrow, proved_depth(layer, fields.bits));
        if (proved && proved->depth > depth) add(proved);
    }
    return all;
}

std::int64_t prove(const IntegerLayer& layer, const Plan& plan) {
    const auto fail = [&](int filter, const std::string& why) {
        throw std::runtime_error("layer " + layer.name + ": rp-conv cannot pack filter " +
                                 std::to_string(filter) + " as " + plan.descriptor() + " at " +
                                 to_string(layer.precision) + ": " + why);
    };
    const Worst worst = worst_field(layer, plan.depth);
    if (worst.field > packing::field_limit(plan.bits())) {
        fail(worst.filter,
             "a field of " + std::to_string(plan.bits()) + " bits would reach " +
                 std::to_string(worst.field));
    }
    int filter = 0;
    if (!words_fit(layer, plan, &filter)) fail(filter, "a weight word leaves 32 bits");
    for (int k = 0; k < layer.shape.out_channels; ++k) {
        if (!range_fits(packing::accumulator_range(layer, k), plan.exact_bits()))
            fail(k, "its sum may leave " + std::to_string(plan.exact_bits()) + " bits");
    }
    return worst.field;
}

void explain(const IntegerLayer& layer) {
    const Worst worst = worst_field(layer, 1);
    throw std::runtime_error("layer " + layer.name + ": rp-conv cannot pack filter " +
                             std::to_string(worst.filter) + " at " + to_string(layer.precision) +
                             ": one of its channels reaches " + std::to_string(worst.field) +
                             " and no field that fits the registers holds it");
}

}  // namespace mixq::kernels::packed_conv
