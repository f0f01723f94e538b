#include "adapters/codex/versions.hpp"

#include "adapters/cli_probe.hpp"

#include <array>

namespace ar::adapters::codex {
namespace {

// 0.171.0 behaves in all of this as 0.169.0 does: it is a row for `doctor`.
constexpr auto kRows = [] {
  std::array rows{VersionRow{.seen_in = "0.169.0",
                             .no_record = "no rollout found",
                             .locked = "already has an active writer",
                             .not_loaded = "thread not found",
                             .too_large = "exceeds the maximum length",
                             .no_active_turn = "no active turn",
                             .another_turn = "expected active turn"},
                  VersionRow{}};
  rows[1] = rows[0];
  rows[1].seen_in = "0.171.0";
  return rows;
}();

}  // namespace

VersionRow const& newest_row() { return kRows.back(); }

VersionRow const& row_for(std::string_view version) { return row_of(kRows, version); }

}  // namespace ar::adapters::codex
