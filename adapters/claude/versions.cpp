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
    KnownScreen{"Showing detailed transcript", Kind::transcript, "transcript view"},
    KnownScreen{"search prompts:", Kind::search, "prompt search"},
    KnownScreen{"Restore the code and/or conversation to the point before", Kind::rewind, "rewind menu"},
    KnownScreen{"describe a task for a new session", Kind::agents, "agents view"},
    KnownScreen{"Do you want to ", Kind::dialog, "permission prompt"},
    KnownScreen{"Enter to select", Kind::dialog, "question"},
    KnownScreen{"Select model", Kind::dialog, "model menu"},
    KnownScreen{"Enter to confirm", Kind::dialog, "dialog"},
    KnownScreen{"Esc to cancel", Kind::dialog, "dialog"},
};

constexpr std::array kRows{
    VersionRow{.seen_in = "2.1.197",
               .prompt_glyph = "\u276f\u00a0",
               .shell_glyph = "!\u00a0",
               .collapsed = "[Pasted text #",
               .collapse_newlines = 3,
               .stashed = "\u203a stashed",
               .screens = kScreens,
               .stash_key = "C-s",
               .clear_line_key = "C-u",
               .interrupt_key = "Escape",
               .max_enters = 3,
               .enter_patience = milliseconds(500),
               .stuck_start = milliseconds(10'000)},
};

}  // namespace

VersionRow const& newest_row() { return kRows.back(); }

VersionRow const& row_for(std::string_view version) { return row_of(kRows, version); }

}  // namespace ar::adapters::claude
