// The kernel packed-dw: depthwise 3x3 by packed SMLAL products and packed requantisation.
#include <algorithm>
#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/packed_dw/plan.h"
#include "kernels/packed_dw/planes.h"
#include "kernels/packing/packing.h"
#include "kernels/packing/requantise.h"

namespace mixq::kernels {
namespace {

class PackedDepthwise final : public Kernel {
  public:
    Purpose purpose() const override { return Purpose::Deploy; }

    std::string_view name() const override { return "packed-dw"; }

    std::string_view summary() const override {
        return "depthwise 3x3, SMLAL polynomials of byte or 16-bit fields; a + w to 12 and beyond";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        return packed_dw::refusal(layer, precision);
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        check_shape(layer);
        return packed(layer, packed_dw::choose(layer));
    }

    std::vector<Candidate> candidates(const IntegerLayer& layer) const override {
        check_shape(layer);
        std::vector<Candidate> all;
        for (const packed_dw::Packing packing : packed_dw::kPackings) {
            const auto plan = packed_dw::plan_with(layer, packing);
            if (!plan) continue;
            all.push_back({plan->descriptor(),
                           packed_dw::guaranteed(packing, layer.precision),
                           packed_dw::estimated_cycles(*plan, layer.name),
                           [layer, plan = *plan] { return packed(layer, plan); }});
        }
        std::stable_sort(all.begin(), all.end(), [](const Candidate& one, const Candidate& other) {
            return one.estimated_cycles < other.estimated_cycles;
        });
        return all;
    }

  private:
    static void check_shape(const IntegerLayer& layer) {
        packing::check_layer(layer);
        const traces::Layer& shape = layer.shape;
        // The bits are judged by the actual weights.
        if (const auto why = packed_dw::refusal(shape, {traces::kMinBits, traces::kMinBits}))
            throw std::runtime_error("layer " + layer.name + ": packed-dw cannot run it: " + *why);
    }

    static PackedLayer packed(const IntegerLayer& layer, const packed_dw::Plan& plan) {
        PackedLayer packed;
        packed.kernel = "packed-dw";
        packed.weights = packed_dw::pack_records(layer, plan);
        packed.scratch_bytes =
            static_cast<std::uint32_t>(packed_dw::Planes::scratch_bytes(layer.shape));
        packed.proof_largest_field = plan.largest_field;
        packed.proof_field_limit = plan.field_limit;
        packed.proof = plan.descriptor() + ": the largest field reaches " +
                       std::to_string(packed.proof_largest_field) + " of " +
                       std::to_string(packed.proof_field_limit);
        packed.generate = [plan, name = layer.name](Layout output) {
            return packed_dw::code(plan, name, output, generate::Scheduling::List);
        };
        return packed;
    }
};

}  // namespace

const Kernel& packed_dw_kernel() {
    static const PackedDepthwise kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
