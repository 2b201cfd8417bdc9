// Tags of both caches, the linefill that is on its way, the store buffer and the one bus they share.
#include "sim/memory_system.h"

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>
#include <string>
#include <vector>

namespace mixq::sim {

namespace {

using Cycle = std::uint64_t;

constexpr std::uint32_t kLineBits = 5;  // 32 bytes: Cortex-M7 TRM, CTR
constexpr std::uint32_t kLine = 1u << kLineBits;
constexpr std::uint32_t kBeatBits = 3;  // AXIM is 64 bits wide
constexpr std::uint32_t kBeats = kLine >> kBeatBits;
constexpr std::uint32_t kNoLine = ~0u;
constexpr std::uint32_t kBlockBits = 14;     // 16 KiB: no board's region is cut finer
constexpr std::size_t kLinefillBuffers = 2;  // TRM 5.9
constexpr std::uint32_t kFetchBytes = 8;     // TRM 1.2.3
// TRM 5.9.1, dynamic read allocate mode: behind so many lines in a row that stores have written whole before they were
// there, a store that misses takes no line in, until one is not written whole.
constexpr int kWholeLines = 3;

enum class Place : std::uint8_t { Free, Flash, ItcmFlash, Sram, Device };

class Cache {
  public:
    Cache(const CacheGeometry& geometry, Replacement policy)
        : ways_(std::max(geometry.ways, 1u)),
          last_set_(std::bit_floor(std::max(geometry.bytes / kLine / ways_, 1u)) - 1),
          policy_(policy),
          lines_((std::size_t{last_set_} + 1) * ways_, kNoLine),
          dirty_(lines_.size(), 0),
          used_(lines_.size(), 0),
          recent_(std::size_t{last_set_} + 1, 0) {}

    // Null where the line is not there.
    std::uint8_t* find(std::uint32_t line) {
        const std::size_t set = line & last_set_;
        std::size_t way = recent_[set];
        if (lines_[way] != line) {
            const std::size_t first = set * ways_;
            for (way = first; way < first + ways_ && lines_[way] != line;) ++way;
            if (way == first + ways_) return nullptr;
            recent_[set] = static_cast<std::uint32_t>(way);
        }
        if (policy_ == Replacement::LeastRecentlyUsed) used_[way] = ++uses_;
        return &dirty_[way];
    }

    // Whether the line that makes room has to be written back.
    bool fill(std::uint32_t line, bool dirty) {
        const std::size_t way = victim((line & last_set_) * std::size_t{ways_});
        const bool writes_back = lines_[way] != kNoLine && dirty_[way] != 0;
        lines_[way] = line;
        dirty_[way] = dirty;
        used_[way] = ++uses_;
        return writes_back;
    }

    void forget() { std::fill(lines_.begin(), lines_.end(), kNoLine); }

    // What the operand of an operation by set and way names: the way at the top, the set above the bytes of a line.
    std::uint32_t line_at(std::uint32_t set_way) const {
        const std::size_t set = set_way >> kLineBits & last_set_;
        const int way_bits = std::bit_width(ways_ - 1);
        const std::size_t way = way_bits == 0 ? 0 : set_way >> (32 - way_bits);
        return way < ways_ ? lines_[set * ways_ + way] : kNoLine;
    }

    // Whether the line was dirty, and so has to be written back.
    bool clean(std::uint32_t line) {
        std::uint8_t* dirty = line == kNoLine ? nullptr : find(line);
        const bool was_dirty = dirty != nullptr && *dirty != 0;
        if (was_dirty) *dirty = 0;
        return was_dirty;
    }

    void drop(std::uint32_t line) {
        if (line == kNoLine) return;
        if (const std::uint8_t* dirty = find(line))
            lines_[static_cast<std::size_t>(dirty - dirty_.data())] = kNoLine;
    }

