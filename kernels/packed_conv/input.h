// Packing the input of rp-conv on the device, from bytes to words of fields: once per layer, or a few rows at a time.
#pragma once

#include "kernels/generate/routine.h"
#include "kernels/packed_conv/plan.h"

namespace mixq::kernels::packed_conv {

// Adds a constant of any size; one to three instructions.
void add_constant(generate::Code& code, generate::Reg d, generate::Reg n, int constant);

// Packed rows that follow each other: zero rows, rows of the input, zero rows.
struct InputRows {
    int above = 0;
    int rows = 0;
    int below = 0;
};

// What the whole layer reads.
InputRows all_rows(const Plan& plan);

// Packs rows of all channels. r0 holds the first of the input rows, in channel 0; r3 where the first packed row goes, in the first
// group; both are lost, and so are r4..r12 and lr.
void pack_rows(generate::Body& body, const Plan& plan, const InputRows& rows);

// Of every group, takes the last `rows_shared()` packed rows to the front. r3 holds the packed rows; it and r4..r12 and lr are lost.
void roll_rows(generate::Body& body, const Plan& plan);

}  // namespace mixq::kernels::packed_conv
