#include "base/http/seats.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

using namespace ar;
using http::Seats;

namespace {

/// A door of eight connections.
struct Door {
  http::Limits limits = [] {
    http::Limits few;
    few.connections = 8;
    few.reserve = 0;
    return few;
  }();
  Seats seats{limits};
  std::vector<std::unique_ptr<Seats::Seat>> taken;
  int sent_away = 0;

  bool come(std::string const& address) {
    if (!seats.make_room(address)) return false;
    taken.push_back(std::make_unique<Seats::Seat>(seats, address, [this] { ++sent_away; }, [] {}));
    return true;
  }
  void all_ask() {
    for (auto& seat : taken) (void)seat->take({});
  }
};

}  // namespace

TEST_CASE("OneAddressHasHalfOfADoor") {
  Door door;
  for (int i = 0; i < 4; ++i) CHECK(door.come("192.0.2.1"));
  CHECK(door.sent_away == 0);
  SUBCASE("who has its half sends its own away, and nobody else's") {
    CHECK(door.come("192.0.2.1"));
    CHECK(door.sent_away == 1);
    for (int i = 0; i < 4; ++i) CHECK(door.come("192.0.2.2"));
    CHECK(door.sent_away == 1);
  }
  SUBCASE("while all of its half are busy it gets none, and others do") {
    door.all_ask();
    CHECK_FALSE(door.come("192.0.2.1"));
    CHECK(door.come("192.0.2.2"));
  }
  SUBCASE("clients of this machine share no address") {
    Door local;
    for (int i = 0; i < 8; ++i) CHECK(local.come(""));
    CHECK(local.sent_away == 0);
    local.all_ask();
    CHECK_FALSE(local.come(""));
  }
}
