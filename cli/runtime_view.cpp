#include "cli/runtime_view.hpp"

#include "cli/text.hpp"

namespace ar::cli {

bool is_paused(json const& runtime) {
  auto const state = field(runtime, "state");
  return !state.empty() && state != "running";
}

std::string runtime_text(json const& runtime) {
  auto const since = runtime.contains("since") ? time_of(runtime["since"]) : std::nullopt;
  auto const reason = single_line(field(runtime, "reason"));
  return single_line(field(runtime, "state")) + (since ? " for " + age(wall_now() - *since) : "") +
         (reason.empty() ? "" : " (" + reason + ")");
}

}  // namespace ar::cli
