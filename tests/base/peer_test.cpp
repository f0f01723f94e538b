#include "base/peer.hpp"

#include "support/listener.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

using namespace ar;

TEST_CASE("AServerOfAnotherUserIsNotObeyed") {
  auto const other = ::geteuid() + 7;
  CHECK(check_peer_user(::geteuid(), "/s").has_value());
  CHECK(check_peer_user(0, "/s").has_value());
  auto const refused = check_peer_user(other, "/run/s.sock");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "foreign_server");
  for (auto const& part : {std::string("/run/s.sock"), std::to_string(other)})
    CHECK_MESSAGE(refused.error().message.find(part) != std::string::npos, refused.error().message);
}

TEST_CASE("ASocketIsLookedAtBeforeAnotherProgramUsesIt") {
  test::TempDir temp;
  CHECK(check_server(temp.path() / "none").error().code == "no_server");
  test::Listener const ours(temp.path() / "s");
  CHECK(check_server(temp.path() / "s").has_value());
  CHECK(check_server("/" + std::string(200, 'x')).error().kind == ErrorKind::invalid);
}
