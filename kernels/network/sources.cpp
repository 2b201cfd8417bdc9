// Writes, compiles and links what firmware is made of.
#include "kernels/network/sources.h"

#include <mutex>

#include "kernels/network/emit.h"
#include "kernels/network/layer_calls.h"
#include "kernels/network/parallel.h"
#include "kernels/network/toolchain.h"
#include "kernels/pooling/pooling.h"
#include "kernels/storage/expand.h"
#include "kernels/strips/code.h"
#include "traces/file.h"

namespace mixq::kernels {

namespace {

namespace fs = std::filesystem;

constexpr const char* kSharedSources[] = {"start.c", "main.c", "semihosting.c", "memory.c"};

// Objects that no network changes, compiled once per folder.
std::vector<fs::path> shared_objects(const fs::path& folder, std::vector<CompileJob>& jobs) {
    std::vector<fs::path> objects;
    for (const char* name : kSharedSources) {
        const fs::path source = device_directory() / "device" / name;
        const fs::path object = folder / (source.stem().string() + ".o");
        if (!fs::exists(object)) jobs.push_back({source, object, {}, {}, {}});
        objects.push_back(object);
    }
    return objects;
}

fs::path generated_source(const fs::path& folder, const IntegerLayer& layer) {
    return folder / ("kernel_" + layer.name + ".s");
}

fs::path expansion_source(const fs::path& folder, const IntegerLayer& layer) {
    return folder / ("expand_" + layer.name + ".s");
}

fs::path pool_source(const fs::path& folder, const IntegerLayer& layer) {
    return folder / ("pool_" + layer.name + ".s");
}

// Beside the kernel: what moves the rows of strips.
void generate_copies(FirmwareLayer& entry, const fs::path& folder) {
    if (!entry.strips) return;
    const strips::Strips& strips = *entry.strips;
    const auto write = [&](generate::Lowered copy, int times) {
        traces::write_file(folder / (copy.symbol + ".s"), copy.assembly);
        entry.scheduled_cycles += times * copy.cycles;
        entry.copies.push_back(std::move(copy));
    };
    if (strips.unpacks()) {
        for (const strips::Window& window : strips.windows()) {
            int times = 0;
            for (int strip = 0; strip < strips.count; ++strip)
                times += strips.window(strip).same_rows(window) ? 1 : 0;
            write(strips::unpack_code(strips.input,
                                      window,
                                      unpack_symbol(entry.layer.name, window),
                                      generate::Scheduling::List),
                  times);
        }
    }
    if (strips.packs()) {
        write(strips::pack_code(strips.output,
                                strips.layer.output_height(),
                                "mixq_pack_" + entry.layer.name,
                                generate::Scheduling::List),
              strips.count);
    }
}

void generate_kernels(Firmware& firmware, const fs::path& folder, int parallel) {
    in_parallel(firmware.layers.size(), parallel, [&](std::size_t i) {
        FirmwareLayer& entry = firmware.layers[i];
        const Layout layout = output_layout(firmware.layers, i);
        if (entry.layer.pool != Pool::None) {
            traces::write_file(pool_source(folder, entry.layer),
                               pooling::pool_code(entry.run(), layout).assembly);
        }
        generate_copies(entry, folder);
        if (!entry.packed.generate) return;
        const generate::Lowered lowered =
            entry.stored ? entry.packed.generate_units(layout, entry.stored->units)
                         : entry.packed.generate(layout);
        if (entry.stored) {
            entry.expansion = storage::expand_code(entry.stored->plan,
                                                   entry.stored->units,
                                                   entry.layer.name,
                                                   generate::Scheduling::List);
            traces::write_file(expansion_source(folder, entry.layer), entry.expansion->assembly);
        }
        entry.counts = lowered.counts;
        if (entry.stored) {
            entry.scheduled_cycles +=
                entry.stored->calls() * entry.expansion->cycles +
                std::max(entry.stored->calls(), entry.runs()) * lowered.cycles;
        } else {
            entry.scheduled_cycles += entry.runs() * lowered.cycles;
        }
        traces::write_file(generated_source(folder, entry.layer),
                           generated_header(entry.run(), entry.packed) + lowered.assembly);
    });
}

void emit(const Firmware& firmware,
          const BuildOptions& options,
          std::span<const std::uint8_t> input,
          const std::string& script) {
    std::vector<EmittedLayer> layers;
    for (std::size_t i = 0; i < firmware.layers.size(); ++i) {
        const FirmwareLayer& entry = firmware.layers[i];
        layers.push_back({&entry.layer,
                          &entry.packed,
                          entry.stored ? &*entry.stored : nullptr,
                          entry.strips ? &*entry.strips : nullptr,
                          output_layout(firmware.layers, i)});
        traces::write_file(
            options.directory / (entry.layer.name + (entry.stored ? ".stored" : ".weights")),
            std::span<const std::uint8_t>(entry.stored ? entry.stored->bytes
                                                       : entry.packed.weights));
    }
    traces::write_file(options.directory / "network.c",
                       network_source(firmware.network, layers, firmware.memory, options.calls));
    traces::write_file(
        options.directory / "constants.S",
        constants_source(firmware.network, layers, firmware.memory, options.constants_in_ram));
    traces::write_file(options.directory / "input.bin", arrange_input(firmware, input));
    traces::write_file(options.directory / "link.ld", script);
    traces::write_file(options.directory / "sections.ld",
                       traces::read_text(device_directory() / "device" / "sections.ld"));
}

// The objects of the layers and of the emitted sources.
std::vector<fs::path> network_jobs(const Firmware& firmware,
                                   const fs::path& folder,
                                   std::vector<CompileJob>& jobs) {
    const std::size_t before = jobs.size();
    // A watched function must return where it was called, not where its caller was.
    jobs.push_back(
        {folder / "network.c", folder / "network.o", {}, {}, {"-fno-optimize-sibling-calls"}});
    jobs.push_back({folder / "constants.S", folder / "constants.o", {}, {folder}, {}});
    for (std::size_t i = 0; i < firmware.layers.size(); ++i) {
        const FirmwareLayer& entry = firmware.layers[i];
        const Layout layout = output_layout(firmware.layers, i);
        const fs::path object = folder / ("kernel_" + entry.layer.name + ".o");
        if (entry.packed.generate) {
            jobs.push_back({generated_source(folder, entry.layer), object, {}, {}, {}});
        } else {
            jobs.push_back({device_directory() / entry.packed.source,
                            object,
                            kernel_defines(entry.run(), entry.packed, layout),
                            {},
                            {}});
        }
        if (entry.stored) {
            jobs.push_back({expansion_source(folder, entry.layer),
                            folder / ("expand_" + entry.layer.name + ".o"),
                            {},
                            {},
                            {}});
        }
        for (const generate::Lowered& copy : entry.copies) {
            jobs.push_back(
                {folder / (copy.symbol + ".s"), folder / (copy.symbol + ".o"), {}, {}, {}});
        }
        if (entry.layer.pool != Pool::None) {
            jobs.push_back({pool_source(folder, entry.layer),
                            folder / ("pool_" + entry.layer.name + ".o"),
                            {},
                            {},
                            {}});
        }
    }
    std::vector<fs::path> objects;
    for (std::size_t i = before; i < jobs.size(); ++i) objects.push_back(jobs[i].object);
    return objects;
}

void compile_all(const Firmware& firmware,
                 const BuildOptions& options,
                 std::vector<fs::path>& objects) {
    const bool shared = !options.shared_objects.empty();
    std::vector<CompileJob> jobs;
    {
        // Several builds at once may share these.
        static std::mutex mutex;
        const std::lock_guard lock(mutex);
        if (shared) fs::create_directories(options.shared_objects);
        objects = shared_objects(shared ? options.shared_objects : options.directory, jobs);
        if (shared) {
            compile(jobs, options.parallel);
            jobs.clear();
        }
    }
    const std::vector<fs::path> own = network_jobs(firmware, options.directory, jobs);
    compile(jobs, options.parallel);
    objects.insert(objects.end(), own.begin(), own.end());
}

void measure_sizes(Firmware& firmware, const fs::path& folder) {
    for (FirmwareLayer& entry : firmware.layers) {
        const std::string& name = entry.layer.name;
        entry.code_bytes =
            static_cast<std::uint32_t>(object_size(folder / ("kernel_" + name + ".o")).code);
        if (entry.expansion) entry.code_bytes += entry.expansion->code_bytes;
        for (const generate::Lowered& copy : entry.copies) entry.code_bytes += copy.code_bytes;
        if (entry.layer.pool != Pool::None) {
            entry.code_bytes +=
                static_cast<std::uint32_t>(object_size(folder / ("pool_" + name + ".o")).code);
        }
    }
    for (const Section& section : read_sections(firmware.elf)) {
        if (section.has_content) firmware.flash_bytes += section.bytes;
        if (section.executable) firmware.code_bytes += section.bytes;
        if (section.writable && section.name != ".stack") firmware.ram_bytes += section.bytes;
    }
    firmware.activation_bytes = firmware.memory.arena_bytes;
}

}  // namespace

Layout output_layout(std::span<const FirmwareLayer> layers, std::size_t i) {
    if (i + 1 == layers.size()) return Layout::Planar;
    const FirmwareLayer& reader = layers[i + 1];
    if (reader.layer.shape.kind == traces::LayerKind::FullyConnected) return Layout::Planar;
    return find_kernel(reader.packed.kernel).input_layout();
}

void write_sources(Firmware& firmware,
                   const BuildOptions& options,
                   std::span<const std::uint8_t> input,
                   const std::string& script) {
    emit(firmware, options, input, script);
    generate_kernels(firmware, options.directory, options.parallel);
}

void build_sources(Firmware& firmware, const BuildOptions& options) {
    std::vector<fs::path> objects;
    compile_all(firmware, options, objects);
    firmware.elf = options.directory / "network.elf";
    link(objects, options.directory / "link.ld", firmware.elf);
    measure_sizes(firmware, options.directory);
}

}  // namespace mixq::kernels
