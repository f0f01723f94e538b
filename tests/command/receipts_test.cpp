#include "adapters/command/receipts.hpp"

#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace ar::adapters::command;

TEST_CASE("OnlyAWholeLineThatBeginsWithTheCorrelationIdIsAReceipt") {
  ar::test::TempDir dir;
  auto const file = dir.path() / "receipts";
  CHECK(find_receipt(file, "0123456789") == Receipt::missing);  // nothing taken yet
  std::ofstream(file) << "aaaaaaaaaa 1 more\n0123456789\nx bbbbbbbbbb\ncccccccccc 7\ndddddddddd 8";
  CHECK(find_receipt(file, "aaaaaaaaaa") == Receipt::there);
  CHECK(find_receipt(file, "0123456789") == Receipt::there);
  CHECK(find_receipt(file, "cccccccccc") == Receipt::there);
  CHECK(find_receipt(file, "bbbbbbbbbb") == Receipt::missing);  // not at a line's beginning
  CHECK(find_receipt(file, "dddddddddd") == Receipt::missing);  // cut off
  CHECK(find_receipt(file, "ccccccccc") == Receipt::missing);   // only a part of a word
  CHECK(find_receipt(dir.path(), "0123456789") == Receipt::unreadable);
}

TEST_CASE("ALongRecordIsSearchedAtItsEnd") {
  ar::test::TempDir dir;
  auto const file = dir.path() / "receipts";
  {
    std::ofstream out(file);
    for (int i = 0; i < 500'000; ++i) out << "ffffffffff\n";
    out << "0123456789\n";
  }
  CHECK(find_receipt(file, "0123456789") == Receipt::there);
  CHECK(find_receipt(file, "ffffffffff") == Receipt::there);
}
