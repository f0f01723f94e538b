// What becomes of messages and work when a server dies or hangs, a reader is slow, pushes come twice or in disorder, a
// daemon dies with work in hand, a clock is wrong. Each test prints what was sent, received, lost and doubled.
#include "relay/nats/envelope.hpp"
#include "relay/nats/jetstream.hpp"
#include "relay/nats/live.hpp"
#include "relay/nats/names.hpp"

#include <thread>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;
namespace nats = ar::relay::nats;

TEST_CASE("ServerKilledAndRestartedLosesAndDoublesNothing") {
  NatsServer server;
  net::io_context io;
  LiveBus sender(io, server.options()), reader(io, server.options());
  std::set<MessageId> hinted;
  BusHints hints;
  hints.message = [&](Message const& message) { hinted.insert(message.id); };
  (void)reader.insist([&] { return reader->ready(); });
  auto const subscription = reader->subscribe(agent("worker"), "", std::move(hints));
  Presence presence;
  presence.identity = agent("worker");
  presence.instance_id = "i";
  presence.status = "starting";
  (void)sender.insist([&] { return sender->register_agent(presence); });
  Figures figures;
  send_all(sender, figures, 200, [&] {
    server.kill();
    sender.wait_state("backoff");
    auto const begun = std::chrono::steady_clock::now();
    auto const refused = sender.get(sender->send(numbered(9999)));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::unavailable);
    for (char const* status : {"busy", "idle", "error"})
      CHECK_FALSE(sender.get(sender->publish_status("worker", status, true, json::object())).has_value());
    CHECK(std::chrono::steady_clock::now() - begun < 1s);
    server.start();
  });
  read_all(reader, figures);
  CHECK(hinted.size() == 200);
  // Of the statuses that could not be told, the newest was told when the server was back.
  CHECK(reader.insist([&] { return reader->agents(); })->at(0).status == "error");
  CHECK(sender->transport_state() == "connected");
  figures.report("server killed and restarted");
}

TEST_CASE("ServerThatHangsMakesCallsFailInTimeAndGoesOn") {
  NatsServer server;
  net::io_context io;
  LiveBus sender(io, server.options()), reader(io, server.options());
  Figures figures;
  send_all(sender, figures, 100, [&] {
    server.pause();
    auto const begun = std::chrono::steady_clock::now();
    auto const refused = sender.get(sender->send(numbered(50)));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::unavailable);
    CHECK(std::chrono::steady_clock::now() - begun < 8s);
    server.proceed();
  });
  read_all(reader, figures);
  figures.report("server stopped with SIGSTOP");
}

TEST_CASE("SlowReaderIsHeldBackAndMissesNothing") {
  NatsServer server;
  net::io_context slow_io;
  LiveBus slow(slow_io, server.options());
  (void)slow.insist([&] { return slow->ready(); });
  Figures figures;
  std::thread sending([&] {
    net::io_context io;
    LiveBus sender(io, server.options());
    std::string const filling(4000, 'x');
    for (int i = 0; i < 3000; ++i) {
      auto message = numbered(i);
      message.body += filling;
      figures.sent.insert(message.body);
      (void)sender.insist([&] { return sender->send(message); });
    }
  });
  sending.join();  // all the time nobody ran the slow one's io thread
  read_all(slow, figures);
  figures.report("slow consumer");
}

