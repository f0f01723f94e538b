// Copies a file that others may be writing: what is kept is a state that it had.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "daemon/outputs/output_file.hpp"

#include <cstdint>
#include <stop_token>
#include <string>

namespace ar::daemon {

struct StableCopy {
  std::string sha256;
  std::int64_t bytes = 0;
  std::string stamp;  ///< empty: it was written so shortly before that another change may not show in it
  WallTime modified_at;
};

/// Blocks. `into`: an open file, empty; after an error it may hold anything. `most`: bytes. Errors have a reason of
/// MissingOutput's as their code.
Result<StableCopy> copy_stable(FoundOutput const& file, int into, std::int64_t most, std::stop_token const& stop);

}  // namespace ar::daemon
