// The generated code between tensors and line buffers.
#pragma once

#include <string>

#include "kernels/generate/routine.h"
#include "kernels/strips/strips.h"

namespace mixq::kernels::strips {

// symbol(stored, buffer): the lines of a window, of every plane, as bytes, with its rows of zeros. `stored` is the first of the lines
// in the first plane.
generate::Lowered unpack_code(const Tensor& tensor,
                              const Window& window,
                              const std::string& symbol,
                              generate::Scheduling how);

// symbol(buffer, stored): bytes to `lines` lines of every plane.
generate::Lowered pack_code(const Tensor& tensor,
                            int lines,
                            const std::string& symbol,
                            generate::Scheduling how);

}  // namespace mixq::kernels::strips