TEST_CASE("DoubledAndReorderedDeliveriesAreSortedOut") {
  NatsServer server;
  net::io_context io;
  LiveBus reader(io, server.options()), sender(io, server.options());
  std::map<MessageId, int> hinted;
  BusHints hints;
  hints.message = [&](Message const& message) { ++hinted[message.id]; };
  (void)reader.insist([&] { return reader->ready(); });
  (void)sender.insist([&] { return sender->ready(); });
  auto const subscription = reader->subscribe(agent("worker"), "", std::move(hints));
  Figures figures;

  // A third party pushes into the reader's feed what a confused server or network might.
  auto const status = reader.status();
  std::string consumer, stream = server.options().prefix + "-messages";
  for (auto const& feed : status.at("feeds"))
    if (feed.at("stream") == stream) consumer = feed.at("consumer").get<std::string>();
  REQUIRE_FALSE(consumer.empty());
  Worker thread;
  std::shared_ptr<nats::Connection> connection;
  ar::test::run(io, [&]() -> awaitable<void> {
    auto opened = co_await nats::Connection::open(io.get_executor(), thread, server.options(), nullptr);
    REQUIRE(opened.has_value());
    connection = *opened;
  });
  nats::JetStream js(3s);
  js.use(connection);
  std::string subject;
  ar::test::run(io, [&]() -> awaitable<void> {
    auto const info = co_await js.api("CONSUMER.INFO." + stream + "." + consumer, json::object());
    REQUIRE(info.has_value());
    subject = info->at("config").at("deliver_subject").get<std::string>();
  });
  auto const push = [&](std::uint64_t sequence, std::uint64_t delivered, std::string body) {
    nats::Envelope envelope;
    envelope.message = {};
    envelope.message.from = "alice";
    envelope.message.to = "worker";
    envelope.message.kind = "chat";
    envelope.message.body = std::move(body);
    envelope.keep = 24h;
    nats::Outgoing out;
    out.subject = subject;
    out.data = to_text(envelope);
    out.reply = "$JS.ACK." + stream + "." + consumer + ".1." + std::to_string(sequence) + "." +
                std::to_string(delivered) + ".1700000000000000000.0";
    connection->publish(std::move(out));
  };
  send_all(sender, figures, 100, [&] {
    push(1, 1, "body 0");        // doubled
    push(50, 50, "body 49");     // doubled
    push(70, 70, "the future");  // ahead of its turn: a gap
    sender.run_for(200ms);
  });
  read_all(reader, figures);
  reader.run_for(1500ms);
  figures.report("doubled and reordered pushes");
  int hints_doubled = 0;
  for (auto const& [id, times] : hinted) hints_doubled += times > 1 ? 1 : 0;
  CHECK(hints_doubled == 0);
  CHECK(hinted.size() == 100);
  ar::test::run(io, [&] { return connection->close(); });
}

TEST_CASE("EveryPieceOfWorkGoesToExactlyOneOfTwoDaemons") {
  NatsServer server;
  net::io_context io;
  LiveBus one(io, server.options()), other(io, server.options());
  (void)one.insist([&] { return one->ready(); });
  (void)other.insist([&] { return other->ready(); });
  Figures figures;
  std::vector<MessageId> ids;
  for (int i = 0; i < 100; ++i) {
    auto work = work_for("tag:team", "body " + std::to_string(i));
    auto const sent = one.insist([&] { return one->send(work); });
    ids.push_back(sent->message.id);
    figures.sent.insert(work.body);
  }
  int running = 2;
  auto const take = [&](NatsBus& bus, std::string me) -> awaitable<void> {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      auto const id = ids[i];
      auto const claim = co_await bus.claim(id, me);
      if (!claim) {
        CHECK((claim.error().code == "already_claimed" || claim.error().code == "finished"));
        continue;
      }
      auto const message = co_await bus.message(id);
      REQUIRE(message.has_value());
      ++figures.got[message->body];
      auto const finished = co_await bus.finish(id, claim->token);
      CHECK(finished.has_value());
    }
    --running;
  };
  TaskGroup takers(io.get_executor(), "takers");
  takers.spawn("one", take(*one, "a"));
  takers.spawn("other", take(*other, "b"));
  while (running > 0) one.run_for(10ms);
  figures.report("two daemons at the same work");
}

TEST_CASE("NotesAreSeenByTheOtherDaemonAndAgainAfterTheServersDeath") {
  NatsServer server;
  net::io_context io;
  LiveBus one(io, server.options()), two(io, server.options());
  int told = 0;
  auto const watch = two->watch_notes([&] { ++told; });
  auto const seen = [&] { return two.insist([&] { return two->notes(); })->at(0); };
  auto const until = [&](std::function<bool()> const& condition) {
    auto const end = std::chrono::steady_clock::now() + 30s;
    while (!condition() && std::chrono::steady_clock::now() < end) two.run_for(10ms);
    REQUIRE(condition());
  };
  auto const first = one.insist([&] { return one->put_note("k", "first", 0); });
  until([&] { return told > 0; });
  CHECK(seen().text == "first");
  // Of two daemons that have read the same, one changes it.
  auto const by_one = one.get(one->put_note("k", "by one", first->revision));
  auto const by_two = two.get(two->put_note("k", "by two", first->revision));
  CHECK(by_one.has_value());
  REQUIRE_FALSE(by_two.has_value());
  CHECK(by_two.error().code == "note_changed");
  CHECK(seen().text == "by one");
  server.kill();
  until([&] { return two->transport_state() != "connected"; });
  CHECK_FALSE(two.get(two->put_note("k", "away", by_one->revision)).has_value());
  auto const before = told;
  server.start();
  until([&] { return two->transport_state() == "connected" && told > before; });
  CHECK(seen().text == "by one");
  CHECK(seen().revision == by_one->revision);
}

