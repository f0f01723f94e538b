// A real bus that fails where a test says so.
#pragma once
#include "relay/bus.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

namespace ar::test {

class FaultyBus final : public relay::Bus {
 public:
  explicit FaultyBus(relay::Bus& real) : real_(&real) {}

  std::map<std::string, Error> faults{};                   ///< by the name of the call
  std::set<std::string> throws{};                          ///< those that throw, as no bus should
  std::map<std::string, int> calls{};                      ///< made so far, of those that can fail
  std::map<std::string, WallTime> last{};                  ///< the newest of them
  std::optional<relay::BusStore> named{};                  ///< what it says of its store, where that is not the truth
  std::function<void(std::string const& call)> on_call{};  ///< before it is made
  bool told_ready = false;                                 ///< by the newest status, with its meta
  json told_meta = nullptr;
  int asked = 0;  ///< how many of those it has not answered yet

  relay::Bus& real() const { return *real_; }
  /// The bus is reached again, and is this one now.
  void become(relay::Bus& other) {
    real_ = &other;
    if (store_listener_) store_listener_();
  }

  std::string_view name() const override { return real_->name(); }
  relay::BusLimits const& limits() const override { return real_->limits(); }
  std::string transport_state() const override { return real_->transport_state(); }
  relay::BusStore const& store() const override { return named ? *named : real_->store(); }
  void watch_store(std::function<void()> listener) override { store_listener_ = std::move(listener); }
  awaitable<void> stop() override { return real_->stop(); }

  // What a test may have fail.
  awaitable<Result<void>> register_agent(Presence p) override {
    return through("register_agent", real_->register_agent(std::move(p)));
  }
  awaitable<Result<void>> publish_status(std::string id, std::string status, bool ready, json meta) override {
    told_ready = ready;
    told_meta = meta;
    return through("publish_status", real_->publish_status(std::move(id), std::move(status), ready, std::move(meta)));
  }
  awaitable<Result<void>> heartbeat(std::string id, json meta) override {
    return through("heartbeat", real_->heartbeat(std::move(id), std::move(meta)));
  }
  awaitable<Result<void>> remove_agent(std::string id) override {
    return through("remove_agent", real_->remove_agent(std::move(id)));
  }
  awaitable<Result<IssuedToken>> renew_token(std::string token) override {
    return through("renew_token", real_->renew_token(std::move(token)));
  }
  awaitable<Result<std::vector<Message>>> unread(Identity who, int limit, MessageId after) override {
    return through("unread", real_->unread(std::move(who), limit, after));
  }

  awaitable<Result<Sent>> send(NewMessage m) override { return through("send", real_->send(std::move(m))); }
  awaitable<Result<Message>> message(MessageId id) override { return real_->message(id); }
  awaitable<Result<std::vector<Message>>> messages(relay::MessageFilter f) override {
    return real_->messages(std::move(f));
  }
  awaitable<Result<void>> mark_read(MessageId id, std::string agent) override {
    return through("mark_read", real_->mark_read(id, std::move(agent)));
  }
  awaitable<Result<void>> react(MessageId id, std::string by, std::string word) override {
    return real_->react(id, std::move(by), std::move(word));
  }
  awaitable<Result<std::vector<Reaction>>> reactions(MessageId id) override { return real_->reactions(id); }
  awaitable<Result<std::vector<Message>>> reply_obligations(std::string agent) override {
    return through("reply_obligations", real_->reply_obligations(std::move(agent)));
  }
  awaitable<Result<void>> waive_reply(MessageId id, std::string agent) override {
    return real_->waive_reply(id, std::move(agent));
  }
  awaitable<Result<Claim>> claim(MessageId id, std::string agent) override {
    return through("claim", real_->claim(id, std::move(agent)));
  }
  awaitable<Result<Claim>> renew(MessageId id, std::string token) override {
    return through("renew", real_->renew(id, std::move(token)));
  }
  awaitable<Result<void>> release(MessageId id, std::string token, milliseconds delay, relay::Tried tried) override {
    return through("release", real_->release(id, std::move(token), delay, tried));
  }
  awaitable<Result<void>> finish(MessageId id, std::string token) override {
    return through("finish", real_->finish(id, std::move(token)));
  }
  awaitable<Result<std::vector<DeadLetter>>> dead_letters() override { return real_->dead_letters(); }
  awaitable<Result<void>> requeue(MessageId id) override { return real_->requeue(id); }
  awaitable<Result<Task>> task(std::int64_t id) override { return real_->task(id); }
  awaitable<Result<Task>> set_task(Task task) override { return through("set_task", real_->set_task(std::move(task))); }
  awaitable<Result<Command>> send_command(std::string type, std::string target, json params,
                                          std::optional<milliseconds> expires) override {
    return real_->send_command(std::move(type), std::move(target), std::move(params), expires);
  }
  awaitable<Result<Command>> command(std::int64_t id) override { return real_->command(id); }
  awaitable<Result<std::vector<Command>>> commands_for(std::vector<std::string> targets) override {
    return through("commands_for", real_->commands_for(std::move(targets)));
  }
  awaitable<Result<Command>> update_command(std::int64_t id, CommandStatus s, json detail) override {
    return real_->update_command(id, s, std::move(detail));
  }
  awaitable<Result<std::vector<Presence>>> agents() override { return real_->agents(); }
  awaitable<Result<std::vector<relay::Note>>> notes() override { return through("notes", real_->notes()); }
  awaitable<Result<relay::Note>> put_note(std::string key, std::string text, std::int64_t revision) override {
    return through("put_note", real_->put_note(std::move(key), std::move(text), revision));
  }
  std::unique_ptr<relay::Subscription> watch_notes(std::function<void()> listener) override {
    return real_->watch_notes(std::move(listener));
  }
  awaitable<Result<IssuedToken>> issue_token(std::string profile, TokenScope scope,
                                             std::optional<milliseconds> lifetime, std::string name) override {
    return real_->issue_token(std::move(profile), std::move(scope), lifetime, std::move(name));
  }
  awaitable<Result<TokenInfo>> check_token(std::string token) override { return real_->check_token(std::move(token)); }
  awaitable<Result<void>> revoke_token(std::string jti) override { return real_->revoke_token(std::move(jti)); }
  awaitable<Result<Attachment>> put_attachment(std::string name, std::string type, std::string bytes) override {
    return real_->put_attachment(std::move(name), std::move(type), std::move(bytes));
  }
  awaitable<Result<std::string>> attachment_bytes(std::string id) override {
    return through("attachment_bytes", real_->attachment_bytes(std::move(id)));
  }
  std::unique_ptr<relay::Subscription> subscribe(Identity who, std::string runner, relay::BusHints hints) override {
    return real_->subscribe(std::move(who), std::move(runner), std::move(hints));
  }

 private:
  template <class T>
  awaitable<Result<T>> through(std::string call, awaitable<Result<T>> real) {
    ++calls[call];
    last[call] = wall_now();
    struct Asked {
      int& count;
      explicit Asked(int& asked) : count(asked) { ++count; }
      ~Asked() { --count; }
    } const here(asked);
    if (on_call) on_call(call);
    if (throws.contains(call)) throw std::runtime_error("a bug in " + call);
    if (auto const fault = faults.find(call); fault != faults.end()) co_return fault->second;
    co_return co_await std::move(real);
  }
  relay::Bus* real_;
  std::function<void()> store_listener_{};
};

}  // namespace ar::test
