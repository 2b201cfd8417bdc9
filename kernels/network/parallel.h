// Independent pieces of work on a few threads.
#pragma once

#include <cstddef>
#include <functional>

namespace mixq::kernels {

// Runs work(0) .. work(count - 1). A piece that throws keeps the rest from being begun; of several exceptions that of the first
// piece comes out here.
void in_parallel(std::size_t count, int threads, const std::function<void(std::size_t)>& work);

}  // namespace mixq::kernels
