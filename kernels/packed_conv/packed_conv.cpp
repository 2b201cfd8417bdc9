// rp-conv: spatial convolution by packed polynomial products with deep accumulation, generated per layer.
#include <algorithm>
#include <memory>
#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/packed_conv/routine.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {

namespace packed_conv {

namespace {

using generate::Scheduling;

// Candidates whose schedules are compared: so many at most, estimated within so much of the cheapest. Schedules cost up to 6 %
// more than their estimate.
constexpr std::size_t kScheduled = 3;
constexpr double kWithin = 1.06;

class PackedConvolution : public Kernel {
  public:
    PackedConvolution(std::string_view name, std::string_view summary, Scheduling scheduling)
        : name_(name), summary_(summary), scheduling_(scheduling) {}

    Purpose purpose() const override {
        return scheduling_ == Scheduling::List ? Purpose::Deploy : Purpose::Compare;
    }

    std::string_view name() const override { return name_; }

    std::string_view summary() const override { return summary_; }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        if (auto why = refuses_shape(layer)) return why;
        if (!guaranteed_plans(layer, precision).empty()) return std::nullopt;
        return "no packing of rows holds " + to_string(precision) +
               " in one field for any weights; weights with a smaller sum may still pack";
    }

    PackedLayer pack(const IntegerLayer& layer) const override;
    std::vector<Candidate> candidates(const IntegerLayer& layer) const override;

  private:
    static std::optional<std::string> refuses_shape(const traces::Layer& layer) {
        if (layer.kind != traces::LayerKind::Conv) return "it runs convolutions over all channels";
        if (layer.kernel_height * layer.kernel_width == 1)
            return "a 1x1 kernel has no neighbours to pack";
        return std::nullopt;
    }

    PackedLayer packed(const IntegerLayer& layer, const Plan& plan) const;

    // Cheapest by estimate first.
    static std::vector<std::pair<double, Plan>> ranked(const IntegerLayer& layer);

    std::string_view name_;
    std::string_view summary_;
    Scheduling scheduling_;
};

Output output_of(const IntegerLayer& layer, const Finish& finish, Layout layout) {
    return {layer.name, layer.output_bits, layout, finish};
}

PackedLayer PackedConvolution::packed(const IntegerLayer& layer, const Plan& plan) const {
    PackedLayer packed;
    packed.kernel = name_;
    packed.proof_largest_field = prove(layer, plan);
    packed.proof_field_limit = packing::field_limit(plan.bits());
    packed.proof = plan.descriptor() + ", " + std::to_string(plan.depth) +
                   " channels deep: the largest field reaches " +
                   std::to_string(packed.proof_largest_field) + " of " +
                   std::to_string(packed.proof_field_limit) +
                   (plan.guaranteed ? ", guaranteed for any weights" : ", proved on these weights");
    const Finish finish = finish_of(layer, plan);
    packed.weights = pack_weights(layer, plan, finish);
    packed.structure = structure_of(plan, layer.precision.weight_bits);
    packed.scratch_bytes = scratch_bytes(plan);
    packed.generate_units = [plan,
                             output = output_of(layer, finish, Layout::Planar),
                             how = scheduling_](Layout layout, int units) {
        Output to = output;
        to.layout = layout;
        to.filters = units;
        return lowered(plan, to, how);
    };
    packed.units_write_first = true;
    packed.generate = [generate = packed.generate_units, filters = layer.shape.out_channels](
                          Layout layout) { return generate(layout, filters); };
    return packed;
}

std::vector<std::pair<double, Plan>> PackedConvolution::ranked(const IntegerLayer& layer) {
    std::vector<std::pair<double, Plan>> all;
    for (const Plan& plan : plans(layer)) {
        const Output output = output_of(layer, finish_of(layer, plan), Layout::Planar);
        all.emplace_back(estimated(plan, output).cycles, plan);
    }
    std::ranges::stable_sort(all, {}, &std::pair<double, Plan>::first);
    return all;
}

std::vector<Candidate> PackedConvolution::candidates(const IntegerLayer& layer) const {
    packing::check_layer(layer);
    std::vector<Candidate> all;
    if (refuses_shape(layer.shape)) return all;
    const auto add = [&](double cycles, const Plan& plan) {
        all.push_back({plan.descriptor(), plan.guaranteed, cycles, [this, layer, plan] {
                           return packed(layer, plan);
                       }});
    };
    std::size_t rank = 0;
    for (const auto& [cycles, plan] : ranked(layer)) {
        add(cycles, plan);
        if (rank++ >= kScheduled) continue;
        if (const auto less = rolled(plan))
            add(estimated(*less, output_of(layer, finish_of(layer, *less), Layout::Planar)).cycles,
                *less);
    }
    std::ranges::stable_sort(all, {}, &Candidate::estimated_cycles);
    return all;
}

PackedLayer PackedConvolution::pack(const IntegerLayer& layer) const {
    packing::check_layer(layer);
    if (const auto why = refuses_shape(layer.shape))
        throw std::runtime_error("layer " + layer.name + ": rp-conv cannot pack it: " + *why);
    const auto all = ranked(layer);
    if (all.empty()) explain(layer);
    const Plan* best = &all.front().second;
    double least = 0;
    for (std::size_t k = 0; k < std::min(kScheduled, all.size()); ++k) {
        if (all[k].first > kWithin * all.front().first) break;
        const Plan& plan = all[k].second;
        const Output output = output_of(layer, finish_of(layer, plan), Layout::Planar);
        const double cycles = lowered(plan, output, scheduling_).cycles;
        if (k == 0 || cycles < least) {
            least = cycles;
            best = &plan;
        }
    }
    return packed(layer, *best);
}

}  // namespace

}  // namespace packed_conv

const Kernel& rp_conv_kernel() {
    static const packed_conv::PackedConvolution kernel(
        "rp-conv",
        "packed products accumulated deep over channels and kernel rows, carried along the row",
        generate::Scheduling::List);
    return kernel;
}

const Kernel& rp_conv_written_kernel() {
    static const packed_conv::PackedConvolution kernel(
        "rp-conv-written",
        "rp-conv in the order written: what packing brings without scheduling",
        generate::Scheduling::AsWritten);
    return kernel;
}

}  // namespace mixq::kernels
