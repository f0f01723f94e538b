// The daemon's answers to the control server: each request checked for what its speaker may do, then passed on to the
// supervisor, an agent, the bus or the event log.
#pragma once
#include "control/backend.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"
#include "relay/uploads.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace ar::daemon {

class DaemonBackend final : public control::Backend {
 public:
  using Reload = std::function<awaitable<Result<std::vector<Config::Change>>>()>;
  /// `on_shut_down` is called once a shutdown was asked for; the answer is on its way then. `reload` takes the
  /// configuration's file again.
  DaemonBackend(Services& services, Supervisor& supervisor, std::function<void(bool stop_agents)> on_shut_down,
                Reload reload);
  /// The operator is known by it until its end; none: for ever.
  void set_operator_token(std::string token, std::optional<WallTime> end);
  /// By their SHA-256. True: the operator's is among them, and needs a successor.
  bool tokens_revoked(std::vector<std::string> const& hashes);
  /// Before this, every request is answered with `starting`.
  void open() { open_ = true; }

  Result<Principal> authenticate(std::string_view token) override;
  awaitable<Result<json>> info() override;
  awaitable<Result<json>> configuration() override;
  awaitable<Result<json>> reload_configuration() override;
  awaitable<Result<json>> bus() override;
  awaitable<Result<json>> shut_down(bool stop_agents) override;

  awaitable<Result<control::Spawned>> spawn(json spec, std::string idempotency_key) override;
  awaitable<Result<json>> agents(Page page) override;
  awaitable<Result<json>> agent(std::string id) override;
  awaitable<Result<json>> remove_agent(std::string id) override;
  awaitable<Result<json>> act(std::string id, std::string action, json params) override;
  awaitable<Result<json>> screen(std::string id) override;
  awaitable<Result<json>> attach(std::string id) override;
  awaitable<Result<json>> inbox(std::string id) override;
  awaitable<Result<json>> turns(std::string id, Page page) override;
  awaitable<Result<json>> workspace(std::string id) override;

  awaitable<Result<json>> send(Principal who, json message) override;
  awaitable<Result<json>> messages(Principal who, Page page) override;
  awaitable<Result<json>> message(Principal who, std::int64_t id) override;
  Result<void> check_store(std::string const& meant) const override;
  awaitable<Result<json>> wait_message(Principal who, std::int64_t id, std::string until,
                                       milliseconds patience) override;
  awaitable<Result<json>> react(Principal who, std::int64_t id, std::string word) override;
  awaitable<Result<json>> read(Principal who, std::int64_t id) override;
  awaitable<Result<std::string>> body(Principal who, std::int64_t id) override;
  awaitable<Result<json>> dead_letters() override;
  awaitable<Result<json>> settle(std::int64_t id, std::string agent, bool taken) override;
  awaitable<Result<json>> requeue(std::int64_t id) override;
  awaitable<Result<json>> put_attachment(Principal who, std::string name, std::string media_type,
                                         std::string bytes) override;
  awaitable<Result<std::string>> attachment(Principal who, std::string id, std::int64_t message) override;

  awaitable<Result<json>> hook(Principal who, std::string event, std::string provider_session, json payload) override;
  awaitable<Result<json>> ask(Principal who, std::string provider_session, std::string call, json payload) override;
  void ask_left(Principal const& who, std::string const& provider_session, std::string const& call) override;

  awaitable<Result<json>> approvals(Page page) override;
  awaitable<Result<json>> approval(std::int64_t id) override;
  awaitable<Result<json>> decide(std::int64_t id, json decision, std::string where) override;

  awaitable<Result<std::vector<Event>>> events(std::string agent, std::int64_t cursor, int limit) override;
  std::int64_t last_event(std::string const& agent) const override { return services_.events.last(agent); }
  awaitable<bool> wait_events(std::string agent, std::int64_t cursor, Clock::time_point deadline) override;

 private:
  Result<void> check_open() const;
  /// The agent whose provider's hook this is.
  Result<std::shared_ptr<Agent>> hook_agent(Principal const& who) const;
  /// The message, if `who` may see it: the operator all, an agent what it sent or what is for it.
  awaitable<Result<Message>> visible_message(Principal const& who, std::int64_t id);
  /// What an agent's message refers to gives rights, and makes its receiver act: the agent may only refer to what it
  /// has to do with.
  awaitable<Result<void>> check_references(std::string agent, NewMessage message);
  awaitable<Result<std::vector<json>>> deliveries_of(std::int64_t message);
  awaitable<Result<std::map<std::int64_t, std::vector<json>>>> deliveries_of(std::vector<std::int64_t> messages);
  awaitable<Result<void>> check_reach(std::string to);
  awaitable<std::string> of_stores_before(std::int64_t id);
  awaitable<void> note_reading(Principal const& who, Message const& message);
  awaitable<bool> reached_elsewhere(std::int64_t id, std::string until);
  int matching_agents(Message const& message) const;

  Services& services_;
  Supervisor& supervisor_;
  relay::Uploads uploads_;
  std::string operator_token_;  ///< empty: there is none now
  std::optional<WallTime> operator_token_end_;
  std::function<void(bool)> on_shut_down_;
  Reload reload_;
  WallTime const started_at_;
  bool open_ = false;
};

}  // namespace ar::daemon
