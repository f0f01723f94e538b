#include "adapters/codex/record.hpp"

#include "adapters/codex/protocol.hpp"
#include "adapters/envelope.hpp"
#include "base/json.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ar::adapters::codex {
namespace {

/// Of the message that is a part of the user's words: a whole one. Other parts are its images, with marks of Codex's
/// own around each.
std::string correlation_id_in(json const& payload) {
  auto const content = payload.find("content");
  if (content == payload.end() || !content->is_array()) return {};
  for (auto const& part : *content) {
    auto const text = text_at(part, {"text"});
    auto ids = correlation_ids_in(std::string_view(text).substr(0, 64));
    if (!ids.empty() && text.starts_with(envelope_mark(ids.front())) && text.ends_with("[end " + ids.front() + "]"))
      return std::move(ids.front());
  }
  return {};
}

TurnEnded end_of(json const& task_complete) {
  TurnEnded end;
  end.final_text = text_at(task_complete, {"last_agent_message"});
  auto const error = task_complete.find("error");
  if (error == task_complete.end() || !error->is_object()) return end;
  end.outcome = TurnEnded::Outcome::failed;
  end.error = text_at(*error, {"message"});
  auto const info = error->find("codex_error_info");
  end.error_kind = info == error->end() ? "unknown" : error_kind(*info);
  return end;
}

/// Something that the model said or called, as a line of the record; told without parsing megabytes of tool output. (A
/// quoted one has its quotes escaped.)
bool is_deed(std::string_view line) {
  auto const has = [&](std::string_view word) { return line.find(word) != std::string_view::npos; };
  return has("\"type\":\"response_item\"") && !has("\"role\":\"user\"") && !has("\"role\":\"developer\"") &&
         !has("\"type\":\"reasoning\"");
}

Usage usage_of(json const& total) {
  Usage usage;
  usage.cache_read = token_count(total, "cached_input_tokens");
  usage.cache_write = token_count(total, "cache_write_input_tokens");
  usage.input = std::max<std::int64_t>(token_count(total, "input_tokens") - usage.cache_read - usage.cache_write, 0);
  usage.output = token_count(total, "output_tokens");
  return usage;
}

Usage larger(Usage const& a, Usage const& b) {
  return {std::max(a.input, b.input), std::max(a.output, b.output), std::max(a.cache_read, b.cache_read),
          std::max(a.cache_write, b.cache_write)};
}

/// Reads on from `offset`; `rest` keeps a line that is not whole yet. False: it could not be read to its end. A file
/// that is not there is an empty one.
bool read_lines(std::filesystem::path const& file, std::uint64_t& offset, std::string& rest,
                std::function<void(std::string_view)> const& line) {
  int const fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT;
  std::vector<char> buffer(1U << 20);
  ssize_t n = 0;
  while ((n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset))) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    offset += static_cast<std::uint64_t>(n);
    rest.append(buffer.data(), static_cast<std::size_t>(n));
    std::size_t at = 0;
    for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', at)) {
      line(std::string_view(rest).substr(at, end - at));
      at = end + 1;
    }
    rest.erase(0, at);
  }
  ::close(fd);
  return n == 0;
}

}  // namespace

std::string taken_correlation_id(std::string_view line) {
  // Most lines are neither: looked through as text, without parsing megabytes of tool output.
  bool const item = line.find("\"client_id\":\"ar-") != std::string_view::npos;
  if (!item && line.find("[agent-runner ") == std::string_view::npos) return {};
  auto const record = parse_object(line);
  if (!record) return {};
  auto const& payload = object_at(*record, "payload");
  auto const type = text_at(*record, "type");
  if (type == "event_msg" && text_at(payload, "type") == "item_completed" &&
      text_at(payload, {"item", "type"}) == "UserMessage")
    return correlation_id_of(text_at(payload, {"item", "client_id"}));
  if (type != "response_item" || text_at(payload, "type") != "message" || text_at(payload, "role") != "user") return {};
  return correlation_id_in(payload);
}

std::string record_line_id(std::string_view line) {
  auto const record = parse_object(line);
  if (!record) return {};
  auto const& payload = object_at(*record, "payload");
  auto id = text_at(payload, {"item", "id"});
  return id.empty() ? text_at(payload, "id") : id;
}

void Record::read() {
  auto const line = [this](std::string_view text) {
    if (auto correlation_id = taken_correlation_id(text); !correlation_id.empty())
      correlation_ids_.insert(std::move(correlation_id));
  };
  unreadable_ = !read_lines(file_, offset_, rest_, line);
}

std::optional<TurnEnded> turn_end_in(std::filesystem::path const& file,
                                     std::vector<std::string> const& correlation_ids) {
  std::string running, wanted;  // turns, by their ids
  bool did_nothing = true;      // the running one
  std::optional<TurnEnded> end;
  auto const line = [&](std::string_view text) {
    bool const ours = std::ranges::find(correlation_ids, taken_correlation_id(text)) != correlation_ids.end();
    auto const has = [&](std::string_view word) { return text.find(word) != std::string_view::npos; };
    if (is_deed(text)) did_nothing = false;
    if (!ours && !has("\"task_started\"") && !has("\"task_complete\"") && !has("\"turn_aborted\"")) return;
    auto const record = parse_object(text);
    if (!record) return;
    auto const& payload = object_at(*record, "payload");
    auto const turn = text_at(payload, "turn_id");
    auto const type = text_at(payload, "type");
    if (ours) {
      wanted = turn.empty() ? running : turn;
      end.reset();
    } else if (text_at(*record, "type") != "event_msg") {
      return;
    } else if (type == "task_started") {
      running = turn;
      did_nothing = true;
    } else if (auto const whose = turn.empty() ? running : turn; !wanted.empty() && whose == wanted) {
      if (type == "task_complete") end = end_of(payload);
      if (end) end->did_nothing = did_nothing && whose == running;
      if (type == "turn_aborted") end = TurnEnded{TurnEnded::Outcome::interrupted, {}, {}, "the turn was interrupted"};
    }
  };
  std::uint64_t offset = 0;
  std::string rest;
  bool const readable = read_lines(file, offset, rest, line);
  return readable ? end : std::nullopt;
}

Result<RecordedUsage> UsageRecord::read() {
  auto const each = [this](std::string_view text) { line(text); };
  if (!read_lines(file_, offset_, rest_, each)) return unavailable("unreadable", "cannot read " + file_.string());
  return usage_;
}

void UsageRecord::line(std::string_view text) {
  auto const has = [&](std::string_view word) { return text.find(word) != std::string_view::npos; };
  if (!has("\"token_count\"") && !has("\"task_started\"") && !has("\"task_complete\"") && !has("\"turn_aborted\""))
    return;
  auto const record = parse_object(text);
  if (!record || text_at(*record, "type") != "event_msg") return;
  auto const& payload = object_at(*record, "payload");
  auto const type = text_at(payload, "type");
  if (type == "token_count") {
    usage_.total = larger(usage_.total, usage_of(object_at(object_at(payload, "info"), "total_token_usage")));
  } else if (type == "task_started" || type == "task_complete" || type == "turn_aborted") {
    // A turn that its process's death has cut off ends where the next one begins.
    if (std::exchange(usage_.turn_is_open, type == "task_started")) ++usage_.turns;
    usage_.at_turn_end = usage_.total;
  }
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
