// Planes, lines and groups in loops; a pointer into the tensor and one into the buffer move on with every piece.
#include "kernels/strips/code.h"

#include <algorithm>
#include <bit>

#include "kernels/generate/far.h"
#include "kernels/storage/gather.h"

namespace mixq::kernels::strips {

using namespace generate;  // registers and shifts, as an assembly source has them

namespace {

constexpr Space kBytesSpace = 1;
constexpr Space kStoredSpace = 2;
constexpr Reg kGroupsLeft = r7;
constexpr Reg kLinesLeft = r8;
constexpr Reg kPlanesLeft = r9;
const std::vector<Reg> kConstants{r4, r5, r6};
const std::vector<Reg> kWork{r2, r3, r10, r11, r12, lr};
constexpr int kLoopFrom = 3;      // groups
constexpr int kWordsAtOnce = 16;  // of lines without groups, in one piece of code

// What both directions share: the walk.
class Copier {
  public:
    Copier(const Tensor& tensor, Reg stored, Reg bytes, const std::string& symbol)
        : tensor_(tensor),
          line_(line_of(tensor.elements, tensor.bits)),
          stored_(stored),
          bytes_(bytes),
          routine_(symbol) {}

    virtual ~Copier() = default;
    Copier(const Copier&) = delete;
    Copier& operator=(const Copier&) = delete;

    const Routine& write(int above, int lines, int below) {
        Code constants;
        prepare(constants, lines);
        routine_.body().straight(constants, pool_);
        Body& planes = routine_.body().loop(tensor_.planes, kPlanesLeft, "planes");
        zeros(planes, above);
        copy(planes, lines);
        zeros(planes, below);
        if (tensor_.planes > 1 && tensor_.rows != lines) {
            Code next;
            move_on(next, stored_, static_cast<int>((tensor_.rows - lines) * tensor_.line_bytes()));
            planes.straight(next, pool_);
        }
        return routine_;
    }

  protected:
    // Between the bytes at `from` and what is stored at `stored`, offsets from the two pointers.
    virtual void segment(Code& code, const Segment& segment, int bytes, int stored) = 0;

    virtual void prepare(Code& /*code*/, int /*lines*/) {
        pool_.insert(pool_.end(), kConstants.begin(), kConstants.end());
    }

    const Tensor& tensor_;
    Line line_;
    Reg stored_;
    Reg bytes_;
    std::vector<Reg> pool_ = kWork;

  private:
    void copy(Body& planes, int lines) {
        if (lines == 0) return;
        if (line_.groups > 0) {
            Body& body = planes.loop(lines, kLinesLeft, "lines");
            const int loops = line_.groups >= kLoopFrom ? line_.groups : 1;
            const int at_once = line_.groups / loops;
            Code groups;
            for (int k = 0; k < at_once; ++k) put(groups, line_.group);
            moved(groups);
            body.loop(loops, kGroupsLeft, "groups").straight(groups, pool_);
            if (line_.rest.elements > 0) {
                Code rest;
                put(rest, line_.rest);
                moved(rest);
                body.straight(rest, pool_);
            }
            return;
        }
        int at_once = std::clamp(kWordsAtOnce / line_.rest.words(), 1, lines);
        while (lines % at_once != 0) --at_once;
        Code code;
        for (int k = 0; k < at_once; ++k) put(code, line_.rest);
        moved(code);
        planes.loop(lines / at_once, kLinesLeft, "lines").straight(code, pool_);
    }

    void put(Code& code, const Segment& part) {
        segment(code, part, bytes_offset_, stored_offset_);
        bytes_offset_ += part.elements;
        stored_offset_ += part.bytes;
    }

    void moved(Code& code) {
        code.add(bytes_, bytes_, bytes_offset_);
        code.add(stored_, stored_, stored_offset_);
        bytes_offset_ = 0;
        stored_offset_ = 0;
    }

    // Of the buffer. What is written behind them is written again by what follows.
    void zeros(Body& planes, int rows) {
        const int elements = rows * tensor_.elements;
        const int words = (elements + 3) / 4;
        constexpr int kAtOnce = 8;
        const auto some = [&](int count, int step) {
            Code code;
            const Reg zero = code.value();
            code.mov(zero, 0);
            for (int k = 0; k < count; ++k) code.str(zero, {bytes_, 4 * k, kBytesSpace});
            code.add(bytes_, bytes_, step);
            return code;
        };
        if (elements == 0) return;
        // The last of them may be in part.
        const int loops = (words - 1) / kAtOnce;
        if (loops > 0)
            planes.loop(loops, kLinesLeft, "zeros").straight(some(kAtOnce, 4 * kAtOnce), pool_);
        planes.straight(some(words - loops * kAtOnce, elements - loops * 4 * kAtOnce), pool_);
    }

