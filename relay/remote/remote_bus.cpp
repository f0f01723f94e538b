#include "relay/remote/remote_bus.hpp"

#include "base/ids.hpp"
#include "relay/embedded/subscribers.hpp"
#include "relay/message_json.hpp"
#include "relay/message_rules.hpp"
#include "relay/remote/calls.hpp"
#include "relay/remote/link.hpp"
#include "relay/remote/own_token.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <utility>

namespace ar::relay {
namespace {

using namespace std::chrono_literals;
using http::percent_encode;

constexpr milliseconds kSkewWorthALine = 5min;

std::function<double()> real_random() {
  return [engine = std::make_shared<std::mt19937_64>(std::random_device{}())] {
    return std::uniform_real_distribution<>(0, 1)(*engine);
  };
}

template <class T>
Result<T> read_as(Result<json> const& answer, Result<T> (*read)(json const&)) {
  if (!answer) return answer.error();
  auto value = read(*answer);
  if (!value) return unavailable("bad_answer", "the relay's answer makes no sense: " + value.error().message);
  return value;
}

template <class T>
Result<std::vector<T>> read_list(Result<json> const& answer, char const* name, Result<T> (*read)(json const&)) {
  if (!answer) return answer.error();
  auto const list = answer->find(name);
  if (list == answer->end() || !list->is_array())
    return unavailable("bad_answer", std::string("the relay's answer has no list \"") + name + "\"");
  std::vector<T> all;
  for (auto const& entry : *list) {
    auto one = read(entry);
    if (!one) return unavailable("bad_answer", "the relay's answer makes no sense: " + one.error().message);
    all.push_back(std::move(*one));
  }
  return all;
}

Result<void> nothing(Result<json> const& answer) {
  if (!answer) return answer.error();
  return {};
}

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
        calls_(caller_, token_.secret(), config_.times.call),
        link_(executor, caller_, config_.times, config_.random, link_events()),
        changed_(executor),
        tasks_(executor, "remote relay") {
    if (auto const read = token_.read(); !read) {
      Error error = read.error();
      error.message = "no token for the relay: " + error.message;
      link_.refuse_token(error);
    }
    tasks_.spawn("link", link_.keep_up());
    tasks_.spawn("alive", link_.keep_alive());
    tasks_.spawn("token", token_.keep_fresh());
    tasks_.spawn("token file", token_.follow_file());
    tasks_.spawn("catch up", catch_up());
  }

  std::string_view name() const override { return "remote"; }
  BusLimits const& limits() const override { return limits_; }
  std::string transport_state() const override { return std::string(remote::to_string(link_.state())); }
  awaitable<bool> reach(Clock::duration patience) override { return link_.reach(patience); }
  awaitable<void> stop() override { return tasks_.stop(); }

  awaitable<json> status() override {
    json shown = {{"kind", "remote"},
                  {"transport", transport_state()},
                  {"url", config_.url},
                  {"since", to_iso8601(link_.since())},
                  {"instanceId", config_.instance_id},
                  {"connections", link_.connections()},
                  {"clockSkewMs", skew_.count()},
                  {"hints", hints_},
                  {"agents", subscribers_->all().size()},
                  {"statusesToTell", waiting_statuses()},
                  {"claimsHeld", claims_.size()},
                  {"token", token_.shown()}};
    if (auto const& error = link_.last_error())
      shown["lastError"] = {{"code", error->code}, {"message", error->message}};
    for (auto const& [agent, refused] : refused_) shown["refused"][agent] = refused.error.message;
    co_return shown;
  }

