// What approval rules decide of a real provider's requests.
#pragma once
#include "base/json.hpp"
#include "e2e/approvals.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace ar::test {

/// `tool`: the provider's for commands. `running`: the prompt that has the model run this line by it.
inline void rules_decide(Installation& home, Asking& asking, std::string const& agent, std::string const& tool,
                         std::function<std::string(std::string const&)> const& running) {
  auto const made = [&](char const* file) { return std::filesystem::exists(home.work() / file); };
  auto const decided = [&](std::string const& line) {
    asking.message = home.send(agent, running(line));
    asking.wait_done();
    auto const approval = asking.http("GET", "/v1/approvals?agent=" + agent + "&limit=1")["approvals"][0];
    return text_at(approval, "status") + " by " + text_at(approval, "where") + " " + text_at(approval, "by");
  };
  home.good({"approvals", "rules", "add", "allow", "touch", "--tool", tool, "--match", "prefix"});
  home.good({"approvals", "rules", "add", "deny", "touch secret", "--tool", tool, "--match", "prefix"});
  CHECK(decided("touch ruled") == "approved by rule 1");
  CHECK(made("ruled"));
  CHECK(decided("touch secret") == "denied by rule 2");
  CHECK(decided("touch other && touch secret") == "denied by rule 2");
  CHECK(!made("secret"));
  CHECK(!made("other"));

  auto id = asking.asks(running("touch part && mkdir folder"))["id"];
  CHECK(home.run({"deny", id.dump()}).status == 0);
  asking.wait_done();
  CHECK(!made("part"));
  CHECK(!made("folder"));

  id = asking.asks(running("mkdir folder"))["id"];
  home.good({"approve", id.dump(), "--always"});
  asking.wait_done();
  CHECK(made("folder"));
  std::filesystem::remove(home.work() / "folder");
  home.kill_daemon();
  home.good({"up"});
  home.wait_for_state(agent, "idle");
  CHECK(decided("mkdir folder") == "approved by rule 3");
  CHECK(made("folder"));
  // Approved alone at first: the rule is added afterwards, once.
  id = asking.asks(running("mkdir twice"))["id"];
  home.good({"approve", id.dump()});
  asking.wait_done();
  home.good({"approve", id.dump(), "--always"});
  CHECK(home.run({"approve", id.dump(), "--always"}).status == 4);
  std::filesystem::remove(home.work() / "twice");
  CHECK(decided("mkdir twice") == "approved by rule 4");
  CHECK(made("twice"));
}

}  // namespace ar::test
