// Draws the 49 bit pairs.
#include "tools/report/heat_map.h"

#include <algorithm>
#include <cmath>

namespace mixq::tools::report {

namespace {

constexpr double kLeft = 56;
constexpr double kTop = 48;
constexpr double kCellWidth = 66;
constexpr double kCellHeight = 34;
constexpr double kGap = 2;
constexpr int kShades = 8;  // .h0 to .h7 of the style sheet
constexpr int kBits = traces::kMaxBits - traces::kMinBits + 1;

// By equal ratios: speeds and cycles spread over an order of magnitude.
int shade(double value, double least, double greatest) {
    if (value <= 0 || least <= 0 || greatest <= least) return 0;
    const double part = std::log(value / least) / std::log(greatest / least);
    return std::clamp(static_cast<int>(part * kShades), 0, kShades - 1);
}

}  // namespace

Drawing heat_map(const std::map<traces::Precision, HeatCell>& cells,
                 const std::string& title,
                 const std::string& description) {
    Drawing drawing(
        kLeft + kBits * kCellWidth + 12, kTop + kBits * kCellHeight + 12, title, description);
    double least = 0;
    double greatest = 0;
    for (const auto& [precision, cell] : cells) {
        if (least == 0 || cell.value < least) least = cell.value;
        greatest = std::max(greatest, cell.value);
    }
    drawing.text(kLeft + kBits * kCellWidth / 2, 16, "weight bits", Anchor::Middle, "axis-name");
    drawing.vertical_text(14, kTop + kBits * kCellHeight / 2, "activation bits");
    for (int bits = traces::kMinBits; bits <= traces::kMaxBits; ++bits) {
        const int place = bits - traces::kMinBits;
        drawing.text(
            kLeft + (place + 0.5) * kCellWidth, 38, std::to_string(bits), Anchor::Middle, "tick");
        drawing.text(kLeft - 10,
                     kTop + (place + 0.5) * kCellHeight + 4,
                     std::to_string(bits),
                     Anchor::End,
                     "tick");
    }
    for (const auto& [precision, cell] : cells) {
        const double x = kLeft + (precision.weight_bits - traces::kMinBits) * kCellWidth;
        const double y = kTop + (precision.activation_bits - traces::kMinBits) * kCellHeight;
        drawing.rect(x,
                     y,
                     kCellWidth - kGap,
                     kCellHeight - kGap,
                     "h" + std::to_string(shade(cell.value, least, greatest)),
                     cell.tooltip);
        drawing.text(x + kCellWidth / 2, y + kCellHeight / 2 + 4, cell.label, Anchor::Middle);
    }
    return drawing;
}

}  // namespace mixq::tools::report
