// The kernels that multiply rows as they are (slbc, rp-slbc, hikonv), generated and scheduled: what scheduling alone brings to them.
// The algorithm is that of slbc/row.h and baselines/hikonv.c: sums of an output row in memory, every field of every product taken
// out and added to them.
//
// Scratch: the packed input, [padded row][channel][strip], so that the rows under a kernel are contiguous whatever the output row;
// then the sums.
#pragma once

#include <functional>

#include "kernels/generate/routine.h"
#include "kernels/kernel.h"
#include "kernels/packing/packing.h"

namespace mixq::kernels::slbc {

// What differs between the kernels.
struct RowKernel {
    packing::FieldShape shape;
    int strips = 0;
    int rows_per_pass = 1;     // multiplied in one pass of the loop over rows
    int weight_row_bytes = 4;  // of one row's weights
    bool window_sums =
        false;  // HiKonv: a filter of nothing but offsets runs first, and its sums come off
    // Sets the sums of a filter; `weights` walks past what it reads there.
    std::function<void(generate::Code&, generate::Reg sums, generate::Reg weights)> start;
    // Adds `rows` rows to the sums. rows and weights do not move.
    std::function<void(
        generate::Body&, int rows, generate::Reg row, generate::Reg weights, generate::Reg sums)>
        add_rows;
};

// Fields of a product in a register pair, taken out and added to an element of the sums that is in a register.
void add_field(generate::Code& code,
               generate::Reg sum,
               generate::Reg low,
               generate::Reg high,
               int field,
               const packing::FieldShape& shape,
               bool topmost);

std::uint32_t row_scratch_bytes(const traces::Layer& layer, const RowKernel& kernel);

// The routine, lowered; `packed` has its requantisation set.
generate::Lowered lower_rows(const IntegerLayer& layer,
                             const PackedLayer& packed,
                             const RowKernel& kernel,
                             Layout output,
                             generate::Scheduling how);

// What straight code may use between the pointers it is given.
std::vector<generate::Reg> row_pool();

}  // namespace mixq::kernels::slbc
