// The token file: what is wrong with it costs no token, and what was renewed reaches it.
#include "relay/remote/own_token.hpp"

#include "base/paths.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/io_context.hpp>

#include <fstream>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::remote;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct Lab {
  test::TempDir folder;
  net::io_context io;
  fs::path file = folder.path() / "keys" / "token";
  int renewals = 0;
  milliseconds lifetime = 1h;
  std::optional<Error> fault{};
  OwnToken token{
      io.get_executor(), file, [] { return 0.5; }, {[this] { return ask(); }, [this] { return renew(); }, [] {}}};

  Lab() {
    fs::create_directories(file.parent_path());
    put("first\n");
    REQUIRE(token.read().has_value());
  }
  void put(std::string const& text) { std::ofstream(file, std::ios::trunc) << text; }
  std::string in_file() {
    auto const text = read_file(file, 1000);
    return text ? *text : std::string();
  }
  TokenInfo info() const {
    TokenInfo info;
    info.jti = "jti";
    info.profile = "provider-agent";
    info.expires_at = wall_now() + lifetime;
    return info;
  }
  awaitable<Result<TokenInfo>> ask() { co_return info(); }
  awaitable<Result<IssuedToken>> renew() {
    ++renewals;
    if (fault) co_return *fault;
    co_return IssuedToken{"renewed", info()};
  }
};

}  // namespace

TEST_CASE("AGarbledTokenFileLeavesTheTokenInUse") {
  Lab lab;
  for (char const* text : {"", "\n", "bad\x01token\n", "tok\xc3\xa9n\n"}) {
    lab.put(text);
    CHECK(lab.token.read().has_error());
    CHECK(lab.token.secret() == "first");
  }
  lab.put("second\n");
  CHECK(lab.token.read().has_value());
  CHECK(lab.token.secret() == "second");
}

TEST_CASE("ARenewedTokenThatCouldNotBeWrittenIsWrittenAMinuteLater") {
  ManualClock clock;
  Lab lab;
  TaskGroup tasks(lab.io.get_executor(), "token");
  tasks.spawn("token", lab.token.keep_fresh());
  test::advance(lab.io, clock, 1s);
  fs::remove_all(lab.file.parent_path());
  test::advance(lab.io, clock, 50min);
  CHECK(lab.renewals == 1);
  CHECK(lab.token.secret() == "renewed");
  CHECK(lab.in_file().empty());
  fs::create_directories(lab.file.parent_path());
  test::advance(lab.io, clock, 61s);
  CHECK(lab.in_file() == "renewed\n");
  CHECK(lab.renewals == 1);
  test::run(lab.io, [&]() -> awaitable<void> { co_await tasks.stop(); });
}

TEST_CASE("ARenewalIsDueAFifthBeforeTheEndLessAJitter") {
  auto const now = from_millis(1'700'000'000'000);
  // From the end back to the renewal.
  auto const lead = [&](milliseconds left, double random) { return now + left - renewal_due(now, now + left, random); };
  CHECK(lead(5min, 0) == 60s);
  CHECK(lead(3min, 0) == 60s);
  CHECK(lead(30min, 0) == 6min);
  CHECK(lead(5h, 0) == 1h);
  CHECK(lead(24h * 365 * 50, 0) == 1h);
  CHECK(lead(3min, 0.5) == 75s);
  CHECK(lead(24h, 0.5) == 1h + 15s);
  CHECK(lead(24h, 0.99999) < 1h + 30s);
  CHECK(lead(24h, 0.99999) > 1h + 29s);
  // Never sooner than in a second, however little is left.
  for (auto const left : {milliseconds(61s), milliseconds(60s), milliseconds(1s), milliseconds(0), milliseconds(-1h)})
    CHECK(renewal_due(now, now + left, 0) == now + 1s);
}

TEST_CASE("ARenewalThatFailsIsTriedAgainEveryMinute") {
  ManualClock clock;
  Lab lab;
  lab.fault = unavailable("away", "the relay is away");
  TaskGroup tasks(lab.io.get_executor(), "token");
  tasks.spawn("token", lab.token.keep_fresh());
  test::advance(lab.io, clock, 0s);
  // An hour's token, with half of the jitter: due 12 min and 15 s before its end.
  test::advance(lab.io, clock, 1h - 12min - 15s - 1ms);
  CHECK(lab.renewals == 0);
  test::advance(lab.io, clock, 1ms);
  CHECK(lab.renewals == 1);
  for (int tries = 1; tries < 4; ++tries) {
    test::advance(lab.io, clock, 60s - 1ms);
    CHECK(lab.renewals == tries);
    test::advance(lab.io, clock, 1ms);
    CHECK(lab.renewals == tries + 1);
  }
  lab.fault.reset();
  test::advance(lab.io, clock, 60s);
  CHECK(lab.token.secret() == "renewed");
  test::run(lab.io, [&]() -> awaitable<void> { co_await tasks.stop(); });
}

TEST_CASE("ATokenThatLastsLessThanItsLeadIsRenewedOnceASecondAndNoSooner") {
  ManualClock clock;
  Lab lab;
  lab.lifetime = 30s;
  TaskGroup tasks(lab.io.get_executor(), "token");
  tasks.spawn("token", lab.token.keep_fresh());
  test::advance(lab.io, clock, 0s);
  for (int renewals = 0; renewals < 5; ++renewals) {
    test::advance(lab.io, clock, 1s - 1ms);
    REQUIRE(lab.renewals == renewals);
    test::advance(lab.io, clock, 1ms);
    REQUIRE(lab.renewals == renewals + 1);
  }
  test::run(lab.io, [&]() -> awaitable<void> { co_await tasks.stop(); });
}
