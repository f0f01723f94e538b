#include "relay/remote/remote_bus.hpp"

#include "base/ids.hpp"
#include "relay/listeners.hpp"
#include "relay/message_json.hpp"
#include "relay/message_rules.hpp"
#include "relay/remote/agents.hpp"
#include "relay/remote/answers.hpp"
#include "relay/remote/calls.hpp"
#include "relay/remote/hints.hpp"
#include "relay/remote/link.hpp"
#include "relay/remote/own_token.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace ar::relay {
namespace {

using namespace std::chrono_literals;
using http::percent_encode;
using remote::nothing;
using remote::part;
using remote::read_as;
using remote::read_list;

constexpr milliseconds kSkewWorthALine = 5min;

Result<IssuedToken> issued_from(json const& value) {
  auto const token = value.find("token");
  auto const info = value.find("info");
  if (token == value.end() || !token->is_string() || info == value.end()) return invalid("token", "is missing");
  auto read = token_info_from(*info);
  if (!read) return read.error();
  return IssuedToken{token->get<std::string>(), std::move(*read)};
}

class Implementation final : public RemoteBus {
 public:
  Implementation(Executor executor, RemoteConfig config, http::Endpoint endpoint, http::Tls tls)
      : config_(std::move(config)),
        limits_(config_.limits),
        caller_(executor, std::move(endpoint), std::move(tls)),
        token_(executor, config_.token_file, config_.random, token_actions()),
        link_(executor, caller_, config_.times, config_.random, link_events()),
        calls_(caller_, link_, config_, token_.secret(), store_),
        agents_(config_),
        changed_(executor),
        tasks_(executor, "remote relay") {
    if (auto const read = token_.read(); !read) {
      Error error = read.error();
      error.message = "no token for the relay: " + error.message;
      link_.refuse_token(error);
    }
    tasks_.spawn_vital("link", link_.keep_up(), config_.on_death);
    tasks_.spawn_vital("alive", link_.keep_alive(), config_.on_death);
    tasks_.spawn_vital("token", token_.keep_fresh(), config_.on_death);
    tasks_.spawn_vital("token file", token_.follow_file(), config_.on_death);
    tasks_.spawn_vital("catch up", catch_up(), config_.on_death);
  }

  std::string_view name() const override { return "remote"; }
  BusLimits const& limits() const override { return limits_; }
  std::string transport_state() const override { return std::string(remote::to_string(link_.state())); }
  BusStore const& store() const override { return store_; }
  void watch_store(std::function<void()> listener) override { store_listener_ = std::move(listener); }
  awaitable<bool> reach(Clock::duration patience) override { return link_.reach(patience); }
  awaitable<void> stop() override { return tasks_.stop(); }

  awaitable<json> status() override {
    json shown = {{"kind", "remote"},
                  {"transport", transport_state()},
                  {"url", config_.url},
                  {"store", store_.id},
                  {"since", to_iso8601(link_.since())},
                  {"instanceId", config_.instance_id},
                  {"connections", link_.connections()},
                  {"clockSkewMs", skew_.count()},
                  {"hints", hints_.count()},
                  {"agents", hints_.subscribers().size()},
                  {"statusesToTell", agents_.untold()},
                  {"claimsHeld", claims_.size()},
                  {"token", token_.shown()}};
    if (auto const& error = link_.last_error())
      shown["lastError"] = {{"code", error->code}, {"message", error->message}};
    calls_.storage().show(shown);
    for (auto const& [agent, why] : agents_.refusals()) shown["refused"][agent] = why;
    co_return shown;
  }

