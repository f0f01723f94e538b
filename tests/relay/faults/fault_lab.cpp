#include "relay/faults/fault_lab.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>

namespace ar::relay::test {
using namespace std::chrono_literals;

RelayHost::RelayHost(int number, int lease_seconds, std::string preload) : host_(number), preload_(std::move(preload)) {
  std::ofstream(folder_.path() / "config.toml") << "[relay]\nlease_seconds = " << lease_seconds << "\n";
  start();
}

void RelayHost::start() {
  std::vector<std::string> environment{"HOME=" + folder_.path().string()};
  if (!preload_.empty()) environment.push_back("LD_PRELOAD=" + preload_);
  server_ = ar::test::Child(host_.inside({AR_BIN_DIR "/agent-runnerd", "--state-dir", folder_.path().string(), "relay",
                                          "--listen", host_.address() + ":7077", "--insecure"}),
                            environment);
  // With it, its first token has been made.
  auto const socket = folder_.path() / "run" / "relay.sock";
  for (int tries = 0; tries < 1000 && !std::filesystem::exists(socket); ++tries) ::usleep(10'000);
}

RemoteConfig RelayHost::client() const {
  RemoteConfig config;
  config.url = url();
  config.token_file = folder_.path() / "operator-token";
  return config;
}

RemoteConfig RelayHost::hasty_client() const {
  auto config = client();
  config.times.ping = 300ms;
  config.times.dead = 1s;
  config.times.connect = 1s;
  config.times.call = 2s;
  config.times.wait_for_relay = 500ms;
  config.times.most_backoff = 500ms;
  return config;
}

Load::Load(RelayHost& relay, int messages) : relay_(relay), messages_(messages), changed_(io_.get_executor()) {
  tasks_ = std::make_unique<TaskGroup>(io_.get_executor(), "load");
  for (int machine = 0; machine < 2; ++machine) {
    auto bus = RemoteBus::open(io_.get_executor(), relay_.hasty_client());
    REQUIRE(bus.has_value());
    machines_.push_back(std::move(*bus));
    for (int agent = 0; agent < 3; ++agent) {
      auto reader = std::make_unique<Reader>();
      reader->id = "reader-" + std::to_string(machine) + "-" + std::to_string(agent);
      reader->bus = machines_.back().get();
      readers_.push_back(std::move(reader));
    }
  }
}

Load::~Load() {
  ar::test::run(io_, [this]() -> awaitable<void> {
    co_await tasks_->stop();
    for (auto& reader : readers_) reader->subscription.reset();
    for (auto& machine : machines_) co_await machine->stop();
  });
}

awaitable<void> Load::send_all() {
  for (int i = 0; i < messages_; ++i) {
    NewMessage message;
    message.from = "sender";
    message.to = "tag:team";
    message.body = "work " + std::to_string(i) + std::string(200, '.');
    message.claimable = true;
    message.idempotency_key = "key-" + std::to_string(i);
    for (;;) {
      auto const sent = co_await machines_[0]->send(message);
      if (sent) {
        repeated_ += sent->repeated ? 1 : 0;
        break;
      }
      REQUIRE_MESSAGE(sent.error().kind == ErrorKind::unavailable, sent.error().message);
      co_await sleep_for(50ms);
    }
    ++sent_;
    changed_.notify_all();
    co_await sleep_for(2ms);
  }
}

awaitable<void> Load::do_one(Reader& reader, MessageId id) {
  for (;;) {
    auto const claim = co_await reader.bus->claim(id, reader.id);
    if (!claim) {
      if (claim.error().kind != ErrorKind::unavailable) co_return;  // somebody else's
      co_await sleep_for(50ms);
      continue;
    }
    for (;;) {
      auto const done = co_await reader.bus->finish(id, claim->token);
      if (done) {
        ++finished_[id];
        changed_.notify_all();
        co_return;
      }
      if (done.error().kind != ErrorKind::unavailable) co_return;
      co_await sleep_for(50ms);
    }
  }
}

awaitable<void> Load::read_for(Reader& reader) {
  Identity const who{reader.id, "", {"team"}, {}};
  Presence presence;
  presence.identity = who;
  presence.instance_id = "i-1";
  presence.status = "idle";
  for (;;) {
    auto const added = co_await reader.bus->register_agent(presence);
    if (added) break;
    co_await sleep_for(50ms);
  }
  BusHints hints;
  hints.message = [this, &reader](Message const& message) {
    ++hints_;
    reader.wanted.insert(message.id);
    changed_.notify_all();
  };
  reader.subscription = reader.bus->subscribe(who, reader.id, std::move(hints));
  auto look_at = Clock::now();
  for (;;) {
    if (Clock::now() >= look_at) {
      auto const unread = co_await reader.bus->unread(who, 1000);
      if (unread)
        for (auto const& message : *unread) reader.wanted.insert(message.id);
      look_at = Clock::now() + 1s;
    }
    while (!reader.wanted.empty()) {
      auto const id = *reader.wanted.begin();
      reader.wanted.erase(reader.wanted.begin());
      if (!finished_.contains(id)) co_await do_one(reader, id);
    }
    (void)co_await changed_.wait(look_at);
  }
}

void Load::run(char const* name, std::function<awaitable<void>()> fault) {
  auto const start = std::chrono::steady_clock::now();
  for (auto& reader : readers_) tasks_->spawn("reader", read_for(*reader));
  tasks_->spawn("sender", send_all());
  auto whole = [&]() -> awaitable<void> {
    while (sent_ < messages_ / 3) (void)co_await changed_.wait();
    co_await fault();
    while (static_cast<int>(finished_.size()) < messages_) (void)co_await changed_.wait(Clock::now() + 1s);
  };
  ar::test::run(io_, whole, std::chrono::seconds(120));
  int doubled = 0;
  for (auto const& [id, times] : finished_) doubled += times - 1;
  auto const took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%-28s sent %4d (%d repeated)  received %4zu  lost %d  doubled %d  hints %5d  %.1f s\n", name, sent_,
              repeated_, finished_.size(), messages_ - static_cast<int>(finished_.size()), doubled, hints_, took);
  CHECK(sent_ == messages_);
  CHECK(static_cast<int>(finished_.size()) == messages_);
  CHECK(doubled == 0);
}

}  // namespace ar::relay::test
