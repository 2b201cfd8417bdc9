// VGG-Tiny, the paper's CIFAR-10 backbone.
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
            {"conv2", LayerKind::Conv, 32, 3, 1, Pool::Max2x2},
            {"conv3", LayerKind::Conv, 48, 3, 1, Pool::Max2x2},
            {"conv4", LayerKind::Conv, 80, 3, 1, Pool::Max2x2},
            {"fc", LayerKind::FullyConnected, 10, 1, 1, Pool::None},
        }};
    return space;
}

}  // namespace mixq::nas
