// Laws of decoding: roles, shifts, constants, IT blocks, transfers, branches, classes.
#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "sim/isa/block_decoder.h"
#include "sim/isa/instruction.h"

namespace mixq::sim {

namespace {

using traces::InstrClass;

std::vector<std::uint8_t> code(std::initializer_list<std::uint16_t> halfwords) {
    std::vector<std::uint8_t> bytes;
    for (std::uint16_t halfword : halfwords) {
        bytes.push_back(static_cast<std::uint8_t>(halfword));
        bytes.push_back(static_cast<std::uint8_t>(halfword >> 8));
    }
    return bytes;
}

Instruction decode(std::initializer_list<std::uint16_t> halfwords, bool in_it_block = false) {
    const Decoder decoder;
    const std::vector<std::uint8_t> bytes = code(halfwords);
    return decoder.decode(0x08000100, bytes.data(), bytes.size(), in_it_block);
}

std::vector<Register> with_role(const Instruction& instruction, Role role) {
    std::vector<Register> registers;
    for (const Read& operand : instruction.reads) {
        if (operand.role == role) {
            registers.push_back(operand.reg);
        }
    }
    return registers;
}

using Registers = std::vector<Register>;

}  // namespace

TEST(IsaDecoder, LongMultiplyAccumulatesReadBothHalvesAsAccumulators) {
    for (std::uint16_t second :
         {0x23c4, 0x2304, 0x2384}) {  // smlald, smlal, smlalbb r2, r3, r1, r4
        const Instruction instruction = decode({0xfbc1, second});
        EXPECT_EQ(with_role(instruction, Role::Accumulator), (Registers{2, 3})) << instruction.text;
        EXPECT_EQ(with_role(instruction, Role::Multiplicand), (Registers{1, 4}))
            << instruction.text;
        EXPECT_EQ(instruction.writes, (Registers{2, 3})) << instruction.text;
        EXPECT_EQ(instruction.instr_class, InstrClass::Simd) << instruction.text;
    }
}

TEST(IsaDecoder, DualMacTakesItsAddendLate) {
    const Instruction smlad = decode({0xfb21, 0x3204});  // smlad r2, r1, r4, r3
    EXPECT_EQ(smlad.mnemonic, "smlad");
    EXPECT_EQ(with_role(smlad, Role::Accumulator), (Registers{3}));
    EXPECT_EQ(with_role(smlad, Role::Multiplicand), (Registers{1, 4}));
    EXPECT_EQ(decode({0xfb21, 0xf204}).mnemonic, "smuad");
}

TEST(IsaDecoder, InsertedExtractedAndPackedOperandsAreEarly) {
    const Instruction bfi = decode({0xf361, 0x2347});  // bfi r3, r1, #9, ...
    EXPECT_EQ(with_role(bfi, Role::Shifted), (Registers{1}));
    EXPECT_EQ(with_role(bfi, Role::BesideShifted), (Registers{3}));
    EXPECT_EQ(with_role(decode({0xeac1, 0x1304}), Role::Shifted),
              (Registers{4}));                           // pkhbt r3, r1, r4
    const Instruction pkhtb = decode({0xeac1, 0x1324});  // pkhtb r3, r1, r4, asr #4
    EXPECT_EQ(with_role(pkhtb, Role::Shifted), (Registers{4}));
    EXPECT_EQ(with_role(pkhtb, Role::BesideShifted), (Registers{1}));
    EXPECT_EQ(with_role(decode({0xfa31, 0xf384}), Role::BesideShifted), (Registers{1}));  // uxtab16
    EXPECT_EQ(with_role(decode({0xfa3f, 0xf384}), Role::Normal), (Registers{4}));         // uxtb16
}

TEST(IsaDecoder, OnlyAnInlineShiftIsAShiftedOperand) {
    const Instruction shifted = decode({0xeb01, 0x1082});  // add.w r0, r1, r2, lsl #6
    EXPECT_TRUE(shifted.shifted_operand);
    EXPECT_EQ(with_role(shifted, Role::Shifted), (Registers{2}));
    const Instruction plain = decode({0xeb01, 0x0002});  // add.w r0, r1, r2
    EXPECT_FALSE(plain.shifted_operand);
    EXPECT_EQ(with_role(plain, Role::Normal), (Registers{1, 2}));
    const Instruction by_32 = decode({0xeb01, 0x0012});  // add.w r0, r1, r2, lsr #32
    EXPECT_TRUE(by_32.shifted_operand);
    const Instruction lsl = decode({0xea4f, 0x1082});  // lsl.w r0, r2, #6: a plain shift
    EXPECT_EQ(lsl.mnemonic, "lsl");
    EXPECT_FALSE(lsl.shifted_operand);
    EXPECT_EQ(with_role(lsl, Role::Normal), (Registers{2}));
    EXPECT_EQ(decode({0xea4f, 0x0002}).mnemonic, "mov");
    EXPECT_FALSE(decode({0xf851, 0x0022}).shifted_operand);  // ldr.w r0, [r1, r2, lsl #2]
}

TEST(IsaDecoder, RotationThroughCarryReadsFlags) {
    EXPECT_TRUE(decode({0xea4f, 0x0032}).reads_flags);   // rrx r0, r2
    EXPECT_TRUE(decode({0xeb01, 0x0032}).reads_flags);   // add.w r0, r1, r2, rrx
    EXPECT_FALSE(decode({0xeb01, 0x0072}).reads_flags);  // add.w r0, r1, r2, ror #1
}

TEST(IsaDecoder, OnlyRotatedConstantsAreShifted) {
    EXPECT_TRUE(decode({0xf501, 0x50fe}).shifted_constant);   // add.w r0, r1, #0x1fc0
    EXPECT_FALSE(decode({0xf101, 0x00fe}).shifted_constant);  // add.w r0, r1, #0xfe
    EXPECT_FALSE(decode({0xf101, 0x10fe}).shifted_constant);  // #0x00fe00fe
    EXPECT_FALSE(decode({0xf101, 0x20fe}).shifted_constant);  // #0xfe00fe00
    EXPECT_FALSE(decode({0xf101, 0x30fe}).shifted_constant);  // #0xfefefefe
    EXPECT_TRUE(decode({0xf101, 0x40fe}).shifted_constant);   // #0x7f000000
    EXPECT_FALSE(decode({0xf601, 0x70ff}).shifted_constant);  // addw r0, r1, #0xfff
    EXPECT_FALSE(decode({0xf64f, 0x70ff}).shifted_constant);  // movw r0, #0xffff
    EXPECT_TRUE(decode({0xf44f, 0x50fe}).shifted_constant);   // mov.w r0, #0x1fc0
    EXPECT_TRUE(decode({0xf5b1, 0x5ffe}).shifted_constant);   // cmp.w r1, #0x1fc0
}

TEST(IsaDecoder, NarrowFormsSetFlagsOnlyOutsideItBlocks) {
    const Instruction outside = decode({0x1888});  // adds r0, r1, r2
    EXPECT_TRUE(outside.writes_flags);
    EXPECT_EQ(outside.text, "adds r0, r1, r2");
    const Instruction inside = decode({0x1888}, true);
    EXPECT_FALSE(inside.writes_flags);
    EXPECT_TRUE(inside.reads_flags);
    EXPECT_TRUE(inside.conditional);
    EXPECT_EQ(inside.text, "add r0, r1, r2");
    EXPECT_TRUE(decode({0x4288}, true).writes_flags);  // cmp r0, r1
}

TEST(IsaDecoder, AConditionalWriteReadsTheOldValue) {
    EXPECT_EQ(with_role(decode({0x1888}, true), Role::Normal), (Registers{1, 2, 0}));
    // Once only where it is an operand anyway.
    EXPECT_EQ(decode({0xfb21, 0x2204}, true).reads.size(), 3U);  // smlad r2, r1, r4, r2
}

TEST(IsaDecoder, GeBitsAreFlags) {
    EXPECT_TRUE(decode({0xfa81, 0xf344}).writes_flags);   // uadd8
    EXPECT_FALSE(decode({0xfa81, 0xf364}).writes_flags);  // uhadd8
    EXPECT_TRUE(decode({0xfaa1, 0xf384}).reads_flags);    // sel
}

TEST(IsaDecoder, BaseUpdatesAreNotResults) {
    const Instruction load = decode({0xf851, 0x0b04});  // ldr r0, [r1], #4
    EXPECT_EQ(load.writes, (Registers{0}));
    EXPECT_EQ(load.base_update, (Registers{1}));
    EXPECT_TRUE(decode({0xf8d1, 0x0004}).base_update.empty());  // ldr.w r0, [r1, #4]
    EXPECT_EQ(decode({0xc90c}).base_update, (Registers{1}));    // ldm r1!, {r2, r3}
    EXPECT_TRUE(decode({0xc90e}).base_update.empty());          // ldm r1, {r1, r2, r3}
}

TEST(IsaDecoder, TransfersSayHowMuchTheyMove) {
    const Instruction push = decode({0xb5f0});  // push {r4, r5, r6, r7, lr}
    EXPECT_EQ(push.memory, Memory::Store);
    EXPECT_EQ(push.access_count, 5);
    EXPECT_TRUE(push.multiple);
    EXPECT_EQ(with_role(push, Role::StoreData), (Registers{4, 5, 6, 7, kLr}));
    EXPECT_EQ(with_role(push, Role::Base), (Registers{kSp}));
    EXPECT_FALSE(decode({0xb410}).multiple);            // push {r4}
    const Instruction ldrd = decode({0xe9d1, 0x2300});  // ldrd r2, r3, [r1]
    EXPECT_EQ(ldrd.access_count, 2);
    EXPECT_EQ(ldrd.access_bytes, 4);
    EXPECT_TRUE(ldrd.multiple);
    EXPECT_EQ(ldrd.writes, (Registers{2, 3}));
    const Instruction vldm = decode({0xecb1, 0x0b04});  // vldmia r1!, {d0, d1}
    EXPECT_EQ(vldm.writes, (Registers{kS0, kS0 + 1, kS0 + 2, kS0 + 3}));
    EXPECT_EQ(vldm.access_count * vldm.access_bytes, 16);
    const Instruction half = decode({0xf833, 0x2011});  // ldrh.w r2, [r3, r1, lsl #1]
    EXPECT_EQ(half.access_bytes, 2);
    EXPECT_EQ(with_role(half, Role::Base), (Registers{3}));
    EXPECT_EQ(with_role(half, Role::Index), (Registers{1}));
    const Instruction literal = decode({0x4801});  // ldr r0, [pc, #4]
    EXPECT_TRUE(literal.reads.empty());
    EXPECT_EQ(literal.memory, Memory::Load);
}

TEST(IsaDecoder, BranchesKnowTheirKindAndTarget) {
    const Instruction backward = decode({0xd1fc});  // bne 0x80000fc
    EXPECT_EQ(backward.branch, BranchKind::Direct);
    EXPECT_EQ(backward.target, 0x080000fcU);
    EXPECT_TRUE(backward.conditional);
    EXPECT_TRUE(backward.reads_flags);
    EXPECT_FALSE(decode({0xe7fe}).conditional);
    EXPECT_EQ(decode({0xe7fe}).target, 0x08000100U);
    const Instruction call = decode({0xf000, 0xf880});  // bl +0x100
    EXPECT_EQ(call.branch, BranchKind::Call);
    EXPECT_EQ(call.target, 0x08000204U);
    EXPECT_EQ(call.writes, (Registers{kLr}));
    EXPECT_EQ(decode({0xf7ff, 0xfffe}).target, 0x08000100U);  // bl to itself
    EXPECT_EQ(decode({0xf47f, 0xaffe}).target, 0x08000100U);  // bne.w to itself
    const Instruction cbz = decode({0xb13a});                 // cbz r2, +14
    EXPECT_EQ(cbz.target, 0x08000112U);
    EXPECT_TRUE(cbz.conditional);
    EXPECT_FALSE(cbz.reads_flags);
    EXPECT_EQ(decode({0x4770}).branch, BranchKind::Return);            // bx lr
    EXPECT_EQ(decode({0x4718}).branch, BranchKind::Indirect);          // bx r3
    EXPECT_EQ(decode({0x4798}).branch, BranchKind::Call);              // blx r3
    EXPECT_EQ(decode({0xbd10}).branch, BranchKind::Return);            // pop {r4, pc}
    EXPECT_EQ(decode({0xf85d, 0xfb04}).branch, BranchKind::Return);    // ldr pc, [sp], #4
    EXPECT_EQ(decode({0xf851, 0xf022}).branch, BranchKind::Indirect);  // ldr pc, [r1, r2, lsl #2]
    EXPECT_EQ(decode({0x46f7}).branch, BranchKind::Return);            // mov pc, lr
    EXPECT_EQ(decode({0xe8df, 0xf001}).branch, BranchKind::Indirect);  // tbb [pc, r1]
    EXPECT_EQ(decode({0xe8df, 0xf001}).memory, Memory::Load);
}

TEST(IsaDecoder, DoublesAreTwoSingles) {
    const Instruction vadd = decode({0xee31, 0x0b02});  // vadd.f64 d0, d1, d2
    EXPECT_EQ(vadd.mnemonic, "vadd.f64");
    EXPECT_EQ(with_role(vadd, Role::FpOperand), (Registers{kS0 + 2, kS0 + 3, kS0 + 4, kS0 + 5}));
    EXPECT_EQ(vadd.writes, (Registers{kS0, kS0 + 1}));
    const Instruction vfma = decode({0xeee0, 0x0a81});  // vfma.f32 s1, s1, s2
    EXPECT_EQ(vfma.mnemonic, "vfma.f32");
    EXPECT_EQ(with_role(vfma, Role::FpAccumulator), (Registers{kS0 + 1}));
}

TEST(IsaDecoder, WhatIsNoInstructionIsNamedWithItsAddress) {
    try {
        decode({0xffff, 0xffff});
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(std::string(error.what()).find("0x08000100: ffff ffff is not an instruction"),
                  0U);
    }
    EXPECT_THROW(decode({0xfbc1}), std::runtime_error);  // half of a wide one
    EXPECT_THROW(decode({}), std::runtime_error);
    EXPECT_THROW(decode({0xe8b1, 0x0000}), std::runtime_error);  // ldm with an empty list
}

TEST(IsaDecoder, ItCoversOneToFourInstructions) {
    EXPECT_EQ(it_block_length(0xbf08), 1);  // it eq
    EXPECT_EQ(it_block_length(0xbf0c), 2);  // ite eq
    EXPECT_EQ(it_block_length(0xbf02), 3);  // ittt eq
    EXPECT_EQ(it_block_length(0xbf01), 4);  // itttt eq
}

TEST(IsaBlock, ItStateIsFollowedThroughABlock) {
    const Decoder decoder;
    // ite eq; addeq r0, r1, r2; subne r0, r1, r2; adds r0, r1, r2
    const DecodedBlock decoded = make_block(decoder, 0x100, code({0xbf0c, 0x1888, 0x1a88, 0x1888}));
    ASSERT_EQ(decoded.block.instructions.size(), 4U);
    std::vector<bool> conditional;
    for (const Instruction& instruction : decoded.block.instructions) {
        conditional.push_back(instruction.conditional);
    }
    EXPECT_EQ(conditional, (std::vector<bool>{false, true, true, false}));
    EXPECT_EQ(decoded.open_it_instructions, 0);
    EXPECT_EQ(decoded.block.size, 8U);
}

TEST(IsaBlock, AnItBlockCanBeCutInTwo) {
    const Decoder decoder;
    const DecodedBlock first = make_block(decoder, 0x100, code({0xbf0c, 0x1888}));
    EXPECT_EQ(first.open_it_instructions, 1);
    const DecodedBlock second =
        make_block(decoder, 0x104, code({0x1a88, 0x1888}), first.open_it_instructions);
    EXPECT_TRUE(second.block.instructions[0].conditional);
    EXPECT_FALSE(second.block.instructions[1].conditional);
}

TEST(IsaBlock, EveryInstructionIsInOneClass) {
    const Decoder decoder;
    // smlad; uxtb16; ldr; str; add; b
    const DecodedBlock decoded = make_block(
        decoder, 0x100, code({0xfb21, 0x3204, 0xfa3f, 0xf384, 0x6808, 0x6008, 0x1888, 0xe7fe}));
    EXPECT_EQ(decoded.block.counts.total(), decoded.block.instructions.size());
    for (const InstrClass one : {InstrClass::Simd,
                                 InstrClass::Bitop,
                                 InstrClass::Load,
                                 InstrClass::Store,
                                 InstrClass::Sisd,
                                 InstrClass::Branch}) {
        EXPECT_EQ(decoded.block.counts[one], 1U) << traces::name(one);
    }
}

TEST(IsaBlock, CodeThatEndsWithinAnInstructionIsRefused) {
    const Decoder decoder;
    EXPECT_THROW(make_block(decoder, 0x100, code({0x1888, 0xfb21})), std::runtime_error);
}

TEST(IsaDecoder, MnemonicsAreSortedAndUnique) {
    const std::vector<std::string_view> names = known_mnemonics();
    EXPECT_TRUE(std::ranges::is_sorted(names));
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
    EXPECT_TRUE(std::ranges::binary_search(names, "smlald"));
}

}  // namespace mixq::sim
