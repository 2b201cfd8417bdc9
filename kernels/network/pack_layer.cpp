// Chooses the kernel of a layer and the rows of its strips.
#include "kernels/network/pack_layer.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <tuple>

#include "kernels/strips/code.h"

namespace mixq::kernels {

namespace {

constexpr double kSlowest = 20;  // cycles a multiply-accumulate
// Cycles of strips that are there to save RAM, to those of the fastest.
constexpr double kCheap = 1.1;

std::uint32_t rounded(std::uint32_t bytes) {
    return (bytes + 7) / 8 * 8;
}

std::uint64_t arena_of(const FirmwareLayer& entry) {
    const LayerMemory memory = memory_of(entry);
    return plan_memory({&memory, 1}).arena_bytes;
}

std::string described(const IntegerLayer& layer) {
    return "layer '" + layer.name + "' (" + to_string(layer.shape) + " " +
           to_string(layer.precision) + ")";
}

Choice chosen(const IntegerLayer& layer, const BuildOptions& options, std::uint64_t most_scratch) {
    if (options.kernel != "best") return {options.kernel, ""};
    return options.choose ? options.choose(layer) : choose_by_schedule(layer, most_scratch);
}

PackedLayer pack_with(const Choice& choice, const IntegerLayer& layer, std::uint64_t most_scratch) {
    const Kernel& kernel = find_kernel(choice.kernel);
    const auto refuse = [&](const std::string& why) {
        throw std::runtime_error(described(layer) + ": kernel " + choice.kernel +
                                 " cannot run it: " + why);
    };
    // Compiled kernels make no promise beyond what they refuse; the others pack what they can prove.
    const auto refused = kernel.refuses(layer.shape, layer.precision);
    if (refused && kernel.purpose() == Purpose::Compare) refuse(*refused);
    try {
        return pack_within(kernel, layer, most_scratch);
    } catch (const std::runtime_error& error) {
        refuse(refused ? *refused : error.what());
    }
    throw std::logic_error("a layer was neither packed nor refused");
}

void pack(FirmwareLayer& entry, const BuildOptions& options, std::uint64_t most) {
    const std::uint64_t beside = arena_of(entry);  // without a kernel: tensors and buffers
    const std::uint64_t most_scratch = most > beside ? (most - beside) / 8 * 8 : 0;
    Choice choice = chosen(entry.run(), options, most_scratch);
    try {
        entry.packed = pack_with(choice, entry.run(), most_scratch);
    } catch (const std::runtime_error&) {
        // What was chosen for the whole layer need not be right for some of its rows.
        if (!entry.strips || options.kernel != "best" || !options.choose) throw;
        choice = choose_by_schedule(entry.run(), most_scratch);
        entry.packed = pack_with(choice, entry.run(), most_scratch);
    }
    entry.why_not_faster = choice.why_not_faster;
    entry.weight_bytes = static_cast<std::uint32_t>(entry.packed.weights.size());
}

// By the schedules of kernel and copies. Nobody knows those of compiled kernels beforehand: whatever is generated comes before them.
double cycles_of(const FirmwareLayer& entry) {
    const strips::Strips& strips = *entry.strips;
    if (!entry.packed.generate)
        return kSlowest * strips.count * static_cast<double>(strips.layer.shape.macs());
    double cycles = strips.count * entry.packed.generate(Layout::Planar).cycles;
    if (strips.unpacks()) {
        cycles += strips.count * strips::unpack_code(strips.input,
                                                     strips.window(strips.count / 2),
                                                     "unpack",
                                                     generate::Scheduling::List)
                                     .cycles;
    }
    if (strips.packs()) {
        cycles += strips.count * strips::pack_code(strips.output,
                                                   strips.layer.output_height(),
                                                   "pack",
                                                   generate::Scheduling::List)
                                     .cycles;
    }
    return cycles;
}

std::vector<Ready> in_strips(const IntegerLayer& layer,
                             const BuildOptions& options,
                             std::uint64_t most,
                             Bits bits) {
    std::vector<Ready> ways;
    std::uint64_t least = ~std::uint64_t{0};
    std::string why;
    for (const int rows : strips::row_choices(layer)) {
        Ready next;
        next.entry.layer = layer;
        next.entry.strips = strips::strips_of(layer, rows);
        next.entry.strips->input.bits = bits.input;
        next.entry.strips->output.bits = bits.output;
        least = std::min(least, arena_of(next.entry));
        if (arena_of(next.entry) > most) continue;
        try {
            pack(next.entry, options, most);
        } catch (const std::runtime_error& error) {
            why = error.what();
            continue;
        }
        next.cycles = cycles_of(next.entry);
        next.arena = arena_of(next.entry);
        ways.push_back(std::move(next));
    }
    if (!ways.empty()) return ways;
    throw std::runtime_error(described(layer) + " in strips: " +
                             (why.empty()
                                  ? "its tensors and line buffers take " + std::to_string(least) +
                                        " bytes of " + std::to_string(most)
                                  : why));
}

double cycles(const Ready& way) {
    return way.cycles;
}

// Of the ways that take no more cycles, what the smallest one takes.
std::uint64_t least_arena(const std::vector<Ready>& ways, double most_cycles) {
    std::uint64_t least = ~std::uint64_t{0};
    for (const Ready& way : ways) {
        if (way.cycles <= most_cycles) least = std::min(least, way.arena);
    }
    return least;
}

}  // namespace

Bits stored_bits(const IntegerLayer& layer,
                 std::span<const Storage> activations,
                 std::size_t index) {
    Bits bits;
    if (activations.empty()) return bits;
    if (activations[index] == Storage::Bits) bits.input = layer.precision.activation_bits;
    if (activations[index + 1] == Storage::Bits && layer.output_bits != 0)
        bits.output = layer.output_bits;
    return bits;
}

std::vector<Ready> ready_layer(const IntegerLayer& layer,
                               const BuildOptions& options,
                               std::uint64_t most,
                               Bits bits) {
    if (!bits.bytes()) return in_strips(layer, options, most, bits);
    std::string why;
    try {
        std::vector<Ready> ways(1);
        ways[0].entry.layer = layer;
        pack(ways[0].entry, options, most);
        ways[0].arena = arena_of(ways[0].entry);
        if (ways[0].arena <= most) return ways;
    } catch (const std::runtime_error& error) {
        why = error.what();
    }
    // Buffers of some rows, and what is pooled, take less than all of the output.
    try {
        return in_strips(layer, options, most, bits);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(why.empty() ? error.what() : why);
    }
}

std::vector<FirmwareLayer> settled(std::vector<std::vector<Ready>> layers, bool limited) {
    std::uint64_t enough = 0;
    for (const std::vector<Ready>& ways : layers) {
        const double fewest = std::ranges::min_element(ways, {}, cycles)->cycles;
        enough = std::max(enough, least_arena(ways, kCheap * fewest));
    }
    std::vector<FirmwareLayer> taken;
    for (std::vector<Ready>& ways : layers) {
        const auto rank = [&](const Ready& way) {
            return std::tuple(!limited && way.arena > enough, way.cycles, way.arena);
        };
        taken.push_back(std::move(std::ranges::min_element(ways, {}, rank)->entry));
    }
    return taken;
}

LayerMemory memory_of(const FirmwareLayer& entry) {
    const IntegerLayer& layer = entry.layer;
    LayerMemory memory;
    memory.input_bytes = static_cast<std::uint32_t>(layer.shape.input_elements());
    memory.output_bytes = static_cast<std::uint32_t>(layer.shape.output_elements() *
                                                     (layer.output_bits == 0 ? 4 : 1));
    memory.scratch_bytes = rounded(entry.packed.scratch_bytes);
    if (entry.strips) {
        memory.input_bytes = entry.strips->input_bytes();
        memory.output_bytes = entry.strips->output_bytes();
        memory.scratch_bytes += entry.strips->input_buffer() + entry.strips->output_buffer();
    }
    if (entry.stored) memory.scratch_bytes += entry.stored->expanded_bytes();
    return memory;
}

}  // namespace mixq::kernels
