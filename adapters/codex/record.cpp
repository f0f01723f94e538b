#include "adapters/codex/record.hpp"

#include "adapters/codex/protocol.hpp"
#include "adapters/envelope.hpp"
#include "base/json.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace ar::adapters::codex {
namespace {

/// The user's words in a response item, all parts of it.
std::string words_of(json const& payload) {
  std::string text;
  auto const content = payload.find("content");
  if (content == payload.end() || !content->is_array()) return text;
  for (auto const& part : *content) text += text_at(part, {"text"});
  return text;
}

}  // namespace

std::string taken_nonce(std::string_view line) {
  // Most lines are neither: looked through as text, without parsing megabytes of tool output.
  bool const item = line.find("\"client_id\":\"ar-") != std::string_view::npos;
  if (!item && line.find("[agent-runner ") == std::string_view::npos) return {};
  auto const record = json::parse(line, nullptr, false);
  if (!record.is_object()) return {};
  auto const payload = record.find("payload");
  if (payload == record.end() || !payload->is_object()) return {};
  auto const type = text_at(record, {"type"});
  if (type == "event_msg" && text_at(*payload, {"type"}) == "item_completed" &&
      text_at(*payload, {"item", "type"}) == "UserMessage")
    return nonce_of(text_at(*payload, {"item", "client_id"}));
  if (type != "response_item" || text_at(*payload, {"type"}) != "message" || text_at(*payload, {"role"}) != "user")
    return {};
  auto const words = words_of(*payload);
  auto const nonces = nonces_in(std::string_view(words).substr(0, 64));
  if (nonces.empty() || !words.starts_with(envelope_mark(nonces.front())) ||
      !words.ends_with("[end " + nonces.front() + "]"))
    return {};
  return nonces.front();
}

void Record::read() {
  int const fd = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC);
  unreadable_ = fd < 0 && errno != ENOENT;
  if (fd < 0) return;
  std::vector<char> buffer(1U << 20);
  for (;;) {
    auto const n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset_));
    if (n < 0 && errno == EINTR) continue;
    unreadable_ = n < 0;
    if (n <= 0) break;
    offset_ += static_cast<std::uint64_t>(n);
    rest_.append(buffer.data(), static_cast<std::size_t>(n));
    std::size_t at = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', at)) {
      if (auto nonce = taken_nonce(std::string_view(rest_).substr(at, end - at)); !nonce.empty())
        nonces_.insert(std::move(nonce));
      at = end + 1;
    }
    rest_.erase(0, at);
  }
  ::close(fd);
}

std::optional<std::filesystem::path> find_record(std::filesystem::path const& codex_home, std::string const& thread) {
  if (thread.empty()) return std::nullopt;
  std::error_code ec;
  auto const ending = "-" + thread + ".jsonl";
  for (std::filesystem::recursive_directory_iterator at(codex_home / "sessions", ec), end; !ec && at != end;
       at.increment(ec))
    if (at->path().filename().string().ends_with(ending)) return at->path();
  return std::nullopt;
}

}  // namespace ar::adapters::codex
