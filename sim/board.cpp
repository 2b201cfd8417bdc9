// Finds boards.
#include "sim/board.h"

#include <stdexcept>

#include "sim/boards/boards.h"

namespace mixq::sim {

const Region* Board::find_region(std::uint32_t address) const {
    for (const Region& region : regions) {
        if (address - region.address < region.bytes) return &region;
    }
    return nullptr;
}

const Board& find_board(std::string_view name) {
    for (const Board* board : {&stm32f746(), &stm32f767(), &stm32h743(), &stm32h7a3()}) {
        if (board->name == name) return *board;
    }
    std::string known;
    for (const std::string_view board : board_names())
        known += (known.empty() ? "" : ", ") + std::string(board);
    throw std::invalid_argument("unknown board '" + std::string(name) + "'; there are: " + known);
}

std::vector<std::string_view> board_names() {
    return {stm32f746().name, stm32f767().name, stm32h743().name, stm32h7a3().name};
}

}  // namespace mixq::sim
