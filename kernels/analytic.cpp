// The work of each kernel, read off its loops: iterations by kind, in closed form. A term is an
// iteration that costs the same wherever it stands; what it costs is for the cost model to learn.
#include "kernels/analytic.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "kernels/baselines/hikonv.h"
#include "kernels/baselines/ulppack.h"
#include "kernels/kernel.h"
#include "kernels/slbc/deep.h"
#include "kernels/slbc/literal.h"

namespace mixq::kernels {

namespace {

using traces::Layer;
using traces::LayerKind;
using traces::Precision;
using Terms = std::vector<WorkTerm>;

double ceil_divide(double a, double b) {
    return std::floor((a + b - 1) / b);
}

// Of the taps of one axis over all its outputs, those that fall inside the input.
double taps_inside(int outputs, int taps, int stride, int padding, int inputs) {
    double inside = 0;
    for (int out = 0; out < outputs; ++out) {
        for (int tap = 0; tap < taps; ++tap) {
            const int in = out * stride - padding + tap;
            inside += in >= 0 && in < inputs ? 1 : 0;
        }
    }
    return inside;
}

double rows_inside(const Layer& layer) {
    return taps_inside(
        layer.out_height(), layer.kernel_height, layer.stride, layer.padding_y, layer.height);
}

double columns_inside(const Layer& layer) {
    return taps_inside(
        layer.out_width(), layer.kernel_width, layer.stride, layer.padding_x, layer.width);
}

double outputs_of(const Layer& layer) {
    return static_cast<double>(layer.output_elements());
}

// baselines/naive.c
Terms naive_work(const Layer& layer, Precision) {
    const double out = layer.out_channels;
    const double inside = out * rows_inside(layer) * columns_inside(layer);
    return {{"multiplies", inside * layer.filter_channels()},
            {"taps", inside},
            {"columns", out * rows_inside(layer) * layer.out_width() * layer.kernel_width},
            {"rows", outputs_of(layer) * layer.kernel_height},
            {"outputs", outputs_of(layer)},
            {"lines", out * layer.out_height()}};
}

// Of the pixels of a layer, those whose taps are all inside the input.
double inner_pixels(const Layer& layer) {
    const auto inner = [&](int outputs, int taps, int padding, int inputs) {
        double count = 0;
        for (int out = 0; out < outputs; ++out) {
            const int first = out * layer.stride - padding;
            count += first >= 0 && first + taps <= inputs ? 1 : 0;
        }
        return count;
    };
    return inner(layer.out_height(), layer.kernel_height, layer.padding_y, layer.height) *
           inner(layer.out_width(), layer.kernel_width, layer.padding_x, layer.width);
}

double pixels_of(const Layer& layer) {
    return static_cast<double>(layer.out_height()) * layer.out_width();
}

// baselines/column.h: filling the columns of `computed` pixels.
void add_column_work(const Layer& layer, double computed, Terms& terms) {
    const double taps = layer.kernel_height * layer.kernel_width;
    terms.push_back({"taps", computed * taps});
    const double inside = rows_inside(layer) * columns_inside(layer) * computed / pixels_of(layer);
    if (layer.in_channels % 4 == 0) {
        terms.push_back({"expanded words", inside * layer.in_channels / 4});
        terms.push_back({"zero words", (computed * taps - inside) * layer.in_channels / 4});
    } else {
        terms.push_back({"single bytes", computed * taps * layer.in_channels});
    }
}

// Kernels on columns: blocks of two pixels by two channels, or of four channels of one pixel; a column has `steps` fours of elements.
Terms column_work(const Layer& layer, double steps, const std::string& step) {
    const double pixels = pixels_of(layer);
    Terms terms;
    double computed = 1;  // pixels, with the last of an odd number twice
    if (pixels > 1) {
        const double blocks = ceil_divide(pixels, 2) * ceil_divide(layer.out_channels, 2);
        computed = 2 * ceil_divide(pixels, 2);
        terms = {{step, blocks * steps},
                 {"blocks", blocks},
                 {"outputs", computed * layer.out_channels},
                 {"pixels", computed}};
    } else {
        const double blocks = ceil_divide(layer.out_channels, 4);
        terms = {{"vector " + step, blocks * steps}, {"vector outputs", layer.out_channels * 1.0}};
    }
    add_column_work(layer, computed, terms);
    return terms;
}

// baselines/depthwise.h: four channels at a time, unrolled taps where they are all inside.
Terms lane_depthwise_work(const Layer& layer, const std::string& tap) {
    const double blocks = ceil_divide(layer.out_channels, 4);
    const double inner = inner_pixels(layer);
    const double inside = rows_inside(layer) * columns_inside(layer);
    const double taps = layer.kernel_height * layer.kernel_width;
    return {{"inner " + tap, blocks * inner * taps},
            {"inner blocks", blocks * inner},
            {"border " + tap, blocks * (inside - inner * taps)},
            {"border blocks", blocks * (pixels_of(layer) - inner)},
            {"outputs", outputs_of(layer)},
            {"pixels", pixels_of(layer)}};
}

double column_steps(const Layer& layer, int multiple) {
    const double elements = layer.kernel_height * layer.kernel_width * layer.in_channels;
    return ceil_divide(elements, multiple) * multiple / 4;
}

// baselines/simd_int8.c
Terms simd_int8_work(const Layer& layer, Precision) {
    if (layer.kind == LayerKind::Depthwise) return lane_depthwise_work(layer, "taps");
    return column_work(layer, column_steps(layer, 4), "steps");
}

int cmix_bits(Precision precision) {
    return precision.weight_bits <= 2 ? 2 : precision.weight_bits <= 4 ? 4 : 8;
}

// baselines/cmix.c, weights unpacked in the inner loop
Terms cmix_work(const Layer& layer, Precision precision) {
    const std::string bits = " of " + std::to_string(cmix_bits(precision)) + " bits";
    if (layer.kind == LayerKind::Depthwise) return lane_depthwise_work(layer, "taps" + bits);
    return column_work(layer, column_steps(layer, 32 / cmix_bits(precision)), "steps" + bits);
}

// baselines/cmix.c, unpacked ahead
Terms wpc_ddd_work(const Layer& layer, Precision precision) {
    const int bits = cmix_bits(precision);
    const double taps = layer.kernel_height * layer.kernel_width;
    if (layer.kind == LayerKind::Depthwise) {
        Terms terms = lane_depthwise_work(layer, "taps");
        terms.push_back({"unpacked words of " + std::to_string(bits) + " bits",
                         ceil_divide(layer.out_channels, 4) * ceil_divide(taps * bits, 8)});
        return terms;
    }
    const double steps = column_steps(layer, 32 / bits);
    Terms terms = column_work(layer, steps, "steps");
    terms.push_back({"unpacked words of " + std::to_string(bits) + " bits",
                     ceil_divide(layer.out_channels, 2) * 2 * steps * bits / 8});
    return terms;
}

// baselines/tinyengine.c
Terms tinyengine_work(const Layer& layer, Precision) {
    if (layer.kind != LayerKind::Depthwise) {
        return column_work(layer, column_steps(layer, 4), "steps");
    }
    const double channels = layer.out_channels;
    const double taps = layer.kernel_height * layer.kernel_width;
    const double lines = channels * layer.out_height();
    return {{"taps", outputs_of(layer) * taps},
            {"pairs of outputs", lines * std::floor(layer.out_width() / 2.0)},
            {"single outputs", lines * (layer.out_width() % 2)},
            {"gathered elements", static_cast<double>(layer.input_elements())},
            {"gathered rows", channels * layer.height},
            {"lines", lines},
            {"channels", channels}};
}

// baselines/hikonv.c
Terms hikonv_work(const Layer& layer, Precision precision) {
    const auto plan = hikonv::plan(layer, precision);
    if (!plan) throw std::invalid_argument("no work: the kernel refuses this layer");
    const bool depthwise = layer.kind == LayerKind::Depthwise;
    const double lines = layer.out_height();
    const double fields = plan->shape.elements;
    const double all_rows = layer.in_channels * layer.kernel_height;
    const double filter_rows = layer.filter_channels() * layer.kernel_height;
    const double filters = lines * layer.out_channels;
    const double groups = filters * ceil_divide(filter_rows, plan->group);
    const double row_sums = plan->strips * fields + layer.kernel_width - 1;
    return {{"multiplies", filters * filter_rows * plan->strips},
            {"segments", groups * plan->strips * plan->shape.fields()},
            {"group strips", groups * plan->strips},
            {"groups", groups},
            {"starts", filters * row_sums},
            {"window fields", lines * all_rows * plan->strips * fields},
            {"window sums", (depthwise ? filters : lines) * row_sums},
            {"outputs", outputs_of(layer)},
            {"packed words", lines * all_rows * plan->strips},
            {"packed elements", lines * all_rows * layer.width}};
}

// baselines/ulppack.c
Terms ulppack_work(const Layer& layer, Precision precision) {
    const auto plan = ulppack::plan(layer, precision);
    if (!plan) throw std::invalid_argument("no work: the kernel refuses this layer");
    const double pixels = pixels_of(layer);
    const double groups = plan->words / plan->depth;
    const double computed = pixels > 1 ? 2 * ceil_divide(pixels, 2) : 1;
    const double blocks = pixels > 1 ? ceil_divide(pixels, 2) * ceil_divide(layer.out_channels, 2)
                                     : ceil_divide(layer.out_channels, 4);
    const std::string kind = pixels > 1 ? "" : "vector ";
    const double elements = computed * layer.kernel_height * layer.kernel_width * layer.in_channels;
    const bool own = layer.in_channels % 4 == 0 && plan->shape.elements != 3 &&
                     plan->shape.elements * plan->shape.bits == 32;
    return {{kind + "words", blocks * plan->words},
            {kind + "extractions", blocks * groups},
            {kind + "blocks", blocks},
            {"outputs", computed * layer.out_channels},
            {"pixels", computed},
            {"taps", computed * layer.kernel_height * layer.kernel_width},
            {own ? "expanded words" : "single bytes", own ? elements / 4 : elements},
            {"filled words", computed * plan->words}};
}

// slbc/row.h with slbc_literal.c or slbc_reordered.c
Terms row_work(const Layer& layer, Precision precision, bool overlaps) {
    const auto plan = slbc::plan_row(layer, precision);
    if (!plan) throw std::invalid_argument("no work: the kernel refuses this layer");
    const double fields = plan->shape.elements;
    const double tail = layer.kernel_width - 1;
    const double lines = layer.out_height();
    const double rows = lines * layer.out_channels * layer.in_channels * layer.kernel_height;
    const double packed = lines * layer.in_channels * layer.kernel_height;
    const double segments =
        overlaps ? plan->strips * (fields + tail) : plan->strips * fields + tail;
    return {{"multiplies", rows * plan->strips},
            {"segments", rows * segments},
            {"kernel rows", rows},
            {"starts", lines * layer.out_channels * segments},
            {"outputs", outputs_of(layer)},
            {"packed words", packed * plan->strips},
            {"packed elements", packed * layer.width}};
}

Terms slbc_work(const Layer& layer, Precision precision) {
    return row_work(layer, precision, true);
}

Terms rp_slbc_work(const Layer& layer, Precision precision) {
    return row_work(layer, precision, false);
}

// Instructions of one segmentation of both rows with its strip's loop in slbc_deep.c, for fields of
// more than 8 bits: counted there, and of one mix.
double segment_instructions(const packing::FieldShape& shape) {
    if (shape.elements == 4) return 36;
    return shape.elements == 3 ? 34 : 26;
}

// slbc/slbc_deep.c
Terms spatial_work(const Layer& layer, const slbc::SpatialPlan& plan) {
    const double lines = ceil_divide(layer.out_height(), 2);  // two output rows at once
    const double groups = lines * layer.out_channels * plan.groups;
    const double lane_words = plan.shape.elements > 2 ? 2 : 1;
    const double packed_rows = layer.in_channels * (2 * lines + 2);
    const bool bytes = plan.shape.bits == 8;
    const bool whole_words = bytes && layer.width % 4 == 0;
    const double moved = layer.in_channels * (lines - 1) * 2 * plan.strips;
    return {{"channel steps", groups * plan.strips * plan.group},
            {"byte segments", bytes ? groups * plan.strips : 0},
            {"segment instructions",
             bytes ? 0 : groups * plan.strips * segment_instructions(plan.shape)},
            {"groups", groups},
            {"lane words", lines * layer.out_channels * (plan.strips + 1) * 2 * lane_words},
            {"lane outputs", outputs_of(layer)},
            {"packed elements", whole_words ? 0 : packed_rows * layer.width},
            {"band words", moved + (whole_words ? packed_rows * plan.strips : 0)}};
}

// slbc/slbc_pointwise.c
Terms pointwise_work(const Layer& layer, const slbc::PointwisePlan& plan) {
    const double tiles = ceil_divide(layer.out_height() * layer.out_width(), 4);
    const double quads = tiles * ceil_divide(layer.out_channels, 4);
    const double pairs = plan.depth / 2 * plan.blocks;
    return {{"pair steps", quads * pairs},
            {"blocks", quads * plan.blocks},
            {"quads", quads},
            {"tile pairs", tiles * pairs},
            {"outputs", outputs_of(layer)}};
}

Terms slbc_deep_work(const Layer& layer, Precision precision) {
    if (layer.kernel_width == 3) {
        if (const auto plan = slbc::plan_spatial(layer, precision))
            return spatial_work(layer, *plan);
    } else if (const auto plan = slbc::plan_pointwise(layer, precision)) {
        return pointwise_work(layer, *plan);
    }
    throw std::invalid_argument("no work: the kernel refuses this layer");
}

struct Entry {
    std::string_view kernel;
    Terms (*work)(const Layer&, Precision);
};

constexpr Entry kWork[] = {
    {"naive", naive_work},
    {"simd-int8", simd_int8_work},
    {"tinyengine", tinyengine_work},
    {"cmix", cmix_work},
    {"wpc-ddd", wpc_ddd_work},
    {"hikonv", hikonv_work},
    {"ulppack", ulppack_work},
    {"slbc", slbc_work},
    {"rp-slbc", rp_slbc_work},
    {"slbc-deep", slbc_deep_work},
};

}  // namespace

bool has_closed_work(std::string_view kernel) {
    return std::any_of(std::begin(kWork), std::end(kWork), [&](const Entry& entry) {
        return entry.kernel == kernel;
    });
}

std::string counted_term(traces::InstrClass instr_class) {
    return "counted " + std::string(traces::name(instr_class));
}

Terms work(std::string_view kernel, const Layer& layer, Precision precision) {
    for (const Entry& entry : kWork) {
        if (entry.kernel == kernel) return entry.work(layer, precision);
    }
    return counted_work(kernel, layer, precision);
}

Terms counted_work(std::string_view kernel, const Layer& layer, Precision precision) {
    const Structure exact = structure(kernel, layer, precision);
    Terms terms{{kScheduledTerm, exact.scheduled_cycles}};
    for (std::size_t c = 0; c < traces::kInstrClasses; ++c) {
        const auto instr_class = static_cast<traces::InstrClass>(c);
        terms.push_back(
            {counted_term(instr_class), static_cast<double>(exact.counts[instr_class])});
    }
    return terms;
}

}  // namespace mixq::kernels
