#include "relay/remote/calls.hpp"

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

/// What depends on the way there may go well later; what the relay itself decided may not.
Error told_apart(Error error) {
  if (error.kind == ErrorKind::timeout)
    return unavailable("relay_silent", "the relay has not answered in time: " + error.message);
  return error;
}

}  // namespace

bool is_refused_token(Error const& error) {
  return error.code == "bad_token" || error.code == "token_required" || error.code == "bad_authorization";
}

Result<std::string> wire_text(json const& value) {
  if (auto const field = bad_field(value, "body"); !field.empty()) return invalid(field, field + " is not UTF-8");
  return value.dump();
}

awaitable<Result<json>> Calls::get(std::string target) {
  http::Call call{.method = "GET", .target = std::move(target)};
  call.repeatable = true;
  auto text = co_await bytes(std::move(call));
  if (!text) co_return text.error();
  auto parsed = parse_object(*text);
  if (!parsed) co_return unavailable("bad_answer", "the relay's answer is no JSON object: " + parsed.error().message);
  co_return parsed;
}

awaitable<Result<json>> Calls::post(std::string target, json body, bool repeatable) {
  co_return co_await send("POST", std::move(target), std::move(body), repeatable);
}

awaitable<Result<json>> Calls::send(char const* method, std::string target, json body, bool repeatable) {
  auto text = wire_text(body);
  if (!text) co_return text.error();
  http::Call call{.method = method, .target = std::move(target), .body = std::move(*text)};
  call.repeatable = repeatable;
  auto answer = co_await bytes(std::move(call));
  if (!answer) co_return answer.error();
  auto parsed = parse_object(*answer);
  if (!parsed) co_return unavailable("bad_answer", "the relay's answer is no JSON object: " + parsed.error().message);
  co_return parsed;
}

awaitable<Result<std::string>> Calls::bytes(http::Call call) {
  call.headers.push_back(authorization());
  call.patience = patience_;
  auto answer = co_await caller_.call(std::move(call));
  if (!answer) co_return told_apart(answer.error());
  co_return answer;
}

}  // namespace ar::relay::remote
