// How the tensors of activations lie in RAM: what the forms of every layer cost, measured, and which tensors need the smaller one.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tools/measure.h"

namespace mixq::tools {

// One layer by itself, its input and output in some form.
struct ActivationForm {
    std::string kernel;
    std::uint64_t ram_bytes = 0;  // while it runs: tensors, buffers, scratch
    std::uint64_t cycles = 0;
    std::string why_not;  // where it cannot be had; else empty

    bool fits() const { return why_not.empty(); }
};

// The form of a layer with its input and output in these.
using FormOf = std::function<ActivationForm(
    std::size_t layer, kernels::Storage input, kernels::Storage output)>;

// Of each tensor of a chain, so that every layer can be had and all together take the fewest cycles; `may[t]`: whether tensor t can
// be in bits. Nothing where there is no such choice.
std::optional<std::vector<kernels::Storage>> fewest_cycles(std::span<const bool> may,
                                                           std::size_t layers,
                                                           const FormOf& form_of);

// What a layer takes as it is built, beside what it took if its tensors were bytes and there were no limit.
struct ActivationCost {
    ActivationForm bytes;
    ActivationForm taken;
};

// Measures forms of the layers of a network, each once.
class ActivationChoice {
  public:
    // `choices`: the kernels where there is RAM enough; `other_kernels`: others may run strips that these cannot. `limit`: bytes of RAM
    // for tensors, buffers and scratch.
    ActivationChoice(const Measurement& measurement,
                     const kernels::IntegerNetwork& network,
                     const std::vector<kernels::Choice>& choices,
                     bool other_kernels,
                     std::optional<std::uint64_t> limit);

    // All tensors that have fewer than 8 bits.
    std::vector<kernels::Storage> all_bits() const;

    // For the fewest cycles within the limit: bits where bytes do not fit or are slower. Nothing where nothing fits.
    std::optional<std::vector<kernels::Storage>> within_limit();

    // Of every layer, in the forms that were chosen.
    std::vector<ActivationCost> costs(std::span<const kernels::Storage> activations);

  private:
    struct Known {
        std::array<std::optional<ActivationForm>, 4> forms;
        std::optional<ActivationForm> unlimited;
    };

    ActivationForm form(std::size_t layer, kernels::Storage input, kernels::Storage output);
    const ActivationForm& unlimited(std::size_t layer);
    ActivationForm measured(std::size_t layer,
                            kernels::Storage input,
                            kernels::Storage output,
                            std::optional<std::uint64_t> limit) const;
    bool has_bits(std::size_t tensor) const;

    const Measurement& measurement_;
    const kernels::IntegerNetwork& network_;
    const std::vector<kernels::Choice>& choices_;
    bool other_kernels_;
    std::optional<std::uint64_t> limit_;
    std::vector<Known> known_;
};

// What a limit on all RAM leaves for tensors, buffers and scratch.
std::uint64_t activations_within(const Measurement& measurement, std::uint64_t max_ram);

// Of a layer of the firmware: the two forms, and how it runs.
nlohmann::json activation_json(const kernels::FirmwareLayer& layer, const ActivationCost& cost);
std::string activation_table(const kernels::Firmware& firmware,
                             std::span<const ActivationCost> costs);

}  // namespace mixq::tools
