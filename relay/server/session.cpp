#include "relay/server/session.hpp"

#include "relay/message_rules.hpp"
#include "relay/protocol.hpp"
#include "relay/server/scope.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::relay::server {
namespace {

using namespace std::chrono_literals;
constexpr auto kGoodbye = 5s;
constexpr int kUnreadAtOnce = 1000;
/// Of one connection: so many are no flood, since a daemon says all of its agents' at once.
constexpr int kFreeHellos = 10'000;

json object_of(json const& frame, char const* name) {
  auto const found = frame.find(name);
  return found != frame.end() && found->is_object() ? *found : json::object();
}

std::int64_t number_of(json const& frame, char const* name, std::int64_t otherwise) {
  auto const found = frame.find(name);
  return found != frame.end() && found->is_number_integer() ? found->get<std::int64_t>() : otherwise;
}

/// What is said back of a frame that was refused.
bool is_short(json const& value) {
  return value.is_number() || (value.is_string() && value.get_ref<std::string const&>().size() <= kMaxNameBytes);
}

}  // namespace

Session::Session(Sessions& sessions, http::WebSocket& socket, TokenInfo who, std::string token)
    : sessions_(sessions),
      socket_(socket),
      who_(std::move(who)),
      token_(std::move(token)),
      allowance_(sessions.limits_.frames_at_once) {
  sessions_.sessions_.push_back(this);
}

Session::~Session() {
  sessions_.leave(*this);
  std::erase(sessions_.sessions_, this);
}

awaitable<void> Session::run() {
  while (socket_.is_open()) {
    auto const text = co_await socket_.read();
    if (!text) {
      spdlog::debug("relay: a connection of token {} is over: {}", who_.jti, text.error().message);
      break;
    }
    last_frame_ = Clock::now();
    if (too_many()) {
      end({ErrorKind::unavailable, "flood", "too many frames; send fewer and connect again"});
      break;
    }
    auto const frame = parse_object(*text);
    if (!frame) {
      end({ErrorKind::invalid, "malformed_frame", "a frame is no JSON object: " + frame.error().message});
      break;
    }
    auto const taken = co_await take(*frame);
    if (!taken) complain(*frame, taken.error());
    if (!taken && taken.error().code == "unsupported_protocol") break;
  }
  co_await socket_.close(kGoodbye);
}

/// A bucket that fills at the allowed rate.
bool Session::too_many() {
  auto const now = Clock::now();
  auto const& limits = sessions_.limits_;
  std::chrono::duration<double> const passed = now - counted_;
  counted_ = now;
  allowance_ = std::min(limits.frames_at_once, allowance_ + passed.count() * limits.frames_per_second);
  allowance_ -= 1;
  return allowance_ < 0;
}

awaitable<Result<void>> Session::take(json const& frame) {
  auto const type = text_at(frame, "type");
  if (type == "ping") {
    say({{"type", "pong"}, {"serverTime", to_iso8601(wall_now())}});
    co_return Result<void>();
  }
  if (type == "hello") co_return co_await hello(frame);
  if (type != "status" && type != "heartbeat" && type != "command.update")
    co_return invalid("type", "there is no frame \"" + type.substr(0, 40) + "\"");
  if (!has_right(who_, "presence")) co_return forbidden("token " + who_.jti + " has no right \"presence\"");
  if (guests_.empty()) co_return conflict("no_hello", "say hello first");
  auto& bus = sessions_.bus_;
  if (type == "command.update") {
    auto const status = command_status_from(text_at(frame, "status"));
    if (!status) co_return invalid("status", "is no status of a command");
    auto const command = co_await bus.command(number_of(frame, "commandId", 0));
    if (!command) co_return command.error();
    if (!may_be(who_, command->target)) co_return forbidden("the command is for another agent");
    auto const updated = co_await bus.update_command(command->id, *status, object_of(frame, "detail"));
    if (!updated) co_return updated.error();
    co_return Result<void>();
  }
  auto agent = text_at(frame, "agentId");
  if (agent.empty()) agent = guests_.begin()->second.who.agent_id;
  bool const own = std::ranges::any_of(guests_, [&](auto const& guest) { return guest.first.first == agent; });
  if (!own) co_return conflict("no_hello", "this connection has not said hello for \"" + agent.substr(0, 80) + "\"");
  if (type == "heartbeat") co_return co_await bus.heartbeat(std::move(agent), object_of(frame, "meta"));
  auto const ready = frame.find("ready");
  co_return co_await bus.publish_status(std::move(agent), text_at(frame, "status"),
                                        ready != frame.end() && ready->is_boolean() && ready->get<bool>(),
                                        object_of(frame, "meta"));
}

