// Finds boards.
#include "sim/board.h"

namespace mixq::sim {

const Region* Board::find_region(std::uint32_t address) const {
    for (const Region& region : regions) {
        if (address - region.address < region.bytes) return &region;
    }
    return nullptr;
}

}  // namespace mixq::sim
