// What the NATS bus keeps on the server: streams that are full, foreign, made anew or tidied up, and what is long.
#include "relay/nats/jetstream.hpp"
#include "relay/nats/live.hpp"
#include "relay/nats/names.hpp"

#include <filesystem>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;
namespace nats = ar::relay::nats;

namespace {

/// A connection of its own, to look at and change what the server has.
struct ServerSide {
  ServerSide(net::io_context& context, NatsOptions const& options) : io(context) {
    ar::test::run(io, [&]() -> awaitable<void> {
      auto opened = co_await nats::Connection::open(io.get_executor(), thread, options, nullptr);
      REQUIRE(opened.has_value());
      js.use(*opened);
    });
  }
  ~ServerSide() {
    ar::test::run(io, [this] { return js.connection()->close(); });
  }
  /// What the call answers; it must be good.
  template <class Make>
  auto ask(Make make) {
    std::optional<typename decltype(make())::value_type> answer;
    ar::test::run(io, [&]() -> awaitable<void> { answer.emplace(co_await make()); });
    REQUIRE(answer->has_value());
    return *answer;
  }
  net::io_context& io;
  Worker thread{};
  nats::JetStream js{3s};
};

/// As a disk might: the server comes back without that stream.
void lose(std::string const& stream, NatsServer& server, net::io_context& io) {
  {
    ServerSide side(io, server.options());
    (void)side.ask([&] { return side.js.api("STREAM.DELETE." + stream, json::object()); });
  }
  server.kill();
  server.start();
}

}  // namespace

TEST_CASE("FullStoreRefusesAndKeepsWhatItHas") {
  NatsServer server;
  net::io_context io;
  auto options = server.options();
  options.max_bytes = 64 << 10;
  LiveBus bus(io, options);
  Figures figures;
  std::optional<Error> full;
  for (int i = 0; i < 200 && !full; ++i) {
    auto message = numbered(i);
    message.body += std::string(1000, 'x');
    auto const sent = bus.get(bus->send(message));
    if (sent)
      figures.sent.insert(message.body);
    else
      full = sent.error();
  }
  REQUIRE(full.has_value());
  CHECK(full->code == "disk_full");
  CHECK(full->kind == ErrorKind::unavailable);
  CHECK(full->message.find("maximum bytes") != std::string::npos);
  CHECK(bus->transport_state() == "connected");
  auto const fault = bus.status().at("storage");
  CHECK(fault.at("error").at("code") == "disk_full");
  CHECK(fault.at("error").at("message") == full->message);
  CHECK(from_iso8601(fault.at("at").get<std::string>()).has_value());
  auto const unread = bus.insist([&] { return bus->unread(agent("worker"), 1000); });
  for (auto const& message : *unread) ++figures.got[message.body];
  figures.report("stream full (max_bytes)");

  // A stream that has room says nothing about the one that has none; a message that is taken does.
  (void)bus.insist([&] { return bus->register_agent({agent("worker"), "i-1", "idle"}); });
  CHECK(bus.status().contains("storage"));
  ServerSide side(io, options);
  (void)side.ask([&] { return side.js.purge(options.prefix + "-messages", ""); });
  (void)bus.insist([&] { return bus->send(numbered(1000)); });
  CHECK_FALSE(bus.status().contains("storage"));
}

TEST_CASE("BusComesBackToAServerWhoseStateIsFull") {
  NatsServer server;
  net::io_context io;
  auto options = server.options();
  options.max_bytes = 64 << 10;
  std::optional<LiveBus> bus(std::in_place, io, options);
  auto const sent = bus->insist([&] { return (*bus)->send(work_for("worker")); });
  ServerSide side(io, options);
  // To the last byte, so that nothing fits in any more, however small.
  int stored = 0;
  for (std::size_t const size : {1000U, 100U, 0U})
    for (bool full = false; !full;) {
      REQUIRE(stored < 500);
      ar::test::run(io, [&]() -> awaitable<void> {
        auto const done = co_await side.js.publish(
            {"$KV." + options.prefix + "-state.x" + std::to_string(stored), std::string(size, 'x')});
        full = !done && done.error().code == "disk_full";
      });
      if (!full) ++stored;
    }
  bus.emplace(io, options);
  auto const unread = bus->get((*bus)->unread(agent("worker"), 10));
  REQUIRE(unread.has_value());
  CHECK(unread->size() == 1);
  CHECK((*bus)->transport_state() == "connected");
  CHECK(bus->status().at("storage").at("error").at("code") == "disk_full");
  // What is full refuses what goes there, and takes it once there is room.
  CHECK(bus->get((*bus)->claim(sent->message.id, "worker")).error().code == "disk_full");
  (void)side.ask([&] { return side.js.purge("KV_" + options.prefix + "-state", ""); });
  CHECK(bus->get((*bus)->claim(sent->message.id, "worker")).has_value());
  CHECK_FALSE(bus->status().contains("storage"));
}

