// What may be searched: a backbone as a table of blocks. To add one, write nas/spaces/<name>.cpp and
// name it in space.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/network/network.h"
#include "traces/layer.h"

namespace mixq::nas {

// A convolution or a fully connected layer; every one but the last is followed by batch
// normalisation and ReLU, and by a 2x2 max pool where it says so.
struct Block {
    std::string name;  // a C identifier
    traces::LayerKind kind = traces::LayerKind::Conv;
    int out_channels = 1;
    int kernel = 3;  // square; padding keeps the size
    int stride = 1;
    kernels::Pool pool = kernels::Pool::None;
};

struct Space {
    std::string name;
    std::string description;
    int channels = 3;
    int height = 32;
    int width = 32;
    std::vector<Block> blocks;  // the last gives the logits
};

// The shapes of its layers. Throws std::runtime_error where the blocks do not chain.
std::vector<traces::Layer> layers(const Space& space);

// Throws std::invalid_argument listing the names there are.
const Space& find_space(std::string_view name);
std::vector<std::string> space_names();

}  // namespace mixq::nas