  // ---- messages ----
  awaitable<Result<Sent>> send(NewMessage message) override {
    if (auto const good = check_message(message, limits_); !good) co_return good.error();
    // With a key of its own, what got no answer can be said again without a second message.
    if (message.idempotency_key.empty()) message.idempotency_key = "once-" + new_uuid();
    auto body = to_json(message);
    auto const answer = co_await calls_.post("/api/messages", std::move(body), true);
    if (!answer) co_return answer.error();
    auto sent = read_as(part(answer, "message"), message_from);
    if (!sent) co_return sent.error();
    auto const repeated = answer->find("repeated");
    co_return Sent{std::move(*sent), repeated != answer->end() && *repeated == json(true)};
  }
  awaitable<Result<Message>> message(MessageId id) override {
    co_return read_as(co_await calls_.get("/api/messages/" + std::to_string(id)), message_from);
  }
  awaitable<Result<std::vector<Message>>> messages(MessageFilter filter) override {
    if (filter.limit < 0) co_return invalid("limit", "limit must be from 1 to 1000");
    std::vector<Message> all;
    for (auto const limit = static_cast<std::size_t>(filter.limit);;) {
      std::string target = "/api/messages?limit=" + std::to_string(limit - all.size());
      if (filter.agent) target += "&agent=" + percent_encode(*filter.agent);
      if (filter.after) target += "&after=" + std::to_string(*filter.after);
      if (filter.before) target += "&before=" + std::to_string(*filter.before);
      if (filter.reply_to) target += "&replyTo=" + std::to_string(*filter.reply_to);
      auto const answer = co_await calls_.get(std::move(target));
      auto found = read_list(answer, "messages", message_from);
      if (!found) co_return found.error();
      bool const more = answer->value("more", json()) == json(true) && !found->empty();
      std::ranges::move(*found, std::back_inserter(all));
      if (!more || all.size() >= limit) co_return all;
      // Large ones come in portions.
      (filter.after ? filter.after : filter.before) = all.back().id;
    }
  }
  awaitable<Result<std::vector<Message>>> unread(Identity who, int limit, MessageId after) override {
    if (auto const may = agents_.check(who.agent_id); !may) co_return may.error();
    json body = {{"identity", to_json(who)}, {"limit", limit}, {"after", after}};
    auto found = read_list(co_await calls_.ask("/api/unread", std::move(body)), "messages", message_from);
    note_refusal(who.agent_id, found);
    co_return found;
  }
  awaitable<Result<void>> mark_read(MessageId id, std::string agent_id) override {
    if (auto const may = agents_.check(agent_id); !may) co_return may.error();
    co_return nothing(co_await calls_.post(of(id, "/read"), {{"agentId", std::move(agent_id)}}, true));
  }
  awaitable<Result<void>> react(MessageId id, std::string by, std::string word) override {
    co_return nothing(
        co_await calls_.post(of(id, "/reactions"), {{"by", std::move(by)}, {"word", std::move(word)}}, true));
  }
  awaitable<Result<std::vector<Reaction>>> reactions(MessageId id) override {
    co_return read_list(co_await calls_.get(of(id, "/reactions")), "reactions", reaction_from);
  }
  awaitable<Result<std::vector<Message>>> reply_obligations(std::string agent_id) override {
    if (auto const good = check_word("agentId", agent_id, kMaxNameBytes); !good) co_return good.error();
    co_return read_list(co_await calls_.get("/api/agents/" + percent_encode(agent_id) + "/obligations"), "messages",
                        message_from);
  }
  awaitable<Result<void>> waive_reply(MessageId id, std::string agent_id) override {
    co_return nothing(co_await calls_.post(of(id, "/waive"), {{"agentId", std::move(agent_id)}}, true));
  }

