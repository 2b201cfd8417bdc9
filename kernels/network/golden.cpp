// Golden files: images with the logits they must give.
//
//   <plan>.golden   "MIXQGLD1", images, input elements, outputs (32-bit little-endian), the inputs
//                   (bytes), the logits (32-bit little-endian), the labels (bytes), and the SHA-256
//                   of all before it as 64 hexadecimal digits.
#include <algorithm>
#include <stdexcept>

#include "kernels/network/bytes.h"
#include "kernels/network/network.h"
#include "traces/file.h"

namespace mixq::kernels {

namespace {

constexpr std::string_view kMagic = "MIXQGLD1";
constexpr std::size_t kDigestCharacters = 64;

// Callers may name the plan or the golden file itself.
std::string golden_path(const std::string& path) {
    return path.ends_with(".golden") ? path : path + ".golden";
}

}  // namespace

void write_golden(const std::string& path, const Golden& golden) {
    const auto images = golden.labels.size();
    if (golden.input_elements < 1 || golden.outputs < 1 ||
        golden.inputs.size() != images * static_cast<std::size_t>(golden.input_elements) ||
        golden.logits.size() != images * static_cast<std::size_t>(golden.outputs)) {
        throw std::runtime_error("golden file '" + golden_path(path) +
                                 "': inputs, logits and labels are not of the same images");
    }
    std::vector<std::uint8_t> bytes(kMagic.begin(), kMagic.end());
    append_u32(bytes, static_cast<std::uint32_t>(images));
    append_u32(bytes, static_cast<std::uint32_t>(golden.input_elements));
    append_u32(bytes, static_cast<std::uint32_t>(golden.outputs));
    bytes.insert(bytes.end(), golden.inputs.begin(), golden.inputs.end());
    append_words(bytes, golden.logits);
    bytes.insert(bytes.end(), golden.labels.begin(), golden.labels.end());
    const std::string digest = traces::sha256(bytes);
    bytes.insert(bytes.end(), digest.begin(), digest.end());
    traces::write_file(golden_path(path), bytes);
}

Golden read_golden(const std::string& path) {
    const std::string file = golden_path(path);
    const std::vector<std::uint8_t> bytes = traces::read_bytes(file);
    ByteReader reader(bytes, file);
    const auto magic = reader.take(kMagic.size(), "magic");
    if (!std::equal(magic.begin(), magic.end(), kMagic.begin())) {
        reader.fail("this is not a golden file of this version of mixq-sim");
    }
    const std::uint64_t images = reader.u32("number of images");
    const std::uint64_t elements = reader.u32("number of input elements");
    const std::uint64_t outputs = reader.u32("number of outputs");
    // 2^28: as many elements as a layer of a network may have; products then fit 64 bits.
    if (elements < 1 || outputs < 1 || elements > (1u << 28) || outputs > (1u << 28)) {
        reader.fail("the sizes of input or output cannot be right");
    }
    Golden golden;
    golden.input_elements = static_cast<int>(elements);
    golden.outputs = static_cast<int>(outputs);
    const auto inputs = reader.take(images * elements, "inputs");
    golden.inputs.assign(inputs.begin(), inputs.end());
    golden.logits = reader.words(images * outputs, "logits");
    const auto labels = reader.take(images, "labels");
    golden.labels.assign(labels.begin(), labels.end());
    const auto digest = reader.take(kDigestCharacters, "SHA-256");
    const std::string expected =
        traces::sha256(std::span(bytes).first(bytes.size() - kDigestCharacters));
    reader.expect_end();
    if (!std::equal(digest.begin(), digest.end(), expected.begin())) {
        reader.fail("its SHA-256 does not match its content: the file was changed");
    }
    return golden;
}

}  // namespace mixq::kernels
