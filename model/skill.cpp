#include "model/skill.hpp"

#include "base/ids.hpp"
#include "base/paths.hpp"
#include "base/unicode.hpp"
#include "base/words.hpp"

#include <algorithm>
#include <numeric>
#include <set>

namespace ar {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostPath = 512, kMostPart = 255, kMostParts = 16;
constexpr std::size_t kMostDescription = 1000;
constexpr std::string_view kFence = "---\n";

std::string shown(std::string_view path) { return "\"" + log_line(cut_utf8(path, 200)) + "\""; }

Error too_large() {
  return {ErrorKind::too_large, "too_large",
          "a skill has at most " + std::to_string(kMostSkillFiles) + " files and " +
              std::to_string(kMostSkillBytes >> 20) + " MiB",
          "body"};
}

/// Empty: it leads to a file below the skill's folder, wherever that is, and to no other.
std::string path_problem(std::string_view path) {
  if (path.empty() || path.size() > kMostPath) return "is empty or longer than 512 bytes";
  if (auto const problem = line_problem(path); !problem.empty()) return problem;
  if (path.front() == '/') return "begins with a slash";
  if (path.find('\\') != std::string_view::npos) return "has a backslash";
  std::size_t parts = 0;
  for (std::size_t at = 0; at <= path.size();) {
    auto const end = std::min(path.find('/', at), path.size());
    auto const part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") return "has an empty part, . or .. in it";
    if (part.size() > kMostPart) return "has a part of more than 255 bytes";
    if (++parts > kMostParts) return "is more than 16 folders deep";
    at = end + 1;
  }
  return {};
}

/// Every file has a place of its own, and none lies below another file.
Result<void> check_paths(std::vector<SkillFile> const& files) {
  std::set<std::string_view> paths;
  for (auto const& file : files) {
    if (auto const problem = path_problem(file.path); !problem.empty())
      return invalid("body", "the path " + shown(file.path) + " " + problem);
    if (!paths.insert(file.path).second) return invalid("body", shown(file.path) + " is there twice");
  }
  for (std::string_view const path : paths)
    for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
      if (paths.contains(path.substr(0, slash)))
        return invalid("body", shown(path.substr(0, slash)) + " is a file and a folder");
  return {};
}

/// The folder that all of them lie in; empty: there is none.
std::string common_folder(std::vector<SkillFile> const& files) {
  if (files.empty()) return {};
  auto const slash = files.front().path.find('/');
  if (slash == std::string::npos || slash == 0) return {};
  auto const folder = files.front().path.substr(0, slash);
  bool const all = std::ranges::all_of(files, [&](auto const& file) { return file.path.starts_with(folder + "/"); });
  return all ? folder : std::string();
}

/// What the front matter of a SKILL.md says under `name:`, where that is plain or in quotes.
std::string name_in(std::string_view text) {
  if (!text.starts_with(kFence)) return {};
  text.remove_prefix(kFence.size());
  while (!text.empty() && !text.starts_with("---")) {
    auto const end = std::min(text.find('\n'), text.size());
    auto const line = text.substr(0, end);
    if (line.starts_with("name:")) {
      auto value = trimmed(line.substr(5));
      bool const quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'');
      if (quoted && value.back() == value.front()) value = value.substr(1, value.size() - 2);
      return std::string(value);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

Result<void> add_folder(fs::path const& folder, std::string const& below, std::size_t& bytes,
                        std::vector<SkillFile>& files) {
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    auto const path = below + it->path().filename().string();
    if (auto const problem = path_problem(path); !problem.empty())
      return invalid("body", "the path " + shown(path) + " " + problem);
    auto const type = it->symlink_status(ec).type();
    if (type == fs::file_type::directory) {
      if (auto added = add_folder(it->path(), path + "/", bytes, files); !added) return added;
      continue;
    }
    if (type != fs::file_type::regular)
      return invalid("body", it->path().string() + " is a link or a device; put the file itself there");
    if (files.size() == kMostSkillFiles) return too_large();
    auto content = read_file(it->path(), kMostSkillBytes);
    if (!content) return content.error();
    bytes += content->size();
    if (bytes > kMostSkillBytes) return too_large();
    files.push_back({path, std::move(*content)});
  }
  if (ec) return from_errno("cannot read the folder " + folder.string(), ec.value());
  return {};
}

}  // namespace

std::string skill_name_problem(std::string_view name) {
  if (name.starts_with(kSkillIdPrefix)) return "begins with skl_, as ids do";
  if (!is_safe_name(name)) return "is not 1 to 64 letters, digits, '.', '_' or '-', of which the first is no sign";
  return {};
}

Result<Skill> make_skill(std::vector<SkillFile> files, std::string name) {
  if (files.size() > kMostSkillFiles) return too_large();
  auto const folder = common_folder(files);
  if (!folder.empty())
    for (auto& file : files) file.path.erase(0, folder.size() + 1);
  if (auto good = check_paths(files); !good) return good.error();
  std::ranges::sort(files, {}, &SkillFile::path);
  auto const text = std::ranges::find(files, kSkillFile, &SkillFile::path);
  if (text == files.end())
    return invalid("body", "there is no SKILL.md at the top; it says what the skill is, and providers look for it");
  if (name.empty()) name = name_in(text->content);
  if (name.empty()) name = folder;
  if (name.empty()) return invalid("name", "the skill has no name: say one, or write name: into its SKILL.md");
  if (auto const problem = skill_name_problem(name); !problem.empty())
    return invalid("name", "the skill's name " + shown(name) + " " + problem);
  Skill skill{std::move(name), std::move(files)};
  if (bytes_of(skill) > kMostSkillBytes) return too_large();
  return skill;
}

Result<Skill> skill_of_text(std::string text, std::string name, std::string description) {
  if (trimmed(text).empty()) return invalid("markdown", "markdown is empty; it is what the skill says");
  bool const has_front = text.starts_with(kFence);
  if (has_front && !description.empty())
    return invalid("description", "the markdown has a description of its own; leave one of them out");
  if (!has_front) {
    if (name.empty()) return invalid("name", "name is missing: the markdown has no front matter that says it");
    if (auto const problem = skill_name_problem(name); !problem.empty())
      return invalid("name", "the skill's name " + shown(name) + " " + problem);
    if (description.size() > kMostDescription || !line_problem(description).empty())
      return invalid("description", "description must be one line of at most 1000 bytes");
    if (description.empty()) return invalid("description", "description is missing: models decide by it what to read");
    std::string quoted;
    for (char const c : description) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    text = "---\nname: " + name + "\ndescription: \"" + quoted + "\"\n---\n\n" + text;
  }
  return make_skill({{std::string(kSkillFile), std::move(text)}}, std::move(name));
}

Result<Skill> read_skill(fs::path const& folder) {
  std::vector<SkillFile> files;
  std::size_t bytes = 0;
  if (auto added = add_folder(folder, "", bytes, files); !added) return added.error();
  // One that holds a single folder is not that folder.
  if (std::ranges::find(files, kSkillFile, &SkillFile::path) == files.end())
    return invalid("body", folder.string() + " has no SKILL.md, which says what the skill is");
  auto name = folder.filename().string();
  if (name.empty()) name = folder.parent_path().filename().string();
  return make_skill(std::move(files), std::move(name));
}

std::string content_hash(Skill const& skill) {
  std::string bytes;
  for (auto const& file : skill.files)
    bytes += file.path + '\0' + std::to_string(file.content.size()) + '\0' + file.content;
  return "sha256:" + sha256_hex(bytes);
}

std::size_t bytes_of(Skill const& skill) {
  return std::accumulate(skill.files.begin(), skill.files.end(), std::size_t{0},
                         [](std::size_t sum, SkillFile const& file) { return sum + file.content.size(); });
}

}  // namespace ar