  // ---- claims ----
  awaitable<Result<Claim>> claim(MessageId id, std::string agent_id) override {
    if (auto const may = agents_.check(agent_id); !may) co_return may.error();
    auto const asked = wall_now();
    auto claim = read_as(co_await calls_.post(of(id, "/claim"), {{"agentId", std::move(agent_id)}}, true), claim_from);
    if (!claim) co_return claim.error();
    // By our own clock, from before the question: the relay's may be an hour away.
    claim->expires_at = asked + limits_.lease;
    claims_[id] = claim->token;
    co_return claim;
  }
  awaitable<Result<Claim>> renew(MessageId id, std::string token) override {
    auto const asked = wall_now();
    auto claim = read_as(co_await calls_.post(of(id, "/renew"), {{"token", token}}, true), claim_from);
    if (claim)
      claim->expires_at = asked + limits_.lease;
    else
      forget_unless_away(id, token, claim.error());
    co_return claim;
  }
  awaitable<Result<void>> release(MessageId id, std::string token, milliseconds delay, Tried tried) override {
    json body = {{"token", token}, {"delayMs", delay.count()}};
    if (tried == Tried::no) body["untried"] = true;
    auto done = nothing(co_await calls_.post(of(id, "/release"), std::move(body), false));
    forget_unless_away(id, token, done);
    co_return done;
  }
  awaitable<Result<void>> finish(MessageId id, std::string token) override {
    auto done = nothing(co_await calls_.post(of(id, "/finish"), {{"token", token}}, true));
    forget_unless_away(id, token, done);
    co_return done;
  }
  awaitable<Result<std::vector<DeadLetter>>> dead_letters() override {
    co_return read_list(co_await calls_.get("/api/dead"), "dead", dead_letter_from);
  }
  awaitable<Result<void>> requeue(MessageId id) override {
    co_return nothing(co_await calls_.post("/api/dead/" + std::to_string(id) + "/requeue", json::object(), false));
  }

  // ---- tasks ----
  awaitable<Result<Task>> task(std::int64_t id) override {
    co_return read_as(co_await calls_.get("/api/tasks/" + std::to_string(id)), task_from);
  }
  awaitable<Result<Task>> set_task(Task task) override {
    json body = {{"id", task.id}, {"status", to_string(task.status)}, {"body", std::move(task.body)}};
    body["metadata"] = std::move(task.metadata);
    body["setBy"] = std::move(task.set_by);
    co_return read_as(co_await calls_.send("PUT", "/api/tasks", std::move(body), true), task_from);
  }

  // ---- commands ----
  awaitable<Result<Command>> send_command(std::string type, std::string target, json params,
                                          std::optional<milliseconds> expires_after) override {
    json body = {{"type", std::move(type)}, {"target", std::move(target)}, {"params", std::move(params)}};
    if (expires_after) body["expiresAfterMs"] = expires_after->count();
    co_return read_as(co_await calls_.post("/api/commands", std::move(body), false), command_from);
  }
  awaitable<Result<Command>> command(std::int64_t id) override {
    co_return read_as(co_await calls_.get("/api/commands/" + std::to_string(id)), command_from);
  }
  awaitable<Result<std::vector<Command>>> commands_for(std::vector<std::string> targets) override {
    co_return read_list(co_await calls_.ask("/api/commands/pending", {{"targets", std::move(targets)}}), "commands",
                        command_from);
  }
  awaitable<Result<Command>> update_command(std::int64_t id, CommandStatus status, json detail) override {
    json body = {{"status", to_string(status)}, {"detail", std::move(detail)}};
    co_return read_as(co_await calls_.post("/api/commands/" + std::to_string(id) + "/status", std::move(body), false),
                      command_from);
  }

