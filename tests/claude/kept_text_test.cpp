// Which texts Claude Code 2.1.277 and newer would change: the code points are those that were seen to go, sent one by
// one between two letters.
#include "adapters/claude/kept_text.hpp"

#include "adapters/claude/prompt_text.hpp"
#include "support/invisible.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::adapters;
using namespace ar::adapters::claude;
using test::utf8;

namespace {

Prompt prompt_of(std::string body, std::filesystem::path const& folder) {
  Prompt prompt;
  prompt.message_id = 7;
  prompt.correlation_id = "0123456789";
  prompt.from = "alice";
  prompt.kind = "chat";
  prompt.body = std::move(body);
  prompt.body_file = folder / "body";
  return prompt;
}

}  // namespace

TEST_CASE("EveryCharacterThatIsTakenOutIsKnownAndNoOtherBesideIt") {
  for (auto const& [first, last] : test::kInvisibleRanges) {
    for (auto point = first; point <= last; ++point) {
      CAPTURE(std::uint32_t(point));
      CHECK_FALSE(is_kept("a" + utf8(point) + "b"));
      CHECK_FALSE(is_kept(utf8(point)));
      CHECK(kept_form("a" + utf8(point) + "b", "_") == "a_b");
    }
    for (auto const point : {first - 1, last + 1}) {
      CAPTURE(std::uint32_t(point));
      CHECK(is_kept("a" + utf8(point) + "b"));
    }
  }
  CHECK(is_kept(""));
  CHECK(is_kept("grüße, 日本語, עברית \u00a0\u2009\u3000\u2800\ufffc\ufffd\ue000 e\u0301 \U0001F642"));
  CHECK(is_kept("no UTF-8: \x80 \xe2\x80"));
}

TEST_CASE("JoinersAndStylesAreKeptWithinEmojisOnly") {
  for (auto const* text : {"\u2764\ufe0f", "\U0001F469\u200d\U0001F469\u200d\U0001F467", "\u2764\ufe0f\u200d\U0001F525",
                           "\U0001F469\U0001F3FD\u200d\U0001F4BB", "\U0001F3F3\ufe0f\u200d\U0001F308",
                           "\U0001F469\u200d\u2764\ufe0f\u200d\U0001F469", "x\u26a0\ufe0fx"}) {
    CAPTURE(text);
    CHECK(is_kept(text));
  }
  for (auto const* text : {"a\ufe0f", "\u2190\ufe0f", "\u4e00\ufe0f", "\u2764\ufe0e", "\u2764\ufe0f\ufe0f", "\ufe0f",
                           "\u200d\U0001F467", "\U0001F469\u200d", "\U0001F469\u200da", "a\u200d\U0001F467",
                           "\u4e00\u200d\u4e00", "\U0001F469\u200d\u200d\U0001F467", "1\ufe0f\u20e3"}) {
    CAPTURE(text);
    CHECK_FALSE(is_kept(text));
  }
}

TEST_CASE("ATagOfClaudeCodesOwnIsKnownInAnyCase") {
  for (auto const* text :
       {"<pasted_content>", "see </PASTED_content id", "< pasted_Content", "pasted_content", "<pasted-content>"}) {
    CHECK_FALSE(is_kept(text));
    CHECK(is_kept(kept_form(text, "_")));
  }
  for (auto const* text : {"pasted the content", "pasted_conten", "paste_content"}) CHECK(is_kept(text));
}

TEST_CASE("WhatANewVersionChangesGoesAsAFileThereAndInlineWhereItIsKept") {
  test::TempDir dir;
  auto const as_file = [&](std::string const& body, char const* version) {
    auto const typed = typed_form(prompt_of(body, dir.path()), dir.path(), dir.path(), row_for(version));
    return typed.as_file;
  };
  for (std::string const body : {"zero\u200bwidth", "\ufeffmark", "a\u2028b", "<pasted_content id=\"1\">"}) {
    CAPTURE(body);
    for (auto const* version : {"2.1.277", "2.1.332", "2.1.999"}) CHECK(as_file(body, version));
    for (auto const* version : {"2.1.197", "2.1.276"}) CHECK_FALSE(as_file(body, version));
  }
  for (auto const* version : {"2.1.197", "2.1.332"}) CHECK_FALSE(as_file("\u2764\ufe0f", version));
}

TEST_CASE("AHeaderHoldsNothingThatIsTakenOut") {
  test::TempDir dir;
  auto prompt = prompt_of("hi", dir.path());
  prompt.from = "b\u200bob";
  prompt.subject = "\u2764\ufe0f <pasted_content>";
  prompt.attachments = {"a\u00adb.txt"};
  auto const typed = typed_form(prompt, dir.path(), dir.path(), newest_row());
  CHECK(is_kept(typed.text));
  CHECK(typed.text.find("from b_ob ") != std::string::npos);
  CHECK(typed.text.find("\"\u2764 <paste-d_content>\"") != std::string::npos);
}
