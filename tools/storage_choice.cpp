// Measures both forms of a layer's weights, and chooses.
#include "tools/storage_choice.h"

#include <algorithm>
#include <numeric>

#include "kernels/kernel.h"
#include "tools/console.h"

namespace mixq::tools {

namespace {

using kernels::Storage;

StorageForm measured(const Measurement& measurement, const BuiltRun& run) {
    const kernels::FirmwareLayer& layer = run.firmware.layers[0];
    StorageForm form;
    form.kernel = run.kernel;
    form.flash_bytes = layer.weight_bytes + layer.code_bytes;
    form.ram_bytes = run.firmware.activation_bytes;
    form.cycles = measurement.simulate(run).cycles;
    form.calls = layer.stored ? layer.stored->calls() : 1;
    return form;
}

std::uint64_t flash_of(const StorageCost& cost, Storage storage) {
    return storage == Storage::Bits ? cost.bits->flash_bytes : cost.bytes.flash_bytes;
}

// Of a firmware, what is neither weights nor code of a layer.
std::uint64_t flash_beside(const kernels::Firmware& firmware) {
    std::uint64_t bytes = firmware.flash_bytes;
    for (const kernels::FirmwareLayer& layer : firmware.layers)
        bytes -= layer.weight_bytes + layer.code_bytes;
    return bytes;
}

void measure_all(const StorageRequest& request,
                 const Measurement& measurement,
                 const kernels::IntegerNetwork& network,
                 const std::vector<kernels::Choice>& choices,
                 const kernels::BuildOptions& build,
                 std::vector<StorageCost>& costs) {
    Progress progress("storage", static_cast<std::int64_t>(network.layers.size()));
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        const kernels::IntegerLayer& layer = network.layers[i];
        LayerBuild how{
            Storage::Bytes, build.arena_limit, build.max_activations, {}, request.any_kernel};
        if (!build.activations.empty())
            how.activations = {build.activations[i], build.activations[i + 1]};
        costs.push_back(
            storage_cost(measurement, choices[i].kernel, layer, how, request.any_kernel));
        progress.advance(layer.name, static_cast<std::int64_t>(costs.size()));
    }
}

// Of the form in bits.
std::string note_of(const StorageCost& cost) {
    if (!cost.bits) return cost.why_not;
    return cost.bits->kernel == cost.bytes.kernel ? "" : "with " + cost.bits->kernel;
}

nlohmann::json form_json(const StorageForm& form) {
    return {{"kernel", form.kernel},
            {"flash_bytes", form.flash_bytes},
            {"ram_bytes", form.ram_bytes},
            {"cycles", form.cycles},
            {"calls", form.calls}};
}

}  // namespace

std::int64_t StorageCost::saved() const {
    if (!bits) return 0;
    return static_cast<std::int64_t>(bytes.flash_bytes) -
           static_cast<std::int64_t>(bits->flash_bytes);
}

std::int64_t StorageCost::costs() const {
    if (!bits) return 0;
    return static_cast<std::int64_t>(bits->cycles) - static_cast<std::int64_t>(bytes.cycles);
}

StorageCost storage_cost(const Measurement& measurement,
                         const std::string& kernel,
                         const kernels::IntegerLayer& layer,
                         LayerBuild how,
                         bool any_kernel) {
    StorageCost cost;
    how.storage = Storage::Bytes;
    const BuiltRun packed = measurement.build(kernel, layer, how);
    cost.bytes = measured(measurement, packed);
    how.storage = Storage::Bits;
    const auto try_bits = [&](const std::string& name) {
        try {
            const StorageForm form = measured(measurement, measurement.build(name, layer, how));
            if (!cost.bits || form.cycles < cost.bits->cycles) cost.bits = form;
        } catch (const OutputDiffers&) {
            throw;
        } catch (const std::runtime_error& error) {
            cost.why_not = error.what();
        }
    };
    const auto why = kernels::storage_refusal(packed.firmware.layers[0].packed);
    if (!why) {
        try_bits(kernel);
        return cost;
    }
    if (any_kernel) {
        for (const kernels::Kernel* other : kernels::all_kernels()) {
            const std::string name(other->name());
            if (other->purpose() != kernels::Purpose::Deploy || kernels::refusal(name, layer))
                continue;
            if (!kernels::storage_refusal(other->pack(layer))) try_bits(name);
        }
    }
    if (!cost.bits && cost.why_not.empty()) cost.why_not = *why;
    return cost;
}

std::vector<Storage> smallest_storage(std::span<const StorageCost> costs) {
    std::vector<Storage> storage;
    for (const StorageCost& cost : costs)
        storage.push_back(cost.saved() > 0 ? Storage::Bits : Storage::Bytes);
    return storage;
}