  // ---- presence ----
  awaitable<Result<void>> register_agent(Presence presence) override {
    auto const id = presence.identity.agent_id;
    agents_.started_anew(id, presence.instance_id);
    if (auto const may = agents_.check(id); !may) co_return may.error();
    auto const answer = co_await calls_.post("/api/agents", to_json(presence), true);
    note_refusal(id, answer);
    if (!answer) co_return answer.error();
    agents_.registered(std::move(presence));
    // With its status, so that the relay knows whose it is now.
    for (auto const& [who, runner] : hints_.subscribers())
      if (who.agent_id == id) (void)link_.say(agents_.hello(who, runner));
    co_return Result<void>();
  }
  awaitable<Result<void>> publish_status(std::string agent_id, std::string status, bool ready, json meta) override {
    if (auto const may = agents_.check(agent_id); !may) co_return may.error();
    agents_.becomes(agent_id, status, ready, meta);
    json body = {{"status", std::move(status)}, {"ready", ready}, {"meta", std::move(meta)}};
    auto told =
        nothing(co_await calls_.post("/api/agents/" + percent_encode(agent_id) + "/status", std::move(body), true));
    note_refusal(agent_id, told);
    // Kept: the newest only, and told by the hello of the next connection.
    bool const away = !told && link_.state() != remote::Link::State::connected;
    if (away && agents_.tell_later(agent_id)) co_return Result<void>();
    co_return told;
  }
  awaitable<Result<void>> heartbeat(std::string agent_id, json meta) override {
    if (auto const may = agents_.check(agent_id); !may) co_return may.error();
    auto const target = "/api/agents/" + percent_encode(agent_id) + "/heartbeat";
    auto told = nothing(co_await calls_.post(target, {{"meta", std::move(meta)}}, true));
    note_refusal(agent_id, told);
    co_return told;
  }
  awaitable<Result<void>> remove_agent(std::string agent_id) override {
    agents_.removed(agent_id);
    if (auto const may = agents_.check(agent_id); !may) co_return may.error();
    auto removed = co_await tell_removed(agent_id);
    if (!remote::is_away(removed)) co_return removed;
    agents_.tell_removal_later(std::move(agent_id));
    wants_removals_ = true;
    changed_.notify_all();
    co_return Result<void>();
  }
  std::optional<Error> refusal(std::string const& agent_id) const override { return agents_.refusal(agent_id); }
  awaitable<Result<std::vector<Presence>>> agents() override {
    co_return read_list(co_await calls_.get("/api/agents"), "agents", presence_from);
  }

  // ---- notes ----
  awaitable<Result<std::vector<Note>>> notes() override {
    co_return read_list(co_await calls_.get("/api/notes"), "notes", note_from);
  }
  awaitable<Result<Note>> put_note(std::string key, std::string text, std::int64_t revision) override {
    if (auto const good = check_note(key, text); !good) co_return good.error();
    json body = {{"key", std::move(key)}, {"text", std::move(text)}, {"revision", revision}};
    co_return read_as(co_await calls_.send("PUT", "/api/notes", std::move(body), false), note_from);
  }
  std::unique_ptr<Subscription> watch_notes(std::function<void()> listener) override {
    return note_listeners_->add(std::move(listener));
  }

  // ---- tokens ----
  awaitable<Result<IssuedToken>> issue_token(std::string profile, TokenScope scope,
                                             std::optional<milliseconds> lifetime, std::string name) override {
    json body = {{"profile", std::move(profile)}, {"agentIds", std::move(scope.agent_ids)}};
    body["rights"] = std::move(scope.rights);
    if (lifetime) body["lifetimeMs"] = lifetime->count();
    if (!name.empty()) body["name"] = std::move(name);
    co_return read_as(co_await calls_.post("/api/tokens", std::move(body), false), issued_from);
  }
  awaitable<Result<IssuedToken>> renew_token(std::string token) override {
    co_return read_as(co_await calls_.post("/api/runtime-tokens/runner-renew", {{"token", std::move(token)}}, false),
                      issued_from);
  }
  awaitable<Result<TokenInfo>> check_token(std::string token) override {
    co_return read_as(co_await calls_.ask("/api/tokens/check", {{"token", std::move(token)}}), token_info_from);
  }
  awaitable<Result<void>> revoke_token(std::string which) override {
    co_return nothing(co_await calls_.send("DELETE", "/api/tokens/" + percent_encode(which), json::object(), true));
  }

  // ---- attachments ----
  awaitable<Result<Attachment>> put_attachment(std::string name, std::string media_type, std::string bytes) override {
    if (bytes.size() > limits_.max_attachment_bytes)
      co_return Error{ErrorKind::too_large, "too_large",
                      "the attachment has " + std::to_string(bytes.size()) + " bytes, at most " +
                          std::to_string(limits_.max_attachment_bytes) + " are taken; split it or share a path",
                      "bytes"};
    http::Call call{
        .method = "POST",
        .target = "/api/attachments?name=" + percent_encode(name) + "&mediaType=" + percent_encode(media_type),
        .body = std::move(bytes),
        .content_type = "application/octet-stream"};
    call.repeatable = true;
    auto const answer = co_await calls_.bytes(std::move(call), true);
    if (!answer) co_return answer.error();
    co_return read_as(parse_object(*answer), attachment_from);
  }
  awaitable<Result<std::string>> attachment_bytes(std::string id) override {
    http::Call call{.method = "GET", .target = "/api/attachments/" + percent_encode(id)};
    call.repeatable = true;
    co_return co_await calls_.bytes(std::move(call), false);
  }

