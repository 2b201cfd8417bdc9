// Writes the calls of a layer.
#include "kernels/network/layer_calls.h"

#include <initializer_list>

namespace mixq::kernels {

namespace {

std::string number(std::int64_t value) {
    return std::to_string(value);
}

std::string at(std::uint32_t offset) {
    return "mixq_arena + " + number(offset);
}

std::string call(const std::string& function, std::initializer_list<std::string> arguments) {
    std::string text = "    mixq_" + function + "(";
    for (const std::string& argument : arguments)
        text += (text.back() == '(' ? "" : ", ") + argument;
    return text + ");\n";
}

std::string expanding_call(const EmittedLayer& entry,
                           const LayerPlace& place,
                           std::uint32_t first_unit) {
    const std::string& name = entry.layer->name;
    return call("expand_" + name,
                {"mixq_stored_" + name + " + " +
                     number(first_unit * storage::stored_bytes(entry.stored->plan.unit)),
                 at(scratch_places(entry, place).expanded)});
}

// From input to output, places in the arena, all of the layer. Weights that are stored in bits are expanded, all at once or some output
// channels after the other, each part with a call of the kernel.
std::string kernel_calls(const EmittedLayer& entry,
                         const LayerPlace& place,
                         std::uint32_t input,
                         std::uint32_t output) {
    const IntegerLayer& layer = *entry.layer;
    const auto kernel = [&](std::uint32_t to) {
        return call("kernel_" + layer.name, {at(input), at(to), at(place.scratch)});
    };
    if (entry.stored == nullptr) return kernel(output);
    const storage::StoredWeights& stored = *entry.stored;
    const auto element = static_cast<std::uint32_t>(layer.output_bits == 0 ? 4 : 1);
    const std::uint32_t channel =
        element *
        (entry.output_layout == Layout::Planar
             ? static_cast<std::uint32_t>(layer.shape.out_height() * layer.shape.out_width())
             : 1);
    std::string text;
    for (int part = 0; part < stored.calls(); ++part) {
        const auto unit = static_cast<std::uint32_t>(stored.first_unit(part));
        text += expanding_call(entry, place, unit);
        const std::uint32_t channels = entry.packed->units_write_first
                                           ? unit * static_cast<std::uint32_t>(stored.plan.channels)
                                           : 0;
        text += kernel(output + channels * channel);
    }
    return text;
}

std::string pool_call(const std::string& layer, const std::string& tensor) {
    return call("pool_" + layer, {tensor, tensor});
}

// `first`: of the strips, `count` of them that read the same rows, each as far behind the one before.
std::string calls_of_strips(const EmittedLayer& entry,
                            const LayerPlace& place,
                            int first,
                            int count) {
    const strips::Strips& strips = *entry.strips;
    const std::string& name = entry.layer->name;
    const ScratchPlaces buffers = scratch_places(entry, place);
    const strips::Window window = strips.window(first);
    const bool loops = count > 1;
    // Of one of them; in a loop, of strip k.
    const auto moving = [&](std::uint32_t base, std::int64_t line, std::int64_t next, auto bytes) {
        const std::string start = at(base + static_cast<std::uint32_t>(line * bytes));
        return loops ? start + " + k * " + number((next - line) * bytes) : start;
    };
    const int next = loops ? first + 1 : first;
    const std::string input =
        moving(place.input, window.first, strips.window(next).first, strips.input.line_bytes());
    const std::string output = moving(place.output,
                                      strips.first_line(first),
                                      strips.first_line(next),
                                      strips.output.line_bytes());
    const std::string rows_in = strips.unpacks() ? at(buffers.input_buffer) : input;
    const std::string rows_out = strips.packs() ? at(buffers.output_buffer) : output;
    std::string text;
    if (loops) text += "    for (uint32_t k = 0; k < " + number(count) + "; ++k) {\n";
    if (strips.unpacks()) text += call(unpack_symbol(name, window).substr(5), {input, rows_in});
    text += call("kernel_" + name, {rows_in, rows_out, at(place.scratch)});
    if (entry.layer->pool != Pool::None) text += pool_call(name, rows_out);
    if (strips.packs()) text += call("pack_" + name, {rows_out, output});
    if (loops) text += "    }\n";
    return text;
}

// All of a layer at once, perhaps through buffers.
std::string calls_at_once(const EmittedLayer& entry, const LayerPlace& place) {
    const std::string& name = entry.layer->name;
    const ScratchPlaces buffers = scratch_places(entry, place);
    const bool unpacks = entry.strips != nullptr && entry.strips->unpacks();
    const bool packs = entry.strips != nullptr && entry.strips->packs();
    const std::uint32_t output = packs ? buffers.output_buffer : place.output;
    std::string text;
    if (unpacks) {
        text += call(unpack_symbol(name, entry.strips->window(0)).substr(5),
                     {at(place.input), at(buffers.input_buffer)});
    }
    text += kernel_calls(entry, place, unpacks ? buffers.input_buffer : place.input, output);
    if (entry.layer->pool != Pool::None) text += pool_call(name, at(output));
    if (packs) text += call("pack_" + name, {at(output), at(place.output)});
    return text;
}

}  // namespace

ScratchPlaces scratch_places(const EmittedLayer& entry, const LayerPlace& place) {
    ScratchPlaces places;
    places.input_buffer = place.scratch + (entry.packed->scratch_bytes + 7) / 8 * 8;
    places.output_buffer =
        places.input_buffer + (entry.strips != nullptr ? entry.strips->input_buffer() : 0);
    places.expanded =
        places.output_buffer + (entry.strips != nullptr ? entry.strips->output_buffer() : 0);
    return places;
}

std::string unpack_symbol(const std::string& layer, const strips::Window& window) {
    return "mixq_unpack_" + layer + "_" + number(window.above) + "_" + number(window.lines) + "_" +
           number(window.below);
}

std::string layer_calls(const EmittedLayer& entry, const LayerPlace& place) {
    if (entry.strips == nullptr || entry.strips->count == 1) return calls_at_once(entry, place);
    const strips::Strips& strips = *entry.strips;
    std::string text;
    if (entry.stored != nullptr) text += expanding_call(entry, place, 0);
    for (int strip = 0; strip < strips.count;) {
        const auto apart = [&](int k) { return strips.first_row(k) - strips.first_row(k - 1); };
        const auto lines_apart = [&](int k) {
            return strips.window(k).first - strips.window(k - 1).first;
        };
        int end = strip + 1;
        while (end < strips.count && strips.window(end).same_rows(strips.window(strip)) &&
               apart(end) == apart(strip + 1) && lines_apart(end) == lines_apart(strip + 1))
            ++end;
        text += calls_of_strips(entry, place, strip, end - strip);
        strip = end;
    }
    return text;
}

}  // namespace mixq::kernels
