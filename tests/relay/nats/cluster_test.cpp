// Three real servers of one cluster, each stream on all of them: one dies after the other, and two at once.
#include "base/paths.hpp"
#include "relay/nats/live.hpp"
#include "support/temp_dir.hpp"

#include <cstdlib>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using namespace std::chrono_literals;

namespace {

class Cluster {
 public:
  static constexpr int kServers = 3;
  static constexpr std::size_t kUnknown = 1000;
  Cluster() {
    std::vector<int> ports;
    while (ports.size() < kServers) ports.push_back(free_port());
    std::string routes;
    for (int const port : ports)
      routes += std::string(routes.empty() ? "" : ", ") + "\"nats://127.0.0.1:" + std::to_string(port) + "\"";
    for (int i = 0; i < kServers; ++i) {
      NatsServer::Setup setup;
      setup.name = "server-" + std::to_string(i);
      setup.config =
          "cluster { name: \"of-a-test\", listen: \"127.0.0.1:" + std::to_string(ports[static_cast<std::size_t>(i)]) +
          "\", routes: [" + routes + "] }";
      monitors_.push_back("127.0.0.1:" + std::to_string(free_port()));
      setup.config += "\nhttp: \"" + monitors_.back() + "\"";
      servers_.push_back(std::make_unique<NatsServer>(std::move(setup)));
    }
  }
  NatsOptions options() const {
    auto options = servers_.front()->options();
    options.url.clear();
    for (auto const& server : servers_) options.url += (options.url.empty() ? "" : ", ") + server->url();
    options.replicas = kServers;
    return options;
  }
  NatsServer& named(std::string const& name) {
    for (auto const& server : servers_)
      if (server->name() == name) return *server;
    FAIL("no server is called " << name);
    return *servers_.front();
  }
  std::vector<NatsServer*> others_than(std::string const& name) {
    std::vector<NatsServer*> others;
    for (auto const& server : servers_)
      if (server->name() != name) others.push_back(server.get());
    return others;
  }

  /// What each server itself has of every stream and consumer.
  std::vector<std::string> standing() const {
    std::vector<std::string> shown;
    ar::test::TempDir dir;
    for (auto const& monitor : monitors_) {
      auto const file = dir.path() / "jsz";
      (void)std::system(("curl -s --max-time 5 -o " + file.string() + " 'http://" + monitor +
                         "/jsz?streams=true&consumers=true&config=true'")
                            .c_str());
      auto text = read_file(file, 16U << 20);
      shown.push_back(text ? std::move(*text) : std::string());
    }
    return shown;
  }
  /// Of the stream that has the most. (The cluster's own count keeps some that are on no server.)
  std::size_t most_consumers() const {
    std::map<std::string, std::size_t> consumers;
    std::size_t most = 0;
    for (auto const& text : standing()) {
      auto const server = json::parse(text, nullptr, false);
      if (!server.is_object()) return kUnknown;
      for (auto const& account : server.value("account_details", json::array()))
        for (auto const& stream : account.value("stream_detail", json::array()))
          most = std::max(most, consumers[stream.at("name")] += stream.value("consumer_detail", json::array()).size());
    }
    return most;
  }

 private:
  std::vector<std::unique_ptr<NatsServer>> servers_;
  std::vector<std::string> monitors_;
};

/// Where the bus is connected, and who leads its messages; waits until every replica of every stream is up to date.
struct Standing {
  std::string server, leader;
};
Standing whole(LiveBus& bus) {
  json shown;
  for (auto const end = std::chrono::steady_clock::now() + 60s; std::chrono::steady_clock::now() < end;) {
    (void)bus.insist([&] { return bus->ready(); });
    shown = bus.status();
    bool all = shown.at("streams").size() == 7;
    Standing found{shown.value("/server/name"_json_pointer, ""), ""};
    for (auto const& stream : shown.at("streams")) {
      all = all && !stream.value("leader", "").empty() && !stream.contains("behind");
      if (stream.at("name") == "agent-runner-messages") found.leader = stream.value("leader", "");
    }
    if (all) return found;
    bus.run_for(100ms);
  }
  FAIL("the cluster did not become whole: " << shown.dump(1));
  return {};
}

}  // namespace

