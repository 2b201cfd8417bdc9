// List scheduling with registers given on the way, tried with several strategies and judged by the pipeline's own engine.
#include "kernels/generate/schedule.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "kernels/generate/dependences.h"
#include "kernels/generate/judge.h"
#include "sim/cores/core.h"

namespace mixq::kernels::generate {

namespace {

// How one attempt prefers.
struct Strategy {
    int window = 16;        // how far beyond the oldest waiting instruction it looks
    int reserve = 0;        // registers that only the oldest waiting instruction may take
    double path = 1;        // weight of the longest way to the end
    double order = 0;       // weight of the order written
    double older_slot = 0;  // bonus of instructions that can only be the older one
    double noise = 0;
    std::uint32_t seed = 0;
};

// One attempt: cycle by cycle, an older and perhaps a younger instruction.
class Attempt {
  public:
    Attempt(const Straight& straight, const Dependences& graph, const Strategy& strategy)
        : straight_(straight), graph_(graph), strategy_(strategy), random_(strategy.seed) {
        const std::size_t count = graph_.nodes.size();
        waiting_for_.resize(count);
        ready_.assign(count, 0);
        done_.assign(count, false);
        score_.resize(count);
        std::uniform_real_distribution<double> noise(0, strategy.noise);
        for (std::size_t k = 0; k < count; ++k) {
            waiting_for_[k] = static_cast<int>(graph_.nodes[k].before.size());
            score_[k] = strategy.path * graph_.nodes[k].path -
                        strategy.order * static_cast<double>(k) +
                        ((graph_.nodes[k].traits & sim::kOlderSlotOnly) ? strategy.older_slot : 0) +
                        noise(random_);
        }
        left_ = graph_.mentions;
        place_.assign(left_.size(), Reg{});
        free_.assign(straight.pool.begin(), straight.pool.end());
    }

    // Nothing where the registers do not suffice.
    std::optional<std::vector<Insn>> run() {
        std::vector<Insn> out;
        out.reserve(graph_.nodes.size());
        while (oldest_ < graph_.nodes.size()) {
            const int older = choose_older();
            if (older < 0) {
                const int next = earliest();
                if (next < 0) return std::nullopt;
                cycle_ = std::max(cycle_ + 1, ready_[static_cast<std::size_t>(next)]);
                continue;
            }
            take(older, out);
            const Node& node = graph_.nodes[static_cast<std::size_t>(older)];
            const int younger = choose_younger(node);
            if (younger >= 0) take(younger, out);
            cycle_ += node.issue;
        }
        return out;
    }

  private:
    bool available(std::size_t k) const {
        if (done_[k] || waiting_for_[k] > 0) return false;
        const Node& node = graph_.nodes[k];
        int wanted = 0;
        int given_back = 0;
        for (const auto& [value, mentions] : node.values) {
            const auto v = static_cast<std::size_t>(value);
            if (!place_[v].exists()) ++wanted;
            if (place_[v].exists() && left_[v] == mentions) ++given_back;
        }
        if (wanted == 0) return true;
        const int room = static_cast<int>(free_.size()) + given_back - wanted;
        return k == oldest_ ? room >= 0 : room >= strategy_.reserve;
    }

    template <typename Accept>
    int best(Accept accept) const {
        int found = -1;
        int seen = 0;
        for (std::size_t k = oldest_; k < graph_.nodes.size() && seen < strategy_.window; ++k) {
            if (done_[k]) continue;
            ++seen;
            if (!available(k) || !accept(k)) continue;
            if (found < 0 || score_[k] > score_[static_cast<std::size_t>(found)])
                found = static_cast<int>(k);
        }
        return found;
    }

    int choose_older() const {
        return best([&](std::size_t k) { return ready_[k] <= cycle_ && !meets_store(k); });
    }

    // A load that would wait for a store's bank (see Parameters::tcm_store_meets_load).
    bool meets_store(std::size_t k) const {
        const Node& node = graph_.nodes[k];
        const int stored = cycle_ - behind_;
        return (node.traits & sim::kLoads) && node.issue == 1 && behind_ > 0 && stored >= 0 &&
               stored_[bank(node)][static_cast<std::size_t>(stored) % kStoresSeen] == stored;
    }

