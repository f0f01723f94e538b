#include "relay/nats/nats_bus.hpp"

#include "base/read_json.hpp"
#include "relay/nats/link.hpp"

#include <utility>

namespace ar::relay {
namespace {

class Implementation final : public NatsBus {
 public:
  Implementation(Executor executor, NatsOptions options, BusLimits limits, TaskGroup::OnDeath const& on_death)
      : core_(std::move(executor), std::move(options), limits), link_(core_) {
    core_.tasks.spawn_vital("link", link_.run(), on_death);
    core_.tasks.spawn_vital("time", nats::watch_time(core_), on_death);
  }

  std::string_view name() const override { return "nats"; }
  BusLimits const& limits() const override { return core_.limits; }
  std::string transport_state() const override { return link_.state(); }
  BusStore const& store() const override { return core_.numbering; }
  void watch_store(std::function<void()> listener) override { core_.store_listener = std::move(listener); }
  awaitable<Result<void>> ready() override { return link_.ready(); }
  awaitable<void> stop() override {
    co_await core_.tasks.stop();
    co_await link_.close();
  }

  // ---- messages ----
  awaitable<Result<Sent>> send(NewMessage message) override {
    return call<Sent>(nats::send(core_, std::move(message)));
  }
  awaitable<Result<Message>> message(MessageId id) override { return call<Message>(nats::message(core_, id)); }
  awaitable<Result<std::vector<Message>>> messages(MessageFilter filter) override {
    return call<std::vector<Message>>(nats::messages(core_, std::move(filter)));
  }
  awaitable<Result<std::vector<Message>>> unread(Identity who, int limit, MessageId after) override {
    return call<std::vector<Message>>(nats::unread(core_, std::move(who), limit, after));
  }
  awaitable<Result<void>> mark_read(MessageId id, std::string agent_id) override {
    return call<void>(nats::mark_read(core_, id, std::move(agent_id)));
  }
  awaitable<Result<void>> react(MessageId id, std::string by, std::string word) override {
    return call<void>(nats::react(core_, id, std::move(by), std::move(word)));
  }
  awaitable<Result<std::vector<Reaction>>> reactions(MessageId id) override {
    return call<std::vector<Reaction>>(nats::reactions(core_, id));
  }
  awaitable<Result<std::vector<Message>>> reply_obligations(std::string agent_id) override {
    return call<std::vector<Message>>(nats::reply_obligations(core_, std::move(agent_id)));
  }
  awaitable<Result<void>> waive_reply(MessageId id, std::string agent_id) override {
    return call<void>(nats::waive_reply(core_, id, std::move(agent_id)));
  }

  // ---- claims ----
  awaitable<Result<Claim>> claim(MessageId id, std::string agent_id) override {
    return call<Claim>(nats::claim(core_, id, std::move(agent_id)));
  }
  awaitable<Result<Claim>> renew(MessageId id, std::string token) override {
    return call<Claim>(nats::renew(core_, id, std::move(token)));
  }
  awaitable<Result<void>> release(MessageId id, std::string token, milliseconds delay, Tried tried) override {
    return call<void>(nats::release(core_, id, std::move(token), delay, tried));
  }
  awaitable<Result<void>> finish(MessageId id, std::string token) override {
    return call<void>(nats::finish(core_, id, std::move(token)));
  }
  awaitable<Result<std::vector<DeadLetter>>> dead_letters() override {
    return call<std::vector<DeadLetter>>(nats::dead_letters(core_));
  }
  awaitable<Result<void>> requeue(MessageId id) override { return call<void>(nats::requeue(core_, id)); }

  // ---- tasks and commands ----
  awaitable<Result<Task>> task(std::int64_t id) override { return call<Task>(nats::task(core_, id)); }
  awaitable<Result<Task>> set_task(Task task) override { return call<Task>(nats::set_task(core_, std::move(task))); }
  awaitable<Result<Command>> send_command(std::string type, std::string target, json params,
                                          std::optional<milliseconds> expires_after) override {
    return call<Command>(
        nats::send_command(core_, std::move(type), std::move(target), std::move(params), expires_after));
  }
  awaitable<Result<Command>> command(std::int64_t id) override { return call<Command>(nats::command(core_, id)); }
  awaitable<Result<std::vector<Command>>> commands_for(std::vector<std::string> targets) override {
    return call<std::vector<Command>>(nats::commands_for(core_, std::move(targets)));
  }
  awaitable<Result<Command>> update_command(std::int64_t id, CommandStatus status, json detail) override {
    return call<Command>(nats::update_command(core_, id, status, std::move(detail)));
  }

  // ---- presence ----
  awaitable<Result<void>> register_agent(Presence presence) override {
    return call<void>(nats::register_agent(core_, std::move(presence)));
  }
  awaitable<Result<void>> publish_status(std::string agent_id, std::string status, bool ready, json meta) override {
    auto told = co_await call<void>(nats::publish_status(core_, agent_id, status, ready, meta));
    if (told)
      link_.status_told(agent_id);
    else if (is_transient(told.error()))
      link_.keep_status(std::move(agent_id), std::move(status), ready, std::move(meta));
    co_return told;
  }
  awaitable<Result<void>> heartbeat(std::string agent_id, json meta) override {
    return call<void>(nats::heartbeat(core_, std::move(agent_id), std::move(meta)));
  }
  awaitable<Result<void>> remove_agent(std::string agent_id) override {
    return call<void>(nats::remove_agent(core_, std::move(agent_id)));
  }
  awaitable<Result<std::vector<Presence>>> agents() override {
    return call<std::vector<Presence>>(nats::agents(core_));
  }

