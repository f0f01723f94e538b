#include "base/unicode.hpp"

#include "base/json.hpp"

#include <doctest/doctest.h>

using namespace ar;

TEST_CASE("CharactersAreReadOneByOne") {
  std::u32string codes;
  std::string_view text = "a\u00E9\u20AC\U0001F680\xFF\xE2\x82";
  for (Symbol symbol; !text.empty(); text.remove_prefix(symbol.bytes)) codes += (symbol = first_symbol(text)).code;
  CHECK(codes == U"a\u00E9\u20AC\U0001F680\uFFFD\uFFFD\uFFFD");
}

TEST_CASE("Utf8IsCheckedStrictly") {
  CHECK(is_utf8("plain"));
  CHECK(is_utf8("\xF0\x9F\x8E\x89 \xE2\x9C\x93"));
  CHECK_FALSE(is_utf8("\xC0\xAF"));          // overlong
  CHECK_FALSE(is_utf8("\xED\xA0\x80"));      // surrogate
  CHECK_FALSE(is_utf8("\xF4\x90\x80\x80"));  // past U+10FFFF
  CHECK_FALSE(is_utf8("cut \xE2\x9C"));
}

TEST_CASE("ATextIsCutBetweenItsCharacters") {
  std::string_view const text = "a\u00E9\u20AC";
  std::string_view const whole[] = {"", "a", "a", "a\u00E9", "a\u00E9", "a\u00E9", text, text};
  for (std::size_t most = 0; most < std::size(whole); ++most) CHECK(cut_utf8(text, most) == whole[most]);
  CHECK(cut_utf8("\x80\x80", 1).empty());
}

TEST_CASE("WhatSteersATerminalIsKnownAtItsBorders") {
  for (char32_t const code : {0x7F, 0x80, 0x9B, 0x9F, 0x2028, 0x202E, 0x2066, 0x2069})
    CHECK_MESSAGE(steers_display(code), code);
  for (char32_t const code : {0x7E, 0xA0, 0x2027, 0x202F, 0x2065, 0x206A, 0x200D})
    CHECK_MESSAGE(!steers_display(code), code);
}

TEST_CASE("WhatNobodySeesIsKnown") {
  for (char32_t const code : {0x80, 0x061C, 0x200E, 0x200F, 0x2028, 0x2069, 0xFEFF})
    CHECK_MESSAGE(is_unseen(code), code);
  for (char32_t const code : {0x061B, 0x200D, 0x2010, 0xFEFE, 0x5D0}) CHECK_MESSAGE(!is_unseen(code), code);
}

TEST_CASE("JsonIsShownWithoutWhatSteersATerminal") {
  json const value = {{"text", "a\x7F\u009B31m \u202E \u2028 \u00E9 \033"}};
  auto const shown = shown_json(to_text(value));
  CHECK(shown == "{\"text\":\"a\\u007f\\u009b31m \\u202e \\u2028 \u00E9 \\u001b\"}");
  CHECK(*parse_json(shown) == value);
}
