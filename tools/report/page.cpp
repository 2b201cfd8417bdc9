// The page's shell and the pieces its sections are made of.
#include "tools/report/page.h"

#include <algorithm>
#include <array>
#include <set>

#include "tools/console.h"
#include "tools/report/style.h"

namespace mixq::tools::report {

namespace {

// Known kernels from slow to fast, each with its colour.
constexpr std::array<std::string_view, 8> kKnownKernels = {
    "naive", "simd-int8", "slbc", "rp-slbc", "rp-conv", "dual-gemm", "smlad-gemm", "winograd"};
constexpr std::size_t kColours = 8;

struct Section {
    const char* id;
    const char* heading;
    std::string (*render)(const Inputs& inputs);
};

constexpr Section kSections[] = {
    {"headline", "At a glance", headline_section},
    {"kernels", "Kernels", kernels_section},
    {"fit", "Latency model", fit_section},
    {"network", "The network, layer by layer", network_section},
    {"search", "The search", search_section},
    {"board", "Against silicon", board_section},
    {"provenance", "Where the numbers come from", provenance_section},
};

std::string cell(const std::string& text) {
    for (const char* mark : {"ok", "off", "open"}) {
        const std::string prefix = std::string("+") + mark + " ";
        if (text.starts_with(prefix)) {
            return std::string("<span class=\"mark ") + mark + "\">" +
                   escaped(text.substr(prefix.size())) + "</span>";
        }
    }
    return escaped(text);
}

std::string rows_of(const std::vector<Column>& columns,
                    const std::vector<std::vector<std::string>>& rows) {
    std::string out = "<thead><tr>";
    for (const Column& column : columns) {
        out += std::string("<th scope=\"col\"") + (column.numeric ? " class=\"n\">" : ">") +
               escaped(column.name) + "</th>";
    }
    out += "</tr></thead>\n<tbody>\n";
    for (const auto& row : rows) {
        out += "<tr>";
        for (std::size_t i = 0; i < row.size() && i < columns.size(); ++i) {
            out += (columns[i].numeric ? "<td class=\"n\">" : "<td class=\"key\">") + cell(row[i]) +
                   "</td>";
        }
        out += "</tr>\n";
    }
    return out + "</tbody>";
}

}  // namespace

std::string paragraph(std::string_view text) {
    return "<p>" + escaped(text) + "</p>\n";
}

std::string warning(std::string_view text) {
    return "<p class=\"warning\">" + escaped(text) + "</p>\n";
}

std::string missing(std::string_view what, std::string_view command) {
    return "<p class=\"missing\">" + escaped(what) + " This produces it: <code>" +
           escaped(command) + "</code></p>\n";
}

std::string figure(const Drawing& drawing, std::string_view caption) {
    return "<figure><div class=\"scroll\" tabindex=\"0\">" + drawing.str() + "</div><figcaption>" +
           escaped(caption) + "</figcaption></figure>\n";
}

std::string table(std::string_view caption,
                  const std::vector<Column>& columns,
                  const std::vector<std::vector<std::string>>& rows) {
    return "<div class=\"scroll\"><table>" +
           (caption.empty() ? "" : "<caption>" + escaped(caption) + "</caption>") +
           rows_of(columns, rows) + "</table></div>\n";
}

std::string folded_table(std::string_view caption,
                         const std::vector<Column>& columns,
                         const std::vector<std::vector<std::string>>& rows) {
    return "<details><summary>" + escaped(caption) + "</summary>\n" + table("", columns, rows) +
           "</details>\n";
}

Palette::Palette(const Inputs& inputs) {
    std::set<std::string> seen;
    for (const traces::Record& record : inputs.records) seen.insert(record.kernel);
    if (inputs.deployment) {
        for (const DeployedLayer& layer : inputs.deployment->layers) seen.insert(layer.kernel);
    }
    for (const std::string_view known : kKnownKernels) {
        if (seen.erase(std::string(known)) > 0) kernels_.emplace_back(known);
    }
    kernels_.insert(kernels_.end(), seen.begin(), seen.end());
}

std::string Palette::css_class(std::string_view kernel) const {
    const auto known = std::find(kKnownKernels.begin(), kKnownKernels.end(), kernel);
    if (known != kKnownKernels.end()) {
        return "k" + std::to_string(known - kKnownKernels.begin());
    }
    std::size_t next = kKnownKernels.size();
    for (const std::string& other : kernels_) {
        if (other == kernel) break;
        const bool has_own =
            std::find(kKnownKernels.begin(), kKnownKernels.end(), other) != kKnownKernels.end();
        next += has_own ? 0 : 1;
    }
    return "k" + std::to_string(next % kColours);
}

std::string render_page(const Inputs& inputs) {
    const std::string title = inputs.title.empty() ? "mixq-sim report" : inputs.title;
    std::string page =
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>" +
        escaped(title) + "</title>\n<style>" + kStyle +
        "</style>\n</head>\n<body>\n<header>\n<h1>" + escaped(title) + "</h1>\n";
    page += paragraph(
        "Mixed-precision networks on a Cortex-M7: cycles from a simulator of the core, "
        "checked against published board measurements.");
    page += "<nav aria-label=\"Sections\">";
    for (const Section& section : kSections) {
        page += std::string("<a href=\"#") + section.id + "\">" + section.heading + "</a> ";
    }
    page += "</nav>\n</header>\n<main>\n";
    for (const Section& section : kSections) {
        page += std::string("<section id=\"") + section.id + "\">\n<h2>" + section.heading +
                "</h2>\n" + section.render(inputs) + "</section>\n";
    }
    page += "</main>\n<footer>Written by " + escaped(tool_version()) +
            ". One file, no scripts, nothing loaded from elsewhere; point at a shape for its "
            "numbers.</footer>\n</body>\n</html>\n";
    return page;
}

}  // namespace mixq::tools::report
