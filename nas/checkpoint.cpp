// Checkpoints are LibTorch archives: the network, its optimisers, and the rest as text.
#include "nas/checkpoint.h"

#include <sstream>
#include <stdexcept>

#include "traces/file.h"
#include "traces/table.h"

namespace mixq::nas {

namespace {

std::string joined(const Log& log) {
    std::string text;
    for (const std::string& line : log) {
        text += line + '\n';
    }
    return text;
}

Log split(const std::string& text) {
    std::istringstream lines(text);
    Log log;
    for (std::string line; std::getline(lines, line);) {
        log.push_back(line);
    }
    return log;
}

template <typename T>
void write_part(torch::serialize::OutputArchive& archive, const char* key, const T& part) {
    torch::serialize::OutputArchive inner;
    part.save(inner);
    archive.write(key, inner);
}

template <typename T>
void read_part(torch::serialize::InputArchive& archive, const char* key, T& part) {
    torch::serialize::InputArchive inner;
    archive.read(key, inner);
    part.load(inner);
}

c10::IValue value_of(torch::serialize::InputArchive& archive, const char* key) {
    c10::IValue value;
    archive.read(key, value);
    return value;
}

void read_state(torch::serialize::InputArchive& archive, TrainingState& state) {
    read_part(archive, "net", *state.net);
    read_part(archive, "weights", state.weights);
    read_part(archive, "steps", state.steps);
    read_part(archive, "choices", state.choices);
    state.phase = static_cast<Phase>(value_of(archive, "phase").toInt());
    state.phase_epoch = static_cast<int>(value_of(archive, "phase_epoch").toInt());
    state.lambda = value_of(archive, "lambda").toDouble();
    state.float_accuracy = value_of(archive, "float_accuracy").toDouble();
    state.bits = parse_bits(value_of(archive, "bits").toStringRef());
    state.log = split(value_of(archive, "log").toStringRef());
    state.history = read_history(
        traces::parse_table(value_of(archive, "history").toStringRef(), "checkpoint history"));
    state.points = read_points(
        traces::parse_table(value_of(archive, "points").toStringRef(), "checkpoint points"));
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path,
                      const std::string& run,
                      TrainingState& state) {
    torch::serialize::OutputArchive archive;
    archive.write("run", c10::IValue(run));
    write_part(archive, "net", *state.net);
    write_part(archive, "weights", state.weights);
    write_part(archive, "steps", state.steps);
    write_part(archive, "choices", state.choices);
    archive.write("phase", c10::IValue(static_cast<std::int64_t>(state.phase)));
    archive.write("phase_epoch", c10::IValue(static_cast<std::int64_t>(state.phase_epoch)));
    archive.write("lambda", c10::IValue(state.lambda));
    archive.write("float_accuracy", c10::IValue(state.float_accuracy));
    archive.write("bits", c10::IValue(to_string(state.bits)));
    archive.write("log", c10::IValue(joined(state.log)));
    archive.write("history", c10::IValue(traces::format_table(history_table(state.history))));
    archive.write("points", c10::IValue(traces::format_table(points_table(state.points))));
    std::ostringstream bytes;
    archive.save_to(bytes);
    traces::write_file(path, bytes.str());
}

void read_checkpoint(const std::filesystem::path& path,
                     const std::string& run,
                     TrainingState& state) {
    const std::vector<std::uint8_t> bytes = traces::read_bytes(path);
    std::string of_run;
    try {
        torch::serialize::InputArchive archive;
        archive.load_from(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        of_run = value_of(archive, "run").toStringRef();
        if (of_run == run) {
            read_state(archive, state);
            return;
        }
    } catch (const c10::Error& error) {
        throw std::runtime_error(path.string() + ": not a whole checkpoint (" +
                                 error.what_without_backtrace() + "); remove it and start again");
    }
    throw std::invalid_argument(path.string() + ": is of another run (" + of_run +
                                "), not of this one (" + run +
                                "); give the same options or another -o");
}

}  // namespace mixq::nas
