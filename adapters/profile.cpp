#include "adapters/profile.hpp"

#include "base/ids.hpp"
#include "base/unicode.hpp"
#include "model/provider.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace ar::adapters {
namespace fs = std::filesystem;
namespace {

std::string_view name_of(Reach reach) {
  return reach == Reach::none ? "none" : reach == Reach::project ? "project" : "host";
}

Reach read_reach(FieldReader& in, Reach otherwise) {
  auto const text = in.string("mode", std::string(name_of(otherwise)));
  for (auto const reach : {Reach::none, Reach::project, Reach::host})
    if (text == name_of(reach)) return reach;
  in.fail("mode", "is \"" + text.substr(0, 40) + "\"; use none, project or host");
  return otherwise;
}

/// One MCP server as both providers understand it.
void check_server(FieldReader& in) {
  bool const runs = !in.string("command").empty(), reached = !in.string("url").empty();
  (void)in.strings("args");
  (void)in.string_map("env");
  (void)in.string_map("headers");
  if (runs == reached) in.fail("command", "or url must be given, one of them");
}

/// Two folders of one name would be one skill.
void check_folders(FieldReader& in, char const* field, std::vector<std::string> const& folders) {
  std::set<std::string> names;
  for (auto const& folder : folders)
    if (!names.insert(fs::path(folder).filename().string()).second)
      in.fail(field, "names two folders called " + fs::path(folder).filename().string() + "; rename one");
}

}  // namespace

Result<Profile> profile_from(json const& value, std::string const& name, std::string const& prefix) {
  Profile p;
  p.name = name;
  FieldReader in(value, prefix);
  p.name = in.string("name", p.name);
  p.host = in.string("base", "isolated") == "host";
  p.provider = in.string("provider", p.provider);
  auto const names = provider_names();
  if (p.provider != "any" && std::ranges::find(names, p.provider) == names.end())
    in.fail("provider", "is \"" + p.provider.substr(0, 40) + "\"; use any, " + provider_names_in_words());
  p.strict = in.boolean("strict");
  for (auto const& word : in.strings("host")) {
    if (word == "login")
      p.host_login = true;
    else if (word == "settings")
      p.host_settings = true;
    else if (word == "env")
      p.host_env = true;
    else
      in.fail("host", "holds \"" + word.substr(0, 40) + "\"; it is a list of login, settings and env");
  }
  p.skills = in.strings("skills");
  p.plugins = in.strings("plugins");
  check_folders(in, "skills", p.skills);
  check_folders(in, "plugins", p.plugins);

  // Each part refuses what it does not know; the first error of all counts.
  std::optional<Error> wrong;
  auto const part = [&](char const* field, auto read) {
    auto const object = in.object(field);
    FieldReader inner(object, prefix + field + ".");
    read(inner);
    if (auto error = inner.finish(); error && !wrong) wrong = std::move(error);
  };
  part("relay", [&](FieldReader& relay) { p.relay_context = relay.boolean("context", p.relay_context); });
  part("instructions", [&](FieldReader& text) {
    p.repo_instructions = text.boolean("repoInstructions", p.repo_instructions);
    p.global_instructions = text.boolean("globalInstructions", p.host);
    p.append = text.strings("append");
    p.system = text.string("system");
    constexpr std::size_t most = 256U << 10;
    for (auto const& one : p.append)
      if (one.size() > most || !is_utf8(one)) text.fail("append", "must be texts of at most 256 KiB in UTF-8");
    if (p.system.size() > most || !is_utf8(p.system)) text.fail("system", "must be a text of at most 256 KiB in UTF-8");
  });
  part("mcp", [&](FieldReader& mcp) {
    p.mcp = read_reach(mcp, p.host ? Reach::host : Reach::none);
    p.mcp_servers = mcp.object("servers");
    for (auto const& [server, config] : p.mcp_servers.items()) {
      if (!is_safe_name(server) || server.find('.') != std::string::npos)
        mcp.fail("servers", "has a server \"" + server.substr(0, 40) + "\"; use letters, digits, - and _ for its name");
      FieldReader one(config, prefix + "mcp.servers." + server + ".");
      check_server(one);
      if (auto error = one.finish(); error && !wrong) wrong = std::move(error);
    }
  });
  part("hooks", [&](FieldReader& hooks) { p.hooks = read_reach(hooks, p.host ? Reach::host : Reach::none); });
  part("permissions", [&](FieldReader& permissions) {
    p.approval_mode = permissions.string("mode");
    p.allow = permissions.strings("allow");
    p.ask = permissions.strings("ask");
    p.deny = permissions.strings("deny");
  });
  part("children", [&](FieldReader& children) { p.children = children_grant_from(children); });
  auto const limits = resource_limits_from(in.object("resources"), prefix + "resources.");
  if (limits)
    p.resources = *limits;
  else if (!wrong)
    wrong = limits.error();
  if (wrong) return *wrong;
  if (auto error = in.finish()) return *error;
  return p;
}

