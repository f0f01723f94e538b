#include "cli/text.hpp"

#include "base/http_error.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/message_view.hpp"
#include "cli/table.hpp"

#include <climits>
#include <doctest/doctest.h>

using namespace ar;
using namespace ar::cli;

TEST_CASE("WidthsCountColumnsNotBytes") {
  use_utf8();
  CHECK(display_width("abc") == 3);
  CHECK(display_width("żółw") == 4);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("🚀") == 2);
  CHECK(display_width("\xff\xfe") == 2);
  CHECK(cut_to_width("日本語", 5) == "日本…");
  CHECK(cut_to_width("日本語", 4) == "日…");
  CHECK(cut_to_width("abc", 3) == "abc");
  CHECK(cut_to_width("abc", 0).empty());
}

TEST_CASE("TextOfAgentsCannotSteerTheTerminal") {
  use_utf8();
  CHECK(printable("a\033[2Jb\n\tc") == "a␛[2Jb\n\tc");
  CHECK(printable("\u009b31m") == "\uFFFD31m");
  CHECK(printable("x\u202Ey") == "x\uFFFDy");
  CHECK(printable("bad\xff") == "bad\uFFFD");
  CHECK(printable("\x7f") == "␡");
  CHECK(single_line("  two\nlines\t ") == "two lines");
}

