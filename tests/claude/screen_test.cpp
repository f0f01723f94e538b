// The screens in screens/ were captured from the real CLI (2.1.197 or as their names say, 120x40,
// `tmux capture-pane -p -e`).
#include "adapters/claude/screen.hpp"

#include "adapters/cli_probe.hpp"
#include "base/paths.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace ar;
using namespace ar::adapters;
using namespace ar::terminal;
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

/// A screen whose name starts with a version is read by that version's row.
View view_of(std::string const& name) {
  auto const version = name.starts_with("2.") ? name.substr(0, name.find('_')) : "2.1.197";
  return read_view(recorded(name), row_for(version));
}

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

TEST_CASE("ADraftThatWasSetAsideIsSeenWhereverTheVersionAndItsRendererShowIt") {
  for (auto const* name : {"2.1.265_stashed_fullscreen", "2.1.332_stashed_default", "2.1.332_stashed_fullscreen"}) {
    CAPTURE(name);
    auto const view = view_of(name);
    CHECK(view.kind == View::Kind::composer);
    CHECK(view.text.empty());
    CHECK(view.stashed);
  }
  auto const draft = view_of("2.1.332_stashed_draft_fullscreen");
  CHECK(draft.text == "more");
  CHECK(draft.stashed);
  // The words elsewhere in that line are the conversation's.
  auto screen = recorded("2.1.332_stashed_fullscreen");
  for (auto& line : screen.lines)
    if (line.find("draft stashed") != std::string::npos) line += "  I said";
  CHECK_FALSE(read_view(screen, newest_row()).stashed);
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

TEST_CASE("WordsBeforeACollapsedPasteAreOursHoweverTheyAreWrapped") {
  View view{.kind = View::Kind::composer, .text = "Some words of ours:[Pasted\ntext #3 +4 lines]"};
  std::string const pasted = "1\n2\n3\n4\n5", words = "Some words of ours:";
  CHECK(shows_only(view, pasted, newest_row(), words));
  CHECK_FALSE(shows_only(view, pasted, newest_row()));
  CHECK_FALSE(shows_only(view, pasted + "\n", newest_row(), words));
  CHECK_FALSE(shows_among_others(view, pasted, newest_row(), words));
  CHECK(shows_among_others(view, pasted, newest_row()));
  CHECK(shows_words(view, words, newest_row()));
  CHECK_FALSE(shows_words(view, "Other words", newest_row()));
  view.text += " and I say";
  CHECK_FALSE(shows_only(view, pasted, newest_row(), words));
  CHECK_FALSE(shows_words(view, words, newest_row()));
  CHECK(shows_among_others(view, pasted, newest_row(), words));
  view.text = words;
  CHECK(shows_words(view, words, newest_row()));
  CHECK_FALSE(shows_only(view, pasted, newest_row(), words));
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
                                   {"start_onboarding", "onboarding without a connection"},
                                   {"2.1.332_start_trust", "trust this folder"},
                                   {"2.1.332_start_onboarding", "onboarding"},
                                   {"2.1.332_permission", "permission prompt"},
                                   {"2.1.332_search_fullscreen", "prompt search"},
                                   {"2.1.332_settings", "settings screen"}}) {
    CAPTURE(file);
    auto const view = view_of(file);
    CHECK(view.kind == View::Kind::overlay);
    CHECK(view.name == name);
  }
}

TEST_CASE("TheMenuOfAUsedUpAccountIsKnownByWhatItOffers") {
  for (auto const* file : {"limit", "2.1.332_limit", "2.1.332_limit_credits"}) {
    CAPTURE(file);
    auto const view = view_of(file);
    CHECK(view.kind == View::Kind::limit);
    CHECK(is_covered(view));
    CHECK(obstacle_of(view) == "the usage limit menu is open");
  }
  // What stands in the conversation above another dialog is not offered.
  for (auto const* file : {"2.1.332_permission", "dialog_model", "dialog_question"}) {
    auto screen = recorded(file);
    std::string const quoted[] = {"  \u276f 1. Stop and wait for limit to reset",
                                  "  Enter to confirm \u00b7 Esc to cancel"};
    screen.lines.insert(screen.lines.begin(), std::begin(quoted), std::end(quoted));
    CHECK(read_view(screen, newest_row()).kind == View::Kind::overlay);
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

TEST_CASE("TheQuestionsOfNewerVersionsAreNamed") {
  struct Expected {
    char const* text;
    char const* name;
  };
  for (auto const& [text, name] : {Expected{"Held message from another session", "message of another session"},
                                   {"Session paused", "paused session"},
                                   {"This session belongs to another account", "session of another account"}}) {
    Screen screen;
    screen.command = "claude";
    screen.lines = {std::string("  ") + text, "  Do you want to go on?", "  Esc to cancel"};
    CHECK(obstacle_of(read_view(screen, newest_row())) == "the " + std::string(name) + " is open");
  }
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
  CHECK(row_for("1.0").seen_in == "2.1.197");
  CHECK(row_for("2.1.264").seen_in == "2.1.197");
  CHECK(row_for("2.1.276").seen_in == "2.1.265");
  CHECK(row_for("2.1.331").stashed == newest_row().stashed);
  CHECK(newest_row().seen_in == "2.1.332");
}

TEST_CASE("TheLineOfARetryIsReadAndNoOtherThatLooksLikeIt") {
  auto const retry = retry_on(recorded("2.1.332_retrying"));
  REQUIRE(retry.has_value());
  CHECK(retry->attempt == 5);
  CHECK(retry->most == 10);
  CHECK(retry->error == "529 stub failure 529");
  CHECK(retry->error_kind == "overloaded");
  Screen screen;
  screen.lines = {"✻ API error · Retrying in 16s · attempt 6/10", "", "❯ "};
  CHECK(retry_on(screen)->attempt == 6);
  CHECK(retry_on(screen)->error_kind == "");
  screen.lines = {"✻ 503 no upstream · retrying in 1s · attempt 2/10"};
  CHECK(retry_on(screen)->error_kind == "server_error");
  screen.lines = {"✻ Unable to connect to API · retrying in 1s · attempt 2/10"};
  CHECK(retry_on(screen)->error_kind == "connection_failed");
  for (auto const* line :
       {"✻ Sautéing… (20s)", "  ✻ 529 · retrying in 9s · attempt 5/10", "❯ 529 · retrying in 9s · attempt 5/10",
        "✻ 529 · retrying in 9s", "✻ 529 · retrying in 9s · attempt x/y"}) {
    screen.lines = {line};
    CHECK_FALSE_MESSAGE(retry_on(screen).has_value(), line);
  }
}
