// Operand shapes, by the registers they name: what is read, in which role, and what is written.
// Roles follow where the Cortex-M7 and its relatives read an operand: the "early" operands of LLVM's
// ARMScheduleM7.td (itinerary EX1) and of jnk0le/random:pipeline cycle test/doc/cortex_m7.md are Shifted.
#pragma once

#include "sim/isa/form.h"

namespace mixq::sim::isa {

// clang-format off
using enum Role;
using enum Bank;

// Data processing.
inline constexpr Shape kNothing          {};
inline constexpr Shape kRd               {{},                                                       {{{'d'}}}};
inline constexpr Shape kRd_Constant      {{},                                                       {{{'d'}}}, Detail::ModifiedConstant};
inline constexpr Shape kRd_Rn_Constant   {{{{'n', Normal}}},                                        {{{'d'}}}, Detail::ModifiedConstant};
inline constexpr Shape kRn_Constant      {{{{'n', Normal}}},                                        {},        Detail::ModifiedConstant};
inline constexpr Shape kRd_Rm_Shift      {{{{'m', Shifted}}},                                       {{{'d'}}}, Detail::InlineShift};
inline constexpr Shape kRd_Rn_Rm_Shift   {{{{'n', BesideShifted}, {'m', Shifted}}},                 {{{'d'}}}, Detail::InlineShift};
inline constexpr Shape kRn_Rm_Shift      {{{{'n', BesideShifted}, {'m', Shifted}}},                 {},        Detail::InlineShift};
inline constexpr Shape kRd_Rn            {{{{'n', Normal}}},                                        {{{'d'}}}};
inline constexpr Shape kRd_Rm            {{{{'m', Normal}}},                                        {{{'d'}}}};
inline constexpr Shape kRd_Rn_Rm         {{{{'n', Normal}, {'m', Normal}}},                         {{{'d'}}}};
inline constexpr Shape kRn_Rm            {{{{'n', Normal}, {'m', Normal}}},                         {}};
inline constexpr Shape kRn               {{{{'n', Normal}}},                                        {}};
inline constexpr Shape kRdn              {{{{'d', Normal}}},                                        {{{'d'}}}};
inline constexpr Shape kRdn_Rm           {{{{'d', Normal}, {'m', Normal}}},                         {{{'d'}}}};
inline constexpr Shape kRd_Sp            {{{{kFixedSp, Normal}}},                                   {{{'d'}}}};
inline constexpr Shape kSp_Sp            {{{{kFixedSp, Normal}}},                                   {{{kFixedSp}}}};

// Bit fields, extends, packs, saturation: the extracted or inserted operand enters early.
inline constexpr Shape kEarlyRm          {{{{'m', Shifted}}},                                       {{{'d'}}}};
inline constexpr Shape kExtract          {{{{'n', Shifted}}},                                       {{{'d'}}}};
inline constexpr Shape kSaturate         {{{{'n', Shifted}}},                                       {{{'d'}}}};
inline constexpr Shape kBfi              {{{{'d', BesideShifted}, {'n', Shifted}}},                 {{{'d'}}}};
inline constexpr Shape kBfc              {{{{'d', Normal}}},                                        {{{'d'}}}};
inline constexpr Shape kExtendAdd        {{{{'n', BesideShifted}, {'m', Shifted}}},                 {{{'d'}}}};
inline constexpr Shape kPkhbt            {{{{'n', BesideShifted}, {'m', Shifted}}},                 {{{'d'}}}};
// Without a shift the assembler writes PKHTB as PKHBT with its operands the other way round: what was measured of "the first
// operand of PKHTB" is the shifted one of that PKHBT.
inline constexpr Shape kPkhtb            {{{{'n', BesideShifted}, {'m', Shifted}}},                       {{{'d'}}}};
inline constexpr Shape kDoubling         {{{{'n', Shifted}, {'m', Shifted}}},                       {{{'d'}}}};

// Multiplies.
inline constexpr Shape kMul              {{{{'n', Multiplicand}, {'m', Multiplicand}}},                                             {{{'d'}}}};
inline constexpr Shape kMulNarrow        {{{{'n', Multiplicand}, {'d', Multiplicand}}},                                             {{{'d'}}}};
inline constexpr Shape kMac              {{{{'n', Multiplicand}, {'m', Multiplicand}, {'a', Accumulator}}},                         {{{'d'}}}};
inline constexpr Shape kSumDifferences   {{{{'n', Normal}, {'m', Normal}, {'a', Accumulator}}},                                     {{{'d'}}}};
inline constexpr Shape kLongMul          {{{{'n', Multiplicand}, {'m', Multiplicand}}},                                             {{{'l'}, {'h'}}}};
inline constexpr Shape kLongMac          {{{{'n', Multiplicand}, {'m', Multiplicand}, {'l', Accumulator}, {'h', Accumulator}}},     {{{'l'}, {'h'}}}};

// Loads and stores: Base first.
inline constexpr Shape kLoadLiteral      {{},                                                                     {{{'t'}}}};
inline constexpr Shape kLoad             {{{{'n', Base}}},                                                        {{{'t'}}}};
inline constexpr Shape kLoadIndex        {{{{'n', Base}, {'m', Index}}},                                          {{{'t'}}}};
inline constexpr Shape kLoadUpdate       {{{{'n', Base}}},                                                        {{{'t'}}},        Detail::BaseUpdate};
inline constexpr Shape kLoadSp           {{{{kFixedSp, Base}}},                                                   {{{'t'}}}};
inline constexpr Shape kStore            {{{{'n', Base}, {'t', StoreData}}},                                      {}};
inline constexpr Shape kStoreIndex       {{{{'n', Base}, {'m', Index}, {'t', StoreData}}},                        {}};
inline constexpr Shape kStoreUpdate      {{{{'n', Base}, {'t', StoreData}}},                                      {},               Detail::BaseUpdate};
inline constexpr Shape kStoreSp          {{{{kFixedSp, Base}, {'t', StoreData}}},                                 {}};
inline constexpr Shape kStoreExclusive   {{{{'n', Base}, {'t', StoreData}}},                                      {{{'d'}}}};
inline constexpr Shape kLoadTwo          {{{{'n', Base}}},                                                        {{{'t'}, {'u'}}}};
inline constexpr Shape kLoadTwoUpdate    {{{{'n', Base}}},                                                        {{{'t'}, {'u'}}}, Detail::BaseUpdate};
inline constexpr Shape kStoreTwo         {{{{'n', Base}, {'t', StoreData}, {'u', StoreData}}},                    {}};
inline constexpr Shape kStoreTwoUpdate   {{{{'n', Base}, {'t', StoreData}, {'u', StoreData}}},                    {},               Detail::BaseUpdate};
inline constexpr Shape kPrefetch         {{{{'n', Base}}},                                                        {}};
inline constexpr Shape kPrefetchIndex    {{{{'n', Base}, {'m', Index}}},                                          {}};
inline constexpr Shape kList             {{{{'n', Base}}},                                                        {},               Detail::List};
inline constexpr Shape kListUpdate       {{{{'n', Base}}},                                                        {},               Detail::ListUpdate};
inline constexpr Shape kNarrowLoadList   {{{{'n', Base}}},                                                        {},               Detail::NarrowLoadList};
inline constexpr Shape kPush             {{{{kFixedSp, Base}}},                                                   {},               Detail::PushList};
inline constexpr Shape kPop              {{{{kFixedSp, Base}}},                                                   {},               Detail::PopList};
inline constexpr Shape kStackListUpdate  {{{{kFixedSp, Base}}},                                                   {},               Detail::ListUpdate};

// Branches and system.
inline constexpr Shape kBranchNarrowConditional {{}, {}, Detail::BranchNarrowConditional};
inline constexpr Shape kBranchNarrow            {{}, {}, Detail::BranchNarrow};
inline constexpr Shape kBranchWideConditional   {{}, {}, Detail::BranchWideConditional};
inline constexpr Shape kBranchWide              {{}, {}, Detail::BranchWide};
inline constexpr Shape kBranchCall              {{}, {{{kFixedLr}}}, Detail::BranchCall};
inline constexpr Shape kBranchCompare           {{{{'n', Normal}}}, {}, Detail::BranchCompare};
inline constexpr Shape kBranchRegister          {{{{'m', Normal}}}, {}, Detail::BranchRegister};
inline constexpr Shape kCallRegister            {{{{'m', Normal}}}, {{{kFixedLr}}}, Detail::CallRegister};
inline constexpr Shape kBranchTable             {{{{'n', Base}, {'m', Index}}}, {}, Detail::BranchTable};
inline constexpr Shape kReadStatus              {{}, {{{'d'}}}, Detail::ReadStatus};
inline constexpr Shape kWriteStatus             {{{{'n', Normal}}}, {}, Detail::WriteStatus};

// Floating point.
inline constexpr Shape kSd               {{},                                                                             {{{'d', Single}}}};
inline constexpr Shape kDd               {{},                                                                             {{{'d', Double}}}};
inline constexpr Shape kSd_Sm            {{{{'m', FpOperand, Single}}},                                                   {{{'d', Single}}}};
inline constexpr Shape kSd_Dm            {{{{'m', FpOperand, Double}}},                                                   {{{'d', Single}}}};
inline constexpr Shape kDd_Sm            {{{{'m', FpOperand, Single}}},                                                   {{{'d', Double}}}};
inline constexpr Shape kDd_Dm            {{{{'m', FpOperand, Double}}},                                                   {{{'d', Double}}}};
inline constexpr Shape kSdn              {{{{'d', FpOperand, Single}}},                                                   {{{'d', Single}}}};
inline constexpr Shape kDdn              {{{{'d', FpOperand, Double}}},                                                   {{{'d', Double}}}};
inline constexpr Shape kSdn_Sm           {{{{'d', FpOperand, Single}, {'m', FpOperand, Single}}},                         {{{'d', Single}}}};
inline constexpr Shape kSdn_Dm           {{{{'d', FpOperand, Single}, {'m', FpOperand, Double}}},                         {{{'d', Single}}}};
inline constexpr Shape kSd_Sn_Sm         {{{{'n', FpOperand, Single}, {'m', FpOperand, Single}}},                         {{{'d', Single}}}};
inline constexpr Shape kDd_Dn_Dm         {{{{'n', FpOperand, Double}, {'m', FpOperand, Double}}},                         {{{'d', Double}}}};
inline constexpr Shape kFpMacSingle      {{{{'n', FpOperand, Single}, {'m', FpOperand, Single}, {'d', FpAccumulator, Single}}}, {{{'d', Single}}}};
inline constexpr Shape kFpMacDouble      {{{{'n', FpOperand, Double}, {'m', FpOperand, Double}, {'d', FpAccumulator, Double}}}, {{{'d', Double}}}};
inline constexpr Shape kFpCompareSingle  {{{{'d', FpOperand, Single}, {'m', FpOperand, Single}}},                         {}};
inline constexpr Shape kFpCompareDouble  {{{{'d', FpOperand, Double}, {'m', FpOperand, Double}}},                         {}};
inline constexpr Shape kFpZeroSingle     {{{{'d', FpOperand, Single}}},                                                   {}};
inline constexpr Shape kFpZeroDouble     {{{{'d', FpOperand, Double}}},                                                   {}};
inline constexpr Shape kSn_Rt            {{{{'t', Normal}}},                                                              {{{'n', Single}}}};
inline constexpr Shape kRt_Sn            {{{{'n', FpOperand, Single}}},                                                   {{{'t'}}}};
inline constexpr Shape kSm_Sm1_Rt_Ru     {{{{'t', Normal}, {'u', Normal}}},                                               {{{'m', Single}, {kNextSingle, Single}}}};
inline constexpr Shape kRt_Ru_Sm_Sm1     {{{{'m', FpOperand, Single}, {kNextSingle, FpOperand, Single}}},                         {{{'t'}, {'u'}}}};
inline constexpr Shape kDm_Rt_Ru         {{{{'t', Normal}, {'u', Normal}}},                                               {{{'m', Double}}}};
inline constexpr Shape kRt_Ru_Dm         {{{{'m', FpOperand, Double}}},                                                   {{{'t'}, {'u'}}}};
inline constexpr Shape kFpLoadLiteralS   {{},                                                                             {{{'d', Single}}}};
inline constexpr Shape kFpLoadLiteralD   {{},                                                                             {{{'d', Double}}}};
inline constexpr Shape kFpLoadSingle     {{{{'n', Base}}},                                                                {{{'d', Single}}}};
inline constexpr Shape kFpLoadDouble     {{{{'n', Base}}},                                                                {{{'d', Double}}}};
inline constexpr Shape kFpStoreSingle    {{{{'n', Base}, {'d', StoreData, Single}}},                                      {}};
inline constexpr Shape kFpStoreDouble    {{{{'n', Base}, {'d', StoreData, Double}}},                                      {}};
inline constexpr Shape kFpList           {{{{'n', Base}}},                                                                {},               Detail::FpList};
inline constexpr Shape kFpListUpdate     {{{{'n', Base}}},                                                                {},               Detail::FpListUpdate};
inline constexpr Shape kRt_Fpscr         {{},                                                                             {{{'t'}}},        Detail::FpFlags};
inline constexpr Shape kFpscr_Rt         {{{{'t', Normal}}},                                                              {}};
// clang-format on

}  // namespace mixq::sim::isa