    Routine routine_;
    int bytes_offset_ = 0;
    int stored_offset_ = 0;
};

class Unpacker final : public Copier {
  public:
    Unpacker(const Tensor& tensor, const std::string& symbol) : Copier(tensor, r0, r1, symbol) {}

  private:
    void prepare(Code& code, int /*lines*/) override {
        storage::Uses uses;
        const auto count = [&](const Segment& part, int times) {
            for (const storage::Piece& piece : part.from.pieces) {
                if (storage::Gather::masked(piece)) uses[piece.bits] += times;
            }
        };
        count(line_.group, line_.groups);
        count(line_.rest, 1);
        const std::vector<Reg> free = gather_.keep(code, uses, kConstants);
        pool_.insert(pool_.end(), free.begin(), free.end());
    }

    void segment(Code& code, const Segment& part, int bytes, int stored) override {
        gather_.begin(stored, part.bytes);
        std::vector<std::vector<storage::Piece>> pieces(static_cast<std::size_t>(part.words()));
        for (const storage::Piece& piece : part.from.pieces)
            pieces[static_cast<std::size_t>(piece.word)].push_back(piece);
        // A word that is stored in part of its bytes reaches into what follows, which is written later: in this order.
        for (int word = 0; word < part.words(); ++word) {
            code.str(gather_.word(code, pieces[static_cast<std::size_t>(word)]),
                     {bytes_, bytes + 4 * word, kBytesSpace});
        }
    }

    storage::Gather gather_{stored_, kStoredSpace};
};

class Packer final : public Copier {
  public:
    Packer(const Tensor& tensor, const std::string& symbol) : Copier(tensor, r1, r0, symbol) {}

  private:
    void segment(Code& code, const Segment& part, int bytes, int stored) override {
        for (int source = 0; source < part.from.sources; ++source) {
            const Reg sum = sum_of(code, part, source, bytes);
            store(code, sum, stored + 4 * source, std::min(4, part.bytes - 4 * source));
        }
    }

    Reg sum_of(Code& code, const Segment& part, int source, int bytes) const {
        Reg sum;
        for (const storage::Piece& piece : part.from.pieces) {
            if (piece.source != source) continue;
            const Reg bits = loaded(code, part, piece, bytes);
            const Shift turn = piece.rotate == 0 ? Shift{} : ror(32 - piece.rotate);
            const Reg more = code.value();
            if (sum.exists()) {
                code.orr(more, sum, bits, turn);
            } else if (turn.amount == 0) {
                sum = bits;
                continue;
            } else {
                code.shift(more, bits, turn);
            }
            sum = more;
        }
        return sum;
    }

    // The bits of a piece. A word of four elements has no others than theirs; behind the end of a line is what follows.
    Reg loaded(Code& code, const Segment& part, const storage::Piece& piece, int bytes) const {
        const Reg word = code.value();
        code.ldr(word, {bytes_, bytes + 4 * piece.word, kBytesSpace});
        const bool whole = part.elements - 4 * piece.word >= 4;
        if (whole && piece.bits == part.mask(piece.word, tensor_.bits)) return word;
        const Reg bits = code.value();
        if (modified_constant(piece.bits) >= 0) {
            code.and_(bits, word, piece.bits);
        } else {
            const Reg mask = code.value();
            code.mov(mask, piece.bits);
            code.and_(bits, word, mask);
        }
        return bits;
    }

    void store(Code& code, Reg word, int offset, int bytes) const {
        const At at{stored_, offset, kStoredSpace};
        if (bytes == 4) {
            code.str(word, at);
        } else if (bytes == 1) {
            code.strb(word, at);
        } else {
            code.strh(word, at);
            if (bytes == 2) return;
            const Reg third = code.value();
            code.shift(third, word, lsr(16));
            code.strb(third, {stored_, offset + 2, kStoredSpace});
        }
    }
};

}  // namespace

Lowered unpack_code(const Tensor& tensor,
                    const Window& window,
                    const std::string& symbol,
                    Scheduling how) {
    return lower(Unpacker(tensor, symbol).write(window.above, window.lines, window.below), how);
}

Lowered pack_code(const Tensor& tensor, int lines, const std::string& symbol, Scheduling how) {
    return lower(Packer(tensor, symbol).write(0, lines, 0), how);
}

}  // namespace mixq::kernels::strips
