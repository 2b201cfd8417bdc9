// Digests from the build (cmake/source_digests.cmake).
#include "tools/versions.h"

#include <source_digests.h>  // generated

#include "tools/console.h"

namespace mixq::tools {

std::string simulator_digest() {
    return MIXQ_SIM_DIGEST;
}

std::string kernels_digest() {
    return MIXQ_KERNELS_DIGEST;
}

std::string recording_tool() {
    return tool_version() + ", sim " + simulator_digest() + ", kernels " + kernels_digest();
}

bool same_simulator(std::string_view tool) {
    return tool.starts_with(tool_version() + ", sim " + simulator_digest() + ", ");
}

}  // namespace mixq::tools
