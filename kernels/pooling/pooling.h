// Pooling and element-wise addition, generated (arithmetic: kernels/network/network.h).
#pragma once

#include <string>

#include "kernels/generate/routine.h"
#include "kernels/kernel.h"
#include "kernels/network/network.h"

namespace mixq::kernels::pooling {

// mixq_pool_<layer>(input, output) over the layer's requantised output, in either layout. Output may be input: what it writes lies at
// or before what it still has to read. Throws std::logic_error for a layer that does not pool.
generate::Lowered pool_code(const IntegerLayer& layer, Layout layout);

// A routine of that name: (a, b, output), bytes alike in every layout, aligned to 4. Output may be a or b.
generate::Lowered add_code(const Addition& addition, const std::string& symbol);

}  // namespace mixq::kernels::pooling