  // ---- messages ----
  awaitable<Result<Sent>> send(NewMessage message) override {
    if (auto const good = check_message(message, limits_); !good) co_return good.error();
    // With a key of its own, what got no answer can be said again without a second message.
    if (message.idempotency_key.empty()) message.idempotency_key = "once-" + new_uuid();
    auto body = to_json(message);
    auto const answer = co_await post("/api/messages", std::move(body), true);
    if (!answer) co_return answer.error();
    auto const said = answer->find("message");
    auto sent = read_as(said == answer->end() ? ok(json()) : ok(*said), message_from);
    if (!sent) co_return sent.error();
    auto const repeated = answer->find("repeated");
    co_return Sent{std::move(*sent), repeated != answer->end() && *repeated == json(true)};
  }
  awaitable<Result<Message>> message(MessageId id) override {
    co_return read_as(co_await get("/api/messages/" + std::to_string(id)), message_from);
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
      auto const answer = co_await get(std::move(target));
      auto found = read_list(answer, "messages", message_from);
      if (!found) co_return found.error();
      bool const more = answer->value("more", json()) == json(true) && !found->empty();
      std::ranges::move(*found, std::back_inserter(all));
      if (!more || all.size() >= limit) co_return all;
      // Large ones come in portions.
      (filter.after ? filter.after : filter.before) = all.back().id;
    }
  }
  awaitable<Result<std::vector<Message>>> unread(Identity who, int limit) override {
    if (auto const may = check(who.agent_id); !may) co_return may.error();
    json body = {{"identity", to_json(who)}, {"limit", limit}};
    co_return read_list(co_await post("/api/unread", std::move(body), true), "messages", message_from);
  }
  awaitable<Result<void>> mark_read(MessageId id, std::string agent_id) override {
    if (auto const may = check(agent_id); !may) co_return may.error();
    co_return nothing(co_await post(of(id, "/read"), {{"agentId", std::move(agent_id)}}, true));
  }
  awaitable<Result<void>> react(MessageId id, std::string by, std::string word) override {
    co_return nothing(co_await post(of(id, "/reactions"), {{"by", std::move(by)}, {"word", std::move(word)}}, true));
  }
  awaitable<Result<std::vector<Reaction>>> reactions(MessageId id) override {
    co_return read_list(co_await get(of(id, "/reactions")), "reactions", reaction_from);
  }
  awaitable<Result<std::vector<Message>>> reply_obligations(std::string agent_id) override {
    if (auto const good = check_word("agentId", agent_id, kMaxNameBytes); !good) co_return good.error();
    co_return read_list(co_await get("/api/agents/" + percent_encode(agent_id) + "/obligations"), "messages",
                        message_from);
  }
  awaitable<Result<void>> waive_reply(MessageId id, std::string agent_id) override {
    co_return nothing(co_await post(of(id, "/waive"), {{"agentId", std::move(agent_id)}}, true));
  }

  // ---- claims ----
  awaitable<Result<Claim>> claim(MessageId id, std::string agent_id) override {
    if (auto const may = check(agent_id); !may) co_return may.error();
    auto const asked = wall_now();
    auto claim = read_as(co_await post(of(id, "/claim"), {{"agentId", std::move(agent_id)}}, true), claim_from);
    if (!claim) co_return claim.error();
    // By our own clock, from before the question: the relay's may be an hour away.
    claim->expires_at = asked + limits_.lease;
    claims_[id] = claim->token;
    co_return claim;
  }
  awaitable<Result<Claim>> renew(MessageId id, std::string token) override {
    auto const asked = wall_now();
    auto claim = read_as(co_await post(of(id, "/renew"), {{"token", token}}, true), claim_from);
    if (claim)
      claim->expires_at = asked + limits_.lease;
    else
      forget_if_lost(id, token, claim.error());
    co_return claim;
  }
  awaitable<Result<void>> release(MessageId id, std::string token, milliseconds delay) override {
    auto done = nothing(co_await post(of(id, "/release"), {{"token", token}, {"delayMs", delay.count()}}, false));
    if (done)
      forget(id, token);
    else
      forget_if_lost(id, token, done.error());
    co_return done;
  }
  awaitable<Result<void>> finish(MessageId id, std::string token) override {
    auto done = nothing(co_await post(of(id, "/finish"), {{"token", token}}, true));
    if (done)
      forget(id, token);
    else
      forget_if_lost(id, token, done.error());
    co_return done;
  }
  awaitable<Result<std::vector<DeadLetter>>> dead_letters() override {
    co_return read_list(co_await get("/api/dead"), "dead", dead_letter_from);
  }
  awaitable<Result<void>> requeue(MessageId id) override {
    co_return nothing(co_await post("/api/dead/" + std::to_string(id) + "/requeue", json::object(), false));
  }

