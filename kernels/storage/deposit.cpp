// Puts words into stored words: whole where they fit, the rest into what is left.
#include "kernels/storage/deposit.h"

#include <algorithm>

namespace mixq::kernels::storage {

namespace {

constexpr int kWord = 32;

class Depositor {
  public:
    Depositor(std::span<const std::uint32_t> masks, int granule) : masks_(masks) {
        std::int64_t bits = 0;
        for (const std::uint32_t mask : masks) bits += std::popcount(mask);
        free_.assign(static_cast<std::size_t>((bits + kWord - 1) / kWord), ~0U);
        const std::int64_t beyond = (bits + granule - 1) / granule * granule % kWord;
        if (beyond != 0) free_.back() = (1U << beyond) - 1;
    }

    Deposit run() {
        std::vector<int> rest;
        for (std::size_t k = 0; k < masks_.size(); ++k) {
            const int word = static_cast<int>(k);
            if (masks_[k] != 0 && !put_whole(word)) rest.push_back(word);
        }
        for (const int word : rest) put_in_pieces(word);
        std::ranges::stable_sort(made_.pieces, {}, &Piece::word);
        made_.sources = static_cast<int>(free_.size());
        return std::move(made_);
    }

  private:
    bool put_whole(int word) {
        const std::uint32_t mask = masks_[static_cast<std::size_t>(word)];
        for (std::size_t source = 0; source < free_.size(); ++source) {
            for (int rotate = 0; rotate < kWord; ++rotate) {
                if ((std::rotl(mask, rotate) & ~free_[source]) != 0) continue;
                take({word, static_cast<int>(source), rotate, mask});
                return true;
            }
        }
        return false;
    }

    // There are as many free bits as bits to put.
    void put_in_pieces(int word) {
        std::uint32_t left = masks_[static_cast<std::size_t>(word)];
        while (left != 0) {
            Piece best;
            for (std::size_t source = 0; source < free_.size(); ++source) {
                for (int rotate = 0; rotate < kWord; ++rotate) {
                    const std::uint32_t bits = left & std::rotr(free_[source], rotate);
                    if (std::popcount(bits) > std::popcount(best.bits))
                        best = {word, static_cast<int>(source), rotate, bits};
                }
            }
            take(best);
            left &= ~best.bits;
        }
    }

    void take(const Piece& piece) {
        free_[static_cast<std::size_t>(piece.source)] &= ~std::rotl(piece.bits, piece.rotate);
        made_.pieces.push_back(piece);
    }

    std::span<const std::uint32_t> masks_;
    std::vector<std::uint32_t> free_;  // bits of each stored word
    Deposit made_;
};

}  // namespace

Deposit deposit(std::span<const std::uint32_t> masks, int granule) {
    return Depositor(masks, granule).run();
}

}  // namespace mixq::kernels::storage
