// Data sets: what is read is what the files say, what is wrong is named, what is drawn repeats.
#include "nas/dataset.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>

#include "traces/file.h"

namespace mixq::nas {
namespace {

constexpr std::size_t kRecord = 3073;

class Cifar10 : public testing::Test {
  protected:
    Cifar10()
        : folder_(std::filesystem::path(testing::TempDir()) /
                  (std::string("cifar10_") +
                   testing::UnitTest::GetInstance()->current_test_info()->name())) {
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
    }

    ~Cifar10() override { std::filesystem::remove_all(folder_); }

    // Record i has the label i % 10 and pixels that count up from i.
    std::filesystem::path write_batch(const std::string& name, int images) {
        std::vector<std::uint8_t> bytes;
        for (int i = 0; i < images; ++i) {
            bytes.push_back(static_cast<std::uint8_t>(i % 10));
            for (std::size_t p = 1; p < kRecord; ++p) {
                bytes.push_back(static_cast<std::uint8_t>(static_cast<std::size_t>(i) + p - 1));
            }
        }
        traces::write_file(folder_ / name, bytes);
        return folder_ / name;
    }

    template <typename Work>
    static std::string error_of(Work work) {
        try {
            work();
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "no error";
    }

    std::filesystem::path folder_;
};

TEST_F(Cifar10, RecordsAreALabelAndThreePlanes) {
    ImageSet set;
    read_cifar10_batch(write_batch("batch.bin", 12), 12, set);
    ASSERT_EQ(set.size(), 12);
    EXPECT_EQ(set.labels[11], 1);
    EXPECT_EQ(set.image(11)[0], 11);
    EXPECT_EQ(set.image(11)[1], 12);
    EXPECT_EQ(set.pixels.size(), 12U * 3072U);
}

TEST_F(Cifar10, ATruncatedBatchIsNamedWithItsEnd) {
    const auto path = write_batch("data_batch_1.bin", 3);
    std::filesystem::resize_file(path, 2 * kRecord + 100);
    const std::string error = error_of([&] { read_cifar10(folder_); });
    EXPECT_NE(error.find("data_batch_1.bin"), error.npos) << error;
    EXPECT_NE(error.find("byte 6246"), error.npos) << error;
    EXPECT_NE(error.find("30730000"), error.npos) << error;
}

TEST_F(Cifar10, ALabelOfTenIsNamedWithItsByte) {
    const auto path = write_batch("batch.bin", 3);
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<std::streamoff>(kRecord))
        .put(10);
    ImageSet set;
    const std::string error = error_of([&] { read_cifar10_batch(path, 3, set); });
    EXPECT_NE(error.find("byte 3073: label 10"), error.npos) << error;
}

TEST_F(Cifar10, AFolderWithoutBatchesSaysWhatIsLookedFor) {
    const std::string error = error_of([&] { read_cifar10(folder_); });
    EXPECT_NE(error.find(folder_.string()), error.npos) << error;
    EXPECT_NE(error.find("data_batch_1.bin"), error.npos) << error;
    const std::string nowhere = error_of([&] { read_cifar10(folder_ / "nowhere"); });
    EXPECT_NE(nowhere.find("not a directory"), nowhere.npos) << nowhere;
}

TEST_F(Cifar10, AMissingBatchIsNamed) {
    std::filesystem::create_directories(folder_ / "cifar-10-batches-bin");
    write_batch("cifar-10-batches-bin/data_batch_1.bin", 10000);
    const std::string error = error_of([&] { read_cifar10(folder_); });
    EXPECT_NE(error.find("data_batch_2.bin"), error.npos) << error;
}

TEST(Shapes, TheSameSeedDrawsTheSameBytesOnEveryMachine) {
    const Dataset dataset = draw_shapes(1, 40, 20);
    // Recorded once: a change of the drawing is a change of every result on the built-in set.
    EXPECT_EQ(traces::sha256(dataset.train.pixels),
              "cf02113c9f8a3853ae9bf5614b36db2cd25767666a2dae41891ab8704f2aaf42");
    EXPECT_EQ(traces::sha256(dataset.test.pixels),
              "084aedba093d45ce2b52321d2dea301fa6eb1d49d124d9ac0708b036a8cc5f90");
}

TEST(Shapes, SeedsTrainingAndTestDiffer) {
    const Dataset a = draw_shapes(1, 40, 40);
    const Dataset b = draw_shapes(2, 40, 40);
    EXPECT_NE(a.train.pixels, b.train.pixels);
    EXPECT_NE(a.train.pixels, a.test.pixels);
}

TEST(Shapes, ClassesAreBalancedAndImagesAreAllDifferent) {
    const Dataset dataset = draw_shapes(3, 200, 10);
    std::array<int, 10> count{};
    std::set<std::vector<std::uint8_t>> images;
    for (int i = 0; i < dataset.train.size(); ++i) {
        ++count.at(dataset.train.labels[static_cast<std::size_t>(i)]);
        const auto image = dataset.train.image(i);
        images.emplace(image.begin(), image.end());
    }
    for (const int of_class : count) EXPECT_EQ(of_class, 20);
    EXPECT_EQ(images.size(), 200U);
}

TEST(Shapes, ALongerSetBeginsWithTheShorter) {
    const Dataset small = draw_shapes(5, 10, 10);
    Dataset large = draw_shapes(5, 30, 20);
    truncate(large, 10, 10);
    EXPECT_EQ(small.train.pixels, large.train.pixels);
    EXPECT_NE(large.description.find("the first 10 and 10"), large.description.npos)
        << large.description;
}

}  // namespace
}  // namespace mixq::nas
