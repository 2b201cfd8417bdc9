// Packs flights into short strings of bytes and numbers those.
#include "sim/pipeline_states.h"

#include <algorithm>
#include <cstring>

namespace mixq::sim {

namespace {

// Older fetches than this cannot be felt: every chunk holds at least an issue cycle's work.
constexpr Cycle kFetchMemory = 16;
constexpr std::int16_t kGone = -32768;

// Times relative to an origin; what is not after `unless_after` is gone.
class Packer {
  public:
    explicit Packer(Cycle origin) : origin_(origin) {}

    void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }

    void time(Cycle at, Cycle unless_after) {
        number(at > unless_after ? static_cast<std::int16_t>(at - origin_) : kGone);
    }

    void number(std::int16_t value) { raw(&value, sizeof value); }

    void word(std::uint32_t value) { raw(&value, sizeof value); }

    std::string take() { return std::move(bytes_); }

  private:
    void raw(const void* from, std::size_t bytes) {
        bytes_.append(static_cast<const char*>(from), bytes);
    }

    Cycle origin_;
    std::string bytes_;
};

class Unpacker {
  public:
    explicit Unpacker(const std::string& bytes)
        : at_(bytes.data()), end_(bytes.data() + bytes.size() - 1) {}

    bool done() const { return at_ == end_; }

    std::uint8_t byte() { return static_cast<std::uint8_t>(*at_++); }

    std::int16_t number() { return raw<std::int16_t>(); }

    std::uint32_t word() { return raw<std::uint32_t>(); }

    Cycle time() {
        const std::int16_t value = number();
        return value == kGone ? kLongAgo : Cycle{value};
    }

  private:
    template <typename Value>
    Value raw() {
        Value value;
        std::memcpy(&value, at_, sizeof value);
        at_ += sizeof value;
        return value;
    }

    const char* at_;
    const char* end_;
};

std::size_t queue(int entries) {
    return static_cast<std::size_t>(std::max(entries, 1));
}

}  // namespace

FlightStates::FlightStates(const Engine& engine) : parameters_(engine.parameters), engine_(engine) {
    for (int from = 0; from < kResults; ++from) {
        reach_[from] = parameters_.flags_ahead;
        for (const std::uint8_t distance : engine.distance[from])
            reach_[from] = std::max<Cycle>(reach_[from], distance);
    }
}

bool FlightStates::is_live(const Flight& flight, const RecentStore& store) const {
    return store.at + parameters_.store_to_load > base(flight);
}

std::vector<std::uint16_t> FlightStates::live_stores(const Flight& flight) const {
    std::vector<std::uint16_t> origins;
    for (std::size_t k = 0; k < kRecentStores; ++k) {
        const RecentStore& store = flight.stored[(flight.stored_slot + k) % kRecentStores];
        if (is_live(flight, store)) origins.push_back(store.origin);
    }
    return origins;
}

