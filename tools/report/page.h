// The page: a shell with its style, and sections that put pictures and tables into it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/report/inputs.h"
#include "tools/report/svg.h"

namespace mixq::tools::report {

// The whole document. It refers to nothing outside itself.
std::string render_page(const Inputs& inputs);

// Each section's content, or which command would fill it.
std::string headline_section(const Inputs& inputs);
std::string kernels_section(const Inputs& inputs);
std::string fit_section(const Inputs& inputs);
std::string network_section(const Inputs& inputs);
std::string search_section(const Inputs& inputs);
std::string board_section(const Inputs& inputs);
std::string provenance_section(const Inputs& inputs);

// What sections are made of. Everything given is escaped here.
std::string paragraph(std::string_view text);
std::string warning(std::string_view text);
// "No data yet" with the command that produces it.
std::string missing(std::string_view what, std::string_view command);
// A picture that scrolls sideways on a narrow screen.
std::string figure(const Drawing& drawing, std::string_view caption);

struct Column {
    std::string name;
    bool numeric = false;
};

// Cells starting with one of the marks "+ok ", "+off ", "+open " become coloured words.
std::string table(std::string_view caption,
                  const std::vector<Column>& columns,
                  const std::vector<std::vector<std::string>>& rows);
// The same behind a line to open, for long ones.
std::string folded_table(std::string_view caption,
                         const std::vector<Column>& columns,
                         const std::vector<std::vector<std::string>>& rows);

// A kernel keeps its colour through the page: known ones have fixed classes, others the next free.
class Palette {
  public:
    explicit Palette(const Inputs& inputs);
    std::string css_class(std::string_view kernel) const;

    // In the order of legends: baselines first.
    const std::vector<std::string>& kernels() const { return kernels_; }

  private:
    std::vector<std::string> kernels_;
};

}  // namespace mixq::tools::report
