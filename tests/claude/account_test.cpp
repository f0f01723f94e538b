// Which login an agent uses: the same name for the same login, and none from which a secret is found.
#include "adapters/claude/account.hpp"

#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace ar;
using adapters::claude::account;
using Environment = std::map<std::string, std::string>;

TEST_CASE("ALoginHasOneNameOnAllMachinesAndAKeyOneOnEach") {
  test::TempDir temp;
  auto const login = [&](char const* home, std::string const& id) {
    std::filesystem::create_directories(temp.path() / home / ".claude");
    std::ofstream(temp.path() / home / ".claude.json")
        << R"({"oauthAccount":{"accountUuid":")" << id << R"(","organizationUuid":"o"}})";
    return Environment{{"HOME", (temp.path() / home).string()}};
  };
  auto const one = login("one", "u-1"), same = login("same", "u-1"), other = login("other", "u-2");
  CHECK(account(one, "salt").name == account(same, "another salt").name);
  CHECK(account(one, "salt").name != account(other, "salt").name);
  CHECK(account(one, "salt").name.starts_with("claude-"));
  CHECK(account(one, "salt").name.size() == 17);
  CHECK(account(one, "salt").login_file == temp.path() / "one" / ".claude" / ".credentials.json");
  CHECK(account(one, "salt").login_command == "claude /login");

  auto keyed = one;
  keyed["ANTHROPIC_API_KEY"] = "sk-1";
  auto const name = account(keyed, "salt").name;
  CHECK(name != account(one, "salt").name);
  CHECK(name == account({{"HOME", "/"}, {"ANTHROPIC_API_KEY", "sk-1"}}, "salt").name);
  CHECK(name != account(keyed, "another salt").name);
  auto several = keyed;
  several["CLAUDE_CODE_OAUTH_TOKEN"] = "of another";
  CHECK(account(several, "salt").name == name);
  several["ANTHROPIC_AUTH_TOKEN"] = "goes before";
  CHECK(account(several, "salt").name != name);
  CHECK(account(several, "salt").login_command.find("ANTHROPIC_AUTH_TOKEN") != std::string::npos);
  keyed["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:1";
  CHECK(name != account(keyed, "salt").name);
}

TEST_CASE("AConfigurationOfItsOwnHasItsOwnLogin") {
  test::TempDir temp;
  Environment const none{{"HOME", "/nowhere"}, {"CLAUDE_CONFIG_DIR", temp.path().string()}};
  auto const before = account(none, "salt");
  CHECK(before.login_command == "CLAUDE_CONFIG_DIR=" + temp.path().string() + " claude /login");
  CHECK(before.name != account({{"HOME", "/nowhere"}}, "salt").name);
  for (auto const* text : {"", "{", "[]", R"({"oauthAccount":5})", R"({"oauthAccount":{"accountUuid":[]}})"}) {
    std::ofstream(temp.path() / ".claude.json") << text;
    CHECK(account(none, "salt").name == before.name);
  }
  std::ofstream(temp.path() / ".claude.json") << R"({"oauthAccount":{"accountUuid":"u"}})";
  CHECK(account(none, "salt").name != before.name);
}
