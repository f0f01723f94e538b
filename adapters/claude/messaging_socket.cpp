#include "adapters/claude/messaging_socket.hpp"

#include "adapters/claude/prompt_text.hpp"
#include "base/http/within.hpp"
#include "base/json.hpp"
#include "base/unicode.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <sys/un.h>

namespace ar::adapters::claude {
namespace {

using Socket = net::local::stream_protocol::socket;

constexpr auto kConnectPatience = std::chrono::seconds(2);
constexpr auto kWritePatience = std::chrono::seconds(10);
/// The CLI cuts a line off after 1,048,576 characters.
constexpr std::size_t kLongestLine = 1'000'000;
/// A uuid of version 4 by its form; its last ten digits are the correlation id.
constexpr std::string_view kUuidBegin = "61672d72-756e-4000-8000-00";
constexpr std::size_t kCorrelationIdLength = 10;

awaitable<bool> connect(Socket& socket, std::filesystem::path const& path) {
  net::local::stream_protocol::endpoint const endpoint(path.string());
  auto [ec] = co_await socket.async_connect(endpoint, nothrow);
  co_return !ec;
}

awaitable<bool> write(Socket& socket, std::string const& line) {
  auto const bytes = net::buffer(line);
  auto [ec, size] = co_await net::async_write(socket, bytes, nothrow);
  co_return !ec;
}

std::string line_of(Prompt const& prompt, std::string const& text) {
  json line = {{"type", "user"}, {"priority", "next"}};
  line["message"]["content"] = text;
  line["from"] = "agent-runner/" + prompt.from;
  line["uuid"] = record_uuid(prompt.correlation_id);
  line["msg_id"] = prompt.correlation_id;
  return to_text(line) + "\n";
}

}  // namespace

std::filesystem::path messaging_socket(std::filesystem::path const& agent_dir) {
  auto path = agent_dir / "claude" / "msg.sock";
  return path.string().size() < sizeof(sockaddr_un::sun_path) ? path : std::filesystem::path();
}

std::string record_uuid(std::string_view correlation_id) {
  return std::string(kUuidBegin) + std::string(correlation_id);
}

std::string correlation_id_of_record(std::string_view uuid) {
  if (!uuid.starts_with(kUuidBegin) || uuid.size() != kUuidBegin.size() + kCorrelationIdLength) return {};
  return std::string(uuid.substr(kUuidBegin.size()));
}

SocketMessage socket_message(Prompt const& prompt) {
  auto rules = inline_rules();
  rules.controls = true;
  if (!is_utf8(prompt.body)) rules.max_bytes = 0;
  auto envelope = frame(prompt, rules);
  auto line = line_of(prompt, envelope.text);
  if (line.size() > kLongestLine) {  // control characters take six bytes each
    rules.max_bytes = 0;
    envelope = frame(prompt, rules);
    line = line_of(prompt, envelope.text);
  }
  return {std::move(envelope.text), std::move(line), envelope.as_file};
}

awaitable<Written> write_line(std::filesystem::path path, std::string line) {
  Socket socket(co_await net::this_coro::executor);
  auto const connected = co_await http::within(kConnectPatience, connect(socket, path));
  if (!connected.value_or(false)) co_return Written::nothing;
  auto const written = co_await http::within(kWritePatience, write(socket, line));
  co_return written.value_or(false) ? Written::all : Written::unclear;
}

bool SocketAllowance::take(std::string const& sender, Clock::time_point now) {
  std::erase_if(free_at_, [&](auto const& entry) { return entry.second <= now; });
  auto& free_at = free_at_.try_emplace(sender, now).first->second;
  if (free_at + kOneIn > now + kOneIn * kAtOnce) return false;
  free_at += kOneIn;
  return true;
}

}  // namespace ar::adapters::claude
