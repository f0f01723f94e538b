#include "adapters/codex/account.hpp"

#include "adapters/codex/launch.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"

namespace ar::adapters::codex {
namespace {

constexpr char kProvider[] = "codex";
constexpr std::size_t kLargestLogin = 1 << 20;

}  // namespace

Account account(std::map<std::string, std::string> const& environment, std::string const& salt) {
  auto const value_of = [&](char const* name) {
    auto const it = environment.find(name);
    return it == environment.end() ? std::string() : it->second;
  };
  auto const home = codex_home(environment);
  Account found;
  found.login_file = home / "auth.json";
  found.login_command = (value_of("CODEX_HOME").empty() ? "" : "CODEX_HOME=" + home.string() + " ") + "codex login";
  auto const text = read_file(found.login_file, kLargestLogin);
  auto const parsed = text ? parse_json(*text) : ok(nullptr);
  json const login = parsed ? *parsed : json();
  auto const id = text_at(object_at(login, "tokens"), "account_id");
  auto key = text_at(login, "OPENAI_API_KEY");
  for (auto const* name : {"CODEX_API_KEY", "OPENAI_API_KEY"})
    if (key.empty()) key = value_of(name);
  found.name = !id.empty()    ? account_name(kProvider, "", {id})
               : !key.empty() ? account_name(kProvider, salt, {"key", key})
                              : account_name(kProvider, salt, {"home", home.string()});
  return found;
}

}  // namespace ar::adapters::codex
