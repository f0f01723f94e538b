#include "daemon/store/message_files.hpp"

#include "base/ids.hpp"
#include "base/json.hpp"

#include <charconv>

namespace ar::daemon {
namespace fs = std::filesystem;

namespace {
constexpr std::string_view kBody = "message-";

/// "7-1a2b3c4d": stores may have any names, of any length.
std::string numbered(MessageId message, std::string const& store) {
  auto const number = std::to_string(message);
  return store.empty() ? number : number + "-" + sha256_hex(store).substr(0, 8);
}
}  // namespace

fs::path message_files_dir(Paths const& paths, std::string const& agent) { return paths.agent_dir(agent) / "messages"; }

std::string body_file_name(MessageId message, std::string const& store) {
  return std::string(kBody) + numbered(message, store) + ".txt";
}

std::string attachment_file_name(MessageId message, std::string const& store, int number, std::string const& name) {
  return numbered(message, store) + "-" + std::to_string(number) + "-" + safe_file_name(name);
}

std::optional<MessageId> message_of_file(std::string_view name) {
  bool const body = name.starts_with(kBody);
  if (body) name.remove_prefix(kBody.size());
  MessageId id = 0;
  auto const [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  bool const ours = error == std::errc() && id != 0 && (name.starts_with('-') || (body && name == ".txt"));
  return ours ? std::optional(id) : std::nullopt;
}

bool remove_message_files(fs::path const& folder, std::set<MessageId> const& kept, fs::file_time_type until,
                          std::size_t most) {
  std::error_code ec;
  std::size_t removed = 0;
  for (fs::directory_iterator entry(folder, ec), end; !ec && entry != end && removed < most; entry.increment(ec)) {
    auto const id = message_of_file(entry->path().filename().string());
    std::error_code unread;
    if (!id || kept.contains(*id)) continue;
    auto const written = entry->last_write_time(unread);
    if (unread || written >= until) continue;
    if (fs::remove(entry->path(), unread)) ++removed;
  }
  return removed == most;
}

}  // namespace ar::daemon