  private:
    std::size_t victim(std::size_t first) {
        for (std::size_t way = first; way < first + ways_; ++way) {
            if (lines_[way] == kNoLine) return way;
        }
        if (policy_ == Replacement::LeastRecentlyUsed) {
            const auto from = used_.begin() + static_cast<std::ptrdiff_t>(first);
            return static_cast<std::size_t>(std::min_element(from, from + ways_) - used_.begin());
        }
        // A 16-bit maximal-length shift register (taps 16, 14, 13, 11).
        const std::uint16_t bit =
            static_cast<std::uint16_t>((random_ ^ random_ >> 2 ^ random_ >> 3 ^ random_ >> 5) & 1);
        random_ = static_cast<std::uint16_t>(random_ >> 1 | bit << 15);
        return first + random_ % ways_;
    }

    std::uint32_t ways_;
    std::uint32_t last_set_;  // as many sets as a power of two
    Replacement policy_;
    std::vector<std::uint32_t> lines_;
    std::vector<std::uint8_t> dirty_;
    std::vector<std::uint64_t> used_;
    std::vector<std::uint32_t> recent_;  // per set: the way found last
    std::uint64_t uses_ = 0;
    std::uint16_t random_ = 0xace1;
};

// A line on its way: its beats come one after the other, the one that was asked for first.
struct Linefill {
    std::uint32_t line = kNoLine;
    std::uint32_t first_beat = 0;
    Cycle first_at = 0;
    Cycle beat = 1;
    Cycle end = 0;

    Cycle there(std::uint32_t address) const {
        const std::uint32_t wanted = (address >> kBeatBits) % kBeats;
        return first_at + ((wanted + kBeats - first_beat) % kBeats) * beat;
    }
};

// The line that stores missed last.
struct StoredLine {
    std::uint32_t line = kNoLine;
    std::uint32_t written = 0;  // a bit per byte
    int whole_before = 0;       // lines in a row, up to kWholeLines

    void note(std::uint32_t address, std::uint32_t bytes) {
        const std::uint64_t ones = (std::uint64_t{1} << bytes) - 1;
        written |= static_cast<std::uint32_t>(ones << address % kLine);
    }

    void begin(std::uint32_t next) {
        whole_before = written == ~0u ? std::min(whole_before + 1, kWholeLines) : 0;
        line = next;
        written = 0;
    }
};

struct BufferedStore {
    std::uint32_t granule = kNoLine;
    Cycle leaves = 0;
};

}  // namespace

struct MemorySystem::State {
    State(const Board& board, const MemorySettings& wanted);

    Place place(std::uint32_t address) const { return places[address >> kBlockBits]; }

    const MemoryPort& port(Place where) const;
    int first_word(Place where) const;
    Cycle arrival(std::uint32_t address, Cycle now) const;
    Linefill& begin_fill(std::uint32_t address, Place where, Cycle now);
    void evict(Place where);
    Cycle load_line(std::uint32_t address, Cycle now);
    Cycle store_line(std::uint32_t address, std::uint32_t bytes, Cycle now);
    bool merges(std::uint32_t address, Cycle now) const;
    Cycle store_past_cache(std::uint32_t address, int occupied, Cycle now);
    Cycle buffer(std::uint32_t address, Cycle leaves, Cycle now);
    Cycle fetch_line(std::uint32_t address, std::uint32_t bytes, Cycle now);
    Cycle fetch_through_art(std::uint32_t line, Cycle now);
    void maintain(const CacheOperation& operation, Cycle now);
    void forget_what_was_free();

    const MemoryParameters parameters;
    MemorySettings settings;
    std::vector<Place> places;
    Cache instructions;
    Cache data;
    std::vector<std::uint32_t> art;  // direct-mapped line numbers
    Cycle prefetched_at = 0;
    std::uint32_t prefetched = kNoLine;
    std::uint32_t last_row = kNoLine;  // of data read through the ITCM bus

