#include "terminal/tmux/control_parser.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace ar::terminal;
using Kind = ControlEvent::Kind;

TEST_CASE("ARepliesBodyMayHoldLinesThatLookLikeAnEnd") {
  ControlParser parser;
  auto const events = parser.feed(
      "%begin 17 5 1\n%end 17 4 1\n%error 17 5 0\n%begin 1 2 3\n%output %1 x\n%end 17 5 "
      "1\n%sessions-changed\n");
  REQUIRE(events.size() == 2);
  CHECK(events[0].kind == Kind::reply);
  CHECK(events[0].ok);
  CHECK(events[0].ours);
  CHECK(events[0].text == "%end 17 4 1\n%error 17 5 0\n%begin 1 2 3\n%output %1 x\n");
  CHECK(events[1].kind == Kind::notification);
  CHECK(events[1].text == "%sessions-changed");
}

TEST_CASE("AFencedScreenIsOneReplyWhateverItShows") {
  auto const fence = fence_of("s3cret-");
  CHECK(fence.around("capture-pane -p") ==
        "display-message -p s3cret-open ; capture-pane -p ; display-message -p s3cret-close");
  auto const stream = [&](std::string const& screen) {
    return "%begin 1 2 1\ns3cret-open\n%end 1 2 1\n%begin 1 3 1\n" + screen + "%end 1 3 1\n%begin 1 4 1\n" +
           "s3cret-close\n%end 1 4 1\n%begin 1 5 1\ns3cret-17\n%end 1 5 1\n%sessions-changed\n";
  };
  for (std::string const screen :
       {"plain\n\n", "%end 1 3 1\n%output %5 forged\n", "%end 1 3 1\n%begin 1 4 1\nclose\n%end 1 4 1\n", "",
        "%error 1 3 1\n%begin 1 4 1\n%begin 1 4 1\n", "%end 1 2 1\n%exit\nopen\n"}) {
    CAPTURE(screen);
    ControlParser parser("s3cret-");
    auto const events = parser.feed(stream(screen));
    REQUIRE(events.size() == 3);
    CHECK(events[0].kind == Kind::reply);
    CHECK(events[0].ok);
    CHECK(events[0].ours);
    CHECK(events[0].text == screen);
    CHECK(events[1].text == "s3cret-17\n");
    CHECK(events[2].kind == Kind::notification);
  }
  // Refused: no screen and no closing word, and what came before the call's end is told.
  ControlParser parser("s3cret-");
  auto const events = parser.feed(
      "%begin 1 2 1\ns3cret-open\n%end 1 2 1\n%begin 1 3 1\ncan't find pane: %9\n%error 1 3 1\n"
      "%output %4 x\n%begin 1 4 1\ns3cret-18\n%end 1 4 1\n");
  REQUIRE(events.size() == 4);
  CHECK_FALSE(events[1].ok);
  CHECK(events[1].text == "can't find pane: %9\n");
  CHECK(events[2].text == "%output %4 x");
  CHECK(events[3].text == "s3cret-18\n");
  // One without an end costs no memory, and is followed as soon as it ends.
  ControlParser endless("s3cret-");
  endless.feed("%begin 1 2 1\ns3cret-open\n%end 1 2 1\n%begin 1 3 1\n");
  for (int i = 0; i < 40; ++i) endless.feed(std::string(1U << 20, 'x') + "\n");
  auto const last =
      endless.feed("%end 1 3 1\n%begin 1 4 1\ns3cret-close\n%end 1 4 1\n%begin 1 5 1\nnext\n%end 1 5 1\n");
  REQUIRE(last.size() == 2);
  CHECK(last[0].text.size() <= (16U << 20));
  CHECK(last[1].text == "next\n");
}

TEST_CASE("ErrorsAndTheClientsOwnFirstReplyAreToldApart") {
  ControlParser parser;
  auto const events = parser.feed("%begin 1 2 0\n%end 1 2 0\n%begin 1 3 1\ncan't find pane: %9\n%error 1 3 1\n");
  REQUIRE(events.size() == 2);
  CHECK_FALSE(events[0].ours);
  CHECK(events[1].ours);
  CHECK_FALSE(events[1].ok);
  CHECK(events[1].text == "can't find pane: %9\n");
}

TEST_CASE("ByteByByteIsTheSameAsAtOnce") {
  std::string const stream =
      "no server running on /x\n%begin 1 2 1\n\nline\n%end 1 2 1\n%output %3 a\\012b\n\n%begin x\n%begin 1  "
      "1\n";
  auto const whole = ControlParser().feed(stream);
  ControlParser parser;
  std::vector<ControlEvent> pieces;
  for (char const c : stream)
    for (auto& event : parser.feed(std::string_view(&c, 1))) pieces.push_back(std::move(event));
  REQUIRE(pieces.size() == whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    CHECK(pieces[i].kind == whole[i].kind);
    CHECK(pieces[i].text == whole[i].text);
  }
  CHECK(whole[0].kind == Kind::stray);
  CHECK(whole[1].text == "\nline\n");
}

TEST_CASE("JunkAndHugeLinesAreSurvivedAndTheNextReplyIsUnderstood") {
  std::mt19937 random(7);
  ControlParser parser;
  for (int round = 0; round < 200; ++round) {
    std::string junk;
    for (int i = 0; i < 500; ++i) junk += static_cast<char>(random() % 256);
    for (auto const* piece : {"%begin ", "%end ", "%error 1 1 1\n", "%begin 1 1 1", "\n"})
      if (random() % 3 == 0) junk.insert(random() % junk.size(), piece);
    parser.feed(junk);
  }
  parser.feed("\n%end 1 1 1\n%error 1 1 1\n");
  ControlParser fresh;
  std::string const huge(40U << 20, 'x');
  fresh.feed("%begin 9 9 1\n");
  fresh.feed(huge);
  auto const events = fresh.feed("\nafter\n%end 9 9 1\n%begin 9 10 1\nnext\n%end 9 10 1\n");
  REQUIRE(events.size() == 2);
  CHECK(events[0].text.size() <= (16U << 20));
  CHECK(events[1].text == "next\n");
}

TEST_CASE("QuotingKeepsACommandOnOneLineAndNothingIsExpanded") {
  CHECK(tmux_quote("plain 'text'") == "\"plain 'text'\"");
  CHECK(tmux_quote("a\"b\\c$HOME") == "\"a\\\"b\\\\c\\$HOME\"");
  CHECK(tmux_quote("l1\nl2\t\x1b[201~\x7f") == "\"l1\\012l2\\011\\033[201\\176\\177\"");
  CHECK(tmux_quote("é\xff") == "\"é\\377\"");
  CHECK(tmux_quote("~/x") == "\"\\176/x\"");
}

TEST_CASE("OutputIsDecodedByteByByte") {
  CHECK(decode_output("a\\012b\\134c\\033[1m\xc3\xa9") == "a\nb\\c\x1b[1m\xc3\xa9");
  CHECK(decode_output("\\") == "\\");
  CHECK(decode_output("\\9x\\01") == "\\9x\\01");
  CHECK(decode_output("\\377\\000") == std::string("\xff\0", 2));
}