TEST_CASE("FullStoreOfMessagesThatNobodyReadHasRoomOnceTheyAreForgotten") {
  ManualClock clock;
  NatsServer server;
  net::io_context io;
  auto options = server.options();
  options.time = NatsOptions::Time::machine;
  options.max_bytes = 64 << 10;
  LiveBus bus(io, options);
  std::string refused;
  for (std::size_t const size : {5000U, 0U})
    for (refused.clear(); refused.empty();) {
      auto const sent = bus.get(bus->send(message_to("worker", "x" + std::string(size, 'x'))));
      if (!sent) refused = sent.error().code;
    }
  REQUIRE(refused == "disk_full");
  // They expire, of which nobody can be told, and are forgotten.
  auto const end = std::chrono::steady_clock::now() + 60s;
  while (!refused.empty() && std::chrono::steady_clock::now() < end) {
    ar::test::advance(io, clock, 24h);
    bus.run_for(50ms);
    auto const sent = bus.get(bus->send(message_to("worker")));
    refused = sent ? std::string() : sent.error().code;
  }
  CHECK(refused.empty());
}

TEST_CASE("FullStoreDropsNothingForWhatAlmostFits") {
  NatsServer server;
  net::io_context io;
  auto options = server.options();
  options.max_bytes = 64 << 10;
  LiveBus bus(io, options);
  std::size_t sent = 0;
  for (std::size_t size = 4000; size > 0; size = size * 9 / 10)
    for (bool full = false; !full;) {
      auto const done = bus.get(bus->send(message_to("worker", std::string(size, 'x'))));
      if (!done) REQUIRE(done.error().code == "disk_full");
      full = !done;
      sent += full ? 0 : 1;
    }
  ServerSide side(io, options);
  auto const info = side.ask([&] { return side.js.stream_info(options.prefix + "-messages"); });
  CHECK(info->at("state").at("messages") == sent);
  CHECK(info->at("state").at("first_seq") == 1);
}

TEST_CASE("FullStoreTellsOfEveryMessageThatItForgets") {
  // Such as weigh more than the notices about them, and such as weigh less, for which no room can be made at once.
  std::vector<std::size_t> sizes;
  SUBCASE("Large") { sizes = {5000, 0}; }
  SUBCASE("Small") { sizes = {0}; }
  ManualClock clock;
  NatsServer server;
  net::io_context io;
  auto options = server.options();
  options.time = NatsOptions::Time::machine;
  options.max_bytes = 64 << 10;
  std::optional<LiveBus> bus(std::in_place, io, options);
  std::set<MessageId> sent;
  std::map<MessageId, std::set<MessageId>> told;  // the notices about each
  for (auto const size : sizes)
    for (bool full = false; !full;) {
      auto const done = bus->get((*bus)->send(message_to("worker", "x" + std::string(size, 'x'))));
      if (done) sent.insert(done->message.id);
      if (!done) REQUIRE(done.error().code == "disk_full");
      full = !done;
    }
  auto const end = std::chrono::steady_clock::now() + 120s;
  int days = 0;
  for (; told.size() < sent.size() && std::chrono::steady_clock::now() < end; ++days) {
    ar::test::advance(io, clock, 24h);
    bus->run_for(20ms);
    if (days % 10 == 9) bus.emplace(io, options);  // what is owed is not only in memory
    auto const notices = bus->get((*bus)->unread(agent("alice"), 1000));
    if (!notices) continue;
    for (auto const& notice : *notices) {
      CHECK(notice.kind == "expired");
      told[notice.payload.at("messageId").get<MessageId>()].insert(notice.id);
      auto const read = bus->get((*bus)->mark_read(notice.id, "alice"));
      CHECK_MESSAGE(read.has_value(), read.error().message);
    }
  }
  CHECK_MESSAGE(told.size() == sent.size(), bus->status().at("streams").dump(1));
  for (auto const& [id, notices] : told) {
    CHECK(sent.contains(id));
    CHECK(notices.size() == 1);
  }
  std::printf("store full of %zu messages: senders told of %zu, after %d days\n", sent.size(), told.size(), days);
}

