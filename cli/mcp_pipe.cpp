#include "cli/mcp_pipe.hpp"

#include "base/base64.hpp"
#include "base/ids.hpp"
#include "cli/sse.hpp"

#include <algorithm>
#include <cerrno>
#include <thread>
#include <unistd.h>

namespace ar::cli {
namespace {

constexpr std::size_t kLongestLine = 8U << 20;  ///< as the daemon takes it
constexpr std::size_t kMostUnderWay = 24;       ///< of the 32 requests that an agent may have at the daemon
constexpr milliseconds kPatience{300'000};      ///< with an answer that does not begin; waits tell of themselves
constexpr milliseconds kAbsence{60'000};        ///< of the daemon
constexpr milliseconds kLastWords{3'000};       ///< for answers under way when stdin ends

/// A header's value; what no header can hold goes as base64.
std::string header_value(std::string const& text) {
  bool const plain = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
  return plain && !text.starts_with("=?base64?") ? text : "=?base64?" + base64_encode(text) + "?=";
}

bool is_absence(Error const& error) { return error.code == "daemon_away" || error.code == "daemon_lost"; }

/// And not a notification that comes before it.
bool is_answer(std::string const& text) {
  auto const message = parse_object(text);
  return message && !message->contains("method");
}

bool write_all(std::string_view text) {
  while (!text.empty()) {
    auto const n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// A tool's answer that the daemon is there and still takes over its agents: nothing was done, and it is asked again.
bool is_starting(std::string_view message) {
  return message.find("\"isError\":true") != std::string_view::npos &&
         message.find("(starting)\"") != std::string_view::npos;
}

}  // namespace

struct McpPipe::Line {
  std::string text;
  json message;     ///< null: it is no JSON, which the daemon will say
  std::string id;   ///< as JSON; empty: nobody waits for an answer
  std::string key;  ///< the same at each try
};

void McpPipe::run() {
  std::string pending;
  bool skipping = false;  // the rest of a line that was too long
  for (std::string bytes(64U << 10, '\0');;) {
    auto const n = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    pending.append(bytes, 0, static_cast<std::size_t>(n));
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      if (!skipping) take(pending.substr(0, end));
      skipping = false;
      pending.erase(0, end + 1);
    }
    if (pending.size() > kLongestLine) {
      if (!skipping) refuse({}, "a message may have " + std::to_string(kLongestLine) + " bytes; this line has more");
      skipping = true;
    }
    if (skipping) pending.clear();
    if (std::scoped_lock const lock(mutex_); gone_) return;
  }
  if (!pending.empty() && !skipping) take(std::move(pending));
  std::unique_lock lock(mutex_);
  fewer_.wait_for(lock, kLastWords, [this] { return under_way_ == 0; });
}

void McpPipe::take(std::string text) {
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return;
  Line line{.text = std::move(text), .message = {}, .id = {}, .key = new_uuid()};
  if (auto parsed = parse_object(line.text)) line.message = std::move(*parsed);
  auto const& message = line.message;
  if (message.contains("method") && message.contains("id")) line.id = to_text(message["id"]);
  if (text_at(message, "method") == "notifications/cancelled") {
    auto const& params = object_at(message, "params");
    std::scoped_lock const lock(mutex_);
    auto const request = cancelled_.find(params.contains("requestId") ? to_text(params["requestId"]) : "");
    if (request != cancelled_.end()) request->second = true;
    return;
  }
  bool full = false;
  {
    std::scoped_lock const lock(mutex_);
    full = under_way_ >= kMostUnderWay;
    if (!full) ++under_way_;
    if (!full && !line.id.empty()) cancelled_[line.id] = false;
  }
  // Not waited for: what frees a place may be a cancellation, which is read next.
  if (full) return refuse(line, std::to_string(kMostUnderWay) + " calls are under way, the most; wait for one to end");
  std::thread([this, line = std::move(line)] {
    forward(line);
    std::scoped_lock const lock(mutex_);
    cancelled_.erase(line.id);
    --under_way_;
    fewer_.notify_all();
  }).detach();
}

void McpPipe::forward(Line const& line) {
  auto give_up = std::chrono::steady_clock::now() + kAbsence;
  // Nothing tells that a socket has begun to listen, hence the growing pauses.
  for (milliseconds pause{50};; pause = std::min(pause * 2, milliseconds(1000))) {
    auto const begin = std::chrono::steady_clock::now();
    auto const done = exchange(line);
    if (done || done.error().code == "cancelled") return;
    auto const now = std::chrono::steady_clock::now();
    if (now - begin > pause) give_up = now + kAbsence;  // it was there until now
    if (!is_absence(done.error()) || now > give_up) return refuse(line, done.error().message);
    std::this_thread::sleep_for(pause);
  }
}

Result<void> McpPipe::exchange(Line const& line) {
  auto const endpoint = where_();
  if (!endpoint) return endpoint.error();
  Call call{.method = "POST", .target = "/mcp", .body = line.text};
  call.patience = kPatience;
  call.headers = {{"Accept", "application/json, text/event-stream"}, {"Idempotency-Key", line.key}};
  auto const revision = text_at(line.message, {"params", "_meta", "io.modelcontextprotocol/protocolVersion"});
  if (!revision.empty()) {
    call.headers.emplace_back("MCP-Protocol-Version", header_value(revision));
    call.headers.emplace_back("Mcp-Method", header_value(text_at(line.message, "method")));
    if (auto const name = text_at(line.message, {"params", "name"}); !name.empty())
      call.headers.emplace_back("Mcp-Name", header_value(name));
  }
  EventStreamParser events;
  std::string whole;
  bool streams = false, answered = false;
  auto const taken = ApiClient(*endpoint).stream(call, [&](std::string_view bytes) -> Result<void> {
    if (!streams && whole.empty() && !bytes.empty()) streams = bytes.front() != '{';
    if (!streams) whole += bytes;
    if (streams) events.feed(bytes);
    bool present = print(line, {});
    while (auto const event = streams ? events.next() : std::nullopt) {
      if (is_starting(event->data)) return unavailable("daemon_lost", "the daemon is still starting");
      answered = answered || is_answer(event->data);
      present = print(line, event->data);
    }
    if (!present) return conflict("cancelled", "the client has cancelled it");
    return {};
  });
  if (!taken && !answered) return taken;
  if (is_starting(whole)) return unavailable("daemon_lost", "the daemon is still starting");
  if (!whole.empty()) print(line, whole);
  // A stream that ends without its answer is cut off: the daemon ends.
  if (streams && !answered) return unavailable("daemon_lost", "the daemon ended before it had answered");
  return {};
}

bool McpPipe::print(Line const& line, std::string_view message) {
  std::scoped_lock const lock(mutex_);
  auto const request = cancelled_.find(line.id);
  if (gone_ || (request != cancelled_.end() && request->second)) return false;
  if (message.empty()) return true;
  gone_ = !write_all(std::string(message) + "\n");
  return !gone_;
}

void McpPipe::refuse(Line const& line, std::string const& why) {
  if (line.id.empty() && line.message.is_object()) return;  // nobody waits for an answer
  json const id = line.id.empty() ? json() : line.message["id"];
  print(line, to_text({{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", -32603}, {"message", why}}}}));
}

}  // namespace ar::cli
