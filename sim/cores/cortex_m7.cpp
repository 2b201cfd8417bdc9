// The Arm Cortex-M7, six stages, two instructions per cycle in order. All its numbers stand here.
//
//   Fetch ---- Decode ---- Issue ---- EX1 ----------- EX2 ----------- EX3 ----------- EX4
//   64 bits    branch      two per    addresses       fast load data  slow load data  store data
//   per cycle  prediction  cycle      early shifter   both ALUs       MAC accumulate
//   into a                            early ALU       second shifter  integer
//   queue of 4                        (ADD, SUB, MOV, SIMD, MAC       write-back
//                                      shifts)        multiply
//
// A result is ready at the end of its stage p, an operand is read at the start of its stage c: producer and consumer issue
// max(0, p - c + 1) cycles apart. In the sources "jnk0le" is github.com/jnk0le/random, "pipeline cycle test/doc/cortex_m7.md"
// (measured on an STM32H743), "LLVM" is llvm/lib/Target/ARM/ARMScheduleM7.td and ARMLatencyMutations.cpp.
#include "sim/cores/cortex_m7.h"

#include <algorithm>

namespace mixq::sim {

namespace {

// clang-format off
constexpr Parameters kParameters{
    .issue_width = 2,                // jnk0le
    .mispredict = 8,                 // jnk0le, "branching/cmp"; Cortex-R4 TRM has 8 as well
    .mispredict_early = 6,           // jnk0le: a step, not gradual
    .flags_ahead = 3,                // jnk0le
    .indirect_mispredict = 8,        // as direct; not measured separately, plausible 8 to 10
    .return_stack_entries = 8,       // not published; plausible 4 to 8, invisible below that call depth
    .btac_entries = 64,              // not published; plausible 32 to 256, direct-mapped; H7A3-KWS asks for 64 or fewer, the other
                                     // images cannot tell
    .static_taken = 0,               // TRM: redirect from a static prediction exists; its cost is not published, plausible 1 to 3
    .taken_pairs_with_target = true,   // jnk0le: "can", alignment-sensitive; fetch decides; see sim/README.md
    .fetch_bytes = 8,                // TRM 1.2.3
    .fetch_queue = 4,                // TRM 1.2.3
    .unaligned_load_older = 3,       // jnk0le, "loads"
    .unaligned_load_younger = 4,     // jnk0le, "loads"
    .tcm_store_queue = 4,            // jnk0le: five unaligned stores in a row are free, as the first has left by then. Entries
                                     // shared by both banks, each of which drains on its own: see sim/README.md
    .tcm_narrow_store = 4,           // jnk0le, "stores": STRB or STRH on one bank
    .tcm_store_meets_load = 2,       // stores write in EX4, loads read in EX2: the stages below; see sim/README.md
    .store_to_load = 4,              // LLVM ARMLatencyMutations
    .registers_per_cycle = 2,        // jnk0le, "load/store pair/multiple"
    .store_multiple_unaligned = 1,   // jnk0le, same section
    .divide_base = 3,                // Cortex-R4 TRM as prior: 3 + max((clz(divisor) - clz(dividend) + 1) / 2, 0)
    .divide_signed_extra = 1,        // Cortex-R4 TRM
    .fp_mac_shadow = 3,              // jnk0le, "fpu (single precision)"
};

constexpr ResultStage kResultStages[] = {
    {Result::EarlyAlu,    1,  "jnk0le: early ALU; p = 1 gives distance 0 to a late ALU"},
    {Result::Alu,         2,  "jnk0le: ALU to ALU 1, to an inline shift 2"},
    {Result::Reversed,    1,  "jnk0le and LLVM: 0 to a late ALU"},
    {Result::BaseUpdate,  1,  "jnk0le: updated base, next access one cycle later"},
    {Result::WordLoad,    2,  "jnk0le: LDR to ALU 1"},
    {Result::NarrowLoad,  3,  "jnk0le: byte and half-word loads one later"},
    {Result::Multiply,    3,  "jnk0le: one extra cycle for multiply and MAC"},
    {Result::Saturate,    3,  "LLVM: latency 2"},
    {Result::SystemRead,  4,  "LLVM: latency 3"},
    {Result::FpLoad,      2,  "jnk0le: VLDR.F32 1"},
    {Result::FpAdd,       4,  "jnk0le: VADD, VMUL, VMOV to FP 3"},
    {Result::FpFused,     6,  "jnk0le: VFMA 5 to an operand, 3 to VSTR"},
    {Result::FpChained,   7,  "jnk0le: VMLA 6 to an operand, 4 to VSTR"},
    {Result::FpAddDouble, 4,  "jnk0le: VADD.F64 1 to 3, data-dependent; as single precision"},
    {Result::FpMulDouble, 3,  "jnk0le: VMUL.F64 4 to 5; upper end, counted from the last of its 4 cycles"},
    {Result::FpMacDouble, 8,  "jnk0le: VFMA.F64 6 to 10; upper end, counted from the last of its 4 cycles"},
    {Result::Divide,      2,  "as an ALU result of its last cycle"},
};

constexpr OperandStage kOperandStages[] = {
    {Operand::Normal,               2, "jnk0le, LLVM: EX2"},
    {Operand::Shifted,              1, "jnk0le, operand2: needed one cycle earlier"},
    {Operand::BesideShifted,        2, "jnk0le, LLVM"},
    {Operand::Multiplicand,         2, "jnk0le: ALU to MUL 1"},
    {Operand::Accumulator,          3, "jnk0le: MAC chain 1"},
    {Operand::Base,                 1, "LLVM: address generation in EX1"},
    {Operand::Index,                1, "LLVM: address generation in EX1"},
    {Operand::StoreData,            4, "LLVM: EX4; jnk0le: data may come from the same cycle"},
    {Operand::FpOperand,            2, "jnk0le: VADD to VADD 3"},
    {Operand::FpFusedAccumulator,   2, "jnk0le: VADD to VFMA accumulator 3"},
    {Operand::FpChainedAccumulator, 3, "jnk0le: VADD to VMLA accumulator 2"},
    {Operand::Early,                1, "jnk0le: early ALU"},
    {Operand::Flags,                2, "jnk0le: flags appear at EX2 even from the early ALU"},
};

constexpr Forwarding kForwardings[] = {
    {Result::Reversed,   Operand::Base,                  1, "jnk0le: not forwardable next cycle to an address"},
    {Result::Reversed,   Operand::Index,                 1, "jnk0le: same"},
    {Result::Reversed,   Operand::Shifted,               1, "jnk0le: nor to REV, RBIT or an inline shift"},
    {Result::BaseUpdate, Operand::Early,                 1, "jnk0le: not forwardable next cycle to an early ADD, SUB or MOV"},
    {Result::WordLoad,   Operand::Multiplicand,          1, "jnk0le: LDR to MUL 2"},
    {Result::WordLoad,   Operand::BesideShifted,         1, "jnk0le: LDR to any operand of an instruction with an early one 2"},
    {Result::WordLoad,   Operand::Index,                 1, "LLVM: one later to the index than to the base"},
    {Result::Multiply,   Operand::Base,                  1, "LLVM: multiply to address 4"},
    {Result::Multiply,   Operand::Index,                 1, "LLVM: multiply to address 4"},
    {Result::FpLoad,     Operand::FpFusedAccumulator,    2, "jnk0le: VLDR to VFMA accumulator 3"},
    {Result::FpLoad,     Operand::FpChainedAccumulator,  2, "jnk0le: VLDR to VMLA accumulator 2"},
    {Result::FpFused,    Operand::FpFusedAccumulator,   -2, "jnk0le: VFMA chain 3"},
    {Result::FpFused,    Operand::FpChainedAccumulator, -2, "jnk0le: VFMA to VMLA accumulator 2"},
    {Result::FpChained,  Operand::FpChainedAccumulator, -2, "jnk0le: VMLA chain 3"},
};

constexpr PairRule kPairRules[] = {
    {kIssuesAlone,  kAnyOp,         "issues alone",               "jnk0le: LDM, STM, LDRD; LLVM: divide, MRS, barriers"},
    {kAnyOp,        kIssuesAlone,   "issues alone",               "the same"},
    {kStores,       kStores,        "two stores",                 "jnk0le"},
    {kMultiplies,   kMultiplies,    "two multiplies",             "jnk0le"},
    {kMultiplies,   kStores,        "multiply and store",         "jnk0le; SLOTHY agrees"},
    {kStores,       kMultiplies,    "store and multiply",         "jnk0le; SLOTHY agrees"},
    {kAnyOp,        kOlderSlotOnly, "bit-field/DSP not older",    "jnk0le, dual-issue matrix"},
    {kShiftsInline, kShiftsInline,  "early shifter taken",        "jnk0le, operand2"},
    {kShiftsInline, kBitField,      "early shifter taken",        "jnk0le, dual-issue matrix"},
    {kBitField,     kShiftsInline,  "early shifter taken",        "jnk0le, dual-issue matrix"},
    {kBranches,     kBranches,      "two branches",               "one branch unit: LLVM"},
    {kFpArithmetic, kFpArithmetic,  "two FP operations",          "jnk0le, fpu"},
};

constexpr std::uint32_t kAny = 0;
constexpr std::uint32_t kAlone = kIssuesAlone;
constexpr std::uint32_t kDsp = kOlderSlotOnly;
constexpr std::uint32_t kField = kOlderSlotOnly | kBitField;
constexpr std::uint32_t kMac = kMultiplies;
constexpr std::uint32_t kFp = kFpArithmetic;
constexpr std::uint32_t kFpHeld = kFpArithmetic | kFpBlockedByMac;
constexpr std::uint32_t kFpList = kIssuesAlone | kFpBlockedByMac;
constexpr std::uint32_t kFpChain = kFpArithmetic | kFpMac;
constexpr auto kNever = EarlyAlu::Never;
constexpr auto kOlder = EarlyAlu::OlderSlot;
constexpr auto kEither = EarlyAlu::EitherSlot;
constexpr auto kNone = Result::None;
constexpr auto kAlu = Result::Alu;
constexpr auto kMul = Result::Multiply;
constexpr auto kSat = Result::Saturate;
constexpr auto kLoad = Result::WordLoad;
constexpr auto kRev = Result::Reversed;
constexpr auto kFpAdd = Result::FpAdd;
constexpr auto kFused = Result::FpFused;
constexpr auto kChain = Result::FpChained;

// What several rows rest on.
constexpr std::string_view kSimple = "jnk0le: two per cycle, latency 1";
constexpr std::string_view kSimpleEarly = "jnk0le: two per cycle, latency 1, 0 from the early ALU";
constexpr std::string_view kMacs = "jnk0le, 'multiplication, MAC': all of them, latency 2, chain 1";
constexpr std::string_view kParallel = "jnk0le, 'bitfield and DSP': older slot only, latency 1";
constexpr std::string_view kSaturating = "jnk0le: older slot only; LLVM: latency 2";
constexpr std::string_view kExtend = "jnk0le: older slot only; pairs with inline shifts (AES loop of jnk0le/cortexm-AES)";
constexpr std::string_view kExtendAdd = "jnk0le: older slot only, early shifter for the extended register";
constexpr std::string_view kSystem = "LLVM: single issue";
constexpr std::string_view kSingle = "jnk0le, 'fpu (single precision)'";
constexpr std::string_view kDouble = "jnk0le, 'fpu (double precision)': data-dependent, upper end";
constexpr std::string_view kMemory = "jnk0le, 'loads' and 'stores'";
constexpr std::string_view kMultiple = "jnk0le, 'load/store pair/multiple': alone, ceil(n/2)";
constexpr std::string_view kBranching = "jnk0le, 'branching/cmp'";

constexpr Row kTable[] = {
    // mnemonic      beside what        result    early    cycles  source
    // --- arithmetic and logic
    {"adc",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"add",          kAny,              kAlu,     kOlder,  1,      kSimpleEarly},
    {"adr",          kAny,              kAlu,     kOlder,  1,      kSimpleEarly},
    {"and",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"bic",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"cmn",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"cmp",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"eor",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"mov",          kAny,              kAlu,     kOlder,  1,      kSimpleEarly},
    {"movt",         kAny,              kAlu,     kNever,  1,      "jnk0le: pairs with the MOVW of its register"},
    {"movw",         kAny,              kAlu,     kOlder,  1,      kSimpleEarly},
    {"mvn",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"orn",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"orr",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"rsb",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"sbc",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"sub",          kAny,              kAlu,     kOlder,  1,      kSimpleEarly},
    {"teq",          kAny,              kAlu,     kNever,  1,      kSimple},
    {"tst",          kAny,              kAlu,     kNever,  1,      kSimple},
    // --- plain shifts
    {"asr",          kPlainShift,       kAlu,     kEither, 1,      "jnk0le: two pair; early in either slot"},
    {"lsl",          kPlainShift,       kAlu,     kEither, 1,      "jnk0le: two pair; early in either slot"},
    {"lsr",          kPlainShift,       kAlu,     kEither, 1,      "jnk0le: two pair; early in either slot"},
    {"ror",          kPlainShift,       kAlu,     kEither, 1,      "jnk0le: two pair; early in either slot"},
    {"rrx",          kShiftsInline,     kAlu,     kNever,  1,      "LLVM: source early; jnk0le: not early-eligible"},
    // --- bit fields, extends, packs
    {"bfc",          kField,            kAlu,     kNever,  1,      kParallel},
    {"bfi",          kField,            kAlu,     kNever,  1,      kParallel},
    {"clz",          kDsp,              kAlu,     kNever,  1,      "jnk0le: older slot only; LLVM: latency 1"},
    {"pkhbt",        kField,            kAlu,     kNever,  1,      kParallel},
    {"pkhtb",        kField,            kAlu,     kNever,  1,      kParallel},
    {"rbit",         kField,            kRev,     kNever,  1,      "jnk0le: older slot only, early ALU"},
    {"rev",          kField,            kRev,     kNever,  1,      "jnk0le: older slot only, early ALU"},
    {"rev16",        kField,            kRev,     kNever,  1,      "jnk0le: older slot only, early ALU"},
    {"revsh",        kField,            kRev,     kNever,  1,      "jnk0le: older slot only, early ALU"},
    {"sbfx",         kField,            kAlu,     kNever,  1,      kParallel},
    {"ubfx",         kField,            kAlu,     kNever,  1,      kParallel},
    {"sxtab",        kField,            kAlu,     kNever,  1,      kExtendAdd},
    {"sxtab16",      kField,            kAlu,     kNever,  1,      kExtendAdd},
    {"sxtah",        kField,            kAlu,     kNever,  1,      kExtendAdd},
    {"uxtab",        kField,            kAlu,     kNever,  1,      kExtendAdd},
    {"uxtab16",      kField,            kAlu,     kNever,  1,      kExtendAdd},
    {"uxtah",        kField,            kAlu,     kNever,  1,      kExtendAdd},
    {"sxtb",         kDsp,              kAlu,     kNever,  1,      kExtend},
    {"sxtb16",       kDsp,              kAlu,     kNever,  1,      kExtend},
    {"sxth",         kDsp,              kAlu,     kNever,  1,      kExtend},
    {"uxtb",         kDsp,              kAlu,     kNever,  1,      kExtend},
    {"uxtb16",       kDsp,              kAlu,     kNever,  1,      kExtend},
    {"uxth",         kDsp,              kAlu,     kNever,  1,      kExtend},
    // --- parallel arithmetic
    {"sadd16",       kDsp,              kAlu,     kNever,  1,      kParallel},
    {"sadd8",        kDsp,              kAlu,     kNever,  1,      kParallel},
    {"sasx",         kDsp,              kAlu,     kNever,  1,      kParallel},
    {"sel",          kDsp,              kAlu,     kNever,  1,      "jnk0le/cortexm-AES: older op beside inline shifts"},
    {"shadd16",      kDsp,              kAlu,     kNever,  1,      kParallel},
    {"shadd8",       kDsp,              kAlu,     kNever,  1,      kParallel},
    {"shasx",        kDsp,              kAlu,     kNever,  1,      kParallel},
    {"shsax",        kDsp,              kAlu,     kNever,  1,      kParallel},
    {"shsub16",      kDsp,              kAlu,     kNever,  1,      kParallel},
    {"shsub8",       kDsp,              kAlu,     kNever,  1,      kParallel},
    {"ssax",         kDsp,              kAlu,     kNever,  1,      kParallel},
    {"ssub16",       kDsp,              kAlu,     kNever,  1,      kParallel},
    {"ssub8",        kDsp,              kAlu,     kNever,  1,      kParallel},
    {"uadd16",       kDsp,              kAlu,     kNever,  1,      kParallel},
    {"uadd8",        kDsp,              kAlu,     kNever,  1,      kParallel},
    {"uasx",         kDsp,              kAlu,     kNever,  1,      kParallel},
    {"uhadd16",      kDsp,              kAlu,     kNever,  1,      kParallel},
    {"uhadd8",       kDsp,              kAlu,     kNever,  1,      kParallel},
    {"uhasx",        kDsp,              kAlu,     kNever,  1,      kParallel},
    {"uhsax",        kDsp,              kAlu,     kNever,  1,      kParallel},
    {"uhsub16",      kDsp,              kAlu,     kNever,  1,      kParallel},
    {"uhsub8",       kDsp,              kAlu,     kNever,  1,      kParallel},
    {"usax",         kDsp,              kAlu,     kNever,  1,      kParallel},
    {"usub16",       kDsp,              kAlu,     kNever,  1,      kParallel},
    {"usub8",        kDsp,              kAlu,     kNever,  1,      kParallel},
    // --- saturating
    {"qadd",         kDsp,              kSat,     kNever,  1,      kSaturating},
    {"qadd16",       kDsp,              kSat,     kNever,  1,      kSaturating},
    {"qadd8",        kDsp,              kSat,     kNever,  1,      kSaturating},
    {"qasx",         kDsp,              kSat,     kNever,  1,      kSaturating},
    {"qdadd",        kField,            kSat,     kNever,  1,      "LLVM: early shifter, latency 2"},
    {"qdsub",        kField,            kSat,     kNever,  1,      "LLVM: early shifter, latency 2"},
    {"qsax",         kDsp,              kSat,     kNever,  1,      kSaturating},
    {"qsub",         kDsp,              kSat,     kNever,  1,      kSaturating},
    {"qsub16",       kDsp,              kSat,     kNever,  1,      kSaturating},
    {"qsub8",        kDsp,              kSat,     kNever,  1,      kSaturating},
    {"ssat",         kField,            kSat,     kNever,  1,      "LLVM: early shifter, latency 2"},
    {"ssat16",       kField,            kSat,     kNever,  1,      "LLVM: early shifter, latency 2"},
    {"uqadd16",      kDsp,              kSat,     kNever,  1,      kSaturating},
    {"uqadd8",       kDsp,              kSat,     kNever,  1,      kSaturating},
    {"uqasx",        kDsp,              kSat,     kNever,  1,      kSaturating},
    {"uqsax",        kDsp,              kSat,     kNever,  1,      kSaturating},
    {"uqsub16",      kDsp,              kSat,     kNever,  1,      kSaturating},
    {"uqsub8",       kDsp,              kSat,     kNever,  1,      kSaturating},
    {"usad8",        kDsp,              kSat,     kNever,  1,      "LLVM: older slot, latency 2"},
    {"usada8",       kDsp,              kSat,     kNever,  1,      "LLVM: older slot, latency 2, accumulator late"},
    {"usat",         kField,            kSat,     kNever,  1,      "LLVM: early shifter, latency 2"},
    {"usat16",       kField,            kSat,     kNever,  1,      "LLVM: early shifter, latency 2"},
    // --- multiplies
    {"mla",          kMac,              kMul,     kNever,  1,      kMacs},
    {"mls",          kMac,              kMul,     kNever,  1,      kMacs},
    {"mul",          kMac,              kMul,     kNever,  1,      kMacs},
    {"smlabb",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smlabt",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smlad",        kMac,              kMul,     kNever,  1,      kMacs},
    {"smladx",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smlal",        kMac,              kMul,     kNever,  1,      kMacs},
    {"smlalbb",      kMac,              kMul,     kNever,  1,      kMacs},
    {"smlalbt",      kMac,              kMul,     kNever,  1,      kMacs},
    {"smlald",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smlaldx",      kMac,              kMul,     kNever,  1,      kMacs},
    {"smlaltb",      kMac,              kMul,     kNever,  1,      kMacs},
    {"smlaltt",      kMac,              kMul,     kNever,  1,      kMacs},
    {"smlatb",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smlatt",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smlawb",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smlawt",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smlsd",        kMac,              kMul,     kNever,  1,      kMacs},
    {"smlsdx",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smlsld",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smlsldx",      kMac,              kMul,     kNever,  1,      kMacs},
    {"smmla",        kMac,              kMul,     kNever,  1,      kMacs},
    {"smmlar",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smmls",        kMac,              kMul,     kNever,  1,      kMacs},
    {"smmlsr",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smmul",        kMac,              kMul,     kNever,  1,      kMacs},
    {"smmulr",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smuad",        kMac,              kMul,     kNever,  1,      kMacs},
    {"smuadx",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smulbb",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smulbt",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smull",        kMac,              kMul,     kNever,  1,      kMacs},
    {"smultb",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smultt",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smulwb",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smulwt",       kMac,              kMul,     kNever,  1,      kMacs},
    {"smusd",        kMac,              kMul,     kNever,  1,      kMacs},
    {"smusdx",       kMac,              kMul,     kNever,  1,      kMacs},
    {"umaal",        kMac,              kMul,     kNever,  1,      "jnk0le, as all MACs; its chain is not measured"},
    {"umlal",        kMac,              kMul,     kNever,  1,      kMacs},
    {"umull",        kMac,              kMul,     kNever,  1,      kMacs},
    {"sdiv",         kAlone,            Result::Divide, kNever, 1, "Cortex-R4 TRM as prior; not measured on the M7"},
    {"udiv",         kAlone,            Result::Divide, kNever, 1, "Cortex-R4 TRM as prior; not measured on the M7"},
    // --- loads and stores
    {"ldr",          kLoads,            kLoad,    kNever,  1,      kMemory},
    {"ldrb",         kLoads,            kLoad,    kNever,  1,      kMemory},
    {"ldrbt",        kLoads,            kLoad,    kNever,  1,      kMemory},
    {"ldrd",         kLoads | kAlone,   kLoad,    kNever,  1,      "one issue cycle: LDRD in the AES loop of jnk0le/cortexm-AES"},
    {"ldrex",        kLoads | kAlone,   kLoad,    kNever,  2,      "LLVM: exclusive accesses issue alone"},
    {"ldrexb",       kLoads | kAlone,   kLoad,    kNever,  2,      "LLVM: exclusive accesses issue alone"},
    {"ldrexh",       kLoads | kAlone,   kLoad,    kNever,  2,      "LLVM: exclusive accesses issue alone"},
    {"ldrh",         kLoads,            kLoad,    kNever,  1,      kMemory},
    {"ldrht",        kLoads,            kLoad,    kNever,  1,      kMemory},
    {"ldrsb",        kLoads,            kLoad,    kNever,  1,      kMemory},
    {"ldrsbt",       kLoads,            kLoad,    kNever,  1,      kMemory},
    {"ldrsh",        kLoads,            kLoad,    kNever,  1,      kMemory},
    {"ldrsht",       kLoads,            kLoad,    kNever,  1,      kMemory},
    {"ldrt",         kLoads,            kLoad,    kNever,  1,      kMemory},
    {"ldm",          kLoads | kAlone,   kLoad,    kNever,  1,      kMultiple},
    {"ldmdb",        kLoads | kAlone,   kLoad,    kNever,  1,      kMultiple},
    {"pop",          kLoads | kAlone,   kLoad,    kNever,  1,      kMultiple},
    {"pld",          kLoads,            kNone,    kNever,  1,      "jnk0le: as a load"},
    {"pldw",         kLoads,            kNone,    kNever,  1,      "as PLD"},
    {"pli",          kLoads,            kNone,    kNever,  1,      "as PLD"},
    {"push",         kStores | kAlone,  kNone,    kNever,  1,      kMultiple},
    {"stm",          kStores | kAlone,  kNone,    kNever,  1,      kMultiple},
    {"stmdb",        kStores | kAlone,  kNone,    kNever,  1,      kMultiple},
    {"str",          kStores,           kNone,    kNever,  1,      kMemory},
    {"strb",         kStores,           kNone,    kNever,  1,      kMemory},
    {"strbt",        kStores,           kNone,    kNever,  1,      kMemory},
    {"strd",         kStores | kAlone,  kNone,    kNever,  1,      "jnk0le and LLVM: alone, one cycle"},
    {"strex",        kStores | kAlone,  kLoad,    kNever,  2,      "LLVM: exclusive accesses issue alone"},
    {"strexb",       kStores | kAlone,  kLoad,    kNever,  2,      "LLVM: exclusive accesses issue alone"},
    {"strexh",       kStores | kAlone,  kLoad,    kNever,  2,      "LLVM: exclusive accesses issue alone"},
    {"strh",         kStores,           kNone,    kNever,  1,      kMemory},
    {"strht",        kStores,           kNone,    kNever,  1,      kMemory},
    {"strt",         kStores,           kNone,    kNever,  1,      kMemory},
    // --- branches and predication
    {"b",            kBranches,         kNone,    kNever,  1,      kBranching},
    {"bl",           kBranches,         kAlu,     kNever,  1,      kBranching},
    {"blx",          kBranches,         kAlu,     kNever,  1,      kBranching},
    {"bx",           kBranches,         kNone,    kNever,  1,      kBranching},
    {"cbnz",         kBranches,         kNone,    kNever,  1,      kBranching},
    {"cbz",          kBranches,         kNone,    kNever,  1,      kBranching},
    {"it",           kPredicates,       kNone,    kNever,  1,      "jnk0le, 'predication': takes a slot"},
    {"tbb",          kBranches | kAlone, kNone,   kNever,  2,      "LLVM: alone, two issue cycles"},
    {"tbh",          kBranches | kAlone, kNone,   kNever,  2,      "LLVM: alone, two issue cycles"},
    // --- hints and system
    {"bkpt",         kAlone,            kNone,    kNever,  1,      "a debug event: its cost is outside the model"},
    {"clrex",        kAlone,            kNone,    kNever,  1,      kSystem},
    {"cps",          kAlone,            kNone,    kNever,  1,      kSystem},
    {"dbg",          kAny,              kNone,    kNever,  1,      "executes as NOP"},
    {"dmb",          kAlone,            kNone,    kNever,  1,      kSystem},
    {"dsb",          kAlone,            kNone,    kNever,  1,      kSystem},
    {"isb",          kAlone,            kNone,    kNever,  1,      kSystem},
    {"mrs",          kAlone,            Result::SystemRead, kNever, 1, "LLVM: alone, latency 3"},
    {"msr",          kAlone,            kNone,    kNever,  1,      kSystem},
    {"nop",          kAny,              kNone,    kNever,  1,      "jnk0le: takes a slot"},
    {"sev",          kAny,              kNone,    kNever,  1,      "hint: as NOP"},
    {"svc",          kAlone,            kNone,    kNever,  1,      "an exception: its cost is outside the model"},
    {"udf",          kAlone,            kNone,    kNever,  1,      "an exception: its cost is outside the model"},
    {"wfe",          kAlone,            kNone,    kNever,  1,      "hint: as NOP, alone"},
    {"wfi",          kAlone,            kNone,    kNever,  1,      "hint: as NOP, alone"},
    {"yield",        kAny,              kNone,    kNever,  1,      "hint: as NOP"},
    // --- floating point
    {"vmrs",          kAlone,            Result::SystemRead, kNever,  1,     "LLVM: alone"},
    {"vmsr",          kAlone,            kFpAdd,   kNever,  1,     "LLVM: alone"},
    {"vldr.32",       kLoads | kFpTransfer, Result::FpLoad, kNever,  1,     kSingle},
    {"vldr.64",       kLoads | kAlone,   Result::FpLoad, kNever,  1,     "jnk0le: VLDR of a double alone, one cycle"},
    {"vldm.32",       kLoads | kFpList,  Result::FpLoad, kNever,  1,     kMultiple},
    {"vldm.64",       kLoads | kFpList,  Result::FpLoad, kNever,  1,     kMultiple},
    {"vstr.32",       kStores | kFpTransfer, kNone,    kNever,  1,     kSingle},
    {"vstr.64",       kStores | kAlone,  kNone,    kNever,  1,     "jnk0le: VSTR of a double alone, one cycle"},
    {"vstm.32",       kStores | kFpList, kNone,    kNever,  1,     kMultiple},
    {"vstm.64",       kStores | kFpList, kNone,    kNever,  1,     kMultiple},
    {"vmov.f32",      kFpTransfer,       kFpAdd,   kNever,  1,     "jnk0le: as VMOV to FP; register and constant forms are not told apart"},
    {"vmov.f64",      kFpTransfer,       kFpAdd,   kNever,  1,     "as VMOV.F32"},
    {"vmov.gs",       kFpTransfer,       kFpAdd,   kNever,  1,     "jnk0le: GPR to FPR 3"},
    {"vmov.sg",       kFpTransfer,       kAlu,     kNever,  1,     "jnk0le: FPR to GPR 1"},
    {"vmov.ggss",     kAlone,            kFpAdd,   kNever,  1,     "jnk0le: two-register forms alone"},
    {"vmov.ssgg",     kAlone,            kAlu,     kNever,  1,     "jnk0le: two-register forms alone"},
    {"vabs.f32",      kFp,               kFpAdd,   kNever,  1,     "as VADD; not measured"},
    {"vneg.f32",      kFp,               kFpAdd,   kNever,  1,     "as VADD; not measured"},
    {"vcmp.f32",      kFp,               kFpAdd,   kNever,  1,     "as VADD; not measured"},
    {"vcvt.f32",      kFp,               kFpAdd,   kNever,  1,     "as VADD; not measured"},
    {"vmaxnm.f32",    kFp,               kFpAdd,   kNever,  1,     "as VADD; not measured"},
    {"vminnm.f32",    kFp,               kFpAdd,   kNever,  1,     "as VADD; not measured"},
    {"vrint.f32",     kFp,               kFpAdd,   kNever,  1,     "as VADD; not measured"},
    {"vsel.f32",      kFp,               kFpAdd,   kNever,  1,     "as VADD; not measured"},
    {"vadd.f32",      kFpHeld,           kFpAdd,   kNever,  1,     kSingle},
    {"vsub.f32",      kFpHeld,           kFpAdd,   kNever,  1,     kSingle},
    {"vmul.f32",      kFp,               kFpAdd,   kNever,  1,     kSingle},
    {"vnmul.f32",     kFp,               kFpAdd,   kNever,  1,     kSingle},
    {"vfma.f32",      kFpChain,          kFused,   kNever,  1,     kSingle},
    {"vfms.f32",      kFpChain,          kFused,   kNever,  1,     kSingle},
    {"vfnma.f32",     kFpChain,          kFused,   kNever,  1,     kSingle},
    {"vfnms.f32",     kFpChain,          kFused,   kNever,  1,     kSingle},
    {"vmla.f32",      kFpChain,          kChain,   kNever,  1,     kSingle},
    {"vmls.f32",      kFpChain,          kChain,   kNever,  1,     kSingle},
    {"vnmla.f32",     kFpChain,          kChain,   kNever,  1,     kSingle},
    {"vnmls.f32",     kFpChain,          kChain,   kNever,  1,     kSingle},
    {"vabs.f64",      kFp,               Result::FpAddDouble, kNever,  1,     "as VADD; not measured"},
    {"vneg.f64",      kFp,               Result::FpAddDouble, kNever,  1,     "as VADD; not measured"},
    {"vcmp.f64",      kFp,               Result::FpAddDouble, kNever,  1,     "as VADD; not measured"},
    {"vcvt.f64",      kFp,               Result::FpAddDouble, kNever,  1,     "as VADD; not measured"},
    {"vmaxnm.f64",    kFp,               Result::FpAddDouble, kNever,  1,     "as VADD; not measured"},
    {"vminnm.f64",    kFp,               Result::FpAddDouble, kNever,  1,     "as VADD; not measured"},
    {"vrint.f64",     kFp,               Result::FpAddDouble, kNever,  1,     "as VADD; not measured"},
    {"vsel.f64",      kFp,               Result::FpAddDouble, kNever,  1,     "as VADD; not measured"},
    {"vadd.f64",      kFpHeld,           Result::FpAddDouble, kNever,  1,     kDouble},
    {"vsub.f64",      kFpHeld,           Result::FpAddDouble, kNever,  1,     kDouble},
    {"vmul.f64",      kFp,               Result::FpMulDouble, kNever,  4,     kDouble},
    {"vnmul.f64",     kFp,               Result::FpMulDouble, kNever,  4,     kDouble},
    {"vfma.f64",      kFpChain,          Result::FpMacDouble, kNever,  4,     kDouble},
    {"vfms.f64",      kFpChain,          Result::FpMacDouble, kNever,  4,     kDouble},
    {"vfnma.f64",     kFpChain,          Result::FpMacDouble, kNever,  4,     kDouble},
    {"vfnms.f64",     kFpChain,          Result::FpMacDouble, kNever,  4,     kDouble},
    {"vmla.f64",      kFpChain,          Result::FpMacDouble, kNever,  4,     kDouble},
    {"vmls.f64",      kFpChain,          Result::FpMacDouble, kNever,  4,     kDouble},
    {"vnmla.f64",     kFpChain,          Result::FpMacDouble, kNever,  4,     kDouble},
    {"vnmls.f64",     kFpChain,          Result::FpMacDouble, kNever,  4,     kDouble},
    {"vdiv.f32",      kFp,               Result::Divide, kNever,  16,    "jnk0le: 16, beside one integer instruction, then blocks"},
    {"vdiv.f64",      kFp,               Result::Divide, kNever,  30,    "jnk0le: 30 (2 for some operands)"},
    {"vsqrt.f32",     kFp,               Result::Divide, kNever,  14,    "jnk0le: 14, beside one integer instruction, then blocks"},
    {"vsqrt.f64",     kFp,               Result::Divide, kNever,  30,    "as VDIV.F64; not measured"},
};

// clang-format on

template <std::size_t N>
constexpr std::array<Row, N> sorted(const Row (&table)[N]) {
    std::array<Row, N> rows = std::to_array(table);
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
        return a.mnemonic < b.mnemonic;
    });
    return rows;
}

constexpr auto kRows = sorted(kTable);

static_assert(std::adjacent_find(kRows.begin(),
                                 kRows.end(),
                                 [](const Row& a, const Row& b) {
                                     return a.mnemonic == b.mnemonic;
                                 }) == kRows.end(),
              "every mnemonic has one row");

constexpr Core kCortexM7{
    .name = "cortex_m7",
    .file = "sim/cores/cortex_m7.cpp",
    .parameters = kParameters,
    .results = kResultStages,
    .operands = kOperandStages,
    .forwardings = kForwardings,
    .pair_rules = kPairRules,
    .rows = kRows,
};

}  // namespace

const Core& cortex_m7() {
    return kCortexM7;
}

}  // namespace mixq::sim