    static std::size_t bank(const Node& node) { return node.address >> 2 & 1; }

    int choose_younger(const Node& older) const {
        if (older.issue > 1) return -1;
        return best([&](std::size_t k) {
            const Node& node = graph_.nodes[k];
            if (ready_[k] > cycle_ || (older.denies & node.traits) != 0 || meets_store(k))
                return false;
            const bool both_load = (older.traits & sim::kLoads) && (node.traits & sim::kLoads);
            return !both_load || ((older.address ^ node.address) & 4) != 0;
        });
    }

    // The instruction that can go first, once its operands are there.
    int earliest() const {
        int found = -1;
        int seen = 0;
        for (std::size_t k = oldest_; k < graph_.nodes.size() && seen < strategy_.window; ++k) {
            if (done_[k]) continue;
            ++seen;
            if (!available(k)) continue;
            if (found < 0 || ready_[k] < ready_[static_cast<std::size_t>(found)])
                found = static_cast<int>(k);
        }
        return found;
    }

    void take(int index, std::vector<Insn>& out) {
        const auto k = static_cast<std::size_t>(index);
        const Node& node = graph_.nodes[k];
        done_[k] = true;
        if ((node.traits & sim::kStores) && node.issue == 1)
            stored_[bank(node)][static_cast<std::size_t>(cycle_) % kStoresSeen] = cycle_;
        // Registers whose last use this is are free for what it writes.
        std::vector<std::size_t> opened;
        for (const auto& [value, mentions] : node.values) {
            const auto v = static_cast<std::size_t>(value);
            left_[v] -= mentions;
            if (!place_[v].exists()) {
                opened.push_back(v);
            } else if (left_[v] == 0) {
                free_.push_back(place_[v]);
            }
        }
        for (const std::size_t v : opened) {
            place_[v] = free_.front();
            free_.erase(free_.begin());
        }
        for (const std::size_t v : opened) {
            if (left_[v] == 0) free_.push_back(place_[v]);  // written and never read
        }
        Insn insn = straight_.code[k];
        for (Reg& reg : insn.registers) {
            if (reg.open()) reg = place_[static_cast<std::size_t>(reg.id - Reg::kFirstOpen)];
        }
        out.push_back(insn);
        for (const Edge& edge : node.after) {
            const auto to = static_cast<std::size_t>(edge.node);
            --waiting_for_[to];
            ready_[to] = std::max(ready_[to], cycle_ + edge.distance);
        }
        while (oldest_ < done_.size() && done_[oldest_]) ++oldest_;
    }

