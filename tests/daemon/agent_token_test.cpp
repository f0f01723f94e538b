#include "daemon/agent/agent_token.hpp"

#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;

namespace {

auto const issued = from_millis(1'700'000'000'000);

AgentToken lasting(milliseconds lifetime) { return {"t", "j", "provider-agent", issued, issued + lifetime}; }
/// From the end back to the renewal.
milliseconds lead(milliseconds lifetime, double random = 0) {
  auto const due = renewal_time(lasting(lifetime), issued, random);
  REQUIRE(due.has_value());
  return issued + lifetime - *due;
}

}  // namespace

TEST_CASE("ATokenIsRenewedAFifthOfItsLifetimeBeforeItsEndWithinAMinuteAndAnHour") {
  CHECK(lead(30min) == 6min);
  CHECK(lead(1min) == 60s);
  CHECK(lead(2min) == 60s);
  CHECK(lead(24h) == 1h);
  CHECK(lead(24h * 365 * 50) == 1h);
}

TEST_CASE("TheJitterOfARenewalIsHalfTheLeadAtMostAndNeverOverThirtySeconds") {
  CHECK(lead(30min, 0.5) == 6min + 15s);
  CHECK(lead(24h, 0.999999) - 1h < 30s);
  CHECK(lead(24h, 0.999999) - 1h > 29s);
  CHECK(lead(2min, 0.5) == 75s);
}

TEST_CASE("WhatHasNoEndOrHasEndedOrIsNoAgentsTokenIsNotRenewed") {
  auto token = lasting(1h);
  CHECK(renewal_time(token, issued + 59min, 0).has_value());
  CHECK_FALSE(renewal_time(token, issued + 1h, 0).has_value());
  token.profile = "operator";
  CHECK_FALSE(renewal_time(token, issued, 0).has_value());
  token.profile = "provider-interactive";
  CHECK(renewal_time(token, issued, 0).has_value());
  token.expires_at.reset();
  CHECK_FALSE(renewal_time(token, issued, 0).has_value());
}

TEST_CASE("ATokenIsGoodUntilItsEndOrItsRevocation") {
  auto token = lasting(1h);
  CHECK(token_problem(token, issued + 1h - 1ms).empty());
  CHECK(token_problem(token, issued + 1h).find("expired") != std::string::npos);
  token.expires_at.reset();
  CHECK(token_problem(token, issued + 1000h).empty());
  token.revoked = true;
  CHECK(token_problem(token, issued).find("revoked") != std::string::npos);
  token = lasting(1h);
  token.revoked = true;
  CHECK_FALSE(renewal_time(token, issued, 0).has_value());
}

TEST_CASE("ATokenIsKeptPrivateAndReadBackWhole") {
  test::TempDir dir;
  auto const agent_dir = dir.path() / "agents" / "a";
  auto const token = lasting(1h);
  REQUIRE(write_agent_token(agent_dir, token).has_value());
  struct stat status{};
  REQUIRE(::stat((agent_dir / "token.json").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  auto const back = read_agent_token(agent_dir);
  REQUIRE(back.has_value());
  CHECK(back->token == "t");
  CHECK(back->jti == "j");
  CHECK(back->issued_at == issued);
  CHECK(back->expires_at == issued + 1h);
  CHECK_FALSE(read_agent_token(dir.path()).has_value());
}
