// Where the found network spends its cycles.
#include <algorithm>

#include "tools/console.h"
#include "tools/report/page.h"

namespace mixq::tools::report {

namespace {

constexpr double kWidth = 720;
constexpr double kRight = 628;  // room for the figures behind the bars
constexpr double kTop = 34;
constexpr double kRow = 26;
constexpr double kBar = 17;

double share(const Deployment& deployment, const DeployedLayer& layer) {
    return deployment.cycles == 0
               ? 0
               : 100 * static_cast<double>(layer.cycles) / static_cast<double>(deployment.cycles);
}

// Room for names and bits left of the bars.
double left_margin(const Deployment& deployment) {
    constexpr double kCharacter = 7;
    std::size_t longest = 0;
    for (const DeployedLayer& layer : deployment.layers) {
        longest = std::max(longest, layer.name.size());
    }
    return 62 + kCharacter * static_cast<double>(std::min<std::size_t>(longest, 30));
}

Drawing draw(const Deployment& deployment, const Palette& palette) {
    const double left = left_margin(deployment);
    const double bottom = kTop + kRow * static_cast<double>(deployment.layers.size());
    std::uint64_t largest = 0;
    for (const DeployedLayer& layer : deployment.layers) largest = std::max(largest, layer.cycles);
    Drawing drawing(kWidth,
                    bottom + 46,
                    "Cycles per layer of the deployed network",
                    "One bar per layer in the order they run, coloured by kernel. The table below "
                    "holds the same figures.");
    const Scale scale = Scale::from_zero(static_cast<double>(largest), left, kRight);
    drawing.horizontal_axis(scale, kTop, bottom, "simulated cycles per inference");
    double y = kTop;
    for (const DeployedLayer& layer : deployment.layers) {
        const double end = scale.at(static_cast<double>(layer.cycles));
        const std::string figures = grouped(static_cast<std::int64_t>(layer.cycles)) + " cycles, " +
                                    fixed(share(deployment, layer), 1) + " %";
        drawing.text(left - 50, y + 17, layer.name, Anchor::End);
        drawing.text(left - 8, y + 17, layer.bits, Anchor::End, "small");
        drawing.rect(left,
                     y + (kRow - kBar) / 2,
                     end - left,
                     kBar,
                     palette.css_class(layer.kernel),
                     layer.name + ", " + layer.layer + ", " + layer.bits + ", " + layer.kernel +
                         ": " + figures);
        drawing.text(end + 6, y + 17, fixed(share(deployment, layer), 1) + " %", Anchor::Start);
        y += kRow;
    }
    drawing.line(left, kTop, left, bottom, "base");
    std::vector<Drawing::Entry> entries;
    for (const std::string& kernel : palette.kernels()) {
        const bool used = std::any_of(deployment.layers.begin(),
                                      deployment.layers.end(),
                                      [&](const auto& layer) { return layer.kernel == kernel; });
        if (used) entries.push_back({palette.css_class(kernel), kernel});
    }
    drawing.legend(left, 18, entries);
    return drawing;
}

}  // namespace

std::string network_section(const Inputs& inputs) {
    if (!inputs.deployment) {
        return missing("No network was deployed for this page.",
                       "mixq-sim deploy nas/plan.csv -o firmware --json deploy.json && mixq-sim "
                       "report --deploy deploy.json -o report.html");
    }
    const Deployment& deployment = *inputs.deployment;
    const double milliseconds =
        1e3 * static_cast<double>(deployment.cycles) / static_cast<double>(deployment.clock_hz);
    std::string out = paragraph(
        deployment.network + ": " + grouped(static_cast<std::int64_t>(deployment.cycles)) +
        " simulated cycles per inference, " + fixed(milliseconds, 2) + " ms at " +
        fixed(static_cast<double>(deployment.clock_hz) / 1e6, 0) + " MHz; " +
        grouped(static_cast<std::int64_t>(deployment.ram_bytes)) + " bytes of RAM, " +
        grouped(static_cast<std::int64_t>(deployment.flash_bytes)) +
        " bytes of flash. Each layer includes its pooling.");
    if (deployment.images_checked > 0) {
        out += paragraph(
            "Before it was timed, the firmware gave the expected logits, bit for bit, on " +
            grouped(static_cast<std::int64_t>(deployment.images_checked)) + " images" +
            (deployment.accuracy
                 ? "; accuracy on them " + fixed(100 * *deployment.accuracy, 1) + " %."
                 : "."));
    }
    if (deployment.layers.empty()) return out;
    out += figure(draw(deployment, Palette(inputs)), "Layers in the order they run.");
    std::vector<std::vector<std::string>> rows;
    for (const DeployedLayer& layer : deployment.layers) {
        rows.push_back({layer.name,
                        layer.layer,
                        layer.bits,
                        layer.kernel,
                        grouped(static_cast<std::int64_t>(layer.cycles)),
                        fixed(share(deployment, layer), 1) + " %",
                        layer.note});
    }
    return out + table("",
                       {{"layer"},
                        {"shape"},
                        {"bits"},
                        {"kernel"},
                        {"cycles", true},
                        {"share", true},
                        {"why no faster kernel"}},
                       rows);
}

}  // namespace mixq::tools::report
