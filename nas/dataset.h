// Images with labels: CIFAR-10 from its binary files, or a built-in set that is drawn from a seed.
// Pixels stay uint8, channel-major: they are the network's input as it is (8 bits, scale 1/255, zero
// point 0).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace mixq::nas {

struct ImageSet {
    int channels = 3;
    int height = 32;
    int width = 32;
    int classes = 10;
    std::vector<std::uint8_t> pixels;  // [image][channel][row][column]
    std::vector<std::uint8_t> labels;  // [image]

    int size() const { return static_cast<int>(labels.size()); }

    int image_elements() const { return channels * height * width; }

    std::span<const std::uint8_t> image(int index) const {
        const auto elements = static_cast<std::size_t>(image_elements());
        return std::span(pixels).subspan(static_cast<std::size_t>(index) * elements, elements);
    }
};

struct Dataset {
    std::string name;         // "cifar10", "shapes"
    std::string description;  // with sizes and seed: for provenance
    ImageSet train;
    ImageSet test;
};

// The binary version: `directory` or `directory`/cifar-10-batches-bin holds data_batch_1.bin to
// data_batch_5.bin and test_batch.bin. Throws std::runtime_error naming file and byte.
Dataset read_cifar10(const std::filesystem::path& directory);

// One batch file of exactly `images` records of 1 label and 3072 pixels, appended to `set`. Throws
// std::runtime_error naming file and byte.
void read_cifar10_batch(const std::filesystem::path& path, int images, ImageSet& set);

// Ten classes of shapes and textures at any place, size, angle and colour, over clutter and noise.
// The same bytes on every machine.
Dataset draw_shapes(std::uint64_t seed, int train_images, int test_images);

// The first `train_images` and `test_images` (0: all), for short runs.
void truncate(Dataset& dataset, int train_images, int test_images);

}  // namespace mixq::nas
