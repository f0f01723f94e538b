#include "daemon/outputs/archive_names.hpp"

#include "base/ids.hpp"

#include <algorithm>
#include <cctype>

namespace ar::daemon {
namespace {

constexpr std::size_t kShortId = 8;
/// Names that mean a device on some systems, whatever their ending.
constexpr std::string_view kDevices[] = {"aux", "con", "nul", "prn"};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool is_device(std::string const& part) {
  auto const stem = lower(part.substr(0, part.find('.')));
  bool const numbered =
      stem.size() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")) && stem[3] >= '0' && stem[3] <= '9';
  return numbered || std::ranges::find(kDevices, stem) != std::end(kDevices);
}

std::string safe_part(std::string_view part) {
  auto safe = safe_file_name(part);
  while (safe.size() > 1 && safe.back() == '.') safe.back() = '_';
  return is_device(safe) ? "_" + safe : safe;
}

std::string safe_name(std::string_view name) {
  std::string safe;
  while (!name.empty()) {
    auto const end = std::min(name.find('/'), name.size());
    safe += (safe.empty() ? "" : "/") + safe_part(name.substr(0, end));
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return safe;
}

/// "a.txt" as "a-WORD.txt", in its folder.
std::string with(std::string const& name, std::string const& word) {
  auto const slash = name.rfind('/');
  auto const dot = name.rfind('.');
  bool const has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash + 1) && dot > 0;
  auto const at = has_ending ? dot : name.size();
  return name.substr(0, at) + "-" + word + name.substr(at);
}

}  // namespace

std::string ArchiveNames::add(std::string_view name, std::string const& id) {
  auto const wanted = safe_name(name);
  auto const last = wanted.substr(wanted.rfind('/') + 1);
  auto chosen = wanted;
  auto const word = id.substr(0, kShortId);
  if (!is_free(chosen)) chosen = with(wanted, word);
  // A folder of it has another file's name, or somebody has foreseen the id.
  for (int n = 2; !is_free(chosen); ++n) chosen = with(last, word + "-" + std::to_string(n));
  auto const taken = lower(chosen);
  files_.insert(taken);
  for (auto at = taken.find('/'); at != std::string::npos; at = taken.find('/', at + 1))
    folders_.insert(taken.substr(0, at));
  return chosen;
}

bool ArchiveNames::is_free(std::string const& name) const {
  auto const wanted = lower(name);
  if (files_.contains(wanted) || folders_.contains(wanted)) return false;
  for (auto at = wanted.find('/'); at != std::string::npos; at = wanted.find('/', at + 1))
    if (files_.contains(wanted.substr(0, at))) return false;
  return true;
}

}  // namespace ar::daemon
