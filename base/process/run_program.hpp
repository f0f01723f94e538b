// Runs a helper program to its end and keeps what it said.
#pragma once
#include "base/async.hpp"
#include "base/process/spawn.hpp"

#include <cstddef>
#include <string>

namespace ar {

struct ProgramOutcome {
  int status = -1;     ///< exit status; not 0 when a signal ended it
  std::string said{};  ///< on stdout and stderr, its first `most_kept` bytes, without the final line ends
};

/// Errors: `timeout` when it has not ended within `patience` (it is killed with all that is in its process group), what
/// spawn says. The spec's `out` and `err` are this function's.
awaitable<Result<ProgramOutcome>> run_program(Executor executor, SpawnSpec spec, Clock::duration patience,
                                              std::size_t most_kept = 4096);

}  // namespace ar