  // ---- hints ----
  std::unique_ptr<Subscription> subscribe(Identity who, std::string runner_id, BusHints hints) override {
    auto subscription = hints_.subscribe(who, runner_id, std::move(hints));
    if (agents_.check(who.agent_id)) (void)link_.say(agents_.hello(who, runner_id));
    return subscription;
  }

 private:
  /// What an agent needs to be on the bus at all is not for this token: nothing of it is tried with this one again.
  template <class T>
  void note_refusal(std::string const& agent_id, Result<T> const& answer) {
    if (!answer && remote::is_wrong_scope(answer.error())) agents_.refused(agent_id, answer.error());
  }
  static std::string of(MessageId id, char const* what) { return "/api/messages/" + std::to_string(id) + what; }
  /// It has ended, or was not ours; while the relay is away nobody knows.
  void forget_unless_away(MessageId id, std::string const& token, Result<void> const& done) {
    if (!done && is_transient(done.error())) return;
    if (auto const held = claims_.find(id); held != claims_.end() && held->second == token) claims_.erase(held);
  }

  // ---- the link ----
  remote::LinkEvents link_events() {
    return {[this] { return calls_.authorization(); }, [this] { return hellos(); },
            [this](json const& welcome) { take_welcome(welcome); }, [this](json const& frame) { take(frame); }};
  }

  std::vector<json> hellos() {
    std::vector<json> frames{agents_.hello_of_machine()};
    for (auto const& [who, runner] : hints_.subscribers())
      if (agents_.check(who.agent_id)) frames.push_back(agents_.hello_again(who, runner, hints_.last_seen()));
    return frames;
  }

  void take_store(json const& welcome) {
    BusStore store;
    if (auto const said = welcome.find("store"); said != welcome.end()) {
      auto named = store_from(*said);
      if (named)
        store = std::move(*named);
      else
        link_.note("store", named.error());
    }
    store.formerly = config_.url;
    if (store.id.empty()) store.id = store.formerly;  // a relay from before stores had names
    if (store.id != store_.id && store_.id != store_.formerly) {
      claims_.clear();
      hints_.forget_last_seen();
    }
    store_ = std::move(store);
    if (store_listener_) store_listener_();
  }

  void take_welcome(json const& welcome) {
    take_store(welcome);
    if (auto const said = welcome.find("limits"); said != welcome.end())
      if (auto const limits = limits_from(*said)) limits_ = *limits;
    auto const time = welcome.find("serverTime");
    if (time != welcome.end() && time->is_string())
      if (auto const server = from_iso8601(time->get_ref<std::string const&>())) skew_ = *server - wall_now();
    if (std::chrono::abs(skew_) > kSkewWorthALine)
      link_.note("clock", {ErrorKind::conflict, "clock_skew",
                           "the relay's clock is " +
                               std::to_string(std::chrono::duration_cast<std::chrono::seconds>(skew_).count()) +
                               " s from this machine's; leases hold all the same, but set the clocks (NTP)"});
    wants_catch_up_ = link_.connections() > 1;
    wants_renewal_ = true;
    wants_removals_ = !agents_.removals().empty();
    token_.connected();
    changed_.notify_all();
    note_listeners_->tell();  // what was told while the connection was away
  }

  void take(json const& frame) {
    if (text_at(frame, "type") == "notes") {
      note_listeners_->tell();
    } else if (text_at(frame, "type") == "error") {
      auto const agent = text_at(frame, "agentId"), code = text_at(frame, "code");
      Error const error{code == "superseded" ? ErrorKind::conflict : ErrorKind::forbidden, code,
                        text_at(frame, "message")};
      agents_.refused(agent, error);
      link_.note("agent " + agent, error);
    } else if (auto const heard = hints_.take(frame); !heard) {
      link_.note("frame", heard.error());
    }
  }

