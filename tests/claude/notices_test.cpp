// What becomes of notices that are offered to Claude Code's hook, by a clock of the test's.
#include "adapters/claude/notices.hpp"

#include "support/file_text.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>

using namespace ar;
using adapters::claude::Notices;
using Standing = Notices::Standing;
using namespace std::chrono_literals;

namespace {
Clock::time_point const kStart{1h};
}

TEST_CASE("ANoticeIsGivenOutOnceAndStaysUntilItIsProved") {
  Notices notices;
  CHECK(notices.standing("a") == Standing::unknown);
  CHECK(notices.fetch(kStart).empty());
  notices.offer("a", "first", kStart);
  notices.offer("b", "second", kStart);
  CHECK(notices.wait());
  CHECK(notices.standing("a") == Standing::offered);
  CHECK(notices.fetch(kStart + 1s) == "first\nsecond\n");
  CHECK(notices.fetch(kStart + 1s).empty());  // a bell that was rung twice
  CHECK_FALSE(notices.wait());
  CHECK(notices.standing("a") == Standing::fetched);
  CHECK(notices.is_fresh("a", kStart + 2s));
  CHECK_FALSE(notices.is_fresh("a", kStart + 1s + Notices::kTakenWithin));
  notices.forget("a");
  CHECK(notices.standing("a") == Standing::unknown);
  CHECK(notices.standing("b") == Standing::fetched);
}

TEST_CASE("WhatNobodyFetchesIsTakenBackAndNotGivenOutAfterThat") {
  Notices notices;
  notices.offer("a", "first", kStart);
  notices.offer("b", "second", kStart + 10s);
  CHECK_FALSE(notices.take_back(kStart + Notices::kPatience - 1ms));
  CHECK_FALSE(notices.is_unheard());
  CHECK(notices.take_back(kStart + Notices::kPatience));
  CHECK(notices.is_unheard());
  CHECK(notices.standing("a") == Standing::taken_back);
  CHECK(notices.standing("b") == Standing::taken_back);
  CHECK(notices.fetch(kStart + 1min).empty());  // it is typed by now
  CHECK_FALSE(notices.is_unheard());            // but the CLI does look at its bell
  CHECK_FALSE(notices.take_back(kStart + 2min));
}

TEST_CASE("ASessionThatIsToldOfTheBellAnewIsTriedAnew") {
  Notices notices;
  notices.offer("a", "first", kStart);
  CHECK(notices.take_back(kStart + 1h));
  notices.bell_told();
  CHECK_FALSE(notices.is_unheard());
}

TEST_CASE("OneFetchHoldsSoMuchAndTheNextTheRest") {
  Notices notices;
  std::string const large(Notices::kMostBytes / 2, 'x');
  for (auto const* id : {"a", "b", "c"}) notices.offer(id, large, kStart);
  CHECK(notices.fetch(kStart).size() == large.size() + 1);
  CHECK(notices.standing("b") == Standing::offered);
  CHECK(notices.wait());
  CHECK(notices.fetch(kStart).size() == large.size() + 1);
  notices.offer("d", std::string(2 * Notices::kMostBytes, 'y'), kStart);  // alone it may be larger
  CHECK(notices.fetch(kStart).size() == large.size() + 1);
  CHECK(notices.fetch(kStart).size() == 2 * Notices::kMostBytes + 1);
  CHECK_FALSE(notices.wait());
}

TEST_CASE("ThereIsRoomForSoManyThatAreNotProved") {
  Notices notices;
  for (std::size_t i = 0; i < Notices::kMost; ++i) {
    CHECK(notices.has_room());
    notices.offer(std::to_string(i), "n", kStart);
  }
  CHECK_FALSE(notices.has_room());
  (void)notices.fetch(kStart);
  CHECK_FALSE(notices.has_room());
  notices.forget("7");
  CHECK(notices.has_room());
}

TEST_CASE("TheBellIsTheAgentsOwnFileAndChangesInItsPlace") {
  test::TempDir dir;
  auto const bell = adapters::claude::bell_of(dir.path());
  std::filesystem::create_directories(bell.parent_path());
  REQUIRE(adapters::claude::ring(bell).has_value());
  struct stat first{}, second{};
  REQUIRE(::stat(bell.c_str(), &first) == 0);
  CHECK((first.st_mode & 0777) == 0600);
  auto const before = test::file_text(bell);
  REQUIRE(adapters::claude::ring(bell).has_value());
  REQUIRE(::stat(bell.c_str(), &second) == 0);
  CHECK(first.st_ino == second.st_ino);
  CHECK(test::file_text(bell) != before);
  std::filesystem::remove(bell);
  std::filesystem::create_symlink(dir.path() / "elsewhere", bell);
  CHECK_FALSE(adapters::claude::ring(bell).has_value());
  CHECK_FALSE(std::filesystem::exists(dir.path() / "elsewhere"));
}
