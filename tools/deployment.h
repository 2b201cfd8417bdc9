// Firmware that was built and verified, with its figures: what deploy shows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tools/activation_choice.h"
#include "tools/measure.h"
#include "tools/storage_choice.h"

namespace mixq::tools {

struct Deployment {
    kernels::Firmware firmware;
    std::vector<StorageCost>
        storage;  // of every layer; empty if weights are in bytes as a matter of course
    std::vector<ActivationCost> activations;  // of every layer; empty if none runs in strips
    std::string elf_sha256;
    std::vector<sim::CallTiming> layers;  // in network order
    sim::CallTiming whole;
    int images_checked = 0;
    std::optional<double> accuracy;  // of the images checked; needs labels and logits
};

// `verified_against`: in words.
void print_deployment(const Deployment& deployment,
                      const std::string& verified_against,
                      const sim::Board& board,
                      const MemoryUse& memory);
nlohmann::json deployment_json(const Deployment& deployment,
                               const std::string& verified_against,
                               const sim::Board& board,
                               const MemoryUse& memory,
                               std::uint64_t seed);

}  // namespace mixq::tools
