// The deep SLBC kernel's host side.
#include <stdexcept>

#include "kernels/kernel_list.h"
#include "kernels/slbc/deep.h"

namespace mixq::kernels {
namespace {

class SlbcDeep final : public Kernel {
  public:
    std::string_view name() const override { return "slbc-deep"; }

    std::string_view summary() const override {
        return "packed multiplies added up deep inside the accumulator; conv3x3, conv1x1, stride 1";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override {
        if (const auto why = refuses_shape(layer)) return why;
        const bool planned = layer.kernel_width == 3
                                 ? slbc::plan_spatial(layer, precision).has_value()
                                 : slbc::plan_pointwise(layer, precision).has_value();
        if (planned) return std::nullopt;
        return "no field holds the products of " + to_string(precision) + " for any weights";
    }

    PackedLayer pack(const IntegerLayer& layer) const override {
        if (const auto why = refuses_shape(layer.shape)) {
            throw std::runtime_error("layer " + layer.name + ": slbc-deep cannot run it: " + *why);
        }
        return layer.shape.kernel_width == 3 ? slbc::pack_spatial(layer)
                                             : slbc::pack_pointwise(layer);
    }

  private:
    static std::optional<std::string> refuses_shape(const traces::Layer& layer) {
        if (layer.kind != traces::LayerKind::Conv) return "only convolutions over all channels";
        if (layer.stride != 1) return "only stride 1";
        const bool spatial = layer.kernel_height == 3 && layer.kernel_width == 3;
        const bool pointwise = layer.kernel_height == 1 && layer.kernel_width == 1;
        if (!spatial && !pointwise) return "only kernels of 3x3 and 1x1";
        const int most = spatial ? 2 : 0;
        if (layer.padding_y > most || layer.padding_x > most) {
            return "padding of more than " + std::to_string(most);
        }
        if (spatial && layer.width > 512) return "rows of more than 512 pixels";
        return std::nullopt;
    }
};

}  // namespace

const Kernel& slbc_deep_kernel() {
    static const SlbcDeep kKernel;
    return kKernel;
}

}  // namespace mixq::kernels
