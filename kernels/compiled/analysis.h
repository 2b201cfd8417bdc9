// What a compiled kernel executes and takes, from its machine code alone: it is not run on any data.
//
//   const Analysis found = analyse(folder / "network.elf", "mixq_layer_conv1", "mixq_kernel_conv1");
#pragma once

#include <filesystem>
#include <string>

#include "traces/counts.h"

namespace mixq::kernels::compiled {

struct Analysis {
    traces::Counts counts;  // exact, and the same for every input and all weights: see control.h
    // Of blocks by how often they follow each other, each judged by the engine that times programs, and of branches by the predictor:
    // close. Warm predictors, memory that answers at once.
    double cycles = 0;
};

// Of the calls of a function by another one, which takes no arguments, in a linked ELF; weights, activations and everything else in
// memory are not known. Throws std::runtime_error that names the instruction where its control depends on data.
Analysis analyse(const std::filesystem::path& elf,
                 const std::string& caller,
                 const std::string& function);

}  // namespace mixq::kernels::compiled