TEST_CASE("ServersOfAClusterDieOneAfterTheOtherAndNothingIsLost") {
  Cluster cluster;
  net::io_context io;
  LiveBus sender(io, cluster.options());
  // Alone: asked twice at once to make a stream, servers of old versions each say another time at which it was made.
  (void)sender.insist([&] { return sender->ready(); });
  LiveBus reader(io, cluster.options());
  std::set<std::string> stores;
  sender->watch_store([&] { stores.insert(sender->store().id); });
  std::map<MessageId, int> hinted;
  BusHints hints;
  hints.message = [&](Message const& message) { ++hinted[message.id]; };
  (void)reader.insist([&] { return reader->ready(); });
  auto const subscription = reader->subscribe(agent("worker"), "", std::move(hints));
  Figures figures;
  std::chrono::steady_clock::duration longest{};
  int number = 0;
  auto const send = [&] {
    auto const begun = std::chrono::steady_clock::now();
    figures.sent.insert("body " + std::to_string(number));
    (void)sender.insist([&] { return sender->send(numbered(number)); });
    ++number;
    longest = std::max(longest, std::chrono::steady_clock::now() - begun);
  };
  char const* const wanted = std::getenv("AR_CLUSTER_DEATHS");
  int const deaths = wanted ? std::atoi(wanted) : 4;
  for (int round = 0; round < deaths; ++round) {
    auto const standing = whole(sender);
    for (int i = 0; i < 10; ++i) send();
    // In turns: who leads the stream, and who we talk to.
    auto& server = cluster.named(round % 2 == 0 ? standing.leader : standing.server);
    server.kill();
    for (int i = 0; i < 20; ++i) send();
    server.start();
    for (int i = 0; i < 10; ++i) send();
  }
  read_all(reader, figures);
  // A feed whose own server died says nothing any more; the hints come once that is noticed.
  for (auto const end = std::chrono::steady_clock::now() + 60s;
       hinted.size() < figures.sent.size() && std::chrono::steady_clock::now() < end;)
    reader.run_for(20ms);
  CHECK(hinted.size() == figures.sent.size());
  CHECK(stores.size() == 1);  // whoever leads it, it is the same
  // Consumers that were placed on dead servers are given up, and not left behind.
  // Seen once is enough: a feed that heard nothing on a loaded machine is made anew beside its old consumer.
  auto most = cluster.most_consumers();
  for (auto const end = std::chrono::steady_clock::now() + 150s;  // one that nobody could delete goes after 60 s
       most > 2 && std::chrono::steady_clock::now() < end; most = cluster.most_consumers())
    sender.run_for(500ms);
  CHECK(most > 0);
  CHECK(most <= 2);
  for (auto const& body : figures.sent)
    if (!figures.got.contains(body)) std::printf("  lost: %s\n", body.c_str());
  if (most > 2 || figures.lost() > 0)
    for (auto const& server : cluster.standing()) std::printf("%s\n", server.c_str());
  figures.report((std::to_string(deaths) + " deaths in a cluster of 3").c_str());
  std::printf("  the longest send took %.1f s\n", std::chrono::duration<double>(longest).count());
}

TEST_CASE("LastServerOfAClusterRefusesInTimeAndGoesOnWithTheOthers") {
  Cluster cluster;
  net::io_context io;
  LiveBus sender(io, cluster.options());
  // Alone: asked twice at once to make a stream, servers of old versions each say another time at which it was made.
  (void)sender.insist([&] { return sender->ready(); });
  LiveBus reader(io, cluster.options());
  Figures figures;
  (void)whole(reader);
  auto const standing = whole(sender);
  send_all(sender, figures, 20, [&] {
    for (auto* const other : cluster.others_than(standing.server)) other->kill();
    for (int i = 0; i < 3; ++i) {
      auto const begun = std::chrono::steady_clock::now();
      auto const refused = sender.get(sender->send(numbered(9000 + i)));
      auto const took = std::chrono::steady_clock::now() - begun;
      REQUIRE_FALSE(refused.has_value());
      CHECK(refused.error().kind == ErrorKind::unavailable);
      CHECK(took < 8s);
      MESSAGE(std::chrono::duration<double>(took).count()
              << " s, " << refused.error().code << ": " << refused.error().message);
    }
    for (auto* const other : cluster.others_than(standing.server)) other->start();
  });
  read_all(reader, figures);
  // What was refused may have been kept by the one that was left, and be stored with the others; its sender repeats
  // it with its key.
  std::erase_if(figures.got, [&](auto const& one) { return !figures.sent.contains(one.first); });
  figures.report("two of three servers dead");
}