std::uint32_t FlightStates::number(const Flight& flight, std::uint32_t next_address) {
    const Cycle from = base(flight);
    Packer out(flight.next);
    out.byte(flight.open);
    if (flight.open) {
        out.time(flight.group, kLongAgo);
        out.word(flight.older_traits);
        out.word(flight.older_denies);
        out.byte(static_cast<std::uint8_t>((flight.older_address & 4) |
                                           (flight.older_accessed ? 1 : 0) |
                                           (flight.older_unaligned ? 2 : 0)));
        out.byte(flight.older_early_shift);
    }
    const std::int64_t chunk = next_address / parameters_.fetch_bytes;
    out.number(static_cast<std::int16_t>(flight.fetched_chunk - chunk));
    const Cycle fetched = std::max(flight.fetched_at, from - kFetchMemory);
    out.time(fetched, kLongAgo);
    for (std::size_t k = 1; k < queue(parameters_.fetch_queue); ++k) {
        const std::size_t slot = (flight.release_slot + k) % queue(parameters_.fetch_queue);
        out.time(flight.released[slot], fetched + static_cast<Cycle>(k));
    }
    const bool shadow = std::max(flight.fp_mac_shadow, flight.fp_mac_shadow_before) >= from;
    out.byte(shadow);
    if (shadow) {
        out.time(flight.fp_mac_at, from - 2);
        out.time(flight.fp_mac_shadow, from - 1);
        out.time(flight.fp_mac_shadow_before, from - 1);
    }
    for (const Cycle free : flight.bank_free) out.time(free, from);
    for (const auto& bank : flight.stored_in) {
        for (const Cycle at : bank) out.time(at, from - 1 - parameters_.tcm_store_meets_load);
    }
    for (std::size_t k = 0; k < queue(parameters_.tcm_store_queue); ++k)
        out.time(flight.store_queue[k], from);
    std::uint8_t live = 0;
    for (std::size_t k = 0; k < kRecentStores; ++k) {
        const RecentStore& store = flight.stored[(flight.stored_slot + k) % kRecentStores];
        if (!is_live(flight, store)) continue;
        ++live;
        out.time(store.at, kLongAgo);
    }
    for (std::size_t reg = 0; reg <= kFlagsRegister; ++reg) {
        const Scoreboard& entry = flight.scoreboard[reg];
        if (entry.issued + reach_[entry.result] <= from) continue;
        out.byte(static_cast<std::uint8_t>(reg));
        out.byte(entry.result);
        out.time(entry.issued, kLongAgo);
    }
    // Its last byte tells states apart that differ in where stores end and registers begin.
    out.byte(live);
    std::string packed = out.take();
    const auto [entry, added] =
        numbers_.try_emplace(std::move(packed), static_cast<std::uint32_t>(states_.size()));
    if (added) {
        states_.push_back(entry->first);
        live_.push_back(live);
    }
    return entry->second;
}

Flight FlightStates::flight(std::uint32_t number,
                            std::uint32_t address,
                            const std::uint32_t* stored) const {
    const std::string& packed = states_[number];
    const std::size_t live = live_[number];
    Unpacker in(packed);
    Flight flight;
    flight.released.fill(kLongAgo);
    flight.store_queue.fill(kLongAgo);
    flight.open = in.byte() != 0;
    if (flight.open) {
        flight.group = in.time();
        flight.older_traits = in.word();
        flight.older_denies = in.word();
        const std::uint8_t access = in.byte();
        flight.older_address = access & 4;
        flight.older_accessed = (access & 1) != 0;
        flight.older_unaligned = (access & 2) != 0;
        flight.older_early_shift = in.byte();
    }
    const std::uint32_t chunk = address / static_cast<std::uint32_t>(parameters_.fetch_bytes);
    flight.fetched_chunk = chunk + static_cast<std::uint32_t>(std::int32_t{in.number()});
    flight.fetched_at = in.time();
    for (std::size_t k = 1; k < queue(parameters_.fetch_queue); ++k) flight.released[k] = in.time();
    if (in.byte() != 0) {
        flight.fp_mac_at = in.time();
        flight.fp_mac_shadow = in.time();
        flight.fp_mac_shadow_before = in.time();
    }
    for (Cycle& free : flight.bank_free) free = in.time();
    for (auto& bank : flight.stored_in) {
        for (Cycle& at : bank) at = in.time();
    }
    for (std::size_t k = 0; k < queue(parameters_.tcm_store_queue); ++k)
        flight.store_queue[k] = in.time();
    for (std::size_t k = 0; k < live; ++k) {
        const auto origin = static_cast<std::uint16_t>(kCarried + k);
        flight.stored[k] = {stored[k], origin, in.time()};
        flight.last_store = flight.stored[k].at;
    }
    flight.stored_slot = live % kRecentStores;
    while (!in.done()) {
        const std::uint8_t reg = in.byte();
        const std::uint8_t result = in.byte();
        flight.scoreboard[reg] = {in.time(), result};
    }
    return flight;
}

void FlightStates::clear() {
    numbers_.clear();
    states_.clear();
    live_.clear();
}

}  // namespace mixq::sim
