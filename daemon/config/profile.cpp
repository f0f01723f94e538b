#include "daemon/config/profile.hpp"

#include "base/paths.hpp"

#include <set>

namespace fs = std::filesystem;

namespace ar::daemon {
namespace {

constexpr std::size_t kMostText = 256U << 10;

/// {file = "PATH"} in place of a text.
bool is_file_entry(json const& value) {
  return value.is_object() && value.size() == 1 && value.contains("file") && value["file"].is_string();
}

std::string absolute(std::string const& path, fs::path const& dir) {
  return (dir / path).lexically_normal().string();  // an absolute one stays
}

Error missing(std::string const& field, std::string const& what, std::string const& path) {
  return invalid(field, field + " names " + what + " that does not exist: " + path);
}

Result<void> place_text(json& value, fs::path const& dir, std::string const& field) {
  if (!is_file_entry(value)) return {};
  auto const path = absolute(value["file"].get<std::string>(), dir);
  std::error_code ec;
  if (!fs::is_regular_file(path, ec)) return missing(field, "a file", path);
  value["file"] = path;
  return {};
}

Result<void> place_folders(json& table, char const* key, char const* holds, fs::path const& dir,
                           std::string const& prefix) {
  auto const it = table.find(key);
  if (it == table.end() || !it->is_array()) return {};
  for (auto& entry : *it) {
    if (!entry.is_string()) continue;  // the reader says so
    auto const written = entry.get<std::string>();
    auto path = absolute(written, dir);
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    std::error_code ec;
    // A skill's id or name: what it means is found out at the spawn.
    if (holds && written.find('/') == std::string::npos && !fs::is_directory(path, ec)) continue;
    if (!fs::is_directory(path, ec)) return missing(prefix + key, "a folder", path);
    if (holds && !fs::is_regular_file(fs::path(path) / holds, ec))
      return missing(prefix + key, std::string("a folder without ") + holds + ", a file", path + "/" + holds);
    entry = path;
  }
  return {};
}

Result<void> read_text(json& value, std::string const& field) {
  if (!is_file_entry(value)) return {};
  auto const file = value["file"].get<std::string>();
  auto text = read_file(file, kMostText);
  if (!text) return invalid(field, field + ": " + text.error().message);
  value = std::move(*text);
  return {};
}

}  // namespace

Result<json> profile_table(json table, fs::path const& dir, std::string const& prefix) {
  if (!table.is_object()) return invalid(prefix.substr(0, prefix.size() - 1), "a profile must be an object");
  if (auto placed = place_folders(table, "skills", "SKILL.md", dir, prefix); !placed) return placed.error();
  if (auto placed = place_folders(table, "plugins", nullptr, dir, prefix); !placed) return placed.error();
  if (auto const it = table.find("instructions"); it != table.end() && it->is_object()) {
    auto const at = prefix + "instructions.";
    if (it->contains("system"))
      if (auto placed = place_text((*it)["system"], dir, at + "system"); !placed) return placed.error();
    if (it->contains("append") && (*it)["append"].is_array())
      for (auto& entry : (*it)["append"])
        if (auto placed = place_text(entry, dir, at + "append"); !placed) return placed.error();
  }
  return ok(std::move(table));
}

Result<adapters::Profile> resolve_profile(json table, std::string const& name, ProfileTables const& tables,
                                          std::string const& prefix) {
  std::set<std::string> seen{name};
  for (;;) {
    auto const it = table.find("base");
    if (it == table.end() || it->is_null()) break;
    if (!it->is_string()) return invalid(prefix + "base", prefix + "base must be a string");
    auto const base = it->get<std::string>();
    if (base == "host" || base == "isolated") break;
    auto const found = tables.find(base);
    if (found == tables.end())
      return invalid(prefix + "base", prefix + "base is \"" + base.substr(0, 80) +
                                          "\", which is neither host, isolated nor a profile of the configuration");
    if (!seen.insert(base).second)
      return invalid(prefix + "base", prefix + "base leads from " + base + " back to itself");
    table.erase("base");
    json whole = found->second;
    whole.merge_patch(table);
    table = std::move(whole);
  }
  if (auto const it = table.find("instructions"); it != table.end() && it->is_object()) {
    auto const at = prefix + "instructions.";
    if (it->contains("system"))
      if (auto read = read_text((*it)["system"], at + "system"); !read) return read.error();
    if (it->contains("append") && (*it)["append"].is_array())
      for (auto& entry : (*it)["append"])
        if (auto read = read_text(entry, at + "append"); !read) return read.error();
  }
  return adapters::profile_from(table, name, prefix);
}

}  // namespace ar::daemon
