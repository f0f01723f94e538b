#include "relay/uploads.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace std::chrono_literals;
using relay::Uploads;

TEST_CASE("WhatAnAgentStoresInADayIsBounded") {
  ManualClock clock;
  Uploads uploads({.bytes = 1000, .files = 3, .time = 24h});
  std::vector<std::string> const alice{"alice"}, bob{"bob"};
  uploads.note(alice, "f", 400);
  uploads.note_message(alice, 300);
  clock.advance(12h);
  for (int i = 0; i < 10; ++i) uploads.note_message(alice, 10);
  CHECK(uploads.check_room(alice, 200).has_value());
  auto const full = uploads.check_room(alice, 201);
  REQUIRE(full.has_error());
  CHECK(full.error().code == "quota");
  CHECK(uploads.check_room(bob, 1000).has_value());
  CHECK(uploads.check_room({}, 5000).has_value());  // the operator, another daemon
  clock.advance(12h);
  CHECK(uploads.check_room(alice, 900).has_value());
  CHECK(uploads.check_room(alice, 901).has_error());
  CHECK_FALSE(uploads.has(alice, "f"));
  for (auto const* id : {"a", "b", "c"}) uploads.note(bob, id, 1);
  CHECK(uploads.check_room(bob, 1).has_error());  // so many files
  CHECK(uploads.check_room(bob, 1, Uploads::What::message).has_value());
  CHECK(uploads.has(bob, "a"));
  CHECK_FALSE(uploads.has(alice, "a"));
}
