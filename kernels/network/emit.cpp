// Writes the sources of a firmware.
#include "kernels/network/emit.h"

#include "kernels/network/layer_calls.h"

namespace mixq::kernels {

namespace {

std::string number(std::int64_t value) {
    return std::to_string(value);
}

// A name may come from a file: it must not end the comment it stands in.
std::string comment_text(const std::string& text) {
    std::string safe;
    for (const char c : text) safe += c >= ' ' && c <= '~' && c != '*' && c != '\\' ? c : '_';
    return safe;
}

std::string object_symbol(const std::string& symbol, int alignment) {
    return "    .balign " + number(alignment) + "\n    .global " + symbol + "\n    .type " +
           symbol + ", %object\n" + symbol + ":\n";
}

std::string constant_section(const std::string& symbol, int alignment, bool in_ram) {
    return (in_ram ? "    .section .data." + symbol + ", \"aw\", %progbits\n"
                   : "    .section .rodata." + symbol + ", \"a\", %progbits\n") +
           object_symbol(symbol, alignment);
}

std::string size_of(const std::string& symbol) {
    return "    .size " + symbol + ", . - " + symbol + "\n\n";
}

std::string words(const std::string& symbol, std::span<const std::int32_t> values, bool in_ram) {
    std::string text = constant_section(symbol, 8, in_ram);
    for (std::size_t i = 0; i < values.size(); ++i) {
        text += i % 8 == 0 ? "    .word " : ", ";
        text += number(values[i]);
        if (i % 8 == 7 || i + 1 == values.size()) text += "\n";
    }
    return text + size_of(symbol);
}

std::string included(const std::string& symbol, const std::string& file, bool in_ram) {
    return constant_section(symbol, 8, in_ram) + "    .incbin \"" + file + "\"\n" + size_of(symbol);
}

// A symbol inside the arena.
std::string alias(const std::string& symbol, std::uint32_t offset, std::uint32_t bytes) {
    return "    .global " + symbol + "\n    .type " + symbol + ", %object\n    .set " + symbol +
           ", mixq_arena + " + number(offset) + "\n    .size " + symbol + ", " + number(bytes) +
           "\n";
}

// Of the functions that a layer calls, and what they read.
std::string declarations(const EmittedLayer& entry) {
    const std::string& name = entry.layer->name;
    std::string text =
        "void mixq_kernel_" + name + "(const uint8_t *input, void *output, void *scratch);\n";
    if (entry.layer->pool != Pool::None)
        text += "void mixq_pool_" + name + "(const uint8_t *input, uint8_t *output);\n";
    if (entry.stored != nullptr) {
        text += "void mixq_expand_" + name +
                "(const uint8_t *stored, uint8_t *weights);\nextern const uint8_t mixq_stored_" +
                name + "[];\n";
    }
    if (entry.strips == nullptr) return text;
    if (entry.strips->unpacks()) {
        for (const strips::Window& window : entry.strips->windows())
            text +=
                "void " + unpack_symbol(name, window) + "(const uint8_t *stored, uint8_t *rows);\n";
    }
    if (entry.strips->packs())
        text += "void mixq_pack_" + name + "(const uint8_t *rows, uint8_t *stored);\n";
    return text;
}

}  // namespace

Defines kernel_defines(const IntegerLayer& layer, const PackedLayer& packed, Layout output_layout) {
    const traces::Layer& shape = layer.shape;
    Defines defines = {
        {"MIXQ_FUNCTION", "mixq_kernel_" + layer.name},
        {"MIXQ_WEIGHTS", "mixq_weights_" + layer.name},
        {"MIXQ_MULTIPLIER", "mixq_multiplier_" + layer.name},
        {"MIXQ_BIAS", "mixq_bias_" + layer.name},
        {"MIXQ_IN_CHANNELS", number(shape.in_channels)},
        {"MIXQ_OUT_CHANNELS", number(shape.out_channels)},
        {"MIXQ_IN_HEIGHT", number(shape.height)},
        {"MIXQ_IN_WIDTH", number(shape.width)},
        {"MIXQ_OUT_HEIGHT", number(shape.out_height())},
        {"MIXQ_OUT_WIDTH", number(shape.out_width())},
        {"MIXQ_KERNEL_HEIGHT", number(shape.kernel_height)},
        {"MIXQ_KERNEL_WIDTH", number(shape.kernel_width)},
        {"MIXQ_STRIDE", number(shape.stride)},
        {"MIXQ_PADDING_Y", number(shape.padding_y)},
        {"MIXQ_PADDING_X", number(shape.padding_x)},
        {"MIXQ_WEIGHT_BITS", number(layer.precision.weight_bits)},
        {"MIXQ_ACTIVATION_BITS", number(layer.precision.activation_bits)},
        {"MIXQ_OUTPUT_BITS", number(layer.output_bits)},
        {"MIXQ_SHIFT", number(layer.shift)},
        {"MIXQ_OUTPUT_INTERLEAVED", output_layout == Layout::Interleaved ? "1" : "0"},
        {"MIXQ_DEPTHWISE", shape.kind == traces::LayerKind::Depthwise ? "1" : "0"}};
    defines.insert(defines.end(), packed.defines.begin(), packed.defines.end());
    return defines;
}

std::uint32_t input_bytes(const EmittedLayer& first) {
    return first.strips != nullptr
               ? first.strips->input_bytes()
               : static_cast<std::uint32_t>(first.layer->shape.input_elements());
}

std::uint32_t output_bytes(const EmittedLayer& last) {
    const IntegerLayer& layer = *last.layer;
    if (last.strips != nullptr && last.strips->packs()) return last.strips->output_bytes();
    const std::int64_t elements =
        std::int64_t{layer.shape.out_channels} * layer.output_height() * layer.output_width();
    return static_cast<std::uint32_t>(layer.output_bits == 0 ? elements * 4 : elements);
}

std::string network_source(const std::string& network,
                           std::span<const EmittedLayer> layers,
                           const MemoryPlan& memory,
                           int calls) {
    std::string text = "// The network '" + comment_text(network) +
                       "': its layers in order, each from and to its place in the arena.\n"
                       "// Written by mixq-sim.\n"
                       "#include <stdint.h>\n\n"
                       "extern uint8_t mixq_arena[" +
                       number(memory.arena_bytes) + "];\n\n";
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const IntegerLayer& layer = *layers[i].layer;
        const bool pools = layer.pool != Pool::None;
        text += declarations(layers[i]) + "\n// " + to_string(layer.shape) + " " +
                to_string(layer.precision) + (pools ? " " + std::string(name(layer.pool)) : "") +
                ", kernel " + layers[i].packed->kernel + "\n" +
                "__attribute__((noinline)) void mixq_layer_" + layer.name + "(void) {\n" +
                layer_calls(layers[i], memory.layers[i]) + "}\n\n";
    }
    text += "__attribute__((noinline)) void mixq_network_run(void) {\n";
    for (const EmittedLayer& entry : layers)
        text += "    mixq_layer_" + entry.layer->name + "();\n";
    text += "}\n\nconst uint32_t mixq_input_bytes = " + number(input_bytes(layers.front())) +
            ";\nconst uint32_t mixq_output_bytes = " + number(output_bytes(layers.back())) +
            ";\nconst uint32_t mixq_calls = " + number(calls) + ";\n";
    return text;
}