TEST_CASE("DeletingWhatAnotherDaemonHasDeletedIsNoOtherFailureThanThatItIsGone") {
  NatsServer server;
  net::io_context io;
  auto const options = server.options();
  LiveBus bus(io, options);
  for (int i = 0; i < 5; ++i) REQUIRE(bus.get(bus->send(numbered(i))).has_value());
  ServerSide side(io, options);
  std::vector<std::string> answers;
  ar::test::run(io, [&]() -> awaitable<void> {
    // A hole in the middle, and one below the first.
    for (int const sequence : {3, 1, 3, 1}) {
      auto const deleted = co_await side.js.api("STREAM.MSG.DELETE." + options.prefix + "-messages",
                                                {{"seq", sequence}, {"no_erase", true}});
      answers.push_back(deleted ? "deleted" : deleted.error().code);
    }
  });
  CHECK(answers == std::vector<std::string>{"deleted", "deleted", "nats_not_found", "nats_not_found"});
}

TEST_CASE("WhetherAStreamHasMoreIsKnownWhateverWasDeleted") {
  NatsServer server;
  net::io_context io;
  auto const options = server.options();
  LiveBus bus(io, options);
  for (int i = 0; i < 4; ++i) REQUIRE(bus.get(bus->send(numbered(i))).has_value());
  ServerSide side(io, options);
  auto const stream = options.prefix + "-messages";
  ar::test::run(io, [&]() -> awaitable<void> {
    for (int const sequence : {2, 4})
      REQUIRE((co_await side.js.api("STREAM.MSG.DELETE." + stream, {{"seq", sequence}})).has_value());
    for (std::uint64_t const from : {1, 2, 3}) CHECK(*co_await side.js.has_from(stream, from));
    for (std::uint64_t const from : {4, 5}) CHECK_FALSE(*co_await side.js.has_from(stream, from));
    auto const other = co_await side.js.has_from("no-such-stream", 1);
    CHECK((!other || !*other));
  });
}

TEST_CASE("WhatIsForgottenIsDeletedOnTheServer") {
  NatsServer server;
  net::io_context io;
  BusLimits limits;
  limits.retention = 1s;
  LiveBus bus(io, server.options(), limits);
  for (int i = 0; i < 20; ++i) {
    auto const sent = bus.insist([&] { return bus->send(numbered(i)); });
    (void)bus.insist([&] { return bus->mark_read(sent->message.id, "worker"); });
  }
  std::int64_t messages = 20, states = 20;
  for (auto const end = std::chrono::steady_clock::now() + 30s;
       (messages > 2 || states > 3) && std::chrono::steady_clock::now() < end;) {
    // The newest of a stream stays until there is a newer one.
    auto const sent = bus.insist([&] { return bus->send(message_to("worker")); });
    (void)bus.insist([&] { return bus->mark_read(sent->message.id, "worker"); });
    bus.run_for(1500ms);
    auto const shown = bus.status();
    for (auto const& stream : shown.at("streams")) {
      if (stream.at("name") == "agent-runner-messages") messages = stream.at("messages").get<std::int64_t>();
      if (stream.at("name") == "KV_agent-runner-state") states = stream.at("messages").get<std::int64_t>();
    }
  }
  CHECK(messages <= 2);
  CHECK(states <= 3);
  // Its key is free again.
  CHECK_FALSE(bus.insist([&] { return bus->send(numbered(0)); })->repeated);
}

TEST_CASE("OfATokenWhoseNameIsTakenNothingIsKept") {
  NatsServer server;
  net::io_context io;
  LiveBus bus(io, server.options());
  ServerSide side(io, server.options());
  auto const stream = nats::Names(server.options().prefix).stream(nats::Store::tokens);
  auto const kept = [&] {
    return side.ask([&] { return side.js.stream_info(stream); })->at("state").at("messages").get<int>();
  };
  auto const issue = [&] { return bus.get(bus->issue_token("provider-agent", {}, std::nullopt, "host-b")); };
  REQUIRE(issue().has_value());
  auto const before = kept();
  auto const second = issue();
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == "name_taken");
  CHECK(kept() == before);
}

