// Which login an agent uses: the same name for the same login, and none from which a secret is found.
#include "adapters/codex/account.hpp"

#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace ar;
using adapters::codex::account;
using Environment = std::map<std::string, std::string>;

TEST_CASE("CodexHasTheAccountOfItsLoginElseOfItsKeyElseOfItsHome") {
  test::TempDir temp;
  auto const file = temp.path() / "auth.json";
  Environment environment{{"CODEX_HOME", temp.path().string()}};
  auto const home = account(environment, "salt");
  CHECK(home.name.starts_with("codex-"));
  CHECK(home.login_file == file);
  CHECK(home.login_command == "CODEX_HOME=" + temp.path().string() + " codex login");
  CHECK(home.name != account(environment, "another salt").name);
  environment["OPENAI_API_KEY"] = "sk-1";
  auto const key = account(environment, "salt").name;
  CHECK(key != home.name);
  std::ofstream(file) << R"({"OPENAI_API_KEY":"sk-2"})";
  CHECK(account(environment, "salt").name != key);
  std::ofstream(file) << R"({"OPENAI_API_KEY":null,"tokens":{"account_id":"u","access_token":"secret"}})";
  auto const login = account(environment, "salt").name;
  CHECK(login == account(environment, "another salt").name);
  std::ofstream(file) << R"({"tokens":{"account_id":"u","access_token":"a newer one"}})";
  CHECK(account(environment, "salt").name == login);
  for (auto const* text : {"", "{", "[]", R"({"tokens":[]})", R"({"OPENAI_API_KEY":7})"}) {
    std::ofstream(file) << text;
    CHECK(account(environment, "salt").name == key);
  }
}