std::string constants_source(const std::string& network,
                             std::span<const EmittedLayer> layers,
                             const MemoryPlan& memory,
                             bool in_ram) {
    std::string text = "// Constants and activations of the network '" + comment_text(network) +
                       "'. Written by mixq-sim.\n    .syntax unified\n\n";
    for (const EmittedLayer& entry : layers) {
        const std::string& name = entry.layer->name;
        if (entry.stored != nullptr) {
            text += included("mixq_stored_" + name, name + ".stored", in_ram);
        } else {
            text += included("mixq_weights_" + name, name + ".weights", in_ram);
        }
        text += words("mixq_multiplier_" + name, entry.packed->multiplier, in_ram);
        text += words("mixq_bias_" + name, entry.packed->bias, in_ram);
    }
    text += included("mixq_input_image", "input.bin", false);
    text += "    .section .activations, \"aw\", %nobits\n" + object_symbol("mixq_arena", 8) +
            "    .space " + number(memory.arena_bytes) + "\n" + size_of("mixq_arena");
    text += alias("mixq_input", memory.layers.front().input, input_bytes(layers.front()));
    for (std::size_t i = 0; i < layers.size(); ++i) {
        if (layers[i].stored == nullptr) continue;
        text += alias("mixq_weights_" + layers[i].layer->name,
                      scratch_places(layers[i], memory.layers[i]).expanded,
                      layers[i].stored->expanded_bytes());
    }
    text += alias("mixq_output", memory.layers.back().output, output_bytes(layers.back()));
    return text;
}

std::string generated_header(const IntegerLayer& layer, const PackedLayer& packed) {
    return "@ " + to_string(layer.shape) + " " + to_string(layer.precision) + ", kernel " +
           comment_text(packed.kernel) + ". Written by mixq-sim.\n@ " + comment_text(packed.proof) +
           "\n";
}

}  // namespace mixq::kernels