TEST_CASE("StreamThatWasMadeAnewIsReadFromItsBeginning") {
  NatsServer server;
  net::io_context io;
  LiveBus bus(io, server.options());
  (void)bus.insist([&] { return bus->send(numbered(1)); });
  (void)bus.insist([&] { return bus->send(numbered(2)); });
  server.kill();
  std::filesystem::remove_all(server.folder() / "store");
  server.start();
  auto const sent = bus.insist([&] { return bus->send(numbered(3)); });
  auto const unread = bus.insist([&] { return bus->unread(agent("worker"), 10); });
  REQUIRE(unread->size() == 1);
  CHECK(unread->front().id == sent->message.id);
}

TEST_CASE("NumbersOfACommandStreamThatWasLostAreAnothers") {
  NatsServer server;
  net::io_context io;
  auto const options = server.options();
  LiveBus bus(io, options);
  auto const command = [&] { return bus.insist([&] { return bus->send_command("t", "a", json::object(), {}); })->id; };
  auto const first = command();
  CHECK(command() > first);
  auto const before = bus->store();
  CHECK_FALSE(before.commands.empty());
  int told = 0;
  bus->watch_store([&] { ++told; });
  lose(options.prefix + "-commands", server, io);
  auto const end = std::chrono::steady_clock::now() + 60s;
  while (bus->store().commands == before.commands && std::chrono::steady_clock::now() < end) bus.run_for(20ms);
  CHECK(told > 0);
  CHECK(bus->store().id == before.id);
  CHECK(bus->store().commands != before.commands);
  CHECK(command() == first);
}

TEST_CASE("LeasesThatWereLostWithTheirStreamEndAndTheMessagesStay") {
  NatsServer server;
  net::io_context io;
  auto const options = server.options();
  LiveBus bus(io, options);
  auto const sent = bus.insist([&] { return bus->send(work_for("worker")); });
  auto const claim = bus.insist([&] { return bus->claim(sent->message.id, "worker"); });
  auto const before = bus->store().id;
  lose("KV_" + options.prefix + "-state", server, io);
  auto const renew = [&] { return bus.get(bus->renew(sent->message.id, claim->token)); };
  auto lost = renew();
  for (auto const end = std::chrono::steady_clock::now() + 60s;
       (lost || lost.error().kind == ErrorKind::unavailable) && std::chrono::steady_clock::now() < end; lost = renew())
    bus.run_for(20ms);
  REQUIRE_FALSE(lost.has_value());
  CHECK(lost.error().code == "claim_lost");
  CHECK(bus->store().id == before);
  CHECK_MESSAGE(lost.error().message.find("its state was lost") != std::string::npos, lost.error().message);
  CHECK(bus.insist([&] { return bus->claim(sent->message.id, "other"); })->delivery_count == 1);
}

TEST_CASE("StreamWithOtherSettingsIsNamedAndLeftAlone") {
  NatsServer server;
  net::io_context io;
  auto const options = server.options();
  auto const stream = options.prefix + "-messages";
  {
    LiveBus bus(io, options);
    (void)bus.insist([&] { return bus->ready(); });
    CHECK(bus.status().at("made").size() == 7);
  }
  ServerSide side(io, options);
  auto changed = side.ask([&] { return side.js.stream_info(stream); })->at("config");
  changed["max_age"] = 3'600'000'000'000;
  (void)side.ask([&] { return side.js.api("STREAM.UPDATE." + stream, changed); });
  LiveBus bus(io, options);
  auto const problem = problem_of(bus);
  CHECK(problem.starts_with("nats_settings: "));
  CHECK(problem.find("stream " + stream + ": max_age is 3600000000000 and must be 0") != std::string::npos);
  auto const now = side.ask([&] { return side.js.stream_info(stream); });
  CHECK(now->at("config").at("max_age") == 3'600'000'000'000);
}

TEST_CASE("LongBodiesAndManyPartsComeBackWhole") {
  NatsServer server;
  net::io_context io;
  LiveBus bus(io, server.options()), other(io, server.options());
  std::string body;
  while (body.size() < (1U << 20)) body += "line " + std::to_string(body.size()) + "\n";
  body.resize(1U << 20);
  auto const sent = bus.insist([&] { return bus->send(message_to("worker", body)); });
  auto const unread = other.insist([&] { return other->unread(agent("worker"), 10); });
  REQUIRE(unread->size() == 1);
  CHECK(unread->front().body == body);
  CHECK(unread->front().id == sent->message.id);
  std::string bytes(5U << 20, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
  auto const put = bus.insist([&] { return bus->put_attachment("big", "", bytes); });
  CHECK(*other.insist([&] { return other->attachment_bytes(put->id); }) == bytes);
}