  // ---- tasks ----
  awaitable<Result<Task>> task(std::int64_t id) override {
    co_return read_as(co_await get("/api/tasks/" + std::to_string(id)), task_from);
  }
  awaitable<Result<Task>> set_task(Task task) override {
    json body = {{"id", task.id}, {"status", to_string(task.status)}, {"body", std::move(task.body)}};
    body["metadata"] = std::move(task.metadata);
    body["setBy"] = std::move(task.set_by);
    co_return read_as(co_await send_json("PUT", "/api/tasks", std::move(body), true), task_from);
  }

  // ---- commands ----
  awaitable<Result<Command>> send_command(std::string type, std::string target, json params,
                                          std::optional<milliseconds> expires_after) override {
    json body = {{"type", std::move(type)}, {"target", std::move(target)}, {"params", std::move(params)}};
    if (expires_after) body["expiresAfterMs"] = expires_after->count();
    co_return read_as(co_await post("/api/commands", std::move(body), false), command_from);
  }
  awaitable<Result<Command>> command(std::int64_t id) override {
    co_return read_as(co_await get("/api/commands/" + std::to_string(id)), command_from);
  }
  awaitable<Result<std::vector<Command>>> commands_for(std::vector<std::string> targets) override {
    co_return read_list(co_await post("/api/commands/pending", {{"targets", std::move(targets)}}, true), "commands",
                        command_from);
  }
  awaitable<Result<Command>> update_command(std::int64_t id, CommandStatus status, json detail) override {
    json body = {{"status", to_string(status)}, {"detail", std::move(detail)}};
    co_return read_as(co_await post("/api/commands/" + std::to_string(id) + "/status", std::move(body), false),
                      command_from);
  }

  // ---- presence ----
  awaitable<Result<void>> register_agent(Presence presence) override {
    auto const id = presence.identity.agent_id;
    std::erase_if(refused_, [&](auto const& entry) {  // a newer start of it takes it back
      return entry.first == id && entry.second.error.code == "superseded" &&
             entry.second.instance_id != presence.instance_id;
    });
    if (auto const may = check(id); !may) co_return may.error();
    removed_.erase(id);
    auto const answer = co_await post("/api/agents", to_json(presence), true);
    if (!answer) co_return answer.error();
    auto& known = present_[id];
    known.presence = std::move(presence);
    known.untold = false;
    // With its status, so that the relay knows whose it is now.
    for (auto const& [who, runner] : subscribers_->all())
      if (who.agent_id == id) (void)link_.say(hello(who, runner));
    co_return Result<void>();
  }
  awaitable<Result<void>> publish_status(std::string agent_id, std::string status, bool ready, json meta) override {
    if (auto const may = check(agent_id); !may) co_return may.error();
    auto const known = present_.find(agent_id);
    if (known != present_.end()) {
      known->second.presence.status = status;
      known->second.presence.ready = ready;
      if (meta.is_object() && known->second.presence.meta.is_object()) known->second.presence.meta.update(meta);
    }
    json body = {{"status", std::move(status)}, {"ready", ready}, {"meta", std::move(meta)}};
    auto told = nothing(co_await post("/api/agents/" + percent_encode(agent_id) + "/status", std::move(body), true));
    // Kept: the newest only, and told by the hello of the next connection.
    auto const still = present_.find(agent_id);
    bool const away = !told && link_.state() != remote::Link::State::connected;
    if (!away || still == present_.end()) co_return told;
    still->second.untold = true;
    co_return Result<void>();
  }
  awaitable<Result<void>> heartbeat(std::string agent_id, json meta) override {
    if (auto const may = check(agent_id); !may) co_return may.error();
    auto const target = "/api/agents/" + percent_encode(agent_id) + "/heartbeat";
    co_return nothing(co_await post(target, {{"meta", std::move(meta)}}, true));
  }
  awaitable<Result<void>> remove_agent(std::string agent_id) override {
    present_.erase(agent_id);
    if (auto const may = check(agent_id); !may) co_return may.error();
    auto removed = co_await tell_removed(agent_id);
    if (removed || removed.error().kind != ErrorKind::unavailable) co_return removed;
    // Kept, and told when the relay is back, unless it registers again before.
    if (!present_.contains(agent_id)) removed_.insert(std::move(agent_id));
    wants_removals_ = true;
    changed_.notify_all();
    co_return Result<void>();
  }
  std::optional<Error> refusal(std::string const& agent_id) const override {
    auto const refused = refused_.find(agent_id);
    if (refused == refused_.end()) return std::nullopt;
    return refused->second.error;
  }
  awaitable<Result<std::vector<Presence>>> agents() override {
    co_return read_list(co_await get("/api/agents"), "agents", presence_from);
  }