  /// What a connection that was away has missed. What the relay could not be asked is asked again.
  awaitable<void> catch_up() {
    for (;;) {
      if (!wants_renewal_ && !wants_catch_up_ && !wants_removals_) {
        (void)co_await changed_.wait();
        continue;
      }
      // Leases first, since they run out.
      if (std::exchange(wants_renewal_, false) && !co_await renew_claims()) wants_renewal_ = true;
      if (std::exchange(wants_removals_, false) && !co_await tell_removals()) wants_removals_ = true;
      if (std::exchange(wants_catch_up_, false) && !co_await hints_.catch_up(*this)) wants_catch_up_ = true;
      if (wants_renewal_ || wants_removals_ || wants_catch_up_)
        (void)co_await changed_.wait(Clock::now() + config_.times.most_backoff);
    }
  }
  // Both are false when the relay could not be asked everything.
  awaitable<bool> renew_claims() {
    bool whole = true;
    auto const held = claims_;
    for (auto const& [id, token] : held) {
      auto const renewed = co_await renew(id, token);
      whole = whole && !remote::is_away(renewed);
    }
    co_return whole;
  }
  awaitable<bool> tell_removals() {
    bool whole = true;
    auto const removals = agents_.removals();
    for (auto const& agent : removals) {
      if (!agents_.removals().contains(agent)) continue;  // it has registered again
      auto const told = co_await tell_removed(agent);
      if (remote::is_away(told))
        whole = false;
      else
        agents_.removal_told(agent);
    }
    co_return whole;
  }
  awaitable<Result<void>> tell_removed(std::string agent_id) {
    co_return nothing(co_await calls_.send("DELETE", "/api/agents/" + percent_encode(agent_id), json::object(), true));
  }

  // ---- the token ----
  remote::OwnToken::Actions token_actions() {
    return {[this] { return ask_about_token(); }, [this] { return renew_own_token(); },
            [this] {
              agents_.allow_all();
              caller_.forget_connections();
              link_.start_again();
            }};
  }
  awaitable<Result<TokenInfo>> ask_about_token() {
    auto const answer = co_await calls_.get("/api/info");
    if (!answer) co_return answer.error();
    auto info = read_as(part(answer, "token"), token_info_from);
    if (info && info->expires_at) *info->expires_at -= skew_;
    co_return info;
  }
  awaitable<Result<IssuedToken>> renew_own_token() {
    auto renewed = co_await renew_token(token_.secret());
    if (renewed && renewed->info.expires_at) *renewed->info.expires_at -= skew_;
    co_return renewed;
  }

  RemoteConfig const config_;
  BusLimits limits_;
  http::HttpClient caller_;
  remote::OwnToken token_;
  BusStore store_;  ///< as the relay's newest welcome says
  std::function<void()> store_listener_;
  remote::Link link_;
  remote::Calls calls_;
  remote::Agents agents_;
  remote::Hints hints_;
  std::shared_ptr<Listeners> note_listeners_ = std::make_shared<Listeners>();
  std::map<MessageId, std::string> claims_;  ///< held: their tokens
  milliseconds skew_{};                      ///< what the relay's clock is ahead of ours
  bool wants_catch_up_ = false, wants_renewal_ = false, wants_removals_ = false;
  Notifier changed_;
  TaskGroup tasks_;
};

}  // namespace

Result<std::unique_ptr<RemoteBus>> RemoteBus::open(Executor executor, RemoteConfig config) {
  auto endpoint = http::parse_endpoint(config.url);
  if (!endpoint) return endpoint.error();
  http::Tls tls;
  if (endpoint->secure) {
    auto context = http::client_tls(config.ca_file);
    if (!context) return context.error();
    tls = std::move(*context);
  }
  if (config.instance_id.empty()) config.instance_id = new_uuid();
  if (!config.random) config.random = real_random();
  std::unique_ptr<RemoteBus> bus =
      std::make_unique<Implementation>(std::move(executor), std::move(config), std::move(*endpoint), std::move(tls));
  return bus;
}

}  // namespace ar::relay