TEST_CASE("ANoteThatSomebodyDeletesOrSpoilsIsNoneAndCanBeMadeAnew") {
  NatsServer server;
  net::io_context io;
  LiveBus bus(io, server.options());
  auto const put = [&](std::int64_t revision) { return bus.get(bus->put_note("k", "text", revision)); };
  auto const first = bus.insist([&] { return bus->put_note("k", "text", 0); });
  nats::Names const names(server.options().prefix);
  for (bool const deleted : {true, false}) {
    ar::test::run(io, [&]() -> awaitable<void> {
      Worker thread;
      nats::JetStream js{server.options().request_timeout};
      auto connection = co_await nats::Connection::open(io.get_executor(), thread, server.options(), nullptr);
      REQUIRE(connection.has_value());
      js.use(*connection);
      nats::Publication spoilt;
      spoilt.subject = names.subject(nats::Store::presence, "note.k");
      spoilt.data = deleted ? "" : "no note";
      spoilt.tombstone = deleted;
      REQUIRE((co_await js.publish(spoilt)).has_value());
      co_await js.connection()->close();
    });
    CHECK(bus.get(bus->notes())->empty());
    CHECK(put(first->revision).error().code == "note_changed");
    CHECK(put(0).has_value());
    CHECK(bus.get(bus->notes())->size() == 1);
    CHECK(bus.get(bus->agents())->empty());
  }
}

TEST_CASE("LeaseLostWhileInHandGoesToTheOtherAndTheLateFinishIsRefused") {
  NatsServer server;
  net::io_context io;
  BusLimits limits;
  limits.lease = 1500ms;
  LiveBus first(io, server.options(), limits), second(io, server.options(), limits);
  auto const work = work_for("tag:team");
  auto const id = first.insist([&] { return first->send(work); })->message.id;
  auto const lost = first.insist([&] { return first->claim(id, "a"); });
  CHECK(second.get(second->claim(id, "b")).error().code == "already_claimed");
  first.stop();  // its daemon is gone
  bool hinted = false;
  BusHints hints;
  hints.message = [&](Message const& message) { hinted = message.id == id; };
  auto const subscription = second->subscribe(agent("b", {"team"}), "", std::move(hints));
  auto const begun = std::chrono::steady_clock::now();
  while (!hinted && std::chrono::steady_clock::now() - begun < 20s) second.run_for(10ms);
  CHECK(hinted);
  auto const taken = second.insist([&] { return second->claim(id, "b"); });
  CHECK(taken->delivery_count == 2);
  LiveBus again(io, server.options(), limits);
  CHECK(again.get(again->finish(id, lost->token)).error().code == "claim_lost");
  CHECK(second.get(second->finish(id, taken->token)).has_value());
}

TEST_CASE("MachineWhoseClockIsAnHourAheadTakesNoLease") {
  NatsServer server;
  net::io_context io;
  MessageId id = 0;
  {
    LiveBus holder(io, server.options());
    id = holder.insist([&] { return holder->send(work_for("tag:team")); })->message.id;
    (void)holder.insist([&] { return holder->claim(id, "a"); });
  }
  ManualClock ahead(wall_now() + 1h);
  LiveBus other(io, server.options());
  auto const refused = other.get(other->claim(id, "b"));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "already_claimed");
  // What it is told is in its own time.
  auto const fresh = other.get(other->send(work_for("tag:team")));
  REQUIRE(fresh.has_value());
  auto const claim = other.get(other->claim(fresh->message.id, "b"));
  REQUIRE(claim.has_value());
  auto const left = claim->expires_at - wall_now();
  CHECK(left > 14min);
  CHECK(left <= 15min + 1s);
}