  // ---- tokens ----
  awaitable<Result<IssuedToken>> issue_token(std::string profile, TokenScope scope,
                                             std::optional<milliseconds> lifetime) override {
    json body = {{"profile", std::move(profile)}, {"agentIds", std::move(scope.agent_ids)}};
    body["rights"] = std::move(scope.rights);
    if (lifetime) body["lifetimeMs"] = lifetime->count();
    co_return read_as(co_await post("/api/tokens", std::move(body), false), issued_from);
  }
  awaitable<Result<IssuedToken>> renew_token(std::string token) override {
    co_return read_as(co_await post("/api/runtime-tokens/runner-renew", {{"token", std::move(token)}}, false),
                      issued_from);
  }
  awaitable<Result<TokenInfo>> check_token(std::string token) override {
    co_return read_as(co_await post("/api/tokens/check", {{"token", std::move(token)}}, true), token_info_from);
  }
  awaitable<Result<void>> revoke_token(std::string jti) override {
    co_return nothing(co_await send_json("DELETE", "/api/tokens/" + percent_encode(jti), json::object(), true));
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
    auto const answer = co_await ask_bytes(std::move(call));
    if (!answer) co_return answer.error();
    co_return read_as(parse_object(*answer), attachment_from);
  }
  awaitable<Result<std::string>> attachment_bytes(std::string id) override {
    http::Call call{.method = "GET", .target = "/api/attachments/" + percent_encode(id)};
    call.repeatable = true;
    co_return co_await ask_bytes(std::move(call));
  }

  // ---- hints ----
  std::unique_ptr<Subscription> subscribe(Identity who, std::string runner_id, BusHints hints) override {
    auto subscription = subscribers_->add(who, runner_id, std::move(hints));
    if (!refused_.contains(who.agent_id)) (void)link_.say(hello(who, runner_id));
    return subscription;
  }

 private:
  struct Present {
    Presence presence;
    bool untold = false;  ///< its status has changed since the relay heard of it
  };
  struct Refused {
    Error error;
    std::string instance_id;  ///< that was refused
  };

