#include "adapters/claude/versions.hpp"

#include "adapters/cli_probe.hpp"

#include <array>

namespace ar::adapters::claude {
namespace {

using Kind = KnownScreen::Kind;

// The first match names the screen: the particular ones stand before the general ones.
constexpr std::array kScreens{
    KnownScreen{"Yes, I trust this folder", Kind::dialog, "trust this folder"},
    KnownScreen{"Detected a custom API key in your environment", Kind::dialog, "use the API key of the environment"},
    KnownScreen{"running in Bypass Permissions mode", Kind::dialog, "accept Bypass Permissions mode"},
    KnownScreen{"New MCP server found in this project", Kind::dialog, "use the project's MCP server"},
    KnownScreen{"Allow external CLAUDE.md file imports?", Kind::dialog, "allow CLAUDE.md imports"},
    KnownScreen{"WARNING: Loading development channels", Kind::dialog, "load development channels"},
    KnownScreen{"Settings Error", Kind::dialog, "settings error"},
    KnownScreen{"Unable to connect to Anthropic services", Kind::dialog, "onboarding without a connection"},
    KnownScreen{"Choose the text style", Kind::dialog, "onboarding"},
    KnownScreen{"Stop and wait for limit to reset", Kind::limit, "usage limit menu"},
    KnownScreen{"Showing detailed transcript", Kind::transcript, "transcript view"},
    KnownScreen{"search prompts:", Kind::search, "prompt search"},
    KnownScreen{"Search prompts", Kind::dialog, "prompt search"},
    KnownScreen{"Restore the code and/or conversation to the point before", Kind::rewind, "rewind menu"},
    KnownScreen{"describe a task for a new session", Kind::agents, "agents view"},
    KnownScreen{"Held message from another session", Kind::dialog, "message of another session"},
    KnownScreen{"Session paused", Kind::dialog, "paused session"},
    KnownScreen{"This session belongs to another account", Kind::dialog, "session of another account"},
    KnownScreen{"Do you want to ", Kind::dialog, "permission prompt"},
    KnownScreen{"Enter to select", Kind::dialog, "question"},
    KnownScreen{"Select model", Kind::dialog, "model menu"},
    KnownScreen{"Enter to confirm", Kind::dialog, "dialog"},
    KnownScreen{"Esc to cancel", Kind::dialog, "dialog"},
    KnownScreen{"Esc to go back", Kind::dialog, "settings screen"},
    KnownScreen{"Esc to close", Kind::dialog, "settings screen"},
};

constexpr VersionRow kMeasuredFirst{.seen_in = "2.1.197",
                                    .prompt_glyph = "\u276f\u00a0",
                                    .shell_glyph = "!\u00a0",
                                    .collapsed = "[Pasted text #",
                                    .collapse_newlines = 3,
                                    .stashed = "\u203a stashed",
                                    .stashed_above = false,
                                    .screens = kScreens,
                                    .stash_key = "C-s",
                                    .clear_line_key = "C-u",
                                    .interrupt_key = "Escape",
                                    .max_enters = 3,
                                    .enter_patience = milliseconds(500),
                                    .stuck_start = milliseconds(10'000),
                                    .wraps_pastes = false,
                                    .edits_prompts = false,
                                    .snapshots_instructions = false,
                                    .has_socket = false};

/// Each row is the one before it and what has changed since.
constexpr auto kRows = [] {
  std::array<VersionRow, 6> rows{};
  rows[0] = kMeasuredFirst;
  rows[1] = rows[0];
  rows[1].seen_in = "2.1.265";
  rows[1].stashed_above = true;
  rows[1].snapshots_instructions = true;
  rows[2] = rows[1];
  rows[2].seen_in = "2.1.277";
  rows[2].edits_prompts = true;
  rows[3] = rows[2];
  rows[3].seen_in = "2.1.326";
  rows[3].stashed = "draft stashed";
  rows[4] = rows[3];
  rows[4].seen_in = "2.1.328";
  rows[4].wraps_pastes = true;
  rows[5] = rows[4];
  rows[5].seen_in = "2.1.332";
  rows[5].has_socket = true;
  return rows;
}();

}  // namespace

VersionRow const& newest_row() { return kRows.back(); }

bool is_measured(std::string_view version) {
  return !version.empty() && compare_numbers(version, newest_row().seen_in) <= 0;
}

VersionRow const& row_for(std::string_view version) { return row_of(kRows, version); }

}  // namespace ar::adapters::claude
