// The list of kernels, and finding one by name.
#include "kernels/kernel.h"

#include <array>
#include <stdexcept>

#include "kernels/kernel_list.h"

namespace mixq::kernels {

std::string_view name(Layout layout) {
    return layout == Layout::Planar ? "planar" : "interleaved";
}

std::vector<Candidate> Kernel::candidates(const IntegerLayer& layer) const {
    if (refuses(layer.shape, layer.precision)) return {};
    return {{std::string(name()), true, 0, [this, layer] { return pack(layer); }}};
}

std::span<const Kernel* const> all_kernels() {
    static const std::array kKernels{
        &naive_kernel(),
        &simd_int8_kernel(),
        &slbc_kernel(),
        &rp_slbc_kernel(),
        &slbc_deep_kernel(),
        &tinyengine_kernel(),
        &cmix_kernel(),
        &wpc_ddd_kernel(),
        &hikonv_kernel(),
        &ulppack_kernel(),
        &winograd_kernel(),
        &dual_gemm_kernel(),
        &smlad_gemm_kernel(),
        &rp_conv_kernel(),
        &packed_dw_kernel(),
        &smlad_dw_kernel(),
        &rp_conv_written_kernel(),
        &slbc_scheduled_kernel(),
        &rp_slbc_scheduled_kernel(),
        &hikonv_scheduled_kernel(),
        &naive_scheduled_kernel(),
        &simd_int8_scheduled_kernel(),
        &cmix_scheduled_kernel(),
        &wpc_ddd_scheduled_kernel(),
        &ulppack_scheduled_kernel(),
    };
    return kKernels;
}

const Kernel& find_kernel(std::string_view name) {
    std::string known;
    for (const Kernel* kernel : all_kernels()) {
        if (kernel->name() == name) return *kernel;
        known += (known.empty() ? "" : ", ") + std::string(kernel->name());
    }
    throw std::invalid_argument("unknown kernel '" + std::string(name) + "'; there are " + known);
}

}  // namespace mixq::kernels
