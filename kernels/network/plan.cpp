// Plan files: commented CSV, one row per layer, and the constants in a binary file beside it.
//
//   <path>.weights   "MIXQWGT1", number of layers, then per layer: number of weights, of
//   multipliers,
//                    of biases, the weights (bytes), the multipliers, the biases. All numbers are
//                    32-bit little-endian.
#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "kernels/network/bytes.h"
#include "kernels/network/network.h"
#include "traces/file.h"
#include "traces/table.h"

namespace mixq::kernels {

namespace {

constexpr std::string_view kFormat = "mixq-sim plan 1";
constexpr std::string_view kMagic = "MIXQWGT1";

std::vector<std::uint8_t> pack_constants(const IntegerNetwork& network) {
    std::vector<std::uint8_t> bytes(kMagic.begin(), kMagic.end());
    append_u32(bytes, static_cast<std::uint32_t>(network.layers.size()));
    for (const IntegerLayer& layer : network.layers) {
        append_u32(bytes, static_cast<std::uint32_t>(layer.weights.size()));
        append_u32(bytes, static_cast<std::uint32_t>(layer.multiplier.size()));
        append_u32(bytes, static_cast<std::uint32_t>(layer.bias.size()));
        for (const std::int8_t weight : layer.weights) {
            bytes.push_back(static_cast<std::uint8_t>(weight));
        }
        append_words(bytes, layer.multiplier);
        append_words(bytes, layer.bias);
    }
    return bytes;
}

void unpack_constants(std::span<const std::uint8_t> bytes,
                      const std::string& path,
                      IntegerNetwork& network) {
    ByteReader reader(bytes, path);
    const auto magic = reader.take(kMagic.size(), "magic");
    if (!std::equal(magic.begin(), magic.end(), kMagic.begin())) {
        reader.fail("this is not a weights file of this version of mixq-sim");
    }
    if (reader.u32("number of layers") != network.layers.size()) {
        reader.fail("it holds another number of layers than the plan");
    }
    for (IntegerLayer& layer : network.layers) {
        const std::uint32_t weights = reader.u32("number of weights");
        const std::uint32_t multipliers = reader.u32("number of multipliers");
        const std::uint32_t biases = reader.u32("number of biases");
        const auto raw = reader.take(weights, "weights");
        layer.weights.assign(raw.begin(), raw.end());
        layer.multiplier = reader.words(multipliers, "multipliers");
        layer.bias = reader.words(biases, "biases");
    }
    reader.expect_end();
}

int small_field(const traces::Table& table, std::size_t row, const char* column) {
    const std::int64_t value = table.integer(row, column);
    if (value < 0 || value > 31) {
        throw std::runtime_error(table.where(row) + ": column '" + column + "' holds " +
                                 std::to_string(value) + ", which lies outside 0..31");
    }
    return static_cast<int>(value);
}

IntegerLayer read_layer(const traces::Table& table, std::size_t row) {
    IntegerLayer layer;
    layer.name = table.text(row, "name");
    try {
        layer.shape = traces::parse_layer(table.text(row, "layer"));
        layer.precision = traces::parse_precision(table.text(row, "bits"));
    } catch (const std::invalid_argument& error) {
        throw std::runtime_error(table.where(row) + ": " + error.what());
    }
    layer.output_bits = small_field(table, row, "output_bits");
    layer.shift = small_field(table, row, "shift");
    try {
        layer.pool = parse_pool(table.text(row, "pool"));
    } catch (const std::invalid_argument& error) {
        throw std::runtime_error(table.where(row) + ": column 'pool' holds " + error.what());
    }
    return layer;
}

std::vector<std::string> write_layer(const IntegerLayer& layer) {
    const std::string shape = to_string(layer.shape);
    if (traces::parse_layer(shape) != layer.shape) {
        throw std::runtime_error("layer '" + layer.name +
                                 "' has a padding that the notation of layers cannot say");
    }
    return {layer.name,
            shape,
            to_string(layer.precision),
            std::to_string(layer.output_bits),
            std::string(name(layer.pool)),
            std::to_string(layer.shift)};
}

std::string expect_metadata(const traces::Table& table, const char* key) {
    const auto value = table.find_metadata(key);
    if (!value) {
        throw std::runtime_error(table.path + ": no line '# " + key +
                                 ": ...', so this is not a plan");
    }
    return *value;
}

}  // namespace

void write_plan(const std::string& path,
                const IntegerNetwork& network,
                const std::vector<std::pair<std::string, std::string>>& metadata) {
    namespace fs = std::filesystem;
    check(network);
    if (path == "-" || (fs::exists(path) && !fs::is_regular_file(path))) {
        throw std::runtime_error("cannot write plan '" + path +
                                 "': a plan is two files side by side, so it needs a file's path");
    }
    const std::vector<std::uint8_t> constants = pack_constants(network);
    traces::Table table;
    table.metadata = {{"format", std::string(kFormat)},
                      {"network", network.name},
                      {"weights_sha256", traces::sha256(constants)}};
    for (const auto& [key, value] : metadata) {
        if ((key + value).find('\n') != std::string::npos || key.find(':') != std::string::npos) {
            throw std::runtime_error("plan '" + path + "': metadata '" + key +
                                     "' does not fit on one line 'key: value'");
        }
        if (!table.find_metadata(key)) table.metadata.emplace_back(key, value);
    }
    table.columns = {"name", "layer", "bits", "output_bits", "pool", "shift"};
    for (const IntegerLayer& layer : network.layers) table.rows.push_back(write_layer(layer));
    // Both beside their places first: a full disk leaves an older plan and its weights alone.
    const fs::path new_plan = path + ".new";
    const fs::path new_weights = path + ".weights.new";
    try {
        traces::write_file(new_weights, constants);
        traces::write_table(new_plan, table);
        fs::rename(new_weights, path + ".weights");
        fs::rename(new_plan, path);
    } catch (...) {
        std::error_code ignored;
        fs::remove(new_weights, ignored);
        fs::remove(new_plan, ignored);
        throw;
    }
}

IntegerNetwork read_plan(const std::string& path) {
    const traces::Table table = traces::read_table(path);
    if (const std::string format = expect_metadata(table, "format"); format != kFormat) {
        throw std::runtime_error(path + ": its format is '" + format + "', not '" +
                                 std::string(kFormat) + "'");
    }
    IntegerNetwork network;
    network.name = expect_metadata(table, "network");
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
        network.layers.push_back(read_layer(table, row));
    }
    const std::string weights_path = path + ".weights";
    const std::vector<std::uint8_t> constants = traces::read_bytes(weights_path);
    if (traces::sha256(constants) != expect_metadata(table, "weights_sha256")) {
        throw std::runtime_error(weights_path +
                                 ": its SHA-256 is not the one in the plan: the two files do not "
                                 "belong together, or one was changed");
    }
    unpack_constants(constants, weights_path, network);
    try {
        check(network);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(path + ": " + error.what());
    }
    return network;
}

}  // namespace mixq::kernels
