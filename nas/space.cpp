// The list of spaces, and the shapes of their layers.
#include "nas/space.h"

#include <stdexcept>

#include "nas/spaces/spaces.h"

namespace mixq::nas {

namespace {

const std::vector<const Space*>& all_spaces() {
    static const std::vector<const Space*> spaces = {&vgg_tiny()};
    return spaces;
}

}  // namespace

std::vector<traces::Layer> layers(const Space& space) {
    std::vector<traces::Layer> shapes;
    int channels = space.channels;
    int height = space.height;
    int width = space.width;
    for (const Block& block : space.blocks) {
        traces::Layer layer;
        layer.kind = block.kind;
        layer.out_channels = block.out_channels;
        if (block.kind == traces::LayerKind::FullyConnected) {
            layer.in_channels = channels * height * width;
        } else {
            layer.in_channels = channels;
            layer.height = height;
            layer.width = width;
            layer.kernel_height = layer.kernel_width = block.kernel;
            layer.stride = block.stride;
            layer.padding_y = layer.padding_x = (block.kernel - 1) / 2;
        }
        const int divide = block.pool == kernels::Pool::Max2x2 ? 2 : 1;
        channels = layer.out_channels;
        height = layer.out_height() / divide;
        width = layer.out_width() / divide;
        if (height < 1 || width < 1) {
            throw std::runtime_error("space " + space.name + ": nothing is left after " +
                                     block.name);
        }
        shapes.push_back(layer);
    }
    return shapes;
}

const Space& find_space(std::string_view name) {
    std::string known;
    for (const Space* space : all_spaces()) {
        if (space->name == name) {
            return *space;
        }
        known += known.empty() ? space->name : ", " + space->name;
    }
    throw std::invalid_argument("no space '" + std::string(name) + "'; there is: " + known);
}

std::vector<std::string> space_names() {
    std::vector<std::string> names;
    for (const Space* space : all_spaces()) {
        names.push_back(space->name);
    }
    return names;
}

}  // namespace mixq::nas
