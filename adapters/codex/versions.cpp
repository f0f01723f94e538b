#include "adapters/codex/versions.hpp"

#include "adapters/cli_probe.hpp"

#include <array>

namespace ar::adapters::codex {
namespace {

constexpr std::array kRows{
    VersionRow{.seen_in = "0.169.0",
               .max_input_chars = 1'048'576,
               .no_record = "no rollout found",
               .locked = "already has an active writer",
               .not_loaded = "thread not found",
               .draining = "Server is draining",
               .too_large = "exceeds the maximum length",
               .no_active_turn = "no active turn",
               .another_turn = "expected active turn"},
};

}  // namespace

VersionRow const& newest_row() { return kRows.back(); }

VersionRow const& row_for(std::string_view version) { return row_of(kRows, version); }

}  // namespace ar::adapters::codex
