// A run's state on disk, replaced as a whole after every epoch.
#pragma once

#include <filesystem>
#include <string>

#include "nas/training.h"

namespace mixq::nas {

// `run` says which run this is (space, data, options): a checkpoint of another is refused.
void write_checkpoint(const std::filesystem::path& path,
                      const std::string& run,
                      TrainingState& state);

// Throws std::invalid_argument if the checkpoint is of another run, std::runtime_error if it cannot
// be read.
void read_checkpoint(const std::filesystem::path& path,
                     const std::string& run,
                     TrainingState& state);

}  // namespace mixq::nas
