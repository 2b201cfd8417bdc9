// How addresses and register values are written in messages.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace mixq::sim {

// Always eight digits: "0x080059f8".
inline std::string hex(std::uint32_t value) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(value));
    return text;
}

}  // namespace mixq::sim