std::vector<Storage> storage_within(std::span<const StorageCost> costs,
                                    std::uint64_t others,
                                    std::uint64_t limit) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < costs.size(); ++i) {
        if (costs[i].saved() > 0) order.push_back(i);
    }
    std::ranges::stable_sort(order, {}, [&](std::size_t i) {
        return static_cast<double>(costs[i].costs()) / static_cast<double>(costs[i].saved());
    });
    std::vector<Storage> storage(costs.size(), Storage::Bytes);
    const auto fits = [&] { return others + flash_of(costs, storage) <= limit; };
    std::vector<std::size_t> taken;
    for (const std::size_t i : order) {
        if (fits()) break;
        storage[i] = Storage::Bits;
        taken.push_back(i);
    }
    if (!fits()) return storage;
    // What costs most first.
    std::ranges::stable_sort(
        taken, std::greater{}, [&](std::size_t i) { return costs[i].costs(); });
    for (const std::size_t i : taken) {
        storage[i] = Storage::Bytes;
        if (!fits()) storage[i] = Storage::Bits;
    }
    return storage;
}

std::uint64_t flash_of(std::span<const StorageCost> costs, std::span<const Storage> storage) {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < costs.size(); ++i) bytes += flash_of(costs[i], storage[i]);
    return bytes;
}

kernels::Firmware build_with_storage(const StorageRequest& request,
                                     const Measurement& measurement,
                                     const kernels::IntegerNetwork& network,
                                     const std::vector<kernels::Choice>& choices,
                                     kernels::BuildOptions build,
                                     std::vector<StorageCost>& costs) {
    build.choose = [&](const kernels::IntegerLayer& layer) -> kernels::Choice {
        const auto same = [&](const auto& other) { return other.name == layer.name; };
        const auto i = static_cast<std::size_t>(std::ranges::find_if(network.layers, same) -
                                                network.layers.begin());
        const bool bits = i < build.storage.size() && build.storage[i] == Storage::Bits;
        if (!bits || costs[i].bits->kernel == choices[i].kernel) return choices[i];
        return {costs[i].bits->kernel,
                "weights in bytes: " + choices[i].kernel + " " + grouped(costs[i].bytes.cycles)};
    };
    build.kernel = "best";
    if (request.storage == "bytes") return kernels::build_firmware(network, build);
    measure_all(request, measurement, network, choices, build, costs);
    if (request.storage == "bits") {
        build.storage = smallest_storage(costs);
        return kernels::build_firmware(network, build);
    }
    const std::uint64_t limit = std::min<std::uint64_t>(request.max_flash.value_or(UINT64_MAX),
                                                        kernels::flash_bytes_of(build.target));
    // Start-up, input and glue: of any firmware before the network is built, then of the network.
    std::uint64_t others = flash_beside(smallest_firmware(measurement));
    kernels::Firmware firmware;
    for (;;) {
        const std::vector<Storage> before = build.storage;
        build.storage = storage_within(costs, others, limit);
        if (build.storage == before) return firmware;
        firmware = kernels::build_firmware(network, build);
        if (firmware.flash_bytes <= limit) return firmware;
        others = std::max(others, flash_beside(firmware));
    }
}

nlohmann::json storage_json(const StorageCost& cost) {
    nlohmann::json json{{"bytes", form_json(cost.bytes)}, {"bits", nullptr}};
    if (cost.bits) {
        json["bits"] = form_json(*cost.bits);
    } else {
        json["why_not_bits"] = cost.why_not;
    }
    return json;
}

std::string storage_table(const kernels::Firmware& firmware, std::span<const StorageCost> costs) {
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < costs.size(); ++i) {
        const kernels::FirmwareLayer& layer = firmware.layers[i];
        const StorageCost& cost = costs[i];
        const auto of_bits = [&](std::uint64_t StorageForm::*member) {
            return cost.bits ? grouped((*cost.bits).*member) : "-";
        };
        rows.push_back({layer.layer.name,
                        std::string(name(layer.stored ? Storage::Bits : Storage::Bytes)),
                        grouped(cost.bytes.flash_bytes),
                        of_bits(&StorageForm::flash_bytes),
                        grouped(cost.bytes.ram_bytes),
                        of_bits(&StorageForm::ram_bytes),
                        grouped(cost.bytes.cycles),
                        of_bits(&StorageForm::cycles),
                        cost.bits ? grouped(cost.bits->calls) : "-",
                        note_of(cost)});
    }
    return format_columns({"layer",
                           "weights in",
                           "flash: bytes",
                           "bits",
                           "RAM: bytes",
                           "bits",
                           "cycles: bytes",
                           "bits",
                           "parts",
                           "bits"},
                          rows);
}

}  // namespace mixq::tools
