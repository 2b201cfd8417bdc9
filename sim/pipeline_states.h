// What is in flight between two blocks, by number: equal numbers behave equally from here on.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/pipeline_engine.h"

namespace mixq::sim {

class FlightStates {
  public:
    explicit FlightStates(const Engine& engine);

    // Of the engine's flight, before the block at an address. Times count from `flight.next`, and what can no longer
    // matter is left out; so are the addresses of recent stores, but for their number.
    std::uint32_t number(const Flight& flight, std::uint32_t next_address);
    // The other way round, with `next` = 0; `stored`: the addresses of recent stores, oldest first.
    Flight flight(std::uint32_t number, std::uint32_t address, const std::uint32_t* stored) const;
    // The recent stores that still matter, oldest first: their origins.
    std::vector<std::uint16_t> live_stores(const Flight& flight) const;

    std::uint32_t live_stores(std::uint32_t number) const { return live_[number]; }

    bool is_live(const Flight& flight, const RecentStore& store) const;

    bool open(std::uint32_t number) const { return states_[number][0] != 0; }

    std::size_t size() const { return states_.size(); }

    void clear();

  private:
    Cycle base(const Flight& flight) const { return flight.open ? flight.group : flight.next; }

    const Parameters& parameters_;
    const Engine& engine_;
    std::array<Cycle, kResults> reach_{};  // for how long a result's readers can still wait for it
    std::unordered_map<std::string, std::uint32_t> numbers_;
    std::vector<std::string> states_;
    std::vector<std::uint8_t> live_;
};

}  // namespace mixq::sim
