// The kernels there are, each defined in its own source; kernel.cpp lists them.
#pragma once

#include "kernels/kernel.h"

namespace mixq::kernels {

const Kernel& naive_kernel();
const Kernel& simd_int8_kernel();
const Kernel& tinyengine_kernel();
const Kernel& cmix_kernel();
const Kernel& wpc_ddd_kernel();
const Kernel& hikonv_kernel();
const Kernel& ulppack_kernel();
const Kernel& slbc_kernel();
const Kernel& rp_slbc_kernel();
const Kernel& slbc_scheduled_kernel();
const Kernel& rp_slbc_scheduled_kernel();
const Kernel& hikonv_scheduled_kernel();
const Kernel& naive_scheduled_kernel();
const Kernel& simd_int8_scheduled_kernel();
const Kernel& cmix_scheduled_kernel();
const Kernel& wpc_ddd_scheduled_kernel();
const Kernel& ulppack_scheduled_kernel();
const Kernel& slbc_deep_kernel();
const Kernel& winograd_kernel();
const Kernel& dual_gemm_kernel();
const Kernel& smlad_gemm_kernel();
const Kernel& rp_conv_kernel();
const Kernel& packed_dw_kernel();
const Kernel& smlad_dw_kernel();
const Kernel& rp_conv_written_kernel();

}  // namespace mixq::kernels
