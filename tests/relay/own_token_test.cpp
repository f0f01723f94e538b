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
  static TokenInfo info() {
    TokenInfo info;
    info.jti = "jti";
    info.profile = "provider-agent";
    info.expires_at = wall_now() + 1h;
    return info;
  }
  awaitable<Result<TokenInfo>> ask() { co_return info(); }
  awaitable<Result<IssuedToken>> renew() {
    ++renewals;
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