awaitable<Result<void>> Session::hello(json const& frame) {
  if (++hellos_ <= kFreeHellos) allowance_ += 1;
  if (auto const protocol = number_of(frame, "protocol", 0); protocol != kProtocol)
    co_return Error{ErrorKind::invalid, "unsupported_protocol",
                    "protocol " + std::to_string(protocol) + " is not spoken here, only " + std::to_string(kProtocol) +
                        "; use programs of one version",
                    "protocol"};
  auto const role = text_at(frame, "role");
  if (role != "provider" && role != "client" && role != "observer")
    co_return invalid("role", "role must be provider, client or observer");
  if (!has_right(who_, "read")) co_return forbidden("token " + who_.jti + " has no right \"read\"");
  if (role != "provider" && who_.scope.agent_ids.empty()) watches_presence_ = true;
  // Asked for, since an older client takes an unknown frame for nonsense.
  if (frame.value("notes", json()) == true && check_may_keep_notes(who_)) watches_notes_ = true;
  json welcome = {{"type", "welcome"},
                  {"protocol", kProtocol},
                  {"heartbeatIntervalMs", 30'000},
                  {"serverTime", to_iso8601(wall_now())},
                  {"limits", to_json(sessions_.bus_.limits())},
                  {"store", to_json(sessions_.bus_.store())}};
  auto const agent_id = text_at(frame, "agentId");
  if (agent_id.empty()) {
    say(welcome);
    co_return Result<void>();
  }
  // Only a provider that says how the agent is has it, and takes it over; others listen, and change nothing.
  bool const provides = role == "provider" && !text_at(frame, "status").empty();
  auto const component = text_at(frame, "componentId");
  if (!component.empty())
    if (auto const good = check_word("componentId", component, kMaxNameBytes); !good) co_return good.error();
  auto presence = frame;
  presence["narrow"] = frame.value("narrow", json(false));
  if (!provides) presence["status"] = "idle";
  auto read = presence_from(presence);
  if (!read) co_return read.error();
  if (!may_be(who_, agent_id))
    co_return forbidden("token " + who_.jti + " may not speak for \"" + agent_id.substr(0, 80) + "\"");
  auto const said = read->identity;
  if (auto const good = check_identity(said); !good) co_return good.error();
  if (auto const room = check_room_for({agent_id, component}); !room) co_return room.error();
  auto const taken = conflict("superseded", "a newer instance of " + agent_id + " is connected");
  if (provides) {
    if (!has_right(who_, "presence")) co_return forbidden("token " + who_.jti + " has no right \"presence\"");
    if (auto const good = check_word("instanceId", read->instance_id, kMaxNameBytes); !good) co_return good.error();
    auto const may_join = co_await check_groups(sessions_.bus_, who_, said);
    if (!may_join) co_return may_join.error();
    if (!sessions_.take_over(agent_id, read->instance_id, *this)) co_return taken;
    auto registered = co_await sessions_.bus_.register_agent(std::move(*read));
    if (!registered) co_return registered.error();
  }
  auto const who = co_await trusted_identity(sessions_.bus_, who_, said);
  if (!who) co_return who.error();
  // Not any more when a newer instance came while this one was registered.
  if (provides && !sessions_.holds(agent_id, *this)) co_return taken;
  BusHints hints;
  hints.message = [this, agent_id, component](Message const& message) {
    hint_of({{"agentId", agent_id}, {"componentId", component}}, message);
  };
  hints.command = [this, agent_id, component](Command const& command) {
    hint({{"type", "command"}, {"agentId", agent_id}, {"componentId", component}, {"command", to_json(command)}});
  };
  guests_[{agent_id, component}] = {*who, sessions_.bus_.subscribe(*who, component, std::move(hints))};
  welcome["agentId"] = agent_id;
  welcome["componentId"] = component;
  say(welcome);
  if (!frame.contains("lastSeenId")) co_return Result<void>();
  co_return co_await send_unread(*who, number_of(frame, "lastSeenId", 0));
}

awaitable<Result<void>> Session::send_unread(Identity who, MessageId after) {
  auto const unread = co_await sessions_.bus_.unread(who, kUnreadAtOnce, after);
  if (!unread) co_return unread.error();
  for (auto const& message : *unread) {
    if (!hint_of({{"agentId", who.agent_id}}, message)) break;
    co_await net::post(co_await net::this_coro::executor, nothrow);  // others have their turn between two large ones
  }
  co_return Result<void>();
}

Result<void> Session::check_room_for(Key const& guest) const {
  if (guests_.contains(guest)) return {};
  auto const& limits = sessions_.limits_;
  auto const of_agent = static_cast<std::size_t>(
      std::ranges::count_if(guests_, [&](auto const& other) { return other.first.first == guest.first; }));
  if (of_agent < limits.components && guests_.size() < limits.guests) return {};
  return Error{ErrorKind::too_large, "too_many_components",
               "one connection has at most " + std::to_string(limits.components) + " components of an agent and " +
                   std::to_string(limits.guests) + " in all; open another",
               "componentId"};
}

void Session::supersede(std::string const& agent_id) {
  Error const error = conflict("superseded", "a newer instance of " + agent_id + " has taken over");
  complain({{"agentId", agent_id}}, error);
  std::erase_if(guests_, [&](auto const& guest) { return guest.first.first == agent_id; });
  if (guests_.empty()) end(error);
}

void Session::tell(EmbeddedBus::PresenceChange const& change) {
  if (!watches_presence_) return;
  hint({{"type", "presence"},
        {"agentId", change.agent_id},
        {"status", change.status},
        {"ready", change.ready},
        {"gone", change.gone}});
}

void Session::tell_of_notes() {
  if (watches_notes_) hint({{"type", "notes"}});
}

void Session::end(Error const& error) {
  complain(json::object(), error);
  guests_.clear();
  // What is queued still goes; nothing more is read.
  socket_.finish();
}

bool Session::has_room(std::size_t bytes) const {
  auto const& limits = sessions_.limits_;
  return socket_.unsent() + bytes <= limits.unsent_bytes / 2 && sessions_.unsent() + bytes <= limits.all_unsent_bytes;
}

bool Session::hint(std::string text) {
  if (!has_room(text.size())) return false;
  send(std::move(text));
  return true;
}

bool Session::hint_of(json guest, Message const& message) {
  auto const& body = sessions_.text_of(message);
  if (!has_room(body.size())) return false;
  guest["type"] = "message.new";
  auto text = to_text(guest);
  text.back() = ',';
  return hint(text + "\"message\":" + body + "}");
}

void Session::send(std::string text) {
  if (!socket_.is_open() || socket_.send(std::move(text)) || socket_.is_open()) return;
  spdlog::warn("relay: a connection of token {} is cut off: {}", who_.jti, socket_.why());
}

void Session::complain(json const& frame, Error const& error) {
  json out = {{"type", "error"}, {"code", error.code}, {"message", error.message}};
  for (char const* name : {"agentId", "componentId", "commandId"})
    if (auto const found = frame.find(name); found != frame.end() && is_short(*found)) out[name] = *found;
  if (!error.field.empty()) out["field"] = error.field;
  say(out);
}

}  // namespace ar::relay::server
