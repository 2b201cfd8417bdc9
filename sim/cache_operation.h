// What firmware does to caches and flash while it runs, as the memory system hears of it.
#pragma once

#include <cstdint>

namespace mixq::sim {

// Armv7-M ARM (DDI 0403E) B2.2.7: a write to a register of the cache maintenance block. FLASH_ACR and SCB CCR switch.
struct CacheOperation {
    enum class Kind : std::uint8_t {
        Switched,               // a cache, the ART or the wait states: ask what they are now
        InvalidateCode,         // the whole instruction cache (ICIALLU)
        InvalidateCodeLine,     // ICIMVAU
        InvalidateLine,         // DCIMVAC: what was written and not yet in memory is lost
        CleanLine,              // DCCMVAU, DCCMVAC
        CleanInvalidateLine,    // DCCIMVAC
        InvalidateSetWay,       // DCISW
        CleanSetWay,            // DCCSW
        CleanInvalidateSetWay,  // DCCISW
        FlushArt                // ARTRST of FLASH_ACR
    };

    Kind kind = Kind::Switched;
    std::uint32_t value = 0;  // what was written: an address, or set and way
};

}  // namespace mixq::sim