json to_json(Profile const& p) {
  json host = json::array();
  if (p.host_login) host.push_back("login");
  if (p.host_settings) host.push_back("settings");
  if (p.host_env) host.push_back("env");
  return {{"name", p.name},
          {"base", p.host ? "host" : "isolated"},
          {"provider", p.provider},
          {"strict", p.strict},
          {"host", std::move(host)},
          {"relay", {{"context", p.relay_context}}},
          {"instructions",
           {{"repoInstructions", p.repo_instructions},
            {"globalInstructions", p.global_instructions},
            {"append", p.append},
            {"system", p.system}}},
          {"skills", p.skills},
          {"plugins", p.plugins},
          {"mcp", {{"mode", name_of(p.mcp)}, {"servers", p.mcp_servers}}},
          {"hooks", {{"mode", name_of(p.hooks)}}},
          {"permissions", {{"mode", p.approval_mode}, {"allow", p.allow}, {"ask", p.ask}, {"deny", p.deny}}},
          {"children", to_json(p.children)},
          {"resources", to_json(p.resources)}};
}

json summary_of(Profile const& p) {
  auto shown = to_json(p);
  auto& text = shown["instructions"];
  text["append"] = p.append.size();
  text["system"] = !p.system.empty();
  json servers = json::array();
  for (auto const& [server, config] : p.mcp_servers.items()) servers.push_back(server);
  shown["mcp"]["servers"] = std::move(servers);
  return shown;
}

std::string ProjectionReport::first_impossible() const {
  for (auto const& field : fields_)
    if (field["outcome"] == "not possible")
      return field["field"].get<std::string>() + ": " + field["how"].get<std::string>();
  return {};
}

json ProjectionReport::summary() const {
  json shown = {{"applied", 0}, {"approximated", json::array()}, {"notPossible", json::array()}};
  for (auto const& field : fields_) {
    if (field["outcome"] == "applied")
      shown["applied"] = shown["applied"].get<int>() + 1;
    else
      shown[field["outcome"] == "approximated" ? "approximated" : "notPossible"].push_back(field["field"]);
  }
  return shown;
}

void ProjectionReport::add(std::string field, char const* outcome, std::string how) {
  json line = {{"field", std::move(field)}, {"outcome", outcome}};
  if (!how.empty()) line["how"] = std::move(how);
  fields_.push_back(std::move(line));
}

std::vector<std::string> command_rule(std::string_view rule) {
  if (!rule.starts_with("Bash(") || !rule.ends_with(")")) return {};
  auto inner = rule.substr(5, rule.size() - 6);
  if (inner.ends_with(":*")) inner.remove_suffix(2);
  // Anything but plain words means more than a prefix can say.
  if (inner.find_first_of("*?\"'\\$`|&;<>(){}[]~#\n") != std::string_view::npos) return {};
  std::istringstream words{std::string(inner)};
  std::vector<std::string> found;
  for (std::string word; words >> word;) found.push_back(word);
  return found;
}

std::vector<fs::path> repository_chain(fs::path const& dir) {
  std::error_code ec;
  std::vector<fs::path> chain;
  for (auto at = dir; !at.empty(); at = at.parent_path()) {
    chain.push_back(at);
    if (fs::exists(at / ".git", ec)) {
      std::ranges::reverse(chain);
      return chain;
    }
    if (at == at.root_path()) break;
  }
  return {dir};
}

Result<void> keep_link(bool wanted, fs::path const& target, fs::path const& link) {
  std::error_code ec;
  bool const is_link = fs::is_symlink(link, ec);
  if (!wanted || !fs::exists(target, ec)) {
    if (is_link) fs::remove(link, ec);
    return {};
  }
  if (is_link && fs::read_symlink(link, ec) == target) return {};
  fs::remove(link, ec);
  fs::create_symlink(target, link, ec);
  if (ec) return from_errno("cannot make the link " + link.string(), ec.value());
  return {};
}

}  // namespace ar::adapters
