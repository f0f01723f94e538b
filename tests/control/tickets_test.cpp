#include "control/tickets.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::control;
using namespace std::chrono_literals;

namespace {
Principal const the_operator{Principal::Kind::operator_};
Principal const agent_a{Principal::Kind::agent, "a"};
}  // namespace

TEST_CASE("ATicketStandsOnceForWhoAsked") {
  ManualClock clock;
  Limits const limits;
  Tickets tickets(limits);
  auto const issued = tickets.issue({agent_a, "a"});
  CHECK(issued.secret.size() == 64);
  CHECK(issued.expires_at == wall_now() + 30s);
  auto const grant = tickets.redeem(issued.secret);
  REQUIRE(grant.has_value());
  CHECK(grant->who == agent_a);
  CHECK(grant->agent == "a");
  for (auto const& bad : {issued.secret, std::string("unknown"), std::string()}) {
    CHECK(tickets.redeem(bad).error().code == "bad_ticket");
    CHECK(tickets.redeem(bad).error().kind == ErrorKind::unauthorized);
  }
}

TEST_CASE("ATicketExpires") {
  ManualClock clock;
  Limits const limits;
  Tickets tickets(limits);
  auto const early = tickets.issue({the_operator}), late = tickets.issue({the_operator});
  clock.advance(30s - 1ns);
  CHECK(tickets.redeem(early.secret).has_value());
  clock.advance(1ns);
  CHECK_FALSE(tickets.redeem(late.secret).has_value());
}

TEST_CASE("APrincipalHasSoManyTicketsAtATime") {
  ManualClock clock;
  Limits limits;
  limits.tickets = 2;
  Tickets tickets(limits);
  auto const first = tickets.issue({the_operator});
  clock.advance(10s);
  (void)tickets.issue({the_operator});
  CHECK(tickets.wait_of(the_operator) == 20s);
  CHECK(tickets.wait_of(agent_a) == 0s);
  CHECK(tickets.redeem(first.secret).has_value());
  CHECK(tickets.wait_of(the_operator) == 0s);
  (void)tickets.issue({the_operator});
  CHECK(tickets.wait_of(the_operator) == 30s);
  clock.advance(30s);
  CHECK(tickets.wait_of(the_operator) == 0s);
}
