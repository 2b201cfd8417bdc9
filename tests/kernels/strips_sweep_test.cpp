// Activations in bits of all widths, through random chains of layers within random limits.
#include <cstdlib>
#include <random>

#include "kernels/strips/strips.h"
#include "tests/kernels/strips_run.h"

namespace mixq::kernels::strips {

namespace {

class Chains {
  public:
    explicit Chains(std::uint64_t seed) : random_(seed) {}

    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

    // Two to four layers of odd shapes, every width of activations among them.
    IntegerNetwork chain() {
        IntegerNetwork network{"chain", {}};
        int channels = 1 + below(19);
        int height = 5 + below(20);
        int width = 3 + below(30);
        int bits = 2 + below(7);
        for (int i = 0; i < 2 + below(3); ++i) {
            const int next_bits = 2 + below(7);
            const std::string size = std::to_string(height) + "x" + std::to_string(width);
            const std::string stride = below(3) == 0 ? "s2" : "";
            int next = 1 + below(19);
            std::string shape;
            switch (below(4)) {
                case 0:
                    shape = "dw3x3:" + std::to_string(channels);
                    next = channels;
                    break;
                case 1:
                    shape = "conv1x1:" + std::to_string(channels) + "x" + std::to_string(next);
                    break;
                case 2:
                    shape = "conv5x3:" + std::to_string(channels) + "x" + std::to_string(next);
                    break;
                default:
                    shape = "conv3x3:" + std::to_string(channels) + "x" + std::to_string(next);
            }
            const std::string weight = "w" + std::to_string(2 + below(7));
            network.layers.push_back(named_layer("layer" + std::to_string(i),
                                                 shape + "@" + size + stride,
                                                 weight + "a" + std::to_string(bits),
                                                 next_bits,
                                                 Pool::None,
                                                 static_cast<std::uint64_t>(i + 1)));
            IntegerLayer& layer = network.layers.back();
            if (layer.shape.out_height() >= 2 && layer.shape.out_width() >= 2 && below(3) == 0)
                layer.pool = below(2) == 0 ? Pool::Max2x2 : Pool::Average2x2;
            channels = next;
            height = layer.output_height();
            width = layer.output_width();
            bits = next_bits;
        }
        return network;
    }

  private:
    std::mt19937_64 random_;
};

TEST(StripsSweep, RandomChainsGiveTheReferencesBytesInAnyFormAndLimit) {
    int strips = 0;
    int refused = 0;
    // More of them for who has an hour.
    const char* wanted = std::getenv("MIXQ_SWEEP_CHAINS");
    const int count = wanted != nullptr ? std::atoi(wanted) : 16;
    for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(count); ++seed) {
        Chains chains(seed);
        const IntegerNetwork network = chains.chain();
        const std::vector<std::uint8_t> input = random_input(network.layers[0], seed);
        const std::vector<std::int32_t> outputs = expected(network, input);
        BuildOptions options;
        std::uint64_t taken = 0;
        for (int form = 0; form < 3; ++form) {
            options.activations.clear();
            for (std::size_t t = 0; t <= network.layers.size(); ++t) {
                const bool bits = form == 0 || chains.below(2) == 0;
                options.activations.push_back(bits ? Storage::Bits : Storage::Bytes);
            }
            // Some weights in bits too, in the second form; not every kernel has those.
            options.storage.assign(network.layers.size(), Storage::Bytes);
            if (form == 1)
                options.storage[static_cast<std::size_t>(chains.below(2))] = Storage::Bits;
            if (form == 2) options.max_activations = taken / 2;
            try {
                const Ran ran = run(network, input, options);
                EXPECT_EQ(ran.outputs, outputs) << "chain " << seed << ", form " << form;
                taken = ran.firmware.memory.arena_bytes;
                for (const FirmwareLayer& layer : ran.firmware.layers)
                    strips += layer.runs() > 1 ? 1 : 0;
                EXPECT_LE(taken, options.max_activations.value_or(taken));
            } catch (const StorageRefused&) {
                EXPECT_EQ(form, 1);
            } catch (const std::runtime_error& error) {
                EXPECT_EQ(form, 2) << "chain " << seed << ": " << error.what();
                ++refused;
            }
        }
    }
    EXPECT_GT(strips, 2 * count);
    EXPECT_LT(refused, count);
}

}  // namespace

}  // namespace mixq::kernels::strips
