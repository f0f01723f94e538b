#include "base/http/resolve.hpp"

#include "support/run.hpp"

#include <algorithm>

using namespace ar;
using namespace std::chrono_literals;

TEST_CASE("AnAddressStandsForItselfAndANameForWhatTheSystemSays") {
  net::io_context io(1);
  test::run(io, [&]() -> awaitable<void> {
    for (auto const* text : {"127.0.0.1", "::1", "192.0.2.7"}) {
      auto const found = co_await http::addresses_of(text);
      REQUIRE(found.has_value());
      REQUIRE(found->size() == 1);
      CHECK(found->front().to_string() == text);
    }
    auto const local = co_await http::addresses_of("localhost");
    REQUIRE_MESSAGE(local.has_value(), local.error().message);
    CHECK(std::ranges::all_of(*local, [](auto const& address) { return address.is_loopback(); }));
    for (auto const* bad : {"", "two words", "a..b"}) {
      auto const none = co_await http::addresses_of(bad);
      REQUIRE_FALSE(none.has_value());
      CHECK(none.error().code == "server_unreachable");
    }
  });
}

TEST_CASE("WhoIsCancelledWaitsNoLongerForAName") {
  net::io_context io(1);
  TaskGroup group(io.get_executor(), "lookups");
  test::run(io, [&]() -> awaitable<void> {
    auto look = []() -> awaitable<void> { (void)co_await http::addresses_of("localhost"); };
    for (int i = 0; i < 100; ++i) group.spawn("look " + std::to_string(i), look());
    co_await group.stop();  // some have their answer, and some have not begun
    CHECK(group.size() == 0);
  });
  // What the system still has to say it says to nobody.
}