    std::array<Linefill, kLinefillBuffers> fills;
    std::size_t fill_slot = 0;
    Stillness still;  // quiet from the end of the last linefill on
    Cycle bus_free = 0;
    std::vector<BufferedStore> stores;
    std::size_t store_slot = 0;
    StoredLine stored;
    std::uint32_t generation = 1;
    MemoryCounts counts;
};

MemorySystem::State::State(const Board& board, const MemorySettings& wanted)
    : parameters(board.memory),
      settings(wanted),
      places(std::size_t{1} << (32 - kBlockBits), Place::Device),
      instructions(parameters.instruction_cache, parameters.replacement),
      data(parameters.data_cache, parameters.replacement),
      art(static_cast<std::size_t>(parameters.art_lines), kNoLine),
      stores(static_cast<std::size_t>(std::max(parameters.store_buffer, 1))) {
    if (parameters.data_cache.bytes == 0) {
        throw std::invalid_argument("the caches and memories of " + std::string(board.name) +
                                    " are not described: only ideal memory can be simulated");
    }
    for (const Region& region : board.regions) {
        Place where = Place::Sram;
        if (region.kind == MemoryKind::Itcm || region.kind == MemoryKind::Dtcm) where = Place::Free;
        if (region.kind == MemoryKind::Peripheral) where = Place::Device;
        if (region.kind == MemoryKind::Flash)
            where = region.mirror_of != 0 ? Place::ItcmFlash : Place::Flash;
        const std::size_t first = region.address >> kBlockBits;
        const std::size_t last = (region.address + region.bytes - 1) >> kBlockBits;
        std::fill(places.begin() + static_cast<std::ptrdiff_t>(first),
                  places.begin() + static_cast<std::ptrdiff_t>(last) + 1,
                  where);
    }
}

const MemoryPort& MemorySystem::State::port(Place where) const {
    if (where == Place::Sram) return parameters.sram;
    return where == Place::Device ? parameters.device : parameters.flash;
}

int MemorySystem::State::first_word(Place where) const {
    return port(where).first_word + (where == Place::Flash ? settings.wait_states : 0);
}

// When the word of a line that is there, or on its way, can be read.
Cycle MemorySystem::State::arrival(std::uint32_t address, Cycle now) const {
    if (now >= still.quiet_from) return now;
    for (const Linefill& fill : fills) {
        if (fill.line == address >> kLineBits) return std::max(now, fill.there(address));
    }
    return now;
}

Linefill& MemorySystem::State::begin_fill(std::uint32_t address, Place where, Cycle now) {
    const Cycle start = std::max({now, bus_free, fills[fill_slot].end});
    Linefill& fill = fills[fill_slot];
    fill_slot = (fill_slot + 1) % kLinefillBuffers;
    fill.line = address >> kLineBits;
    fill.first_beat = (address >> kBeatBits) % kBeats;
    fill.beat = static_cast<Cycle>(port(where).beat);
    fill.first_at = start + static_cast<Cycle>(first_word(where));
    fill.end = fill.first_at + (kBeats - 1) * fill.beat;
    bus_free = still.quiet_from = fill.end;
    return fill;
}

void MemorySystem::State::evict(Place where) {
    ++counts.write_backs;
    bus_free += static_cast<Cycle>(port(where).write_back);
}

Cycle MemorySystem::State::load_line(std::uint32_t address, Cycle now) {
    const Place where = place(address);
    if (where == Place::Free) return now;
    if (where == Place::ItcmFlash) {
        const std::uint32_t row = address >> kLineBits;
        if (row == last_row) return now;
        last_row = row;
        ++still.number;
        return now + static_cast<Cycle>(settings.wait_states);
    }
    if (where == Place::Device || !settings.data_cache) {
        ++still.number;
        const int extra = where == Place::Flash ? settings.wait_states : 0;
        const Cycle start = std::max(now, bus_free);
        return bus_free = start + static_cast<Cycle>(port(where).uncached_load + extra);
    }
    const std::uint32_t line = address >> kLineBits;
    if (data.find(line) != nullptr) return arrival(address, now);
    ++counts.load_misses;
    ++still.number;
    const Cycle there = begin_fill(address, where, now).first_at;
    if (data.fill(line, false)) evict(Place::Sram);
    return there;
}

bool MemorySystem::State::merges(std::uint32_t address, Cycle now) const {
    const BufferedStore& newest = stores[(store_slot + stores.size() - 1) % stores.size()];
    return newest.granule == address >> kBeatBits && newest.leaves > now;
}

// An entry of the store buffer, taken until `leaves`; waits for a free one.
Cycle MemorySystem::State::buffer(std::uint32_t address, Cycle leaves, Cycle now) {
    if (merges(address, now)) return now;
    const Cycle start = std::max(now, stores[store_slot].leaves);
    stores[store_slot] = {address >> kBeatBits, std::max(leaves, start)};
    store_slot = (store_slot + 1) % stores.size();
    return start;
}

// Through the store buffer to the memory, which it keeps busy for so long.
Cycle MemorySystem::State::store_past_cache(std::uint32_t address, int occupied, Cycle now) {
    ++still.number;
    if (merges(address, now)) return now;
    const Cycle leaves = std::max(now, bus_free) + static_cast<Cycle>(occupied);
    bus_free = leaves;
    still.quiet_from = std::max(still.quiet_from, leaves);
    return buffer(address, leaves, now);
}

Cycle MemorySystem::State::store_line(std::uint32_t address, std::uint32_t bytes, Cycle now) {
    const Place where = place(address);
    if (where == Place::Free) return now;
    if (where != Place::Sram || !settings.data_cache) {
        return store_past_cache(address, port(where).uncached_store, now);
    }
    const std::uint32_t line = address >> kLineBits;
    if (std::uint8_t* dirty = data.find(line)) {
        *dirty = 1;
        if (now >= still.quiet_from) return now;
        for (const Linefill& fill : fills) {
            if (fill.line != line || fill.end <= now) continue;
            if (line == stored.line) stored.note(address, bytes);
            return buffer(address, fill.end, now);
        }
        return now;
    }
    if (line != stored.line) stored.begin(line);
    stored.note(address, bytes);
    if (stored.whole_before == kWholeLines) return store_past_cache(address, port(where).beat, now);
    ++counts.store_misses;
    ++still.number;
    const Cycle end = begin_fill(address, where, now).end;
    if (data.fill(line, true)) evict(Place::Sram);
    return buffer(address, end, now);
}

// The ART serves a line it holds at once; with prefetch on, the line behind is on its way when one is entered.
Cycle MemorySystem::State::fetch_through_art(std::uint32_t line, Cycle now) {
    const auto wait = static_cast<Cycle>(settings.wait_states);
    Cycle there = now;
    const bool held = settings.art && !art.empty() && art[line % art.size()] == line;
    if (!held) {
        ++counts.fetch_misses;
        there = line == prefetched ? std::max(now, prefetched_at) : now + wait;
        if (settings.art && !art.empty()) art[line % art.size()] = line;
        ++generation;
    }
    if (settings.prefetch && !held) {
        prefetched = line + 1;
        prefetched_at = there + 1 + wait;
    }
    return there;
}

Cycle MemorySystem::State::fetch_line(std::uint32_t address, std::uint32_t bytes, Cycle now) {
    const Place where = place(address);
    if (where == Place::Free) return now;
    const std::uint32_t line = address >> kLineBits;
    if (where == Place::ItcmFlash) return fetch_through_art(line, now);
    if (!settings.instruction_cache) {
        // Every 64-bit fetch goes to the memory; nothing is kept.
        const std::uint32_t chunks =
            (address + bytes - 1) / kFetchBytes - address / kFetchBytes + 1;
        ++counts.fetch_misses;
        const Cycle start = std::max(now, bus_free);
        return bus_free = start + chunks * static_cast<Cycle>(first_word(where));
    }
    if (instructions.find(line) != nullptr) return arrival(address, now);
    ++counts.fetch_misses;
    ++generation;
    instructions.fill(line, false);
    return begin_fill(address, where, now).first_at;
}

// Accesses that cost nothing before may cost something now.
void MemorySystem::State::forget_what_was_free() {
    ++generation;
    ++still.number;
}

void MemorySystem::State::maintain(const CacheOperation& operation, Cycle now) {
    using Kind = CacheOperation::Kind;
    const Kind kind = operation.kind;
    forget_what_was_free();
    if (kind == Kind::FlushArt) std::fill(art.begin(), art.end(), kNoLine);
    if (kind == Kind::InvalidateCode) instructions.forget();
    if (kind == Kind::InvalidateCodeLine) instructions.drop(operation.value >> kLineBits);
    const bool by_set = kind == Kind::InvalidateSetWay || kind == Kind::CleanSetWay ||
                        kind == Kind::CleanInvalidateSetWay;
    const bool cleans = kind == Kind::CleanLine || kind == Kind::CleanInvalidateLine ||
                        kind == Kind::CleanSetWay || kind == Kind::CleanInvalidateSetWay;
    const bool drops = kind == Kind::InvalidateLine || kind == Kind::CleanInvalidateLine ||
                       kind == Kind::InvalidateSetWay || kind == Kind::CleanInvalidateSetWay;
    if (!cleans && !drops) return;
    const std::uint32_t line =
        by_set ? data.line_at(operation.value) : operation.value >> kLineBits;
    if (cleans && data.clean(line)) {
        bus_free = std::max(bus_free, now);
        evict(Place::Sram);
    }
    if (drops) data.drop(line);
}

namespace {

// Cuts an access at the ends of lines; `part` says when each piece is done.
template <typename Part>
std::uint32_t by_line(std::uint32_t address, std::uint32_t bytes, std::uint64_t now, Part part) {
    if (address % kLine + bytes <= kLine)
        return static_cast<std::uint32_t>(part(address, bytes, now) - now);
    Cycle at = now;
    while (bytes > 0) {
        const std::uint32_t piece = std::min(bytes, kLine - address % kLine);
        at = part(address, piece, at);
        address += piece;
        bytes -= piece;
    }
    return static_cast<std::uint32_t>(at - now);
}

}  // namespace

MemorySettings full_speed(const Board& board) {
    return {true, true, true, true, board.memory.wait_states};
}

MemorySystem::MemorySystem(const Board& board, const MemorySettings& settings)
    : state_(std::make_unique<State>(board, settings)) {
}

MemorySystem::~MemorySystem() = default;
MemorySystem::MemorySystem(MemorySystem&&) noexcept = default;
MemorySystem& MemorySystem::operator=(MemorySystem&&) noexcept = default;

std::uint32_t MemorySystem::load(std::uint32_t address, std::uint32_t bytes, std::uint64_t now) {
    return by_line(address, bytes, now, [this](std::uint32_t at, std::uint32_t, Cycle when) {
        return state_->load_line(at, when);
    });
}

std::uint32_t MemorySystem::store(std::uint32_t address, std::uint32_t bytes, std::uint64_t now) {
    return by_line(address, bytes, now, [this](std::uint32_t at, std::uint32_t piece, Cycle when) {
        return state_->store_line(at, piece, when);
    });
}

std::uint32_t MemorySystem::fetch(std::uint32_t address,
                                  std::uint32_t bytes,
                                  std::uint64_t now,
                                  bool sequential) {
    // Asked for while the queue still held the code before it.
    const auto ahead = static_cast<Cycle>(sequential ? state_->parameters.fetch_ahead : 0);
    const Cycle asked = now - std::min(now, ahead);
    const Cycle there =
        asked +
        by_line(address, bytes, asked, [this](std::uint32_t at, std::uint32_t piece, Cycle when) {
            return state_->fetch_line(at, piece, when);
        });
    return static_cast<std::uint32_t>(std::max(there, now) - now);
}

const std::uint32_t* MemorySystem::fetch_generation() const {
    const State& state = *state_;
    const bool kept = state.settings.instruction_cache &&
                      state.parameters.replacement == Replacement::PseudoRandom;
    return kept ? &state.generation : nullptr;
}

const MemorySystem::Stillness* MemorySystem::stillness() const {
    const bool tracked = state_->parameters.replacement == Replacement::LeastRecentlyUsed;
    return tracked ? nullptr : &state_->still;
}

const MemoryCounts& MemorySystem::counts() const {
    return state_->counts;
}

void MemorySystem::set(const MemorySettings& settings) {
    state_->settings = settings;
    state_->forget_what_was_free();
}

const MemorySettings& MemorySystem::settings() const {
    return state_->settings;
}

void MemorySystem::maintain(const CacheOperation& operation, std::uint64_t now) {
    state_->maintain(operation, now);
}

}  // namespace mixq::sim
