#include "model/notify_rule.hpp"

#include "base/ids.hpp"

#include <algorithm>
#include <cstdio>

namespace ar {
namespace {

constexpr std::string_view kTo[] = {"ntfy", "webhook", "desktop", "command"};

bool is_kind(std::string const& word) { return std::ranges::find(kNotifyKinds, word) != std::end(kNotifyKinds); }

std::string kinds() {
  std::string text;
  for (auto const kind : kNotifyKinds) text += (text.empty() ? "" : ", ") + std::string(kind);
  return text;
}

bool is_url(std::string const& url) { return url.starts_with("https://") || url.starts_with("http://"); }

std::string server_of(std::string const& url) {
  auto const at = url.find("://");
  return at == std::string::npos ? std::string() : url.substr(0, url.find_first_of("/?#", at + 3));
}

}  // namespace

bool NotifyRule::tells(std::string_view kind) const {
  return what.empty() ? kind != "done" : std::ranges::find(what, kind) != what.end();
}
bool NotifyRule::is_urgent(std::string_view kind) const { return std::ranges::find(urgent, kind) != urgent.end(); }

std::string_view to_string(NotifyRule::To to) { return kTo[static_cast<std::size_t>(to)]; }

std::optional<QuietHours> read_quiet_hours(std::string_view text) {
  int a = 0, b = 0, c = 0, d = 0, end = 0;
  std::string const whole(text);
  bool const read = std::sscanf(whole.c_str(), "%2d:%2d-%2d:%2d%n", &a, &b, &c, &d, &end) == 4;
  bool const good = read && end == static_cast<int>(whole.size()) && a >= 0 && a < 24 && c >= 0 && c < 24 && b >= 0 &&
                    b < 60 && d >= 0 && d < 60 && (a != c || b != d);
  return good ? std::optional(QuietHours{a * 60 + b, c * 60 + d}) : std::nullopt;
}

Result<NotifyRule> read_notify_rule(json const& table) {
  FieldReader in(table);
  NotifyRule rule;
  in.require("name");
  rule.name = in.string("name");
  if (!is_safe_name(rule.name)) in.fail("name", "has 1 to 64 letters, digits, '.', '_' or '-'");
  in.require("to");
  auto const to = in.string("to");
  if (auto const* const found = std::ranges::find(kTo, to); found != std::end(kTo))
    rule.to = static_cast<NotifyRule::To>(found - kTo);
  else
    in.fail("to", "must be ntfy, webhook, desktop or command");
  for (auto [field, list] : {std::pair{"what", &rule.what}, std::pair{"urgent", &rule.urgent}}) {
    *list = in.strings(field);
    if (!std::ranges::all_of(*list, is_kind)) in.fail(field, "has words of: " + kinds());
  }
  rule.agent = in.string("agent");
  rule.tag = in.string("tag");
  if (!rule.agent.empty() && !rule.tag.empty()) in.fail("tag", "and agent are two ways to say whose; give one of them");
  rule.url = in.string("url");
  rule.topic = in.string("topic");
  rule.token_file = in.string("token_file");
  rule.command = in.strings("command");
  bool const by_http = rule.to == NotifyRule::To::ntfy || rule.to == NotifyRule::To::webhook;
  if (by_http && !is_url(rule.url)) in.fail("url", "must be an https:// or http:// address");
  if (rule.to == NotifyRule::To::ntfy && rule.topic.empty()) in.fail("topic", "of ntfy must be given");
  if (rule.to == NotifyRule::To::command && (rule.command.empty() || !rule.command.front().starts_with('/')))
    in.fail("command", "must be a list: the program's whole path, and its arguments");
  if (!rule.token_file.empty() && !rule.token_file.starts_with('/')) in.fail("token_file", "must be a whole path");
  rule.quiet = in.string("quiet");
  if (!rule.quiet.empty() && !read_quiet_hours(rule.quiet)) in.fail("quiet", "must be like 22:00-07:00");
  rule.time_zone = in.string("time_zone");
  if (auto error = in.finish()) return *error;
  return rule;
}

json to_json(NotifyRule const& rule) {
  json shown = {{"name", rule.name}, {"to", to_string(rule.to)}};
  auto const text = [&](char const* name, std::string const& value) {
    if (!value.empty()) shown[name] = value;
  };
  auto const list = [&](char const* name, std::vector<std::string> const& value) {
    if (!value.empty()) shown[name] = value;
  };
  list("what", rule.what);
  text("agent", rule.agent);
  text("tag", rule.tag);
  text("url", server_of(rule.url));
  text("tokenFile", rule.token_file);
  if (!rule.command.empty()) shown["command"] = rule.command.front();
  text("quiet", rule.quiet);
  text("timeZone", rule.time_zone);
  list("urgent", rule.urgent);
  return shown;
}

}  // namespace ar
