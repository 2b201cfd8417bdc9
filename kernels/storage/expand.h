// The generated code that makes packed weights again from what is stored of them.
#pragma once

#include <string>

#include "kernels/generate/routine.h"
#include "kernels/storage/stored.h"

namespace mixq::kernels::storage {

// mixq_expand_<layer>(stored, packed): `units` of them, then the tail where there is one. Both 8-aligned, the stored bytes those of
// the first of the units.
generate::Lowered expand_code(const Plan& plan,
                              int units,
                              const std::string& layer,
                              generate::Scheduling how);

}  // namespace mixq::kernels::storage
