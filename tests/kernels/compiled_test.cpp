// What machine code executes is found without data, or refused where data decides.
#include <string>

#include <gtest/gtest.h>

#include "kernels/compiled/analysis.h"
#include "kernels/network/toolchain.h"
#include "tests/kernels/firmware_test.h"
#include "traces/file.h"

namespace mixq::kernels {
namespace {

// One function, called by a wrapper as layers are, and data whose values nobody may look at.
compiled::Analysis analysis_of(const std::string& body) {
    const Folder folder;
    traces::write_file(
        folder.path() / "function.c",
        "#include <stdint.h>\n"
        "__attribute__((section(\".rodata\"))) const int32_t mixq_weights_x[64] = {1};\n"
        "int32_t activations[64];\n"
        "__attribute__((noipa)) void mixq_kernel_x(int32_t* to, const int32_t* from)\n{\n" +
            body +
            "\n}\nvoid mixq_layer_x(void) { mixq_kernel_x(activations, mixq_weights_x); }\n");
    traces::write_file(
        folder.path() / "link.ld",
        std::string("ENTRY(mixq_layer_x)\nSECTIONS {\n"
                    "  .text 0x08000000 : { *(.text*) *(.rodata*) }\n"
                    "  .stack 0x20000000 (NOLOAD) : { . += 4096; mixq_stack_top = .; }\n"
                    "  .bss : { *(.data*) *(.bss*) *(COMMON) }\n"
                    "  /DISCARD/ : { *(.comment .ARM.exidx*) }\n}\n"));
    compile({{{folder.path() / "function.c", folder.path() / "function.o", {}, {}, {}}}}, 1);
    const std::filesystem::path object = folder.path() / "function.o";
    link({{object}}, folder.path() / "link.ld", folder.path() / "function.elf");
    return compiled::analyse(folder.path() / "function.elf", "mixq_layer_x", "mixq_kernel_x");
}

std::string refusal_of(const std::string& body) {
    try {
        analysis_of(body);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "nothing was thrown";
}

TEST(Compiled, ALoopExecutesItsPassesWhateverTheData) {
    const auto ten = analysis_of("for (volatile int i = 0; i < 10; ++i) to[i] = from[i] * 3;");
    const auto twenty = analysis_of("for (volatile int i = 0; i < 20; ++i) to[i] = from[i] * 3;");
    const std::uint64_t per_pass = (twenty.counts.total() - ten.counts.total()) / 10;
    EXPECT_EQ(twenty.counts.total() - ten.counts.total(), 10 * per_pass);
    EXPECT_GT(per_pass, 6u);
    EXPECT_EQ(twenty.counts[traces::InstrClass::Branch] - ten.counts[traces::InstrClass::Branch],
              10u);
    EXPECT_GT(ten.cycles, 10);
}

TEST(Compiled, AChoiceWithoutABranchIsTheSameForAllData) {
    const auto found = analysis_of(
        "int32_t x = from[0]; __asm volatile(\"cmp %0, #0\\n it lt\\n movlt %0, #0\" : \"+r\"(x)); "
        "to[0] = x;");
    EXPECT_GT(found.counts.total(), 4u);
}

TEST(Compiled, ABranchOnDataIsRefused) {
    EXPECT_NE(refusal_of("if (from[0] > 3) for (volatile int i = 0; i < 9; ++i) to[i] = 1;")
                  .find("branches on data"),
              std::string::npos);
}

TEST(Compiled, AStoreToAnAddressFromDataIsRefused) {
    EXPECT_NE(refusal_of("to[from[0]] = 1;").find("stores to an address that depends on data"),
              std::string::npos);
}

TEST(Compiled, ALoadFromAnAddressFromDataIsData) {
    EXPECT_NO_THROW(analysis_of("to[0] = to[from[1] & 31];"));
    EXPECT_NE(
        refusal_of("if (to[from[1] & 31]) to[0] = to[1] + to[2] * to[3] / to[5];").find("data"),
        std::string::npos);
}

TEST(Compiled, AFunctionThatIsNotThereIsNamed) {
    const Folder folder;
    EXPECT_THROW(compiled::analyse(folder.path() / "none.elf", "a", "b"), std::runtime_error);
}

}  // namespace
}  // namespace mixq::kernels
