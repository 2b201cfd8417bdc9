// Prints deployments.
#include "tools/deployment.h"

#include <cstdio>

#include "tools/console.h"
#include "tools/record_json.h"

namespace mixq::tools {

namespace {

double mac_per_cycle(const traces::Layer& layer, std::uint64_t cycles) {
    return cycles == 0 ? 0.0 : static_cast<double>(layer.macs()) / static_cast<double>(cycles);
}

double milliseconds(const sim::Board& board, std::uint64_t cycles) {
    return 1e3 * static_cast<double>(cycles) / static_cast<double>(board.clock_hz);
}

}  // namespace

void print_deployment(const Deployment& deployment,
                      const std::string& verified_against,
                      const sim::Board& board,
                      const MemoryUse& memory) {
    std::vector<std::vector<std::string>> rows;
    std::uint64_t weights = 0;
    std::uint64_t code = 0;
    std::int64_t macs = 0;
    for (std::size_t i = 0; i < deployment.layers.size(); ++i) {
        const kernels::FirmwareLayer& entry = deployment.firmware.layers[i];
        const std::uint64_t cycles = deployment.layers[i].timing.cycles;
        rows.push_back({entry.layer.name,
                        to_string(entry.layer.shape),
                        to_string(entry.layer.precision),
                        entry.packed.kernel,
                        grouped(cycles),
                        fixed(mac_per_cycle(entry.layer.shape, cycles), 3),
                        grouped(entry.weight_bytes),
                        grouped(entry.code_bytes),
                        entry.why_not_faster});
        weights += entry.weight_bytes;
        code += entry.code_bytes;
        macs += entry.layer.shape.macs();
    }
    const std::uint64_t cycles = deployment.whole.timing.cycles;
    rows.push_back({"total",
                    "",
                    "",
                    "",
                    grouped(cycles),
                    fixed(static_cast<double>(macs) / static_cast<double>(cycles), 3),
                    grouped(weights),
                    grouped(code),
                    ""});
    std::fputs(format_columns({"layer",
                               "shape",
                               "bits",
                               "kernel",
                               "cycles",
                               "MAC/cycle",
                               "weights",
                               "code",
                               "others, cycles"},
                              rows)
                   .c_str(),
               stdout);
    std::printf(
        "\n%s ms at %s MHz on %s, memory %s; RAM %s bytes (activations and scratch %s), flash %s "
        "bytes\n",
        fixed(milliseconds(board, cycles), 2).c_str(),
        fixed(static_cast<double>(board.clock_hz) / 1e6, 0).c_str(),
        std::string(board.name).c_str(),
        memory.text().c_str(),
        grouped(deployment.firmware.ram_bytes).c_str(),
        grouped(deployment.firmware.activation_bytes).c_str(),
        grouped(deployment.firmware.flash_bytes).c_str());
    if (!deployment.storage.empty()) {
        std::printf("\n%s\n", storage_table(deployment.firmware, deployment.storage).c_str());
    }
    if (!deployment.activations.empty()) {
        std::printf("\n%s\n",
                    activation_table(deployment.firmware, deployment.activations).c_str());
    }
    std::printf("%d image%s equal: %s\n",
                deployment.images_checked,
                deployment.images_checked == 1 ? "" : "s",
                verified_against.c_str());
    if (deployment.accuracy) {
        std::printf("accuracy on them %s %%\n", fixed(100 * *deployment.accuracy, 1).c_str());
    }
    std::printf("%s\n", deployment.firmware.elf.c_str());
}

nlohmann::json deployment_json(const Deployment& deployment,
                               const std::string& verified_against,
                               const sim::Board& board,
                               const MemoryUse& memory,
                               std::uint64_t seed) {
    const kernels::Firmware& firmware = deployment.firmware;
    nlohmann::json json = {{"elf", firmware.elf.string()},
                           {"network", firmware.network},
                           {"ram_bytes", firmware.ram_bytes},
                           {"activation_bytes", firmware.activation_bytes},
                           {"flash_bytes", firmware.flash_bytes},
                           {"code_bytes", firmware.code_bytes},
                           {"cycles", deployment.whole.timing.cycles},
                           {"instructions", deployment.whole.counts.total()},
                           {"latency_ms", milliseconds(board, deployment.whole.timing.cycles)},
                           {"clock_hz", board.clock_hz},
                           {"images_checked", deployment.images_checked},
                           {"verified_against", verified_against},
                           {"accuracy", nullptr},
                           {"layers", nlohmann::json::array()},
                           {"provenance",
                            {{"tool", tool_version()},
                             {"compiler", firmware.compiler},
                             {"flags", firmware.flags},
                             {"core", board.core},
                             {"board", board.name},
                             {"clock_hz", board.clock_hz},
                             {"memory", memory.text()},
                             {"elf_sha256", deployment.elf_sha256},
                             {"seed", seed}}}};
    if (deployment.accuracy) json["accuracy"] = *deployment.accuracy;
    for (std::size_t i = 0; i < deployment.layers.size(); ++i) {
        const kernels::FirmwareLayer& entry = firmware.layers[i];
        const sim::CallTiming& call = deployment.layers[i];
        json["layers"].push_back(
            {{"name", entry.layer.name},
             {"layer", to_string(entry.layer.shape)},
             {"bits", to_string(entry.layer.precision)},
             {"kernel", entry.packed.kernel},
             {"macs", entry.layer.shape.macs()},
             {"cycles", call.timing.cycles},
             {"instructions", call.counts.total()},
             {"classes", counts_json(call.counts)},
             {"mac_per_cycle", mac_per_cycle(entry.layer.shape, call.timing.cycles)},
             {"weight_bytes", entry.weight_bytes},
             {"code_bytes", entry.code_bytes},
             {"scratch_bytes", entry.packed.scratch_bytes},
             {"proof", entry.packed.proof},
             {"storage", name(entry.stored ? kernels::Storage::Bits : kernels::Storage::Bytes)},
             {"note", entry.why_not_faster}});
        if (!deployment.storage.empty())
            json["layers"].back()["storage_forms"] = storage_json(deployment.storage[i]);
        if (!deployment.activations.empty()) {
            json["layers"].back()["activations"] =
                activation_json(entry, deployment.activations[i]);
        }
    }
    return json;
}

}  // namespace mixq::tools
