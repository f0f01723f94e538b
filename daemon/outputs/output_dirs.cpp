#include "daemon/outputs/output_dirs.hpp"

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace ar::daemon {
namespace {

constexpr std::size_t kMostDirs = 32, kLongestDir = 512;

bool has_segment(std::string_view path, std::string_view wanted) {
  for (std::size_t at = 0; at <= path.size();) {
    auto const end = std::min(path.find('/', at), path.size());
    if (path.substr(at, end - at) == wanted) return true;
    at = end + 1;
  }
  return false;
}

bool lies_in(std::string const& dir, std::string const& root) {
  return root == "/" || dir == root || (dir.starts_with(root) && dir[root.size()] == '/');
}

}  // namespace

std::string output_dirs_problem(std::vector<std::string> const& dirs) {
  if (dirs.size() > kMostDirs) return "names more than " + std::to_string(kMostDirs) + " folders";
  for (auto const& dir : dirs) {
    auto const shown = "\"" + dir.substr(0, 80) + "\"";
    if (dir.size() > kLongestDir)
      return "has a path of more than " + std::to_string(kLongestDir) + " bytes, which begins with " + shown;
    if (dir.find('\0') != std::string::npos) return "has a path with a NUL";
    if (!dir.starts_with('/')) return "has " + shown + ", which is relative; name folders from / on";
    if (has_segment(dir, "..")) return "has " + shown + ", which goes up with ..; name the folder itself";
  }
  return {};
}

std::string normal_dir(std::string const& dir) {
  auto normal = std::filesystem::path(dir).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  while (normal.starts_with("//")) normal.erase(0, 1);  // which POSIX lets mean something else, and Linux does not
  return normal;
}

std::string moved_dir(std::string const& dir, std::string const& from, std::string const& to) {
  if (!lies_in(dir, from)) return dir;
  return normal_dir(to + "/" + dir.substr(from.size()));
}

std::string root_of(std::string const& dir, std::vector<std::string> const& roots) {
  for (auto const& root : roots) {
    auto const normal = normal_dir(root);
    if (normal.starts_with('/') && lies_in(dir, normal)) return normal;
  }
  return {};
}

}  // namespace ar::daemon
