// Laws of pooling and addition: equal to the reference in both layouts, in place, at any size.
#include "kernels/pooling/pooling.h"

#include <random>

#include "kernels/network/toolchain.h"
#include "sim/board.h"
#include "sim/image.h"
#include "sim/machine.h"
#include "tests/kernels/kernel_run.h"
#include "traces/file.h"

namespace mixq::kernels {

namespace {

constexpr std::uint32_t kFirst = 0x2000'0000;
constexpr std::uint32_t kSecond = 0x2000'4000;

// One call of a routine on memory that holds `a` at kFirst and `b` at kSecond; what lies at `output` afterwards.
struct Called {
    std::vector<std::uint8_t> bytes;
    traces::Counts counts;
};

Called call(const generate::Lowered& lowered,
            const std::vector<std::uint8_t>& a,
            const std::vector<std::uint8_t>& b,
            const std::vector<std::uint32_t>& arguments,
            std::uint32_t output,
            std::size_t bytes) {
    const Folder folder;
    traces::write_file(folder.path() / "k.s", lowered.assembly);
    compile(std::vector<CompileJob>{{folder.path() / "k.s", folder.path() / "k.o", {}, {}, {}}}, 1);
    traces::write_file(folder.path() / "k.ld",
                       std::string("SECTIONS { .text 0x08000000 : { KEEP(*(.text*)) } }\n"));
    link(std::vector{folder.path() / "k.o"}, folder.path() / "k.ld", folder.path() / "k.elf");
    const sim::Image image = sim::read_elf(folder.path() / "k.elf");
    sim::Machine machine(image, sim::find_board("stm32f746"));
    machine.write(kFirst, a);
    machine.write(kSecond, b);
    machine.set_register(sim::kSp, 0x2000'f000);

    struct Counter final : sim::BlockObserver {
        traces::Counts counts;

        void on_block(const sim::BlockRun& run) override { counts += run.block->counts; }
    } counter;

    machine.set_observer(&counter);
    const sim::Stop stop = machine.call(0x0800'0001, arguments);
    EXPECT_EQ(stop.halt, sim::Halt::Returned) << stop.message;
    Called called{std::vector<std::uint8_t>(bytes), counter.counts};
    machine.read(output, called.bytes);
    return called;
}

std::vector<std::uint8_t> random_bytes(std::size_t count, int most, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<std::uint8_t> bytes(count);
    for (std::uint8_t& byte : bytes)
        byte = static_cast<std::uint8_t>(random() % static_cast<unsigned>(most + 1));
    return bytes;
}

// [channel][pixel] to [pixel][channel].
std::vector<std::uint8_t> interleaved(const std::vector<std::uint8_t>& planes, int channels) {
    std::vector<std::uint8_t> result(planes.size());
    const std::size_t count = static_cast<std::size_t>(channels);
    const std::size_t pixels = planes.size() / count;
    for (std::size_t i = 0; i < planes.size(); ++i)
        result[i % pixels * count + i / pixels] = planes[i];
    return result;
}

// A layer that hands bytes through, so that what the reference does beyond that is its pooling.
IntegerLayer pooling_layer(Pool pool, int channels, int height, int width) {
    IntegerLayer layer;
    layer.name = "layer";
    layer.shape = traces::parse_layer("dw1x1:" + std::to_string(channels) + "@" +
                                      std::to_string(height) + "x" + std::to_string(width));
    layer.precision = {2, 8};
    layer.pool = pool;
    layer.weights.assign(static_cast<std::size_t>(channels), 1);
    layer.multiplier.assign(static_cast<std::size_t>(channels), 65536);
    layer.bias.assign(static_cast<std::size_t>(channels), 0);
    return layer;
}

class PoolingExact : public testing::TestWithParam<Pool> {};

TEST_P(PoolingExact, EqualsTheReferenceInBothLayoutsAndInPlace) {
    struct Shape {
        int channels, height, width;
    };

    for (const Shape& shape : {Shape{3, 6, 8},
                               Shape{5, 5, 7},
                               Shape{4, 2, 2},
                               Shape{9, 7, 34},
                               Shape{1, 4, 90},
                               Shape{13, 3, 17}}) {
        const IntegerLayer layer =
            pooling_layer(GetParam(), shape.channels, shape.height, shape.width);
        for (const int most : {255, 7}) {
            const auto planes =
                random_bytes(static_cast<std::size_t>(layer.shape.input_elements()), most, 3);
            const auto expected = reference_layer(layer, planes);
            for (const Layout layout : {Layout::Planar, Layout::Interleaved}) {
                const bool planar = layout == Layout::Planar;
                const auto lowered = pooling::pool_code(layer, layout);
                for (const std::uint32_t output : {kSecond, kFirst}) {
                    const Called called =
                        call(lowered,
                             planar ? planes : interleaved(planes, shape.channels),
                             {},
                             {kFirst, output},
                             output,
                             expected.size());
                    EXPECT_EQ(called.bytes,
                              planar ? expected : interleaved(expected, shape.channels))
                        << shape.channels << "@" << shape.height << "x" << shape.width << " "
                        << name(layout) << (output == kFirst ? " in place" : "");
                    EXPECT_EQ(called.counts.by_class, lowered.counts.by_class);
                }
            }
        }
    }
}

std::string pool_name(const testing::TestParamInfo<Pool>& info) {
    std::string text(name(info.param));
    std::replace(text.begin(), text.end(), '-', '_');
    return text;
}

INSTANTIATE_TEST_SUITE_P(Pools,
                         PoolingExact,
                         testing::Values(Pool::Max2x2, Pool::Average2x2, Pool::GlobalAverage),
                         pool_name);

TEST(Pooling, AveragesTheLargestPlaneExactly) {
    const IntegerLayer layer = pooling_layer(Pool::GlobalAverage, 2, 63, 65);
    for (const int most : {255, 1}) {
        auto planes = random_bytes(2 * 4095, most, 5);
        std::fill(planes.begin(), planes.begin() + 4095, static_cast<std::uint8_t>(most));
        const auto lowered = pooling::pool_code(layer, Layout::Planar);
        EXPECT_EQ(call(lowered, planes, {}, {kFirst, kSecond}, kSecond, 2).bytes,
                  reference_layer(layer, planes));
    }
}

// At every sum there can be, for the numbers of positions that divide worst.
TEST(Pooling, DividesExactlyByItsReciprocal) {
    for (const std::uint64_t n : {2u, 3u, 7u, 49u, 641u, 2049u, 4093u, 4094u, 4095u}) {
        const std::uint64_t reciprocal = ((std::uint64_t{1} << 32) + n - 1) / n;
        for (std::uint64_t sum = 0; sum <= 255 * n; ++sum)
            ASSERT_EQ((sum + n / 2) * reciprocal >> 32, (sum + n / 2) / n) << sum << " of " << n;
    }
}

TEST(Pooling, NamesAreThoseOfPlans) {
    for (const Pool pool : {Pool::None, Pool::Max2x2, Pool::Average2x2, Pool::GlobalAverage}) {
        EXPECT_EQ(parse_pool(name(pool)), pool);
    }
    try {
        parse_pool("median");
        FAIL();
    } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find("none, max2x2, average2x2, global-average"),
                  std::string::npos);
    }
}

TEST(Addition, EqualsTheReferenceOutOfPlaceAndInPlace) {
    for (const Addition& addition : {Addition{64, 32767, 32767, 0, 16, 8},
                                     Addition{61, 20000, 11, 1 << 15, 16, 4},
                                     Addition{7, 3, 32767, -100'000, 9, 8},
                                     Addition{3, 1, 1, 0, 0, 2},
                                     Addition{1, 0, 900, -1, 31, 3}}) {
        const auto count = static_cast<std::size_t>(addition.elements);
        const auto a = random_bytes(count, 255, 1);
        const auto b = random_bytes(count, 255, 2);
        const auto expected = reference_add(addition, a, b);
        const auto lowered = pooling::add_code(addition, "mixq_add");
        for (const std::uint32_t output : {0x2000'8000u, kFirst, kSecond}) {
            const Called called = call(lowered, a, b, {kFirst, kSecond, output}, output, count);
            EXPECT_EQ(called.bytes, expected) << addition.elements;
            EXPECT_EQ(called.counts.by_class, lowered.counts.by_class);
        }
    }
}

TEST(Addition, RefusesWhatItsArithmeticCannotHold) {
    EXPECT_THROW(check(Addition{4, 32768, 1, 0, 16, 8}), std::invalid_argument);
    EXPECT_THROW(check(Addition{4, 1, -1, 0, 16, 8}), std::invalid_argument);
    EXPECT_THROW(check(Addition{0, 1, 1, 0, 16, 8}), std::invalid_argument);
    EXPECT_THROW(check(Addition{4, 1, 1, 0, 32, 8}), std::invalid_argument);
    EXPECT_THROW(check(Addition{4, 1, 1, 0, 16, 9}), std::invalid_argument);
}

}  // namespace

}  // namespace mixq::kernels
