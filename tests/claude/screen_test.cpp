// The screens in screens/ were captured from the real CLI (2.1.197, 120x40, `tmux capture-pane -p -e`).
#include "adapters/claude/screen.hpp"

#include "adapters/cli_probe.hpp"
#include "base/paths.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace ar;
using namespace ar::adapters;
using namespace ar::adapters::claude;

namespace {

Screen recorded(std::string const& name) {
  auto const text = read_file(std::string(AR_SOURCE_DIR) + "/tests/claude/screens/" + name + ".txt", 1U << 20);
  REQUIRE(text.has_value());
  Screen screen;
  screen.command = "claude";
  std::istringstream in(*text);
  for (std::string line; std::getline(in, line);) screen.lines.push_back(line);
  return screen;
}

View view_of(std::string const& name) { return read_view(recorded(name), newest_row()); }

}  // namespace

TEST_CASE("AnEmptyComposerIsRecognisedWhateverIsAround") {
  for (auto const* name :
       {"composer_empty", "composer_stashed_empty", "composer_named", "idle_after_turn", "busy_model"}) {
    CAPTURE(name);
    auto const view = view_of(name);
    CHECK(view.kind == View::Kind::composer);
    CHECK(view.text.empty());
    CHECK(view.stashed == (std::string_view(name) == "composer_stashed_empty"));
  }
}

TEST_CASE("AHintInDimLettersIsNoText") {
  auto const view = view_of("busy_queued");
  CHECK(view.kind == View::Kind::composer);
  CHECK(view.text.empty());
  auto without_styles = recorded("busy_queued");
  for (auto& line : without_styles.lines)
    if (line.find("Press up") != std::string::npos || line.find("ress up") != std::string::npos)
      line = "\u276f\u00a0Press up to edit queued messages";
  CHECK(read_view(without_styles, newest_row()).text == "Press up to edit queued messages");
}

TEST_CASE("ADraftIsReadWithItsLinesAndCursor") {
  CHECK(view_of("composer_draft").text == "half typed human");
  CHECK(view_of("busy_queued_draft").text == "draft while busy");
  CHECK(view_of("composer_slash_popup").text == "/");
  auto const wrapped = view_of("composer_long_wrapped");
  CHECK(shows_only(wrapped, std::string(700, 'x'), newest_row()));
  CHECK_FALSE(shows_only(wrapped, std::string(699, 'x'), newest_row()));
}

TEST_CASE("ACollapsedPasteIsOursOnlyAloneAndWithTheRightNumberOfLines") {
  auto const lines = view_of("composer_draft_multiline");  // "[Pasted text #1 +5 lines]"
  CHECK(shows_only(lines, "1\n2\n3\n4\n5\n6", newest_row()));
  CHECK_FALSE(shows_only(lines, "1\n2\n3\n4\n5", newest_row()));
  auto const one_line = view_of("composer_collapsed");  // "[Pasted text #2]"
  CHECK(shows_only(one_line, std::string(1700, 'x'), newest_row()));
  auto const mixed = view_of("composer_collapsed_and_more");
  CHECK_FALSE(shows_only(mixed, std::string(1700, 'x'), newest_row()));
  CHECK(shows_among_others(mixed, std::string(1700, 'x'), newest_row()));
}

TEST_CASE("ShellModeIsNoComposer") {
  for (auto const* name : {"composer_bash", "composer_bash_text"}) CHECK(view_of(name).kind == View::Kind::shell_mode);
}

TEST_CASE("WhatStandsInTheComposersPlaceIsNamed") {
  struct Expected {
    char const* file;
    char const* name;
  };
  for (auto const& [file, name] : {Expected{"dialog_permission_bash", "permission prompt"},
                                   {"dialog_permission_write", "permission prompt"},
                                   {"dialog_question", "question"},
                                   {"dialog_model", "model menu"},
                                   {"dialog_help", "dialog"},
                                   {"transcript_view", "transcript view"},
                                   {"search_history", "prompt search"},
                                   {"rewind", "rewind menu"},
                                   {"agents_view", "agents view"},
                                   {"start_trust", "trust this folder"},
                                   {"start_api_key", "use the API key of the environment"},
                                   {"start_bypass", "accept Bypass Permissions mode"},
                                   {"start_settings_error", "settings error"},
                                   {"start_mcp", "use the project's MCP server"},
                                   {"start_imports", "allow CLAUDE.md imports"},
                                   {"start_onboarding", "onboarding without a connection"}}) {
    CAPTURE(file);
    auto const view = view_of(file);
    CHECK(view.kind == View::Kind::overlay);
    CHECK(view.name == name);
  }
}

TEST_CASE("AConversationCannotPoseAsAComposerOrADialog") {
  auto screen = recorded("idle_after_turn");
  // What a message or the model writes is indented, or has a plain blank behind the glyph.
  screen.lines.insert(screen.lines.begin(), {"  \u276f\u00a0typed?", "  " + std::string(3 * 20, '-'),
                                             "\u276f Do you want to proceed?", "  Esc to cancel", "\u276f old prompt"});
  auto const view = read_view(screen, newest_row());
  CHECK(view.kind == View::Kind::composer);
  CHECK(view.text.empty());
}

TEST_CASE("AShellLeftBehindAndAnUnknownScreenAreNotTypedInto") {
  Screen shell;
  shell.command = "bash";
  shell.lines = {"$ "};
  CHECK(read_view(shell, newest_row()).kind == View::Kind::left);
  Screen blank;
  blank.command = "claude";
  CHECK(read_view(blank, newest_row()).kind == View::Kind::unclear);
  blank.lines = std::vector<std::string>(40);
  CHECK(read_view(blank, newest_row()).kind == View::Kind::unclear);
}

TEST_CASE("BrokenEscapeSequencesDoNotBreakTheReader") {
  Screen screen;
  screen.lines = {"\033", "\033[", "\033[38;5", "\033[38;5;246m", "\033[999;;;m\u276f\u00a0", "\u2500\u2500\033[2"};
  CHECK(read_view(screen, newest_row()).kind == View::Kind::unclear);
}

TEST_CASE("VersionsAreComparedByNumberAndUnknownOnesUseTheNearestRow") {
  CHECK(compare_numbers("2.1.197", "2.1.9") > 0);
  CHECK(compare_numbers("2.1", "2.1.0") == 0);
  CHECK(compare_numbers("10.0", "9.9.9") > 0);
  CHECK(&row_for("") == &newest_row());
  CHECK(&row_for("99.0.0") == &newest_row());
  CHECK(row_for("1.0").seen_in.size() > 0);
}
