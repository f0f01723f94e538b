#include "base/base64.hpp"

#include <doctest/doctest.h>

using namespace ar;

TEST_CASE("Base64.IsThatOfItsStandard") {
  struct {
    char const *bytes, *text;
  } const rows[] = {{"", ""},
                    {"f", "Zg=="},
                    {"fo", "Zm8="},
                    {"foo", "Zm9v"},
                    {"foob", "Zm9vYg=="},
                    {"fooba", "Zm9vYmE="},
                    {"foobar", "Zm9vYmFy"}};
  for (auto const& row : rows) {
    CHECK(base64_encode(row.bytes) == row.text);
    CHECK(base64_decode(row.text) == row.bytes);
  }
}

TEST_CASE("Base64.TakesBytesOfEveryKindAndLength") {
  std::string bytes;
  for (int i = 0; i < (4 << 20); ++i) bytes += static_cast<char>(i * 7 + i / 251);
  for (std::size_t length : {std::size_t{1}, std::size_t{3U << 20}, (std::size_t{3U << 20}) + 1, bytes.size()}) {
    auto const piece = bytes.substr(0, length);
    CHECK((base64_decode(base64_encode(piece)) == piece));
  }
}

TEST_CASE("Base64.RefusesWhatIsNone") {
  for (char const* text : {"Z", "Zg", "Zg=", "Zg===", "=Zg=", "Z=g=", "Zm 9", " Zm9", "Zm9v\n", "Zm9-", "Zm9_", "===="})
    CHECK_FALSE(base64_decode(text));
}
