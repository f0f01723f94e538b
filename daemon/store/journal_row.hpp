// A record of the journal, read back. The disk, or somebody with an editor, may have damaged it.
#pragma once
#include "base/read_json.hpp"

#include <spdlog/spdlog.h>

namespace ar::daemon {

/// What `read` makes of it. A damaged one costs itself, not the daemon: nothing, and a line in the log that says whose
/// it is.
template <class Read>
auto read_row(std::string_view record, std::string const& whose, Read read)
    -> std::optional<std::invoke_result_t<Read&, json const&>> {
  auto value = read_json(record, std::move(read));
  if (value) return std::move(*value);
  spdlog::error("the journal's row of {} cannot be read and is left as it is: {}", whose, value.error().message);
  return std::nullopt;
}

}  // namespace ar::daemon
