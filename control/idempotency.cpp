#include "control/idempotency.hpp"

#include "base/ids.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::control {
namespace {

constexpr std::size_t kLongestKey = 255;
constexpr std::string_view kSecrets[] = {"env", "headers", "secret", "token"};

void leave_out_secrets(json& value) {
  if (value.is_object())
    for (auto const secret : kSecrets) value.erase(std::string(secret));
  if (value.is_structured())
    for (auto& member : value) leave_out_secrets(member);
}

/// The id of what the first request made, or else was about; empty: it has none.
std::string id_of(KeptAnswer const& first) {
  if (!first.location.empty()) return first.location.substr(first.location.rfind('/') + 1);
  auto const body = parse_object(first.body);
  return body ? text_at(*body, "id") : std::string();
}

Error conflict_with(KeptAnswer const& first, Call const& call) {
  auto const what = first.location.empty() ? std::string() : ", which made " + first.location;
  return idempotency_conflict(id_of(first), "the Idempotency-Key of this " + std::string(call.route.method) + " " +
                                                std::string(call.route.pattern) + " was used for another request" +
                                                what + "; use a new key");
}

Response again(KeptAnswer const& first) {
  auto response = first.body.empty() ? Response{} : json_text_response(first.body);
  if (!first.location.empty()) response.headers.push_back({"Location", first.location});
  response.headers.push_back(replayed());
  return response;
}

/// An answer as it may be kept.
std::string without(std::string_view secret, std::string const& answer) {
  if (secret.empty()) return answer;
  auto document = parse_json(answer);
  if (!document || !document->is_object()) return "{}";
  (*document)[std::string(secret)] = nullptr;
  return to_text(*document);
}

std::string location_of(Response const& response) {
  auto const it = std::ranges::find(response.headers, "Location", &http::Header::name);
  return it == response.headers.end() ? std::string() : it->value;
}

}  // namespace

bool takes_key(Route const& route) {
  return route.method != "GET" && route.body != Body::hook && !route.answers_secret;
}

std::string body_hash(Route const& route, Request const& request) {
  auto const head = request.method + " " + request.target + "\n";
  auto body = route.request ? parse_json(request.body) : Result<json>(internal("", ""));
  if (!body) return sha256_hex(head + request.body);
  if (route.request->holds_secrets) leave_out_secrets(*body);
  return sha256_hex(head + to_text(*body));
}

std::string file_hash(Request const& request, std::string const& hash) {
  auto const type = std::string(request.header("content-type").value_or(""));
  return sha256_hex(request.method + " " + request.target + "\n" + type + "\n" + hash);
}

Result<IdempotencyKey> read_key(Route const& route, Request const& request) {
  auto const header = takes_key(route) ? request.header("idempotency-key") : std::nullopt;
  if (!header) return IdempotencyKey{};
  auto const is_plain = [](char c) { return c > ' ' && c < 127; };
  if (header->empty() || header->size() > kLongestKey || !std::ranges::all_of(*header, is_plain))
    return invalid("Idempotency-Key",
                   "an Idempotency-Key has 1 to 255 letters, digits and signs of ASCII, without blanks");
  return IdempotencyKey{std::string(*header)};
}

awaitable<void> IdempotentRequests::hash_body(Call& call) {
  if (call.route.body != Body::attachment && call.route.body != Body::skill) {
    call.key.body_hash = body_hash(call.route, call.request);
    co_return;
  }
  auto hashed = co_await kept_.hash(std::move(call.request.body));
  call.request.body = std::move(hashed.bytes);
  call.key.body_hash = file_hash(call.request, hashed.hash);
}

awaitable<Result<Response>> IdempotentRequests::answer(Call& call, std::string owner) {
  struct UnderWay {
    std::set<std::pair<std::string, std::string>>& all;
    std::pair<std::string, std::string> const one;
    bool const first;
    UnderWay(std::set<std::pair<std::string, std::string>>& of, std::pair<std::string, std::string> which)
        : all(of), one(std::move(which)), first(all.insert(one).second) {}
    ~UnderWay() {
      if (first) all.erase(one);
    }
  } const under_way(under_way_, {owner, call.key.key});
  if (!under_way.first)
    co_return conflict("request_under_way",
                       "a request with this Idempotency-Key is being carried out; ask again once it has been answered");
  co_await hash_body(call);
  auto const first = co_await kept_.answer_of(owner, call.key.key);
  if (!first) co_return first.error();
  if (*first && (*first)->body_hash != call.key.body_hash) co_return conflict_with(**first, call);
  if (*first) co_return again(**first);

  auto response = co_await call.route.handler(call);
  bool const is_done = response && response->status < 300 && !response->stream && !response->websocket;
  if (!is_done) co_return response;
  KeptAnswer answer{call.key.body_hash, location_of(*response), without(call.route.secret, response->body)};
  auto const safe = co_await kept_.keep(std::move(owner), call.key.key, std::move(answer));
  // What was asked for is done: who repeats it is told what they would be without a key.
  if (!safe) spdlog::warn("control: the answer to an Idempotency-Key is not kept: {}", safe.error().message);
  co_return response;
}

}  // namespace ar::control
