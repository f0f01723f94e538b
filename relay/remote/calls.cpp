#include "relay/remote/calls.hpp"

#include "base/unicode.hpp"
#include "relay/protocol.hpp"

namespace ar::relay::remote {
namespace {

/// The name of the field whose text is not UTF-8; empty: all of it is.
std::string bad_field(json const& value, std::string const& name) {
  if (value.is_string()) return is_utf8(value.get_ref<std::string const&>()) ? std::string() : name;
  if (value.is_object()) {
    for (auto const& [key, entry] : value.items()) {
      if (!is_utf8(key)) return name;
      if (auto found = bad_field(entry, key); !found.empty()) return found;
    }
  } else if (value.is_array()) {
    for (auto const& entry : value)
      if (auto found = bad_field(entry, name); !found.empty()) return found;
  }
  return {};
}

/// Refuses what is not UTF-8, with the name of the field that holds it.
Result<std::string> wire_text(json const& value) {
  if (auto const field = bad_field(value, "body"); !field.empty()) return invalid(field, field + " is not UTF-8");
  return value.dump();
}

}  // namespace

awaitable<Result<json>> Calls::get(std::string target) {
  http::Call call{.method = "GET", .target = std::move(target)};
  call.repeatable = true;
  co_return co_await object(std::move(call), false);
}

awaitable<Result<json>> Calls::ask(std::string target, json body) {
  return say("POST", std::move(target), std::move(body), true, false);
}

awaitable<Result<json>> Calls::send(char const* method, std::string target, json body, bool repeatable) {
  return say(method, std::move(target), std::move(body), repeatable, true);
}

awaitable<Result<json>> Calls::say(char const* method, std::string target, json body, bool repeatable, bool writes) {
  auto text = wire_text(body);
  if (!text) co_return text.error();
  http::Call call{.method = method, .target = std::move(target), .body = std::move(*text)};
  call.repeatable = repeatable;
  co_return co_await object(std::move(call), writes);
}

awaitable<Result<json>> Calls::object(http::Call call, bool writes) {
  auto const answer = co_await bytes(std::move(call), writes);
  if (!answer) co_return answer.error();
  auto parsed = parse_object(*answer);
  if (!parsed) co_return unavailable("bad_answer", "the relay's answer is no JSON object: " + parsed.error().message);
  co_return parsed;
}

awaitable<Result<std::string>> Calls::bytes(http::Call call, bool writes) {
  auto const meant = store_.id;
  if (auto const there = co_await wait_for_relay(); !there) co_return there.error();
  if (!meant.empty() && meant != store_.id) co_return other_store();
  call.headers.push_back(authorization());
  if (store_.id != store_.formerly) call.headers.push_back({kStoreHeader, store_.id});
  call.patience = config_.times.call;
  auto answer = co_await caller_.call(std::move(call));
  if (!answer) {
    storage_.note(answer.error());
    co_return told_apart(answer.error());
  }
  if (writes) storage_.clear();
  co_return answer;
}

/// So that a call costs no longer than this while the relay is away.
awaitable<Result<void>> Calls::wait_for_relay() {
  if (co_await link_.wait_connected(Clock::now() + config_.times.wait_for_relay)) co_return Result<void>();
  auto const& last = link_.last_error();
  co_return unavailable(link_.state() == Link::State::auth_failed ? "auth_failed" : "relay_away",
                        "the relay " + config_.url + " is away" + (last ? ": " + last->message : std::string()));
}

/// What depends on the way there may go well later; what the relay itself decided may not.
Error Calls::told_apart(Error error) {
  if (error.kind == ErrorKind::timeout)
    return unavailable("relay_silent", "the relay has not answered in time: " + error.message);
  if (error.code == other_store().code) link_.cut("the relay answers with another store than it said");
  if (!is_refused_token(error)) return error;
  link_.refuse_token(error);
  // Nothing has been decided about what was asked: it may be asked again with the next token.
  return unavailable("auth_failed", error.message);
}

}  // namespace ar::relay::remote
