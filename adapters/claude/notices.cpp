#include "adapters/claude/notices.hpp"

#include "base/ids.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace ar::adapters::claude {

void Notices::offer(std::string correlation_id, std::string text, Clock::time_point now) {
  open_.push_back({std::move(correlation_id), std::move(text), Standing::offered, now});
}

std::string Notices::fetch(Clock::time_point now) {
  ++fetches_;
  unheard_ = false;
  std::string texts;
  for (auto& notice : open_) {
    if (notice.standing != Standing::offered) continue;
    if (!texts.empty() && texts.size() + notice.text.size() + 1 > kMostBytes) break;
    texts += notice.text + "\n";
    notice.text = {};
    notice.standing = Standing::fetched;
    notice.since = now;
  }
  return texts;
}

bool Notices::wait() const {
  return std::ranges::any_of(open_, [](Notice const& notice) { return notice.standing == Standing::offered; });
}

bool Notices::take_back(Clock::time_point now) {
  auto const oldest = std::ranges::find(open_, Standing::offered, &Notice::standing);
  if (oldest == open_.end() || now < oldest->since + kPatience) return false;
  for (auto& notice : open_) {
    if (notice.standing != Standing::offered) continue;
    notice.text = {};
    notice.standing = Standing::taken_back;
    notice.since = now;
  }
  unheard_ = true;
  return true;
}

Notices::Notice const* Notices::find(std::string const& correlation_id) const {
  auto const found = std::ranges::find(open_, correlation_id, &Notice::correlation_id);
  return found == open_.end() ? nullptr : &*found;
}

Notices::Standing Notices::standing(std::string const& correlation_id) const {
  auto const* const notice = find(correlation_id);
  return notice ? notice->standing : Standing::unknown;
}

bool Notices::is_fresh(std::string const& correlation_id, Clock::time_point now) const {
  auto const* const notice = find(correlation_id);
  return notice && notice->standing == Standing::fetched && now < notice->since + kTakenWithin;
}

void Notices::forget(std::string const& correlation_id) {
  std::erase_if(open_, [&](Notice const& notice) { return notice.correlation_id == correlation_id; });
}

std::filesystem::path bell_of(std::filesystem::path const& agent_dir) { return agent_dir / "claude" / "bell"; }

Result<void> ring(std::filesystem::path const& bell) {
  int const fd = ::open(bell.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return from_errno("cannot ring " + bell.string(), errno);
  auto const content = random_hex(8) + "\n";
  bool const written = ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  int const error = errno;
  ::close(fd);
  if (!written) return from_errno("cannot ring " + bell.string(), error);
  return {};
}

}  // namespace ar::adapters::claude
