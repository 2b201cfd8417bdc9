// How the weights of every layer lie in flash: what both forms cost, measured, and which layers need the smaller one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tools/measure.h"

namespace mixq::tools {

struct StorageForm {
    std::string kernel;
    std::uint64_t flash_bytes = 0;  // weights and code
    std::uint64_t ram_bytes = 0;    // while the layer runs: activations, scratch, expanded weights
    std::uint64_t cycles = 0;
    int calls = 1;  // of the kernel: parts that the weights are expanded in
};

// Of one layer by itself.
struct StorageCost {
    StorageForm bytes;
    std::optional<StorageForm> bits;
    std::string why_not;  // where there are no bits

    // Flash that the smaller form saves; less than 0 where its code takes more.
    std::int64_t saved() const;
    // Cycles that it costs; less than 0 where it is the faster one, reading weights from RAM.
    std::int64_t costs() const;
};

// `how`: limits, and the form of activations. `any_kernel`: where this kernel's weights cannot be in bits, the fastest kernel whose
// weights can.
StorageCost storage_cost(const Measurement& measurement,
                         const std::string& kernel,
                         const kernels::IntegerLayer& layer,
                         LayerBuild how,
                         bool any_kernel);

// Bits where they save flash.
std::vector<kernels::Storage> smallest_storage(std::span<const StorageCost> costs);

// Bits only where flash must not take more than `limit`: those that cost the fewest cycles for a byte saved, until it fits, then
// without those that it also fits without. `others`: flash that no layer's weights or code take. As small as it gets where nothing
// fits.
std::vector<kernels::Storage> storage_within(std::span<const StorageCost> costs,
                                             std::uint64_t others,
                                             std::uint64_t limit);

// Weights and code of all layers.
std::uint64_t flash_of(std::span<const StorageCost> costs,
                       std::span<const kernels::Storage> storage);

struct StorageRequest {
    std::string storage;  // "bytes", "bits" or "auto"
    std::optional<std::uint64_t> max_flash;
    bool any_kernel = true;  // see storage_cost
};

// Weights in bits in all layers where that saves flash, or with "auto" only where flash is too small otherwise: the limit's, or the
// target's. `build` comes without kernels and with its limits on RAM: those are `choices`, or what a layer's form in bits takes. `costs`: of every layer; none
// of "bytes".
kernels::Firmware build_with_storage(const StorageRequest& request,
                                     const Measurement& measurement,
                                     const kernels::IntegerNetwork& network,
                                     const std::vector<kernels::Choice>& choices,
                                     kernels::BuildOptions build,
                                     std::vector<StorageCost>& costs);

// The two forms of a layer, the one that is taken among them.
nlohmann::json storage_json(const StorageCost& cost);
std::string storage_table(const kernels::Firmware& firmware, std::span<const StorageCost> costs);

}  // namespace mixq::tools
