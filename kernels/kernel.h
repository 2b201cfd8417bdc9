// What a kernel is to the rest of the project: a device source that is compiled once per layer, and
// the host code that decides whether it fits, packs the weights and says what memory it needs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/generate/routine.h"
#include "kernels/network/network.h"
#include "kernels/storage/structure.h"

namespace mixq::kernels {

// How a tensor of bytes lies in memory. Both hold one element per byte.
enum class Layout : std::uint8_t {
    Planar,       // [channel][row][column]
    Interleaved,  // [row][column][channel]
};

std::string_view name(Layout layout);

// A layer made ready for the device by one kernel: as a C source specialised by macros, or as generated code.
struct PackedLayer {
    std::string kernel;
    std::string
        source;  // device source, relative to kernels/: "slbc/slbc_deep.c"; empty if generated
    std::vector<std::pair<std::string, std::string>>
        defines;  // beside the common ones (see kernels/device/layer.h)
    // Of generated kernels: the routine mixq_kernel_<layer>(input, output, scratch), which finds its constants in
    // mixq_weights_<layer>, mixq_multiplier_<layer> and mixq_bias_<layer>, scheduled, writing its output in a layout.
    std::function<generate::Lowered(Layout output)> generate;
    std::vector<std::uint8_t> weights;  // packed, aligned to 8 on the device
    // How the packed weights' words repeat; none of kernels whose weights cannot be stored in fewer bits.
    std::optional<storage::Structure> structure;
    // The same routine for the next `units` of the structure: their weights are then at mixq_weights_<layer>.
    std::function<generate::Lowered(Layout output, int units)> generate_units;
    // Whether that routine writes from its output pointer on; else its weights say where, from the layer's output on.
    bool units_write_first = false;
    std::vector<std::int32_t> multiplier;  // per output channel
    std::vector<std::int32_t> bias;   // per output channel, with the packing's constants folded in
    std::uint32_t scratch_bytes = 0;  // aligned to 8 on the device
    // What the packer proved about the actual weights: the largest value any packed field can
    // reach, and the most it may.
    std::int64_t proof_largest_field = 0;
    std::int64_t proof_field_limit = 0;
    std::string proof;  // in words, for people
};

// One way a kernel can run a layer: a packing that fits it, and what that is in the terms of kernels/packing.
struct Candidate {
    std::string
        descriptor;  // "SMLAL 3x3 S=12 T=9": multiply, elements x taps, field bits, multiplies between segmentations
    bool guaranteed = true;  // holds for any weights of these bits; else proved on the actual ones
    double estimated_cycles = 0;  // see generate::estimate
    std::function<PackedLayer()> pack;
};

// What a kernel is there for.
enum class Purpose : std::uint8_t {
    Deploy,   // may be chosen for firmware: generated, its cycles known beforehand
    Compare,  // a baseline or an ablation
};

class Kernel {
  public:
    virtual ~Kernel() = default;

    virtual Purpose purpose() const { return Purpose::Compare; }

    virtual std::string_view name() const = 0;     // "slbc-deep"
    virtual std::string_view summary() const = 0;  // one line for --help
    virtual Layout input_layout() const = 0;       // any kernel can write either layout

    // Why it cannot run this shape at this precision for some weights; empty if it can for all of
    // them.
    virtual std::optional<std::string> refuses(const traces::Layer& layer,
                                               traces::Precision precision) const = 0;

    // Packs the actual weights; may succeed where refuses() says no. Throws std::runtime_error naming layer and filter if they do not
    // fit the packing.
    virtual PackedLayer pack(const IntegerLayer& layer) const = 0;

    // All packings that fit these weights, cheapest by estimate first; pack() takes the one whose schedule is the cheapest. Kernels
    // that have no choice have one.
    virtual std::vector<Candidate> candidates(const IntegerLayer& layer) const;
};

std::span<const Kernel* const> all_kernels();
// Throws std::invalid_argument listing the kernels there are.
const Kernel& find_kernel(std::string_view name);

// Work in a kernel's own units, from its loops alone: what the cost model predicts instruction
// counts from before anything ran.
struct WorkTerm {
    std::string name;  // "multiplies", "flushes", "outputs", ...
    double amount = 0;
};

// Throws std::invalid_argument for an unknown kernel.
std::vector<WorkTerm> work(std::string_view kernel,
                           const traces::Layer& layer,
                           traces::Precision precision);

}  // namespace mixq::kernels