TEST_CASE("AgesDurationsAndSizesAreShort") {
  CHECK(age(milliseconds(-5)) == "0s");
  CHECK(age(milliseconds(59'999)) == "59s");
  CHECK(age(std::chrono::minutes(3)) == "3m");
  CHECK(age(std::chrono::hours(47)) == "47h");
  CHECK(age(std::chrono::hours(49)) == "2d");
  CHECK(duration(milliseconds(45)) == "45 ms");
  CHECK(duration(milliseconds(3'250)) == "3.2 s");
  CHECK(duration(milliseconds(125'000)) == "2m 05s");
  CHECK(duration(milliseconds(3'780'000)) == "1h 03m");
  CHECK(size_text(512) == "512B");
  CHECK(size_text(1234) == "1.2K");
  CHECK(size_text(34 << 20) == "34M");
  CHECK(size_text((1LL << 30) * 11 / 10) == "1.1G");
  CHECK(size_text(1'048'575) == "1.0M");
}

TEST_CASE("DurationsAreReadStrictly") {
  CHECK(*parse_duration("250ms") == milliseconds(250));
  CHECK(*parse_duration("30") == milliseconds(30'000));
  CHECK(*parse_duration("5m") == std::chrono::minutes(5));
  CHECK(*parse_duration("2h") == std::chrono::hours(2));
  CHECK(*parse_duration("1000000000000ms") == milliseconds(1'000'000'000'000));
  CHECK(*parse_duration("1d") == std::chrono::hours(24));
  for (auto const* wrong : {"", "m", "-5s", "5 m", "5mm", "1.5h", "99999999999999999999", "999999999999d",
                            "9223372036854775807", "9223372036854775807ms", "106751991168d", "1000000000001ms"})
    CHECK_MESSAGE(!parse_duration(wrong).has_value(), wrong);
}

TEST_CASE("TimesOfTheApiAreReadInBothForms") {
  CHECK(to_millis(*time_of("2023-11-14T22:13:20.123Z")) == 1'700'000'000'123);
  CHECK(to_millis(*time_of(1'700'000'000'123)) == 1'700'000'000'123);
  CHECK(!time_of("yesterday").has_value());
  CHECK(!time_of(json()).has_value());
  CHECK(!time_of("2023-13-45T00:00:00Z").has_value());
}

TEST_CASE("TablesAreAligned") {
  use_utf8();
  Table table({{"NAME", false, 6}, {"N", true}, {"TEXT"}});
  table.add({"日本", "7", "short"});
  table.add({"abcdefghij", "1234", "a\nb \033[31m"});
  table.add({"", "", ""});
  CHECK(table.text(0, false) ==
        "NAME       N  TEXT\n"
        "日本       7  short\n"
        "abcde…  1234  a b ␛[31m\n"
        "-          -  -\n");
  CHECK(table.text(24, false).find("abcde…  1234  a b ␛[31m\n") != std::string::npos);
  Table narrow({{"A"}, {"B"}});
  narrow.add({"x", "a long text at the end"});
  CHECK(narrow.text(14, false) == "A  B\nx  a long tex…\n");
}

TEST_CASE("NarrowTerminalsKeepTheWordsAndLeaveOutNumbers") {
  Table table({{"NAME"}, {.header = "MEMORY", .right = true, .rank = 1}, {.header = "ID", .rank = 2}, {"WHY"}});
  table.add({"alice", "300M", "0123456789", "a person is typing at the terminal"});
  CHECK(table.text(70, false).find("0123456789") != std::string::npos);
  CHECK(table.text(50, false) ==
        "NAME   MEMORY  WHY\n"
        "alice    300M  a person is typing at the terminal\n");
  CHECK(table.text(41, false) ==
        "NAME   WHY\n"
        "alice  a person is typing at the terminal\n");
  CHECK(table.text(20, false) == "NAME   WHY\nalice  a person is …\n");
  CHECK(table.text(0, false).find("0123456789") != std::string::npos);
}

TEST_CASE("WordsForAShellAreQuotedWhereTheyMustBe") {
  CHECK(shell_word("/tmp/state-1") == "/tmp/state-1");
  CHECK(shell_word("/tmp/my state") == "'/tmp/my state'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(shell_word("") == "''");
}

TEST_CASE("ColourStandsAroundThePaddedText") {
  Table table({{"A"}, {"B"}});
  table.add({{"x", Colour::red}, "y"});
  CHECK(table.text(0, true) == "\033[2mA\033[0m  \033[2mB\033[0m\n\033[31mx\033[0m  y\n");
  CHECK(paint("", Colour::red, true).empty());
}

TEST_CASE("ExitStatusSaysWhatKindOfFailureItWas") {
  CHECK(exit_status(http::error_kind(400)) == 2);
  CHECK(exit_status(http::error_kind(401)) == 4);
  CHECK(exit_status(http::error_kind(403)) == 4);
  CHECK(exit_status(http::error_kind(404)) == 3);
  CHECK(exit_status(http::error_kind(409)) == 4);
  CHECK(exit_status(http::error_kind(413)) == 4);
  CHECK(exit_status(http::error_kind(408)) == 5);
  CHECK(exit_status(http::error_kind(504)) == 5);
  CHECK(exit_status(http::error_kind(500)) == 1);
  CHECK(exit_status(http::error_kind(503)) == 1);
}

TEST_CASE("MessageNumbersAndEnvironmentWordsAreChecked") {
  CHECK(message_id("42").has_value());
  for (auto const* wrong : {"", "x", "4 2", "-1", "12345678901234567890", "1/../2"})
    CHECK_MESSAGE(!message_id(wrong).has_value(), wrong);
  CHECK((*environment_input({"A=1", "B=x=y", "C="}))["B"] == "x=y");
  CHECK(!environment_input({"A"}).has_value());
  CHECK(!environment_input({"=x"}).has_value());
}

TEST_CASE("AFailedDeliveryIsNotASuccess") {
  auto const status = [](json const& deliveries) {
    return outcome_of({{"id", 1}, {"deliveries", deliveries}}, true).status;
  };
  CHECK(status(json::array()) == exit_done);
  CHECK(status({{{"agent", "a"}, {"state", "done"}}}) == exit_done);
  for (auto const* state : {"failed", "refused", "unknown", "unverified"})
    CHECK_MESSAGE(status({{{"agent", "a"}, {"state", "done"}}, {{"agent", "b"}, {"state", state}}}) == exit_failed,
                  state);
  CHECK(status({{{"agent", "a"}, {"state", "done"}, {"outcome", "interrupted"}}}) == exit_failed);
  // Of an agent that another daemon has, or that is gone, its reply tells.
  auto const without_delivery = [](json const& payload) {
    json const reply = {{"body", "its words"}, {"payload", payload}};
    return outcome_of({{"id", 1}, {"deliveries", json::array()}, {"readBy", {"a"}}, {"replies", {reply}}}, true);
  };
  for (auto const* outcome : {"failed", "refused", "removed", "dead"}) {
    auto const told = without_delivery({{"outcome", outcome}});
    CHECK_MESSAGE(told.status == exit_failed, outcome);
    CHECK(told.remark == "its words");
  }
  CHECK(without_delivery({{"finalText", true}}).status == exit_done);
  CHECK(without_delivery({{"finalText", true}, {"outcome", "cut"}}).status == exit_done);
}

TEST_CASE("ALifeShowsEachStepAndHowLongItTook") {
  use_utf8();
  json const message = {{"id", 42},
                        {"deliveries",
                         {{{"agent", "alice"},
                           {"state", "unknown"},
                           {"reason", "no proof"},
                           {"attempts", 2},
                           {"screen", "\033[1mprompt>\nsecond"},
                           {"steps",
                            {{{"step", "queued"}, {"at", "2023-11-14T22:13:20.000Z"}},
                             {{"step", "claimed"}, {"at", "2023-11-14T22:13:20.003Z"}},
                             {{"step", "submitted"}, {"at", "2023-11-14T22:13:23.503Z"}}}}}}}};
  auto const life = life_text(message, false);
  CHECK(life.find("alice: unknown (no proof), attempt 2\n") == 0);
  CHECK(life.find("+0 ms  queued\n") != std::string::npos);
  CHECK(life.find("+3 ms  claimed      after 3 ms\n") != std::string::npos);
  CHECK(life.find("+3.5 s  submitted    after 3.5 s\n") != std::string::npos);
  CHECK(life.find("  | ␛[1mprompt>\n  | second\n") != std::string::npos);
}

TEST_CASE("AnAnswerIsFromWhomTheMessageWasFor") {
  json const plain = {{"to", "bob"}, {"deliveries", json::array()}};
  CHECK(is_answer(plain, {{"from", "bob"}}));
  CHECK_FALSE(is_answer(plain, {{"from", "alice"}}));
  json const group = {{"to", "tag:t"}, {"readBy", {"carol"}}, {"deliveries", {{{"agent", "bob"}}}}};
  for (auto const* member : {"bob", "carol"}) CHECK(is_answer(group, {{"from", member}}));
  for (auto const* other : {"alice", "", "tag:t2"}) CHECK_FALSE(is_answer(group, {{"from", other}}));
}