    const Straight& straight_;
    const Dependences& graph_;
    Strategy strategy_;
    std::mt19937 random_;
    std::vector<int> waiting_for_;
    std::vector<int> ready_;
    std::vector<bool> done_;
    std::vector<double> score_;
    std::vector<int> left_;   // mentions of each value still to come
    std::vector<Reg> place_;  // of each value
    std::vector<Reg> free_;
    std::size_t oldest_ = 0;
    int cycle_ = 0;
    const int behind_ = sim::find_core("cortex_m7").parameters.tcm_store_meets_load;
    // When stores to each bank issued, by their cycle modulo what is remembered.
    static constexpr std::size_t kStoresSeen = 8;
    static constexpr int kNever = -1000;
    std::array<std::array<int, kStoresSeen>, 2> stored_ = [] {
        std::array<std::array<int, kStoresSeen>, 2> none{};
        for (auto& bank : none) bank.fill(kNever);
        return none;
    }();
};

std::vector<Strategy> strategies() {
    std::vector<Strategy> all;
    for (const int window : {8, 12, 16, 24, 32, 48, 64, 128}) {
        for (const int reserve : {0, 1, 2}) {
            all.push_back({window, reserve, 1, 0, 0.5, 0, 0});
            all.push_back({window, reserve, 1, 0.5, 0.5, 0, 0});
        }
    }
    std::uint32_t seed = 1;
    for (const int window : {4, 8, 16, 32}) {
        for (const double noise : {0.7, 2.0}) {
            all.push_back({window, 0, 1, 0.25, 0.5, noise, seed++});
            all.push_back({window, 1, 0.5, 0.5, 1, noise, seed++});
        }
    }
    return all;
}

// Moves single instructions as long as that costs nothing or saves something.
void polish(std::vector<Insn>& code, double& cycles, const Straight& straight, double floor) {
    constexpr int kReach = 10;
    constexpr int kTries = 400;
    Judge judge(straight);
    Straight fixed = straight;
    std::mt19937 random(static_cast<std::uint32_t>(code.size()));
    for (int attempt = 0; attempt < kTries && cycles > floor; ++attempt) {
        const int from = static_cast<int>(random() % code.size());
        const int step = static_cast<int>(random() % (2 * kReach)) - kReach;
        const int to = from + (step >= 0 ? step + 1 : step);
        if (to < 0 || to >= static_cast<int>(code.size())) continue;
        if (!may_move(code, from, to)) continue;
        fixed.code = code;
        const Insn moved = fixed.code[static_cast<std::size_t>(from)];
        fixed.code.erase(fixed.code.begin() + from);
        fixed.code.insert(fixed.code.begin() + to, moved);
        const double now = judge.cycles(fixed.code);
        if (now > cycles) continue;
        cycles = now;
        code = fixed.code;
    }
}

std::vector<Insn> in_order(const Straight& straight, const Dependences& graph) {
    Strategy one{};
    one.window = 1;
    if (auto code = Attempt(straight, graph, one).run()) return *code;
    throw std::logic_error("generated code needs more registers than its pool of " +
                           std::to_string(straight.pool.size()));
}

Scheduled schedule_anew(const Straight& straight, Scheduling how) {
    const Dependences graph = dependences(straight);
    Judge judge(straight);
    Scheduled best;
    best.code = in_order(straight, graph);
    best.cycles = judge.cycles(best.code);
    if (how == Scheduling::AsWritten || straight.code.size() < 2) return best;
    const double floor = least_cycles(graph, straight.ending);
    for (const Strategy& strategy : strategies()) {
        if (best.cycles <= floor) break;
        auto code = Attempt(straight, graph, strategy).run();
        if (!code) continue;
        const double cycles = judge.cycles(*code);
        if (cycles < best.cycles) best = {std::move(*code), cycles};
    }
    polish(best.code, best.cycles, straight, floor);
    return best;
}

// What two pieces of code must share to be scheduled alike.
std::string fingerprint(const Straight& straight, Scheduling how) {
    std::string text;
    const auto put = [&text](std::int64_t value) {
        text.append(reinterpret_cast<const char*>(&value), sizeof value);  // bytes of a number
    };
    put(static_cast<int>(how) * 16 + static_cast<int>(straight.ending));
    for (const std::uint8_t phase : straight.phase) put(phase);
    for (const Reg reg : straight.pool) put(reg.id);
    for (const Insn& insn : straight.code) {
        put(-1);
        put(insn.bits);
        for (const Reg reg : insn.registers) put(reg.id);
        put(insn.space);
        put(insn.offset);
        put(insn.update);
        put(insn.indexed);
        text += insn.symbol;
    }
    return text;
}

}  // namespace

double cycles_of(const Straight& straight) {
    return Judge(straight).cycles(straight.code);
}

Scheduled schedule(const Straight& straight, Scheduling how) {
    static std::mutex mutex;
    static std::unordered_map<std::string, Scheduled> known;
    const std::string key = fingerprint(straight, how);
    {
        const std::lock_guard lock(mutex);
        if (const auto found = known.find(key); found != known.end()) return found->second;
    }
    Scheduled result = schedule_anew(straight, how);
    const std::lock_guard lock(mutex);
    return known.emplace(key, std::move(result)).first->second;
}

}  // namespace mixq::kernels::generate
