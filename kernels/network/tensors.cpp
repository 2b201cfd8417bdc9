// Tensors of a firmware as the host sees them: the input as its first kernel reads it, the output as it prints it.
#include <charconv>
#include <stdexcept>

#include "kernels/network/firmware.h"

namespace mixq::kernels {

std::vector<std::uint8_t> arrange_input(const Firmware& firmware,
                                        std::span<const std::uint8_t> image) {
    const FirmwareLayer& first = firmware.layers.front();
    const traces::Layer& shape = first.layer.shape;
    if (static_cast<std::int64_t>(image.size()) != shape.input_elements()) {
        throw std::runtime_error("network '" + firmware.network + "' takes " +
                                 std::to_string(shape.input_elements()) +
                                 " elements, the image has " + std::to_string(image.size()));
    }
    std::vector<std::uint8_t> arranged(image.begin(), image.end());
    if (find_kernel(first.packed.kernel).input_layout() == Layout::Interleaved) {
        const auto channels = static_cast<std::size_t>(shape.in_channels);
        const std::size_t pixels = image.size() / channels;
        for (std::size_t c = 0; c < channels; ++c) {
            for (std::size_t p = 0; p < pixels; ++p)
                arranged[p * channels + c] = image[c * pixels + p];
        }
    }
    return first.strips ? strips::packed(first.strips->input, arranged) : arranged;
}

std::vector<std::uint8_t> arranged_output(const Firmware& firmware,
                                          std::span<const std::uint8_t> output) {
    const FirmwareLayer& last = firmware.layers.back();
    if (last.strips && last.strips->packs()) return strips::unpacked(last.strips->output, output);
    return {output.begin(), output.end()};
}

std::vector<std::uint8_t> printed_output(std::string_view console) {
    constexpr std::string_view kMark = "mixq_output\n";
    const std::size_t start = console.find(kMark);
    if (start == std::string_view::npos) {
        throw std::runtime_error("the firmware printed no output: '" +
                                 std::string(console.substr(0, 80)) + "'");
    }
    std::vector<std::uint8_t> bytes;
    std::string digits;
    for (const char c : console.substr(start + kMark.size())) {
        if (c == '\n' || c == '\r') continue;
        digits += c;
        if (digits.size() < 2) continue;
        unsigned value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + 2, value, 16);
        if (error != std::errc{} || end != digits.data() + 2) {
            throw std::runtime_error("the firmware's output is not hexadecimal at byte " +
                                     std::to_string(bytes.size()));
        }
        bytes.push_back(static_cast<std::uint8_t>(value));
        digits.clear();
    }
    return bytes;
}

}  // namespace mixq::kernels
