// The verbs of people in the loop against a fake daemon: what they ask, print and end with.
#include "base/clock.hpp"
#include "cli_process.hpp"
#include "fake_daemon.hpp"

#include <doctest/doctest.h>

#include <atomic>

using namespace ar;
using namespace ar::test;

namespace {

json permission(std::string const& status = "pending") {
  json shown = {{"id", 3},
                {"agent", "alice"},
                {"kind", "permission"},
                {"tool", "Bash"},
                {"summary", "Bash: rm \033[31mx"},
                {"createdAt", "2023-11-14T22:13:20.000Z"},
                {"deadline", nullptr},
                {"status", status},
                {"sessionGrant", {"Bash(rm:*)"}}};
  if (status != "pending") shown["where"] = "cli";
  return shown;
}

json question() {
  return {{"id", 4},
          {"agent", "bob"},
          {"kind", "question"},
          {"summary", "Which?"},
          {"createdAt", "2023-11-14T22:13:20.000Z"},
          {"status", "pending"},
          {"questions", {{{"text", "Which?"}, {"options", {{{"label", "Blue"}}, {{"label", "Red"}}}}}}}};
}

json rule() {
  return {{"id", "7"},        {"decision", "allow"}, {"tool", "Bash"}, {"input", "ls \033[31mx"},
          {"match", "exact"}, {"tag", "web"},        {"uses", 2},      {"inForce", true}};
}

FakeReply reply_to(FakeRequest const& request) {
  if (request.path == "/v1/approval-rules")
    return request.method == "GET" ? FakeReply(json{{"rules", {rule()}}}) : FakeReply(rule());
  if (request.path == "/v1/approval-rules/7") return json{{"deleted", "7"}};
  if (request.path == "/v1/approval-rules/8") return problem(404, "no_such_rule", "there is no approval rule \"8\"");
  if (request.path == "/v1/approval-rules/test")
    return json{{"decision", "ask"},
                {"rules", json::array()},
                {"why", "no rule allows cat"},
                {"parts", {{{"text", "ls"}, {"rule", "7"}}, {{"text", "cat"}, {"rule", nullptr}}}}};
  if (request.path == "/v1/info") return json{{"lastEvent", 2}};
  if (request.path == "/v1/approvals") return json{{"approvals", {question(), permission()}}};
  if (request.path == "/v1/approvals/3/decision") {
    auto const decision = request.object().value("decision", "");
    if (request.object().contains("always")) {
      auto decided = permission("approved");
      decided["rule"] = rule();
      return decided;
    }
    return permission(decision == "approve-session" ? "approved-session" : decision == "deny" ? "denied" : "approved");
  }
  if (request.path == "/v1/approvals/4/decision")
    return problem(409, "wrong_decision", "a question does not take \"approve\"; it takes: answer, deny, abort");
  if (request.path == "/v1/approvals/5/decision")
    return problem(409, "already_decided", "approval 5 was denied over http by operator");
  if (request.path == "/v1/approvals/6/decision")
    return problem(403, "operator_only", "an agent's token does not reach it");
  return problem(404, "no_such_approval", "there is no approval 9");
}

struct Scene {
  CliHome home;
  FakeDaemon daemon{home.socket(), reply_to};
  Ran run(std::vector<std::string> const& arguments, std::string input = {}) const {
    return home.run(arguments, std::move(input), {});
  }
  json decision(std::string const& id) const { return daemon.last("/v1/approvals/" + id + "/decision").object(); }
};

}  // namespace

TEST_CASE("ApprovalsListsWhatIsPendingWithItsOptions") {
  Scene const scene;
  auto const listed = scene.run({"approvals"});
  CHECK(listed.status == 0);
  CHECK(scene.daemon.last("/v1/approvals").query.find("status=pending") != std::string::npos);
  CHECK(listed.out.find("Which? [Blue | Red]") != std::string::npos);
  CHECK(listed.out.find("Bash: rm") != std::string::npos);
  CHECK(listed.out.find('\033') == std::string::npos);
  auto const all = scene.run({"approvals", "alice", "--all"});
  CHECK(all.status == 0);
  auto const query = scene.daemon.last("/v1/approvals").query;
  CHECK(query.find("agent=alice") != std::string::npos);
  CHECK(query.find("status") == std::string::npos);
  auto const lines = scene.run({"approvals", "--json"}).out;
  CHECK(json::parse(lines.substr(0, lines.find('\n')))["id"] == 4);
}

TEST_CASE("DecisionsSayWhatWasWantedAndWhatCameOfIt") {
  Scene const scene;
  CHECK(scene.run({"approve", "3"}).out == "approval 3: approved\n");
  CHECK(scene.decision("3") == json{{"decision", "approve"}});
  CHECK(scene.daemon.last("/v1/approvals/3/decision").headers.at("user-agent").starts_with("agent-runner/"));
  CHECK(scene.run({"approve", "3", "--session"}).out == "approval 3: approved-session; from now on: Bash(rm:*)\n");
  CHECK(scene.run({"deny", "3", "--reason", "not now"}).status == 0);
  CHECK(scene.decision("3") == json{{"decision", "deny"}, {"reason", "not now"}});
  CHECK(scene.run({"deny", "3", "--abort"}).status == 0);
  CHECK(scene.decision("3")["decision"] == "abort");
  CHECK(scene.run({"answer", "3", "Blue", "S, L"}).status == 0);
  CHECK(scene.decision("3") == json{{"decision", "answer"}, {"answers", {"Blue", "S, L"}}});
  CHECK(scene.run({"answer", "3", "-"}, "from stdin").status == 0);
  CHECK(scene.decision("3")["answers"][0] == "from stdin");
  CHECK(json::parse(scene.run({"approve", "3", "--json"}).out)["status"] == "approved");
}

