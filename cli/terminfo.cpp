#include "cli/terminfo.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

namespace fs = std::filesystem;

namespace ar::cli {
namespace {

/// Where ncurses looks (terminfo(5)), in its order.
std::vector<fs::path> folders() {
  std::vector<fs::path> all;
  auto const from = [](char const* name) { return std::string(std::getenv(name) ? std::getenv(name) : ""); };
  if (auto const one = from("TERMINFO"); !one.empty()) all.emplace_back(one);
  if (auto const home = from("HOME"); !home.empty()) all.push_back(fs::path(home) / ".terminfo");
  std::istringstream list(from("TERMINFO_DIRS"));
  for (std::string folder; std::getline(list, folder, ':');)
    if (!folder.empty()) all.emplace_back(folder);
  for (auto const* usual :
       {"/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/usr/local/share/terminfo"})
    all.emplace_back(usual);
  return all;
}

bool is_described(std::string const& name) {
  if (name.empty() || name.find('/') != std::string::npos) return false;
  char as_number[3];
  std::snprintf(as_number, sizeof as_number, "%02x", static_cast<unsigned char>(name.front()));
  for (auto const& folder : folders())
    for (auto const& letter : {name.substr(0, 1), std::string(as_number)})
      if (std::error_code ec; fs::exists(folder / letter / name, ec)) return true;
  return false;
}

}  // namespace

std::string known_terminal(std::string const& name) {
  if (is_described(name)) return name;
  for (std::string const other : {"xterm-256color", "xterm", "linux", "vt100"})
    if (is_described(other)) return other;
  return {};
}

}  // namespace ar::cli
