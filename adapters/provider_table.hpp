// What every provider's table in the configuration may hold besides the provider's own options.
#pragma once
#include "base/json.hpp"

namespace ar::adapters {

/// Checks the keys that the daemon itself uses: default_tags, default_capabilities, shutdown_timeout_ms (1 to 60 000),
/// stall_s, at_stall (as in [agents]).
inline void read_daemons_keys(FieldReader& in) {
  (void)in.strings("default_tags");
  (void)in.strings("default_capabilities");
  (void)in.integer("shutdown_timeout_ms", 10'000, 1, 60'000);
  (void)in.integer("stall_s", 600, 0, 7 * 86'400);
  if (auto const at_stall = in.string("at_stall", "tell");
      at_stall != "tell" && at_stall != "interrupt" && at_stall != "restart")
    in.fail("at_stall", "at_stall is \"" + at_stall + "\"; use one of: tell, interrupt, restart");
}

}  // namespace ar::adapters
