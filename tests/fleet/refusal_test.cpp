// The black hole: an agent whose model refuses everything at once must neither burn the queue nor attract it. Two
// queues with scripted providers, on each of the three buses.
#include "base/ids.hpp"
#include "base/paths.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/agent/descriptor_budget.hpp"
#include "daemon/agent/restart_policy.hpp"
#include "daemon/config/config.hpp"
#include "daemon/delivery_world.hpp"
#include "daemon/store/known_store.hpp"
#include "relay/nats/nats_bus.hpp"
#include "relay/nats/nats_server.hpp"
#include "relay/remote/remote_bus.hpp"
#include "relay/server/relay_server.hpp"

using namespace ar;
using namespace ar::test::delivery;
using relay::test::NatsServer;

namespace {

constexpr std::size_t kJobs = 40;

TurnEnded refused() {
  TurnEnded end;
  end.outcome = TurnEnded::Outcome::failed;
  end.error_kind = "usage_limit";
  end.error = "You've hit your usage limit.";
  end.did_nothing = true;
  end.resets_at = wall_now() + 3h;
  return end;
}

/// Every turn ends at once, and is over before the proof is there that it took the message.
void answer_with(World& w, TurnEnded const& end) {
  w.session.before_proof = [&w, end] {
    w.queue->outcomes().on_turn_started();
    w.queue->outcomes().on_turn_ended(end);
  };
}

/// `one` is limited, `two` is well. A single lease is all that a message has: what is lost is lost for good.
awaitable<void> black_hole(World& one, World& two) {
  answer_with(one, refused());
  TurnEnded well;
  well.final_text = "done";
  answer_with(two, well);
  co_await one.load();
  std::vector<MessageId> jobs;
  auto const send = [&](std::size_t count) -> awaitable<void> {
    for (std::size_t i = 0; i < count; ++i)
      jobs.push_back(co_await one.send([](NewMessage& m) {
        m.to = "tag:q";
        m.claimable = true;
      }));
  };
  // The limited one is alone at first, and takes what it can get.
  co_await send(kJobs / 2);
  CHECK(co_await one.until([&] { return one.queue->outcomes().hold().is_on(); }));
  co_await two.load();
  co_await send(kJobs - jobs.size());
  auto const all_done = [&] { return two.session.handed.size() >= kJobs && two.queue->open().empty(); };
  CHECK(co_await two.until(all_done, 60s));
  CHECK(one.session.handed.size() == 1);
  CHECK(two.session.handed.size() == kJobs);
  for (auto const id : jobs) {
    auto const message = co_await two.bus->message(id);
    REQUIRE(message.has_value());
    CHECK(message->read_by == std::vector<std::string>{two.who.agent_id});
    CHECK((co_await two.bus->claim(id, "other")).error().code == "finished");
  }
  CHECK((co_await two.bus->dead_letters())->empty());
  CHECK(one.queue->held_reason().find("tried again at") != std::string::npos);
}

relay::BusLimits limits() {
  relay::BusLimits limits;
  limits.max_deliveries = 1;
  return limits;
}

Identity agent(std::string id) {
  Identity who;
  who.agent_id = std::move(id);
  who.tags = {"q"};
  return who;
}

}  // namespace

TEST_CASE("ALimitedAgentNeitherBurnsNorAttractsWorkOnTheEmbeddedBus") {
  test::TempDir first, second;
  net::io_context io(1);
  std::shared_ptr<relay::Bus> const bus =
      *relay::EmbeddedBus::open(io.get_executor(), first.path() / "relay.db", limits());
  World one(io, first.path(), bus, agent("limited")), two(io, second.path(), bus, agent("well"));
  auto const story = [&]() -> awaitable<void> {
    co_await black_hole(one, two);
    co_await one.end();
    co_await two.end();
  };
  test::run(io, story, 60s);
}

TEST_CASE("ALimitedAgentNeitherBurnsNorAttractsWorkOnARemoteRelay") {
  test::TempDir first, second;
  net::io_context io(1);
  auto const store = *relay::EmbeddedBus::open(io.get_executor(), first.path() / "store.db", limits());
  relay::RelayServer server(io.get_executor(), *store, {});
  auto const port = server.open_tcp("127.0.0.1", 0, {});
  REQUIRE(port.has_value());
  relay::RemoteConfig config;
  config.url = "http://127.0.0.1:" + std::to_string(*port);
  config.token_file = first.path() / "token";
  test::run(io, [&]() -> awaitable<void> {
    TokenScope scope;
    scope.rights = {"*"};
    auto const token = co_await store->issue_token("operator", scope, std::nullopt);
    REQUIRE(token.has_value());
    REQUIRE(write_file(config.token_file, token->token).has_value());
  });
  auto const client = [&](std::string instance) -> std::shared_ptr<relay::RemoteBus> {
    config.instance_id = std::move(instance);
    return *relay::RemoteBus::open(io.get_executor(), config);
  };
  auto const here = client("here"), there = client("there");
  World one(io, first.path(), here, agent("limited")), two(io, second.path(), there, agent("well"));
  auto const story = [&]() -> awaitable<void> {
    CHECK(co_await here->reach(10s));
    CHECK(co_await there->reach(10s));
    co_await black_hole(one, two);
    co_await one.end();
    co_await two.end();
    co_await server.stop();
    co_await store->stop();
  };
  test::run(io, story, 60s);
}

TEST_CASE("ALimitedAgentNeitherBurnsNorAttractsWorkOverNats") {
  if (!NatsServer::installed()) {
    MESSAGE("skipped: nats-server is not installed");
    return;
  }
  NatsServer server;
  test::TempDir first, second;
  net::io_context io(1);
  auto const client = [&]() -> std::shared_ptr<relay::NatsBus> {
    return *relay::NatsBus::open(io.get_executor(), server.options(), limits());
  };
  auto const here = client(), there = client();
  World one(io, first.path(), here, agent("limited")), two(io, second.path(), there, agent("well"));
  auto const story = [&]() -> awaitable<void> {
    CHECK((co_await here->ready()).has_value());
    CHECK((co_await there->ready()).has_value());
    co_await black_hole(one, two);
    co_await one.end();
    co_await two.end();
  };
  test::run(io, story, 120s);
}