  static std::string of(MessageId id, char const* what) { return "/api/messages/" + std::to_string(id) + what; }
  std::size_t waiting_statuses() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(present_, [](auto const& entry) { return entry.second.untold; }));
  }

  /// An agent that a newer instance has taken, or that the token is not for, is left alone.
  Result<void> check(std::string const& agent_id) const {
    if (auto const refused = refusal(agent_id)) return *refused;
    return {};
  }
  awaitable<Result<void>> tell_removed(std::string agent_id) {
    co_return nothing(co_await send_json("DELETE", "/api/agents/" + percent_encode(agent_id), json::object(), true));
  }

  void forget(MessageId id, std::string const& token) {
    if (auto const held = claims_.find(id); held != claims_.end() && held->second == token) claims_.erase(held);
  }
  void forget_if_lost(MessageId id, std::string const& token, Error const& error) {
    if (error.kind != ErrorKind::unavailable) forget(id, token);
  }

  // ---- calls ----
  /// Not before the relay is there, so that a call costs no longer than that while it is away.
  awaitable<Result<void>> wait_for_relay() {
    if (link_.state() != remote::Link::State::connected)
      (void)co_await link_.wait_connected(Clock::now() + config_.times.wait_for_relay);
    if (link_.state() == remote::Link::State::connected) co_return Result<void>();
    auto const& last = link_.last_error();
    co_return unavailable(link_.state() == remote::Link::State::auth_failed ? "auth_failed" : "relay_away",
                          "the relay " + config_.url + " is away" + (last ? ": " + last->message : std::string()));
  }
  template <class T>
  Result<T> noted(Result<T> answer) {
    if (answer || !remote::is_refused_token(answer.error())) return answer;
    link_.refuse_token(answer.error());
    // Nothing has been decided about what was asked: it may be asked again with the next token.
    return unavailable("auth_failed", answer.error().message);
  }
  awaitable<Result<json>> get(std::string target) {
    auto const there = co_await wait_for_relay();
    if (!there) co_return there.error();
    co_return noted(co_await calls_.get(std::move(target)));
  }
  awaitable<Result<json>> post(std::string target, json body, bool repeatable) {
    co_return co_await send_json("POST", std::move(target), std::move(body), repeatable);
  }
  awaitable<Result<json>> send_json(char const* method, std::string target, json body, bool repeatable) {
    auto const there = co_await wait_for_relay();
    if (!there) co_return there.error();
    co_return noted(co_await calls_.send(method, std::move(target), std::move(body), repeatable));
  }
  awaitable<Result<std::string>> ask_bytes(http::Call call) {
    auto const there = co_await wait_for_relay();
    if (!there) co_return there.error();
    co_return noted(co_await calls_.bytes(std::move(call)));
  }

  // ---- the link ----
  remote::LinkEvents link_events() {
    return {[this] { return calls_.authorization(); }, [this] { return hellos(); },
            [this](json const& welcome) { take_welcome(welcome); }, [this](json const& frame) { take(frame); }};
  }

  /// With the status of an agent that is registered: then it is this machine's.
  json hello(Identity const& who, std::string const& runner_id) const {
    json frame = to_json(who);
    frame["type"] = "hello";
    frame["protocol"] = 1;
    frame["role"] = "provider";
    frame["componentId"] = runner_id;
    frame["instanceId"] = instance_of(who.agent_id);
    frame["machine"] = config_.machine;
    auto const known = present_.find(who.agent_id);
    if (known == present_.end()) return frame;
    frame["status"] = known->second.presence.status;
    frame["ready"] = known->second.presence.ready;
    frame["meta"] = known->second.presence.meta;
    return frame;
  }
  std::string instance_of(std::string const& agent_id) const {
    auto const known = present_.find(agent_id);
    return known == present_.end() ? config_.instance_id : known->second.presence.instance_id;
  }

  std::vector<json> hellos() {
    std::vector<json> frames{{{"type", "hello"},
                              {"protocol", 1},
                              {"role", "client"},
                              {"componentId", config_.machine},
                              {"instanceId", config_.instance_id},
                              {"machine", config_.machine}}};
    for (auto const& [who, runner] : subscribers_->all()) {
      if (refused_.contains(who.agent_id)) continue;
      auto& frame = frames.emplace_back(hello(who, runner));
      if (last_seen_ > 0) frame["lastSeenId"] = last_seen_;
      if (auto const known = present_.find(who.agent_id); known != present_.end()) known->second.untold = false;
    }
    return frames;
  }

  void take_welcome(json const& welcome) {
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
    wants_removals_ = !removed_.empty();
    token_.connected();
    changed_.notify_all();
  }

  void take(json const& frame) {
    auto const word = [&](char const* name) {
      auto const found = frame.find(name);
      return found != frame.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    auto const agent = word("agentId"), runner = word("componentId"), type = word("type");
    if (type == "error") return refuse(agent, word("code"), word("message"));
    embedded::Subscribers::Only const only{agent, frame.contains("componentId") ? &runner : nullptr};
    if (type == "message.new" && frame.contains("message")) {
      auto const message = message_from(frame["message"]);
      if (!message) return link_.note("frame", message.error());
      ++hints_;
      last_seen_ = std::max(last_seen_, message->id);
      subscribers_->announce(*message, &only);
    } else if (type == "command" && frame.contains("command")) {
      auto const command = command_from(frame["command"]);
      if (!command) return link_.note("frame", command.error());
      ++hints_;
      subscribers_->announce(*command, &only);
    }
  }

  void refuse(std::string const& agent, std::string const& code, std::string const& message) {
    bool const taken = code == "superseded";
    Error error{
        taken ? ErrorKind::conflict : ErrorKind::forbidden, code,
        taken ? "another daemon has taken agent " + agent + " over; `agent-runner restart " + agent + "` takes it back"
              : message};
    if (taken || code == "wrong_scope") {
      if (refused_.emplace(agent, Refused{error, instance_of(agent)}).second)
        spdlog::error("relay: {} has no bus: {}{}", agent, error.message, taken ? "" : "; it needs another token");
    }
    link_.note("agent " + agent, error);
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
      if (std::exchange(wants_catch_up_, false) && !co_await announce_missed()) wants_catch_up_ = true;
      if (wants_renewal_ || wants_removals_ || wants_catch_up_)
        (void)co_await changed_.wait(Clock::now() + config_.times.most_backoff);
    }
  }
  // Each of them is false when the relay could not be asked everything.
  awaitable<bool> renew_claims() {
    bool whole = true;
    auto const held = claims_;
    for (auto const& [id, token] : held) {
      auto const renewed = co_await renew(id, token);
      whole = whole && !is_away(renewed);
    }
    co_return whole;
  }
  awaitable<bool> tell_removals() {
    bool whole = true;
    auto const removed = removed_;
    for (auto const& agent : removed) {
      if (!removed_.contains(agent)) continue;  // it has registered again
      auto const told = co_await tell_removed(agent);
      if (is_away(told))
        whole = false;
      else
        removed_.erase(agent);
    }
    co_return whole;
  }
  awaitable<bool> announce_missed() {
    bool whole = true;
    for (auto const& [who, runner] : subscribers_->all()) {
      embedded::Subscribers::Only const only{who.agent_id, &runner};
      auto const missed = co_await unread(who, 1000);
      whole = whole && !is_away(missed);
      if (missed)
        for (auto const& message : *missed) subscribers_->announce(message, &only);
      std::vector<std::string> targets{who.agent_id};
      if (runner != who.agent_id && !runner.empty()) targets.push_back(runner);
      auto const commands = co_await commands_for(std::move(targets));
      whole = whole && !is_away(commands);
      if (commands)
        for (auto const& command : *commands) subscribers_->announce(command, &only);
    }
    co_return whole;
  }
  template <class T>
  static bool is_away(Result<T> const& answer) {
    return !answer && answer.error().kind == ErrorKind::unavailable;
  }

  // ---- the token ----
  remote::OwnToken::Actions token_actions() {
    return {[this] { return ask_about_token(); }, [this] { return renew_own_token(); },
            [this] {
              refused_.clear();
              caller_.forget_connections();
              link_.start_again();
            }};
  }
  awaitable<Result<TokenInfo>> ask_about_token() {
    auto const answer = co_await get("/api/info");
    if (!answer) co_return answer.error();
    auto const own = answer->find("token");
    auto info = read_as(own == answer->end() ? ok(json()) : ok(*own), token_info_from);
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
  http::Caller caller_;
  remote::OwnToken token_;
  remote::Calls calls_;
  remote::Link link_;
  std::shared_ptr<embedded::Subscribers> subscribers_ = std::make_shared<embedded::Subscribers>();
  std::map<std::string, Present> present_;   ///< registered through this bus, by agent id
  std::map<std::string, Refused> refused_;   ///< agents that may not speak here, and why
  std::set<std::string> removed_;            ///< agents of whose end the relay has not heard yet
  std::map<MessageId, std::string> claims_;  ///< held: their tokens
  MessageId last_seen_ = 0;
  milliseconds skew_{};  ///< what the relay's clock is ahead of ours
  std::int64_t hints_ = 0;
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