TEST_CASE("AnApprovalCanBecomeARule") {
  Scene const scene;
  auto const done = scene.run({"approve", "3", "--always"});
  CHECK(done.out.find("rule 7 allows it from now on: allow Bash ls \u241b[31mx (exact)") != std::string::npos);
  CHECK(scene.decision("3") == json{{"decision", "approve"}, {"always", json::object()}});
  CHECK(scene.run({"approve", "3", "--always", "--for", "tag:web", "--until", "8h"}).status == 0);
  auto const always = scene.decision("3")["always"];
  CHECK(always["for"] == "tag");
  CHECK(always["tag"] == "web");
  CHECK(from_iso8601(always["until"].get<std::string>()).has_value());
  CHECK(scene.run({"approve", "3", "--for", "all"}).status == 2);
  CHECK(scene.run({"approve", "3", "--always", "--session"}).status == 2);
  CHECK(scene.run({"approve", "3", "--always", "--for", "bob"}).status == 2);
  CHECK(scene.run({"approve", "3", "--always", "--until", "soon"}).status == 2);
}

TEST_CASE("RulesAreListedAddedRemovedAndTried") {
  Scene const scene;
  auto const listed = scene.run({"approvals", "rules", "list"});
  CHECK(listed.out.find("allow Bash ls") != std::string::npos);
  CHECK(listed.out.find("tag web") != std::string::npos);
  CHECK(listed.out.find('\033') == std::string::npos);
  CHECK(json::parse(scene.run({"approvals", "rules", "list", "--json"}).out)["id"] == "7");
  CHECK(scene.run({"approvals", "rules", "add", "allow", "ls", "--tool", "Bash", "--match", "prefix", "--tag", "web"})
            .status == 0);
  CHECK(scene.daemon.last("/v1/approval-rules").object() ==
        json{{"decision", "allow"}, {"input", "ls"}, {"tool", "Bash"}, {"match", "prefix"}, {"tag", "web"}});
  CHECK(scene.run({"approvals", "rules", "add", "perhaps", "ls"}).status == 2);
  CHECK(scene.run({"approvals", "rules", "rm", "7"}).out == "rule 7: removed\n");
  CHECK(scene.run({"approvals", "rules", "rm", "8"}).status == 3);
  auto const tried = scene.run({"approvals", "rules", "test", "alice", "ls; cat", "--cwd", "/x"});
  CHECK(tried.out == "ask: no rule allows cat\n  ls: rule 7\n  cat: no rule allows it\n");
  CHECK(scene.daemon.last("/v1/approval-rules/test").object() ==
        json{{"agent", "alice"}, {"tool", "Bash"}, {"input", {{"command", "ls; cat"}}}, {"cwd", "/x"}});
}

TEST_CASE("CompletionOffersWhatIsPending") {
  Scene const scene;
  CHECK(scene.run({"__complete", "--", "approve", ""}).out == "4\tWhich?\n3\tBash: rm \u241b[31mx\n");
  CHECK(scene.run({"__complete", "--", "appro"}).out.find("approvals\t") != std::string::npos);
}

TEST_CASE("RefusalsOfDecisionsHaveTheirExitStatus") {
  Scene const scene;
  CHECK(scene.run({"approve", "x"}).status == 2);
  CHECK(scene.run({"approve"}).status == 2);
  CHECK(scene.run({"answer", "3"}).status == 2);
  CHECK(scene.run({"deny", "3", "--reason", "\xff"}).status == 2);
  CHECK(scene.run({"approve", "9"}).status == 3);
  auto const wrong = scene.run({"approve", "4"});
  CHECK(wrong.status == 4);
  CHECK(wrong.err.find("it takes: answer") != std::string::npos);
  auto const late = scene.run({"deny", "5"});
  CHECK(late.status == 4);
  CHECK(late.err.find("denied over http") != std::string::npos);
  CHECK(scene.run({"approve", "6"}).status == 4);
  for (auto const* verb : {"approvals", "approve", "deny", "answer"})
    CHECK(scene.run({verb, "--help"}).out.find("Example:\n  agent-runner " + std::string(verb)) != std::string::npos);
}

TEST_CASE("WatchingTellsWhatIsNewAndWhatHasBecomeOfIt") {
  CliHome const home;
  std::atomic<int> lists = 0;
  auto const reply = [&](FakeRequest const& request) -> FakeReply {
    if (request.path == "/v1/info") return json{{"lastEvent", 2}};
    if (request.path == "/v1/approvals")
      return json{{"approvals", ++lists == 1 ? json::array({permission()}) : json::array()}};
    if (request.path == "/v1/approvals/3") return permission("approved");
    FakeReply stream;
    stream.stream = [](FakeStream& to) {
      for (auto const* type : {"agent.state", "approval.answered"})
        to.write("id: 3\ndata: {\"number\":3,\"type\":\"" + std::string(type) + "\"}\n\n");
      to.hold();
    };
    return stream;
  };
  FakeDaemon const daemon(home.socket(), reply);
  CliProcess watching(home.program, {"approvals", "-w", "--json"}, home.environment(), home.dir());
  CHECK(json::parse(watching.read_line(), nullptr, false).value("status", "") == "pending");
  CHECK(json::parse(watching.read_line(), nullptr, false).value("status", "") == "approved");
}
