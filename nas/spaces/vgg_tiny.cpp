// VGG-Tiny, the paper's CIFAR-10 backbone, which the paper does not give. It is ours, chosen to be what
// Table I says of its int8 version (TinyEngine): 3.5 to 4.0 million cycles at no more than 52 KB of
// activations and 600 KB of flash. Measured at w8a8 with simd-int8 on every layer, simulated as
// stm32f746 with ideal memory: 3,765,232 cycles (0.921 MAC/cycle), 19,568 bytes of RAM, 125,008 bytes
// of flash.
//
// Of the candidates of that latency it was the most accurate in float on CIFAR-10's whole test set,
// after 6 epochs on the first 15,000 training images (seed 1, batch 64):
//
//   channels, P = pool, then fc     MMAC    accuracy
//   16P 24P 48P 80 80P              3.468   68.1 %    this one
//   16P 32P 64P 64P                 3.394   67.9 %
//   16P 24P 32 40P 64 64P           3.468   67.8 %
//   16P 32P 48P 96P                 3.174   67.4 %
//
// One seed and few epochs: the first three are not told apart by this.
#include "nas/spaces/spaces.h"

namespace mixq::nas {

const Space& vgg_tiny() {
    using kernels::Pool;
    using traces::LayerKind;
    static const Space space{
        .name = "vgg_tiny",
        .description = "VGG style, CIFAR-10: 3x3 convolutions, 2x2 max pools, a dense head",
        .blocks = {
            {"conv1", LayerKind::Conv, 16, 3, 1, Pool::Max2x2},
            {"conv2", LayerKind::Conv, 24, 3, 1, Pool::Max2x2},
            {"conv3", LayerKind::Conv, 48, 3, 1, Pool::Max2x2},
            {"conv4", LayerKind::Conv, 80, 3, 1, Pool::None},
            {"conv5", LayerKind::Conv, 80, 3, 1, Pool::Max2x2},
            {"fc", LayerKind::FullyConnected, 10, 1, 1, Pool::None},
        }};
    return space;
}

}  // namespace mixq::nas
