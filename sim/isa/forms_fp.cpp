// The FPv5 encodings: Armv7-M Architecture Reference Manual (DDI 0403E), A6. Sixteen doubles: their fifth
// number bit is 0. Names are operation and type, as cores cost them; rounding and comparison modes share one:
//   vadd.f32 vadd.f64 ...   arithmetic             vmov.f32 vmov.f64    register to register, or constant
//   vcmp.f32 .f64           VCMP, VCMPE            vmov.gs vmov.sg      core to single, single to core
//   vsel.f32 .f64           every condition        vmov.ggss vmov.ssgg  two core to two singles or a double, back
//   vrint.f32 .f64          every rounding mode    vldr.32 vldr.64 vstr.32 vstr.64 vldm.32 ... (VPUSH, VPOP too)
//   vcvt.f32                between singles, integers, fixed point and halves; vcvt.f64 where a double takes part
#include "sim/isa/shapes.h"

namespace mixq::sim::isa {

using enum traces::InstrClass;

// clang-format off
constexpr Form kFp[] = {
    // encoding                                 mnemonic     class  flags     shape              bytes
    {"111011100 D00 nnnn dddd 1010 N0M0 mmmm",  "vmla.f32",  Sisd,  kNoFlags, kFpMacSingle},
    {"111011100 000 nnnn dddd 1011 0000 mmmm",  "vmla.f64",  Sisd,  kNoFlags, kFpMacDouble},
    {"111011100 D00 nnnn dddd 1010 N1M0 mmmm",  "vmls.f32",  Sisd,  kNoFlags, kFpMacSingle},
    {"111011100 000 nnnn dddd 1011 0100 mmmm",  "vmls.f64",  Sisd,  kNoFlags, kFpMacDouble},
    {"111011100 D01 nnnn dddd 1010 N0M0 mmmm",  "vnmls.f32", Sisd,  kNoFlags, kFpMacSingle},
    {"111011100 001 nnnn dddd 1011 0000 mmmm",  "vnmls.f64", Sisd,  kNoFlags, kFpMacDouble},
    {"111011100 D01 nnnn dddd 1010 N1M0 mmmm",  "vnmla.f32", Sisd,  kNoFlags, kFpMacSingle},
    {"111011100 001 nnnn dddd 1011 0100 mmmm",  "vnmla.f64", Sisd,  kNoFlags, kFpMacDouble},
    {"111011100 D10 nnnn dddd 1010 N0M0 mmmm",  "vmul.f32",  Sisd,  kNoFlags, kSd_Sn_Sm},
    {"111011100 010 nnnn dddd 1011 0000 mmmm",  "vmul.f64",  Sisd,  kNoFlags, kDd_Dn_Dm},
    {"111011100 D10 nnnn dddd 1010 N1M0 mmmm",  "vnmul.f32", Sisd,  kNoFlags, kSd_Sn_Sm},
    {"111011100 010 nnnn dddd 1011 0100 mmmm",  "vnmul.f64", Sisd,  kNoFlags, kDd_Dn_Dm},
    {"111011100 D11 nnnn dddd 1010 N0M0 mmmm",  "vadd.f32",  Sisd,  kNoFlags, kSd_Sn_Sm},
    {"111011100 011 nnnn dddd 1011 0000 mmmm",  "vadd.f64",  Sisd,  kNoFlags, kDd_Dn_Dm},
    {"111011100 D11 nnnn dddd 1010 N1M0 mmmm",  "vsub.f32",  Sisd,  kNoFlags, kSd_Sn_Sm},
    {"111011100 011 nnnn dddd 1011 0100 mmmm",  "vsub.f64",  Sisd,  kNoFlags, kDd_Dn_Dm},
    {"111011101 D00 nnnn dddd 1010 N0M0 mmmm",  "vdiv.f32",  Sisd,  kNoFlags, kSd_Sn_Sm},
    {"111011101 000 nnnn dddd 1011 0000 mmmm",  "vdiv.f64",  Sisd,  kNoFlags, kDd_Dn_Dm},
    {"111011101 D01 nnnn dddd 1010 N0M0 mmmm",  "vfnms.f32", Sisd,  kNoFlags, kFpMacSingle},
    {"111011101 001 nnnn dddd 1011 0000 mmmm",  "vfnms.f64", Sisd,  kNoFlags, kFpMacDouble},
    {"111011101 D01 nnnn dddd 1010 N1M0 mmmm",  "vfnma.f32", Sisd,  kNoFlags, kFpMacSingle},
    {"111011101 001 nnnn dddd 1011 0100 mmmm",  "vfnma.f64", Sisd,  kNoFlags, kFpMacDouble},
    {"111011101 D10 nnnn dddd 1010 N0M0 mmmm",  "vfma.f32",  Sisd,  kNoFlags, kFpMacSingle},
    {"111011101 010 nnnn dddd 1011 0000 mmmm",  "vfma.f64",  Sisd,  kNoFlags, kFpMacDouble},
    {"111011101 D10 nnnn dddd 1010 N1M0 mmmm",  "vfms.f32",  Sisd,  kNoFlags, kFpMacSingle},
    {"111011101 010 nnnn dddd 1011 0100 mmmm",  "vfms.f64",  Sisd,  kNoFlags, kFpMacDouble},
    {"111011101 D11 iiii dddd 1010 0000 iiii",  "vmov.f32",  Sisd,  kNoFlags, kSd},
    {"111011101 011 iiii dddd 1011 0000 iiii",  "vmov.f64",  Sisd,  kNoFlags, kDd},
    {"111011101 D11 0000 dddd 1010 01M0 mmmm",  "vmov.f32",  Sisd,  kNoFlags, kSd_Sm},
    {"111011101 011 0000 dddd 1011 0100 mmmm",  "vmov.f64",  Sisd,  kNoFlags, kDd_Dm},
    {"111011101 D11 0000 dddd 1010 11M0 mmmm",  "vabs.f32",  Sisd,  kNoFlags, kSd_Sm},
    {"111011101 011 0000 dddd 1011 1100 mmmm",  "vabs.f64",  Sisd,  kNoFlags, kDd_Dm},
    {"111011101 D11 0001 dddd 1010 01M0 mmmm",  "vneg.f32",  Sisd,  kNoFlags, kSd_Sm},
    {"111011101 011 0001 dddd 1011 0100 mmmm",  "vneg.f64",  Sisd,  kNoFlags, kDd_Dm},
    {"111011101 D11 0001 dddd 1010 11M0 mmmm",  "vsqrt.f32", Sisd,  kNoFlags, kSd_Sm},
    {"111011101 011 0001 dddd 1011 1100 mmmm",  "vsqrt.f64", Sisd,  kNoFlags, kDd_Dm},
    {"111011101 D11 0010 dddd 1010 -1M0 mmmm",  "vcvt.f32",  Sisd,  kNoFlags, kSd_Sm},     // VCVTB, VCVTT from half
    {"111011101 011 0010 dddd 1011 -1M0 mmmm",  "vcvt.f64",  Sisd,  kNoFlags, kDd_Sm},
    {"111011101 D11 0011 dddd 1010 -1M0 mmmm",  "vcvt.f32",  Sisd,  kNoFlags, kSdn_Sm},    // to one half of Sd
    {"111011101 D11 0011 dddd 1011 -100 mmmm",  "vcvt.f64",  Sisd,  kNoFlags, kSdn_Dm},
    {"111011101 D11 0100 dddd 1010 -1M0 mmmm",  "vcmp.f32",  Sisd,  kSets,    kFpCompareSingle},
    {"111011101 011 0100 dddd 1011 -100 mmmm",  "vcmp.f64",  Sisd,  kSets,    kFpCompareDouble},
    {"111011101 D11 0101 dddd 1010 -100 0000",  "vcmp.f32",  Sisd,  kSets,    kFpZeroSingle},
    {"111011101 011 0101 dddd 1011 -100 0000",  "vcmp.f64",  Sisd,  kSets,    kFpZeroDouble},
    {"111011101 D11 0110 dddd 1010 -1M0 mmmm",  "vrint.f32", Sisd,  kNoFlags, kSd_Sm},     // VRINTR, VRINTZ
    {"111011101 011 0110 dddd 1011 -100 mmmm",  "vrint.f64", Sisd,  kNoFlags, kDd_Dm},
    {"111011101 D11 0111 dddd 1010 01M0 mmmm",  "vrint.f32", Sisd,  kNoFlags, kSd_Sm},     // VRINTX
    {"111011101 011 0111 dddd 1011 0100 mmmm",  "vrint.f64", Sisd,  kNoFlags, kDd_Dm},
    {"111011101 011 0111 dddd 1010 11M0 mmmm",  "vcvt.f64",  Sisd,  kNoFlags, kDd_Sm},
    {"111011101 D11 0111 dddd 1011 1100 mmmm",  "vcvt.f64",  Sisd,  kNoFlags, kSd_Dm},
    {"111011101 D11 1000 dddd 1010 -1M0 mmmm",  "vcvt.f32",  Sisd,  kNoFlags, kSd_Sm},     // from an integer
    {"111011101 011 1000 dddd 1011 -1M0 mmmm",  "vcvt.f64",  Sisd,  kNoFlags, kDd_Sm},
    {"111011101 D11 1-1- dddd 1010 -1-0 iiii",  "vcvt.f32",  Sisd,  kNoFlags, kSdn},       // fixed point
    {"111011101 011 1-1- dddd 1011 -1-0 iiii",  "vcvt.f64",  Sisd,  kNoFlags, kDdn},
    {"111011101 D11 110- dddd 1010 -1M0 mmmm",  "vcvt.f32",  Sisd,  kNoFlags, kSd_Sm},     // to an integer
    {"111011101 D11 110- dddd 1011 -100 mmmm",  "vcvt.f64",  Sisd,  kNoFlags, kSd_Dm},
    {"111111100 D-- nnnn dddd 1010 N0M0 mmmm",  "vsel.f32",  Sisd,  kUses,    kSd_Sn_Sm},
    {"111111100 0-- nnnn dddd 1011 0000 mmmm",  "vsel.f64",  Sisd,  kUses,    kDd_Dn_Dm},
    {"111111101 D00 nnnn dddd 1010 N0M0 mmmm",  "vmaxnm.f32", Sisd, kNoFlags, kSd_Sn_Sm},
    {"111111101 000 nnnn dddd 1011 0000 mmmm",  "vmaxnm.f64", Sisd, kNoFlags, kDd_Dn_Dm},
    {"111111101 D00 nnnn dddd 1010 N1M0 mmmm",  "vminnm.f32", Sisd, kNoFlags, kSd_Sn_Sm},
    {"111111101 000 nnnn dddd 1011 0100 mmmm",  "vminnm.f64", Sisd, kNoFlags, kDd_Dn_Dm},
    {"111111101 D11 10-- dddd 1010 01M0 mmmm",  "vrint.f32", Sisd,  kNoFlags, kSd_Sm},     // VRINTA, N, P, M
    {"111111101 011 10-- dddd 1011 0100 mmmm",  "vrint.f64", Sisd,  kNoFlags, kDd_Dm},
    {"111111101 D11 11-- dddd 1010 -1M0 mmmm",  "vcvt.f32",  Sisd,  kNoFlags, kSd_Sm},     // VCVTA, N, P, M
    {"111111101 D11 11-- dddd 1011 -100 mmmm",  "vcvt.f64",  Sisd,  kNoFlags, kSd_Dm},
    // Between the register files.
    {"11101110 0000 nnnn tttt 1010 N001 0000",  "vmov.gs",   Sisd,  kNoFlags, kSn_Rt},
    {"11101110 0001 nnnn tttt 1010 N001 0000",  "vmov.sg",   Sisd,  kNoFlags, kRt_Sn},
    {"11101110 00N0 nnnn tttt 1011 0001 0000",  "vmov.gs",   Sisd,  kNoFlags, kSn_Rt},     // half N of a double
    {"11101110 00N1 nnnn tttt 1011 0001 0000",  "vmov.sg",   Sisd,  kNoFlags, kRt_Sn},
    {"11101110 1110 0001 tttt 1010 0001 0000",  "vmsr",      Sisd,  kSets,    kFpscr_Rt},
    {"11101110 1111 0001 tttt 1010 0001 0000",  "vmrs",      Sisd,  kUses,    kRt_Fpscr},
    {"11101100 0100 uuuu tttt 1010 00M1 mmmm",  "vmov.ggss", Sisd,  kNoFlags, kSm_Sm1_Rt_Ru},
    {"11101100 0101 uuuu tttt 1010 00M1 mmmm",  "vmov.ssgg", Sisd,  kNoFlags, kRt_Ru_Sm_Sm1},
    {"11101100 0100 uuuu tttt 1011 0001 mmmm",  "vmov.ggss", Sisd,  kNoFlags, kDm_Rt_Ru},
    {"11101100 0101 uuuu tttt 1011 0001 mmmm",  "vmov.ssgg", Sisd,  kNoFlags, kRt_Ru_Dm},
    // Memory: P (24), U (23), W (21).
    {"11101101 -D01 nnnn dddd 1010 iiiiiiii",   "vldr.32",   Load,  kNoFlags, kFpLoadSingle,    4},
    {"11101101 -001 nnnn dddd 1011 iiiiiiii",   "vldr.64",   Load,  kNoFlags, kFpLoadDouble,    8},
    {"11101101 -D00 nnnn dddd 1010 iiiiiiii",   "vstr.32",   Store, kNoFlags, kFpStoreSingle,   4},
    {"11101101 -000 nnnn dddd 1011 iiiiiiii",   "vstr.64",   Store, kNoFlags, kFpStoreDouble,   8},
    {"11101100 1D01 nnnn dddd 1010 iiiiiiii",   "vldm.32",   Load,  kNoFlags, kFpList,          4},
    {"11101100 1001 nnnn dddd 1011 iiiiiiii",   "vldm.64",   Load,  kNoFlags, kFpList,          8},
    {"11101100 1D00 nnnn dddd 1010 iiiiiiii",   "vstm.32",   Store, kNoFlags, kFpList,          4},
    {"11101100 1000 nnnn dddd 1011 iiiiiiii",   "vstm.64",   Store, kNoFlags, kFpList,          8},
    {"11101100 1D11 nnnn dddd 1010 iiiiiiii",   "vldm.32",   Load,  kNoFlags, kFpListUpdate,    4},
    {"11101100 1011 nnnn dddd 1011 iiiiiiii",   "vldm.64",   Load,  kNoFlags, kFpListUpdate,    8},
    {"11101100 1D10 nnnn dddd 1010 iiiiiiii",   "vstm.32",   Store, kNoFlags, kFpListUpdate,    4},
    {"11101100 1010 nnnn dddd 1011 iiiiiiii",   "vstm.64",   Store, kNoFlags, kFpListUpdate,    8},
    {"11101101 0D11 nnnn dddd 1010 iiiiiiii",   "vldm.32",   Load,  kNoFlags, kFpListUpdate,    4},
    {"11101101 0011 nnnn dddd 1011 iiiiiiii",   "vldm.64",   Load,  kNoFlags, kFpListUpdate,    8},
    {"11101101 0D10 nnnn dddd 1010 iiiiiiii",   "vstm.32",   Store, kNoFlags, kFpListUpdate,    4},
    {"11101101 0010 nnnn dddd 1011 iiiiiiii",   "vstm.64",   Store, kNoFlags, kFpListUpdate,    8},
};

// clang-format on

std::span<const Form> fp_forms() {
    return kFp;
}

}  // namespace mixq::sim::isa