  // ---- notes ----
  awaitable<Result<std::vector<Note>>> notes() override { return call<std::vector<Note>>(nats::notes(core_)); }
  awaitable<Result<Note>> put_note(std::string key, std::string text, std::int64_t revision) override {
    return call<Note>(nats::put_note(core_, std::move(key), std::move(text), revision));
  }
  std::unique_ptr<Subscription> watch_notes(std::function<void()> listener) override {
    return core_.note_listeners->add(std::move(listener));
  }

  // ---- tokens ----
  awaitable<Result<IssuedToken>> issue_token(std::string profile, TokenScope scope,
                                             std::optional<milliseconds> lifetime, std::string name) override {
    return call<IssuedToken>(nats::issue_token(core_, std::move(profile), std::move(scope), lifetime, std::move(name)));
  }
  awaitable<Result<IssuedToken>> renew_token(std::string token) override {
    return call<IssuedToken>(nats::renew_token(core_, std::move(token)));
  }
  awaitable<Result<TokenInfo>> check_token(std::string token) override {
    return call<TokenInfo>(nats::check_token(core_, std::move(token)));
  }
  awaitable<Result<void>> revoke_token(std::string which) override {
    return call<void>(nats::revoke_token(core_, std::move(which)));
  }

  // ---- attachments ----
  awaitable<Result<Attachment>> put_attachment(std::string name, std::string media_type, std::string bytes) override {
    return call<Attachment>(nats::put_attachment(core_, std::move(name), std::move(media_type), std::move(bytes)));
  }
  awaitable<Result<std::string>> attachment_bytes(std::string id) override {
    return call<std::string>(nats::attachment_bytes(core_, id));
  }

  // ---- hints and status ----
  std::unique_ptr<Subscription> subscribe(Identity who, std::string runner_id, BusHints hints) override {
    return core_.subscribers->add(std::move(who), std::move(runner_id), std::move(hints));
  }

  awaitable<json> status() override {
    auto out = link_.describe();
    out["kind"] = name();
    out["prefix"] = core_.options.prefix;
    out["store"] = core_.numbering.id;
    out["clockAheadMs"] = core_.time.ahead().count();
    out["messagesInMemory"] = core_.messages.size();
    out["streams"] = json::array();
    out["feeds"] = json::array();
    if (link_.state() != "connected") co_return out;
    for (auto const store : nats::kStores) {
      auto const stream = core_.stream(store);
      auto const info = co_await core_.js.stream_info(stream);
      if (!info) {
        out["streams"].push_back({{"name", stream}, {"problem", info.error().message}});
        continue;
      }
      auto const& state = object_at(*info, "state");
      auto const& config = object_at(*info, "config");
      auto const last = static_cast<std::uint64_t>(integer_at(state, "last_seq"));
      out["streams"].push_back({{"name", stream},
                                {"messages", integer_at(state, "messages")},
                                {"bytes", integer_at(state, "bytes")},
                                {"maxBytes", integer_at(config, "max_bytes", -1)},
                                {"firstSequence", integer_at(state, "first_seq")},
                                {"lastSequence", last},
                                {"consumers", integer_at(state, "consumer_count")},
                                {"replicas", integer_at(config, "num_replicas", 1)}});
      auto const& cluster = object_at(*info, "cluster");
      if (cluster.contains("leader")) out["streams"].back()["leader"] = cluster.at("leader");
      for (auto const& replica : cluster.value("replicas", json::array()))
        if (!truth_at(replica, "current")) out["streams"].back()["behind"].push_back(text_at(replica, "name"));
      for (auto const* const feed : {&core_.message_feed, &core_.state_feed, &core_.command_feed, &core_.presence_feed})
        if (feed->stream() == stream)
          out["feeds"].push_back({{"stream", stream},
                                  {"consumer", feed->consumer()},
                                  {"applied", feed->applied()},
                                  {"lag", last > feed->applied() ? last - feed->applied() : 0}});
    }
    co_return out;
  }

 private:
  template <class T>
  awaitable<Result<T>> call(awaitable<Result<T>> job) {
    auto const meant = core_.numbering;
    auto const there = co_await link_.ready();
    if (!there) co_return there.error();
    auto const& now = core_.numbering;
    auto const is_another = [](std::string const& before, std::string const& after) {
      return !before.empty() && before != after;
    };
    if (is_another(meant.id, now.id) || is_another(meant.commands, now.commands)) co_return other_store();
    co_return co_await std::move(job);
  }

  nats::Core core_;
  nats::Link link_;
};

}  // namespace

Result<std::unique_ptr<NatsBus>> NatsBus::open(Executor executor, NatsOptions options, BusLimits limits,
                                               TaskGroup::OnDeath on_death) {
  if (auto const good = nats::check_options(options); !good) return good.error();
  std::unique_ptr<NatsBus> bus =
      std::make_unique<Implementation>(std::move(executor), std::move(options), limits, on_death);
  return bus;
}

}  // namespace ar::relay
