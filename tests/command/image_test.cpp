#include "adapters/image.hpp"

#include <doctest/doctest.h>

#include <string>

using ar::adapters::is_image;
using namespace std::string_literals;

TEST_CASE("AnImageIsToldByItsFirstBytes") {
  CHECK(is_image("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s));
  CHECK(is_image("\xff\xd8\xff\xe0\0\x10JFIF"s));
  CHECK(is_image("GIF87a"));
  CHECK(is_image("GIF89a\x01"));
  CHECK(is_image("RIFF\x24\0\0\0WEBPVP8 "s));
  for (auto const& other :
       {""s, "\x89PNG"s, "\xff\xd8"s, "GIF88a"s, "RIFF"s, "RIFF\x24\0\0\0"s, "RIFF\x24\0\0\0WAVEfmt "s, "BM\x36\0"s,
        "II*\0"s, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"s, "%PDF-1.7"s, " GIF89a"s})
    CHECK_FALSE_MESSAGE(is_image(other), other);
}
