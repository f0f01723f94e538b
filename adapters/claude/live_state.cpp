#include "adapters/claude/live_state.hpp"

#include "base/json.hpp"

#include <cctype>
#include <cstdint>
#include <cstdlib>

namespace ar::adapters::claude {
namespace {

/// The CLI names a project's folder by its path with everything but letters and digits replaced by '-'; a
/// name over 200 characters is cut there and gets a hash of the whole path, in base 36.
std::string project_folder(std::string const& path) {
  constexpr std::size_t kLongest = 200;
  std::string name;
  // It counts in UTF-16 units: a character outside ASCII is one '-' (two when it lies beyond U+FFFF).
  std::int32_t hash = 0;
  auto const mix = [&](std::uint32_t unit) {
    hash = static_cast<std::int32_t>((static_cast<std::uint32_t>(hash) << 5) - static_cast<std::uint32_t>(hash) + unit);
  };
  for (std::size_t i = 0; i < path.size();) {
    auto const c = static_cast<unsigned char>(path[i]);
    std::size_t const length = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    std::uint32_t point = c < 0x80 ? c : c & (0xFFU >> (length + 1));
    for (std::size_t k = 1; k < length && i + k < path.size(); ++k)
      point = (point << 6) | (static_cast<unsigned char>(path[i + k]) & 0x3FU);
    if (c < 0x80 && std::isalnum(c))
      name += path[i];
    else
      name += point > 0xFFFF ? "--" : "-";
    if (point > 0xFFFF) {
      mix(0xD800U + ((point - 0x10000U) >> 10));
      mix(0xDC00U + ((point - 0x10000U) & 0x3FFU));
    } else {
      mix(point);
    }
    i += length;
  }
  if (name.size() <= kLongest) return name;
  auto rest = static_cast<std::uint64_t>(std::llabs(hash));
  std::string digits;
  do {
    digits.insert(digits.begin(), "0123456789abcdefghijklmnopqrstuvwxyz"[rest % 36]);
    rest /= 36;
  } while (rest > 0);
  return name.substr(0, kLongest) + "-" + digits;
}

}  // namespace

std::optional<LiveState> parse_live_state(std::string_view text) {
  auto const record = parse_object(text);
  if (!record) return std::nullopt;
  LiveState state;
  auto const status = text_at(*record, "status");
  if (status.empty()) return std::nullopt;
  if (status == "idle")
    state.status = LiveState::Status::idle;
  else if (status == "busy")
    state.status = LiveState::Status::busy;
  else if (status == "waiting")
    state.status = LiveState::Status::waiting;
  else if (status == "shell")
    state.status = LiveState::Status::shell;
  state.waiting_for = text_at(*record, "waitingFor");
  state.session_id = text_at(*record, "sessionId");
  state.version = text_at(*record, "version");
  state.socket = text_at(*record, "messagingSocketPath");
  return state;
}

std::filesystem::path config_dir(std::map<std::string, std::string> const& environment) {
  if (auto const it = environment.find("CLAUDE_CONFIG_DIR"); it != environment.end() && !it->second.empty())
    return it->second;
  auto const home = environment.find("HOME");
  return std::filesystem::path(home == environment.end() ? "/" : home->second) / ".claude";
}

std::filesystem::path live_state_file(std::filesystem::path const& config, pid_t pid) {
  return config / "sessions" / (std::to_string(pid) + ".json");
}

std::filesystem::path transcript_file(std::filesystem::path const& config, std::filesystem::path const& cwd,
                                      std::string const& session_id) {
  std::error_code ec;
  auto const real = std::filesystem::canonical(cwd, ec);
  return config / "projects" / project_folder(ec ? cwd.string() : real.string()) / (session_id + ".jsonl");
}

}  // namespace ar::adapters::claude
