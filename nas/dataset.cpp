// CIFAR-10's binary files (https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version").
#include "nas/dataset.h"

#include <stdexcept>

#include "traces/file.h"

namespace mixq::nas {

namespace {

constexpr int kRecordBytes = 1 + 3 * 32 * 32;
constexpr int kBatchImages = 10000;
constexpr int kTrainBatches = 5;

std::filesystem::path find_batches(const std::filesystem::path& directory) {
    if (!std::filesystem::is_directory(directory)) {
        throw std::runtime_error(directory.string() +
                                 ": not a directory; --data takes the one with "
                                 "data_batch_1.bin (CIFAR-10, binary version)");
    }
    for (const auto& place : {directory, directory / "cifar-10-batches-bin"}) {
        if (std::filesystem::exists(place / "data_batch_1.bin")) {
            return place;
        }
    }
    throw std::runtime_error(directory.string() + ": no data_batch_1.bin here or in " +
                             "cifar-10-batches-bin below; --data takes CIFAR-10's binary version");
}

void keep_first(ImageSet& set, int images) {
    if (images <= 0 || images >= set.size()) {
        return;
    }
    set.labels.resize(static_cast<std::size_t>(images));
    set.pixels.resize(static_cast<std::size_t>(images) *
                      static_cast<std::size_t>(set.image_elements()));
}

}  // namespace

void read_cifar10_batch(const std::filesystem::path& path, int images, ImageSet& set) {
    const std::vector<std::uint8_t> bytes = traces::read_bytes(path);
    const auto expected = static_cast<std::size_t>(images) * kRecordBytes;
    if (bytes.size() != expected) {
        throw std::runtime_error(path.string() + ": ends at byte " + std::to_string(bytes.size()) +
                                 ", expected " + std::to_string(expected) + " (" +
                                 std::to_string(images) + " records of " +
                                 std::to_string(kRecordBytes) + " bytes)");
    }
    set.pixels.reserve(set.pixels.size() + expected);
    for (std::size_t at = 0; at < expected; at += kRecordBytes) {
        if (bytes[at] >= set.classes) {
            throw std::runtime_error(path.string() + ": byte " + std::to_string(at) + ": label " +
                                     std::to_string(bytes[at]) + ", must be below " +
                                     std::to_string(set.classes));
        }
        set.labels.push_back(bytes[at]);
        const auto record = bytes.begin() + static_cast<std::ptrdiff_t>(at);
        set.pixels.insert(set.pixels.end(), record + 1, record + kRecordBytes);
    }
}

Dataset read_cifar10(const std::filesystem::path& directory) {
    const std::filesystem::path place = find_batches(directory);
    Dataset dataset;
    dataset.name = "cifar10";
    for (int batch = 1; batch <= kTrainBatches; ++batch) {
        read_cifar10_batch(
            place / ("data_batch_" + std::to_string(batch) + ".bin"), kBatchImages, dataset.train);
    }
    read_cifar10_batch(place / "test_batch.bin", kBatchImages, dataset.test);
    dataset.description = "cifar10 binary version, " + std::to_string(dataset.train.size()) +
                          " train, " + std::to_string(dataset.test.size()) + " test";
    return dataset;
}

void truncate(Dataset& dataset, int train_images, int test_images) {
    const int train = dataset.train.size();
    const int test = dataset.test.size();
    keep_first(dataset.train, train_images);
    keep_first(dataset.test, test_images);
    if (dataset.train.size() != train || dataset.test.size() != test) {
        dataset.description += ", of these the first " + std::to_string(dataset.train.size()) +
                               " and " + std::to_string(dataset.test.size());
    }
}

}  // namespace mixq::nas
