// Approval rules: what a line of commands is taken for, which decision each line gets, and the book of rules over a
// restart.
#include "daemon/agent/approval_rules.hpp"

#include "approval_request.hpp"
#include "daemon/agent/approval_subject.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/store/tables/agent_table.hpp"
#include "model/shell_line.hpp"
#include "model/wildcard.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;

namespace {

ApprovalRule rule(json body, std::string id) {
  auto read = read_approval_rule(body);
  REQUIRE_MESSAGE(read.has_value(), read.error().message);
  read->id = std::move(id);
  return *read;
}

ApprovalRule bash(char const* decision, char const* match, char const* input, char const* id) {
  return rule({{"decision", decision}, {"tool", "Bash"}, {"match", match}, {"input", input}}, id);
}

std::vector<ApprovalRule> house_rules() {
  return {bash("allow", "prefix", "git status", "status"),
          bash("allow", "prefix", "git log", "log"),
          bash("allow", "prefix", "ls", "ls"),
          bash("allow", "prefix", "cat", "cat"),
          bash("allow", "prefix", "cd", "cd"),
          bash("allow", "prefix", "echo", "echo"),
          bash("allow", "prefix", "find", "find"),
          bash("allow", "exact", "make test", "make"),
          bash("allow", "exact", "./build.sh", "build"),
          bash("allow", "exact", "CI=1 make test", "ci"),
          bash("allow", "exact", "sudo systemctl restart web", "sudo"),
          bash("allow", "exact", "sh -c 'make test'", "sh"),
          bash("allow", "glob", "npm run test:*", "npm"),
          rule({{"decision", "allow"}, {"tool", "Bash"}, {"match", "prefix"}, {"input", "cargo"}, {"cwd", "/srv/a"}},
               "cargo"),
          bash("deny", "prefix", "rm", "rm"),
          bash("deny", "prefix", "git push", "push"),
          bash("deny", "exact", "shutdown", "shutdown"),
          rule({{"decision", "deny"}, {"tool", "Bash"}, {"input", "make"}, {"cwd", "/prod"}}, "prod")};
}

Asker alice() { return {"alice", "/srv/a", {"web"}, false, false}; }

ApprovalSubject bash(std::string line) { return {"Bash", InputKind::command, {std::move(line)}, "/srv/a", ""}; }

std::string decision_of(RuleVerdict const& verdict) {
  std::string text(to_string(verdict.decision));
  for (auto const& id : verdict.rules) text += " " + id;
  return text;
}

struct Line {
  char const* line;
  char const* decision;  ///< and the rules that made it
};

/// docs/approval-rules.md shows these.
constexpr Line kLines[] = {
    // What rules allow.
    {"git status", "allow status"},
    {"git status --short -- src", "allow status"},
    {"  git\tstatus  ", "allow status"},
    {"'git' \"status\"", "allow status"},
    {"\\git status", "allow status"},
    {"git st'at'us", "allow status"},
    {"make test", "allow make"},
    {"CI=1 make test", "allow ci"},
    {"npm run test:unit", "allow npm"},
    {"ls src/*.cpp", "allow ls"},
    {"git status 9>/dev/null", "allow status"},
    {"echo 'a; rm -rf /'", "allow echo"},
    {"echo \"a && b\"", "allow echo"},
    {"echo a\\;rm", "allow echo"},
    {"git log HEAD~1", "allow log"},
    {"./build.sh", "allow build"},
    // Compound lines: every part.
    {"git status && git log -1", "allow log status"},
    {"cd sub && cargo build", "allow cargo cd"},
    {"git log | cat", "allow cat log"},
    {"git status; ls\ncat x", "allow cat ls status"},
    {"git status &", "allow status"},
    {"ls 2>/dev/null", "allow ls"},
    {"ls >/dev/null 2>&1 || echo no", "allow echo ls"},
    {"git status && curl x", "ask"},
    {"git status; curl x", "ask"},
    {"git status | sh", "ask"},
    {"git status || curl x", "ask"},
    {"git status & curl x", "ask"},
    {"git status\ncurl x", "ask"},
    {"cd .. && cargo build", "ask"},
    {"cd /tmp; cargo build", "ask"},
    {"cd - && cargo build", "ask"},
    {"cd +1 && cargo build", "ask"},
    {"cd sub &>/dev/null && cargo build", "ask"},
    {"cd '' && cargo build", "ask"},
    {"git status 12>/dev/null", "ask"},
    // Not the same command.
    {"make test all", "ask"},
    {"make", "ask"},
    {"./git status", "ask"},
    {"/tmp/git status", "ask"},
    {"git", "ask"},
    {"gitstatus", "ask"},
    {"git -c alias.status=!sh status", "ask"},
    {"build.sh", "ask"},
    {"./sub/build.sh", "ask"},
    {"npm run test:a b", "ask"},
    {"npm run dev", "ask"},
    // What writes and reads files.
    {"ls > x", "ask"},
    {"ls >> ~/.bashrc", "ask"},
    {"ls >| x", "ask"},
    {"ls &> x", "ask"},
    {"ls >& x", "ask"},
    {"cat < x", "ask"},
    {"echo a 1>x", "ask"},
    {"> x", "ask"},
    // What the shell makes something of.
    {"echo $(curl x)", "ask"},
    {"echo `curl x`", "ask"},
    {"echo \"$(curl x)\"", "ask"},
    {"echo $HOME", "ask"},
    {"ls ${x@P}", "ask"},
    {"echo $((1+1))", "ask"},
    {"cat <(curl x)", "ask"},
    {"cat <<E\nx\nE", "ask"},
    {"cat <<< x", "ask"},
    {"(ls)", "ask"},
    {"{ ls; }", "ask"},
    {"ls {a,b}", "ask"},
    {"ls ~", "ask"},
    {"ls *", "ask"},
    {"l? x", "ask"},
    {"if ls; then ls; fi", "ask"},
    {"for x in a; do ls; done", "ask"},
    {"! ls", "ask"},
    {"ls() { curl x; }", "ask"},
    {"ls # x", "ask"},
    {"ls \\\nx", "ask"},
    {"echo $'a\\'; curl x'", "ask"},
    {"ls 'x", "ask"},
    {"ls \\", "ask"},
    {"ls &&", "ask"},
    {"; ls", "ask"},
    {"", "ask"},
    {"=ls", "ask"},
    {"ls &! curl", "ask"},
    {"ls |& cat", "ask"},
    {"ls\x01", "ask"},
    {"ls \xc2\xa0x", "ask"},
    {"ls \xff", "ask"},
    // Assignments.
    {"LD_PRELOAD=x git status", "ask"},
    {"PATH=/tmp git status", "ask"},
    {"PATH=/tmp; git status", "ask"},
    {"CI=2 make test", "ask"},
    {"PATH+=:/tmp git status", "ask"},
    // Wrappers: by an exact rule alone.
    {"sudo systemctl restart web", "allow sudo"},
    {"sh -c 'make test'", "allow sh"},
    {"sudo git status", "ask"},
    {"env git status", "ask"},
    {"env X=1 git status", "ask"},
    {"sh -c 'git status'", "ask"},
    {"eval git status", "ask"},
    {"command git status", "ask"},
    {"exec git status", "ask"},
    {"xargs git status", "ask"},
    {"find . -name x", "allow find"},
    {"find . -exec curl {} +", "ask"},
    {"find . -delete", "ask"},
    {"find . -exe[c] sh x ';'", "ask"},
    {"find . -delet?", "ask"},
    {"ls ''*", "ask"},
    {"alias ls=curl", "ask"},
    {"source x", "ask"},
    {". x", "ask"},
    // Denials: any part, wherever it stands.
    {"rm x", "deny rm"},
    {"git status && rm x", "deny rm"},
    {"/bin/rm x", "deny rm"},
    {"./rm x", "deny rm"},
    {"\\rm x", "deny rm"},
    {"'rm' x", "deny rm"},
    {"r'm' x", "deny rm"},
    {"X=1 rm x", "deny rm"},
    {"env X=1 rm x", "deny rm"},
    {"sudo -u root rm x", "deny rm"},
    {"timeout 5 rm x", "deny rm"},
    {"sh -c 'ls; rm x'", "deny rm"},
    {"sudo sh -c \"sh -c 'rm x'\"", "deny rm"},
    {"env -S 'rm x'", "deny rm"},
    {"eval 'rm x'", "deny rm"},
    {"find . -exec rm {} +", "deny rm"},
    {"ls | xargs rm", "deny rm"},
    {"rm $HOME", "deny rm"},
    {"ls $(rm x)", "deny rm"},
    {"if true; then rm x; fi", "deny rm"},
    {"(rm x)", "deny rm"},
    {"rm x > y", "deny rm"},
    {"git push origin", "deny push"},
    {"git status && git pus[h]", "ask"},
    {"shutdown", "deny shutdown"},
    {"/sbin/shutdown", "deny shutdown"},
    {"shutdown now", "ask"},
    {"cd /prod && make", "deny prod"},
    {"cd /prod; ls; make", "deny prod"},
    {"(cd x; make)", "deny prod"},
    {"echo rm x", "allow echo"},
    {"rmdir x", "ask"},
};

}  // namespace

TEST_CASE("EachLineGetsTheDecisionOfItsParts") {
  auto const rules = house_rules();
  for (auto const& [line, decision] : kLines) {
    auto const verdict = verdict_of(rules, alice(), bash(line));
    CHECK_MESSAGE(decision_of(verdict) == decision, line, " (", verdict.why, ")");
    CHECK_FALSE(verdict.why.empty());
  }
}

TEST_CASE("WhatThePatternOfFilesMayMakeADeniedCommandOfIsAskedAbout") {
  auto rules = house_rules();
  rules.push_back(bash("allow", "prefix", "git", "git"));
  rules.push_back(bash("allow", "prefix", "npm", "npm2"));
  rules.push_back(bash("deny", "exact", "npm publish", "publish"));
  rules.push_back(bash("deny", "glob", "npm unpublish *", "unpublish"));
  for (auto const& [line, decision] : {Line{"git pus[h] origin", "ask"},
                                       {"git pu*", "ask"},
                                       {"git p?s?", "ask"},
                                       {"git p[a-z]*", "ask"},
                                       {"git 'pu'* -f", "ask"},
                                       {"sudo git pu*", "ask"},
                                       {"git add src/*", "allow git"},
                                       {"git add pu*", "allow git"},
                                       {"git st* push", "allow git"},
                                       {"git 'pu*'", "allow git"},
                                       {"npm pub*", "ask"},
                                       {"npm publish x*", "ask"},
                                       {"npm publish x* y", "allow npm2"},
                                       {"npm unpublish x*", "ask"},
                                       {"npm test x*", "allow npm2"},
                                       {"git pu* && git push", "deny push"}}) {
    auto const verdict = verdict_of(rules, alice(), bash(line));
    CHECK_MESSAGE(decision_of(verdict) == decision, line, " (", verdict.why, ")");
  }
  CHECK(verdict_of(rules, alice(), bash("git pu*")).why.find("rule push") != std::string::npos);
}

TEST_CASE("WhatIsToldOfALineIsReadAsTheSameLine") {
  for (auto const* line : {"git status", "A='b c' echo 'it'\\''s' '*' \"\"", "'if' x", "a\\ b c=d -e,f@g%h"}) {
    auto const read = read_shell_line(line);
    REQUIRE_MESSAGE(read.problem.empty(), line, read.problem);
    REQUIRE(read.commands.size() == 1);
    CHECK(read_shell_line(to_shell_line(read.commands[0])).commands == read.commands);
  }
}

TEST_CASE("ACommandThatIsTooLongIsNeverAllowed") {
  auto const verdict = verdict_of(house_rules(), alice(), bash("echo " + std::string(ShellLine::kMost, 'x')));
  CHECK(verdict.decision == RuleVerdict::Decision::ask);
  // However many words there are: nothing of it takes long.
  std::string many = "env";
  for (int i = 0; i < 1300; ++i) many += " sh";
  CHECK(verdict_of(house_rules(), alice(), bash(many)).decision == RuleVerdict::Decision::ask);
}

TEST_CASE("WhoseAndWhereARuleCounts") {
  auto const ask_for = [](json more, Asker asker) {
    json body = {{"decision", "allow"}, {"tool", "Bash"}, {"input", "ls"}};
    body.update(more);
    return std::string(to_string(verdict_of({rule(body, more.value("id", "1"))}, asker, bash("ls")).decision));
  };
  auto mine = alice();
  CHECK(ask_for({{"agent", "alice"}}, mine) == "allow");
  CHECK(ask_for({{"agent", "bob"}}, mine) == "ask");
  CHECK(ask_for({{"tag", "web"}}, mine) == "allow");
  CHECK(ask_for({{"tag", "ops"}}, mine) == "ask");
  CHECK(ask_for({{"cwd", "/srv"}}, mine) == "allow");
  CHECK(ask_for({{"cwd", "/srv/a/"}}, mine) == "allow");
  CHECK(ask_for({{"cwd", "/srv/ab"}}, mine) == "ask");
  CHECK(ask_for({{"cwd", "/srv/a/../b"}}, mine) == "ask");
  CHECK(ask_for({{"tool", "Ba*"}}, mine) == "allow");
  CHECK(ask_for({{"tool", "commandExecution"}}, mine) == "ask");
  mine.read_only = true;
  CHECK(ask_for(json::object(), mine) == "ask");
  // A child whose name an agent has chosen gets nothing by the configuration's rules for that name.
  auto child = alice();
  child.named_by_agent = true;
  auto of_config = rule({{"decision", "allow"}, {"tool", "Bash"}, {"input", "ls"}, {"agent", "alice"}}, "config:1");
  CHECK(verdict_of({of_config}, child, bash("ls")).decision == RuleVerdict::Decision::ask);
  CHECK(verdict_of({of_config}, alice(), bash("ls")).decision == RuleVerdict::Decision::allow);
  of_config.allow = false;
  CHECK(verdict_of({of_config}, child, bash("ls")).decision == RuleVerdict::Decision::deny);
}

TEST_CASE("TheMostSpecificRuleIsNamedAndADenialWins") {
  auto const all = rule({{"decision", "allow"}, {"tool", "Bash"}, {"input", "git"}, {"match", "prefix"}}, "all");
  auto const exact = rule({{"decision", "allow"}, {"tool", "Bash"}, {"input", "git status"}}, "exact");
  auto const wide = rule({{"decision", "deny"}, {"tool", "Bash"}}, "wide");
  CHECK(decision_of(verdict_of({all, exact}, alice(), bash("git status"))) == "allow exact");
  CHECK(decision_of(verdict_of({exact, all}, alice(), bash("git status -s"))) == "allow all");
  CHECK(decision_of(verdict_of({exact, wide}, alice(), bash("git status"))) == "deny wide");
}

TEST_CASE("PathsMatchByTheirPlace") {
  auto const edit = [](json more, std::string path) {
    json body = {{"decision", "allow"}, {"tool", "Edit"}};
    body.update(more);
    ApprovalSubject const subject{"Edit", InputKind::path, {std::move(path)}, "/srv/a/sub", ""};
    return std::string(to_string(verdict_of({rule(body, "1")}, alice(), subject).decision));
  };
  json const src = {{"input", "src"}, {"match", "prefix"}};  // of the agent's folder
  CHECK(edit(src, "/srv/a/src/x") == "allow");
  CHECK(edit(src, "../src/x") == "allow");
  CHECK(edit(src, "/srv/a/src/../src/x") == "allow");
  CHECK(edit(src, "src/x") == "ask");
  CHECK(edit(src, "/srv/a/src/../x") == "ask");
  CHECK(edit(src, "/srv/a/srcs/x") == "ask");
  CHECK(edit(src, "~/src/x") == "ask");
  CHECK(edit(src, "/srv/a/src/x ") == "ask");
  CHECK(edit(src, " /srv/a/src/x") == "ask");
  CHECK(edit(src, "/srv/a/src/x\n") == "ask");
  CHECK(edit(src, "/srv/a/src/x y") == "allow");
  CHECK(edit({{"input", "/srv/a/*.md"}, {"match", "glob"}}, "/srv/a/x.md") == "allow");
  CHECK(edit({{"input", "/srv/a/*.md"}, {"match", "glob"}}, "/srv/a/b/x.md") == "ask");
  CHECK(edit({{"input", "/srv/a/**.md"}, {"match", "glob"}}, "/srv/a/b/x.md") == "allow");
  CHECK(edit({{"input", "/srv/a/**"}, {"match", "glob"}}, "/srv/a/b/../../x") == "ask");
  CHECK(edit({{"input", "/srv/a/x"}}, "/srv/a/./x") == "allow");
  CHECK(edit(json::object(), "/anywhere") == "allow");
}

TEST_CASE("AddressesMatchByTheirHostAndPath") {
  auto const fetch = [](char const* decision, char const* match, char const* input, std::string url) {
    ApprovalSubject const subject{"WebFetch", InputKind::url, {std::move(url)}, "/", ""};
    auto const one = rule({{"decision", decision}, {"tool", "WebFetch"}, {"input", input}, {"match", match}}, "1");
    return std::string(to_string(verdict_of({one}, alice(), subject).decision));
  };
  CHECK(fetch("allow", "prefix", "https://docs.example", "https://docs.example/a") == "allow");
  CHECK(fetch("allow", "prefix", "https://docs.example", "https://docs.example.evil/a") == "ask");
  CHECK(fetch("allow", "prefix", "https://docs.example", "https://docs.example@evil/a") == "ask");
  CHECK(fetch("allow", "prefix", "https://docs.example/a/", "https://docs.example/a/../b") == "ask");
  CHECK(fetch("allow", "prefix", "https://docs.example/a/", "https://docs.example/a/%2e%2e/b") == "ask");
  CHECK(fetch("allow", "glob", "https://*.example/**", "https://a.example/b/c") == "allow");
  CHECK(fetch("allow", "glob", "https://*.example/**", "https://evil/x.example/b") == "ask");
  CHECK(fetch("allow", "glob", "https://*.example/**", "https://evil#.example/b") == "ask");
  CHECK(fetch("allow", "glob", "https://*.example/**", "https://evil\\.example/b") == "ask");
  CHECK(fetch("deny", "prefix", "https://evil.example", "HTTPS://Evil.Example/x") == "deny");
}

TEST_CASE("OnlyRulesThatCanDecideSomethingAreTaken") {
  auto const field = [](json body) {
    auto const read = read_approval_rule(body);
    return read ? std::string("taken") : read.error().field;
  };
  CHECK(field({{"decision", "allow"}, {"tool", "Bash"}, {"input", "ls"}}) == "taken");
  CHECK(field({{"decision", "maybe"}, {"tool", "Bash"}, {"input", "ls"}}) == "decision");
  CHECK(field({{"decision", "allow"}}) == "tool");
  CHECK(field({{"decision", "allow"}, {"tool", "*"}}) == "tool");
  CHECK(field({{"decision", "deny"}, {"tool", "*"}}) == "taken");
  CHECK(field({{"decision", "allow"}, {"tool", "Bash"}}) == "input");
  CHECK(field({{"decision", "allow"}, {"tool", "mcp__*"}}) == "taken");
  CHECK(field({{"decision", "allow"}, {"tool", "Bash"}, {"input", "ls; ls"}}) == "input");
  CHECK(field({{"decision", "allow"}, {"tool", "Bash"}, {"input", "ls $x"}}) == "input");
  CHECK(field({{"decision", "allow"}, {"tool", "Bash"}, {"input", "ls a*"}}) == "input");
  CHECK(field({{"decision", "allow"}, {"tool", "Bash"}, {"input", "ls > x"}}) == "input");
  CHECK(field({{"decision", "allow"}, {"tool", "Bash"}, {"input", "env"}, {"match", "prefix"}}) == "input");
  CHECK(field({{"decision", "deny"}, {"tool", "Bash"}, {"input", "env"}, {"match", "prefix"}}) == "taken");
  CHECK(field({{"decision", "allow"}, {"tool", "Bash"}, {"input", "g*"}, {"match", "glob"}}) == "input");
  CHECK(field({{"decision", "allow"}, {"tool", "Edit"}, {"input", "../x"}}) == "input");
  CHECK(field({{"decision", "allow"}, {"tool", "Edit"}, {"cwd", "src"}}) == "cwd");
  CHECK(field({{"decision", "allow"}, {"tool", "Edit"}, {"agent", "a"}, {"tag", "b"}}) == "tag");
  CHECK(field({{"decision", "allow"}, {"tool", "Edit"}, {"until", "soon"}}) == "until");
  CHECK(field({{"decision", "allow"}, {"tool", "Edit"}, {"match", "glob"}}) == "match");
  CHECK(field({{"decision", "allow"}, {"tool", "Edit"}, {"inputs", "x"}}) == "inputs");
}

TEST_CASE("WildcardsTakeNoTime") {
  CHECK(matches_wildcard("a*c", "abbc", ""));
  CHECK_FALSE(matches_wildcard("a*c", "ab/c", "/"));
  CHECK(matches_wildcard("a**c", "ab/c", "/"));
  CHECK(matches_wildcard("a\\*c", "a*c", ""));
  CHECK_FALSE(matches_wildcard("a\\*c", "abc", ""));
  CHECK_FALSE(matches_wildcard("?", "/", "/"));
  CHECK(matches_wildcard("?", "\xc3\xa4", "/"));
  CHECK_FALSE(matches_wildcard("??", "\xc3\xa4", "/"));
  CHECK(matches_wildcard("x\xc3\xa4*", "x\xc3\xa4y", "/"));
  CHECK(matches_wildcard("\\\xc3\xa4", "\xc3\xa4", "/"));
  CHECK_FALSE(matches_wildcard("\xc3*", "\xc3\xa4", "/"));  // half a character is none
  CHECK(matches_wildcard("??", "\xc3\xc3", "/"));           // of ill-formed text each byte is one
  CHECK(matches_wildcard("", "", ""));
  CHECK(matches_wildcard("*", "", ""));
  std::string stars;
  for (int i = 0; i < 500; ++i) stars += "*a";
  CHECK_FALSE(matches_wildcard(stars + "b", std::string(4096, 'a'), ""));
}

TEST_CASE("OfEachProviderTheSamePartIsLookedAt") {
  auto const subject = [](std::string tool, json input) {
    adapters::ApprovalRequest request;
    request.tool = std::move(tool);
    request.input = std::move(input);
    return subject_of(request, "/srv/a");
  };
  CHECK(subject("Bash", {{"command", "ls"}}).inputs == std::vector<std::string>{"ls"});
  CHECK(subject("Bash", {{"command", "ls"}}).cwd == "/srv/a");
  CHECK_FALSE(subject("Bash", {{"command", "ls"}, {"dangerouslyDisableSandbox", true}}).asks_more.empty());
  CHECK(subject("Bash", {{"command", "ls"}, {"dangerouslyDisableSandbox", false}}).asks_more.empty());
  auto const codex = [&](char const* line) { return subject("commandExecution", {{"command", line}}).inputs.at(0); };
  CHECK(codex("/bin/bash -lc 'git status'") == "git status");
  CHECK(codex("/bin/zsh -lc \"git status\"") == "git status");
  CHECK(codex("/tmp/bash -lc 'git status'") == "/tmp/bash -lc 'git status'");
  CHECK(codex("X=1 /bin/bash -lc 'git status'") == "X=1 /bin/bash -lc 'git status'");
  CHECK(codex("/bin/bash -lc 'git status' rm") == "/bin/bash -lc 'git status' rm");
  auto const changes = [&](json list, json more = json::object()) {
    json input = {{"changes", std::move(list)}};
    input.update(more);
    return subject("fileChange", std::move(input));
  };
  auto const moved = changes({{{"path", "/a"}, {"kind", {{"type", "update"}, {"move_path", "/b"}}}}});
  CHECK(moved.inputs == std::vector<std::string>{"/a", "/b"});
  CHECK_FALSE(changes(json::array()).asks_more.empty());
  CHECK_FALSE(changes({{{"path", "/a"}}}, {{"grantRoot", "/"}}).asks_more.empty());
  CHECK(subject("mcp__files__get", {{"path", "x"}}).kind == InputKind::path);
}

TEST_CASE("ARuleOfARequestAllowsThatRequestAndNoOther") {
  auto const made = rule_for(bash("git  commit -m 'it'\\''s'"));
  REQUIRE(made.has_value());
  CHECK(made->cwd == "/srv/a");
  auto const verdict = [&](std::string line) {
    return verdict_of({*made}, alice(), bash(std::move(line))).decision == RuleVerdict::Decision::allow;
  };
  CHECK(verdict("git commit -m \"it's\""));
  CHECK_FALSE(verdict("git commit -m \"it's\" --amend"));
  for (auto const* line : {"ls; ls", "ls | cat", "ls > x", "echo $x", "ls *", "ls a*", "(ls)", "ls 'x", ""}) {
    auto const refused = rule_for(bash(line));
    REQUIRE_MESSAGE(!refused.has_value(), line);
    CHECK(refused.error().code == "cannot_be_a_rule");
  }
}

namespace {

/// One life of the daemon, as far as rules go.
struct Life {
  explicit Life(net::io_context& io, std::filesystem::path const& file) {
    journal = *Journal::open(io.get_executor(), file);
    events.emplace(io.get_executor(), *journal);
    rules.emplace(io.get_executor(), *journal, *events, config);
    book.emplace(io.get_executor(), *journal, *events, lineage, ApprovalPolicy());
    book->use(*rules);
  }
  awaitable<void> begin() {
    (void)co_await events->load();
    auto const read = co_await rules->load();
    REQUIRE(read.has_value());
    auto const loaded = co_await book->load();
    REQUIRE(loaded.has_value());
    book->start([this](Approval const& approval) { told.push_back(approval); });
  }
  awaitable<void> end() {
    co_await book->stop();
    co_await journal->stop();
  }
  awaitable<std::string> add(json body) {
    auto read = read_approval_rule(body);
    REQUIRE(read.has_value());
    auto const added = co_await rules->add(std::move(*read));
    co_return added ? added->value("id", "") : added.error().code;
  }
  void ask(std::string key, std::string line, bool may_ask = true) {
    auto request = test::touch_request(std::move(key));
    request.input = {{"command", std::move(line)}};
    book->asked(alice(), "p", std::move(request), may_ask);
  }
  awaitable<json> approval(std::int64_t id) {
    auto const shown = co_await book->show(id);
    REQUIRE(shown.has_value());
    co_return *shown;
  }

  Config config;
  std::unique_ptr<Journal> journal;
  std::optional<EventLog> events;
  Lineage lineage;
  std::optional<ApprovalRules> rules;
  std::optional<Approvals> book;
  std::vector<Approval> told;
};

json bash_rule(char const* decision, char const* input) {
  return {{"decision", decision}, {"tool", "Bash"}, {"input", input}};
}

}  // namespace

TEST_CASE("ADecisionOfARuleIsARecordThatNamesIt") {
  ManualClock clock;
  test::TempDir dir;
  net::io_context io{1};
  {
    Life life(io, dir.path() / "journal.db");
    life.config.approval_rules = {rule(bash_rule("deny", "ls /"), "config:1")};
    test::run(io, [&]() -> awaitable<void> {
      co_await life.begin();
      CHECK(co_await life.add(bash_rule("allow", "ls")) == "1");
      life.ask("k1", "ls", false);  // and where nobody is there to ask
      life.ask("k2", "ls /");
      life.ask("k3", "ls x");
      (void)co_await life.journal->committed();
      auto const allowed = co_await life.approval(1);
      CHECK(allowed["status"] == "approved");
      CHECK(allowed["where"] == "rule");
      CHECK(allowed["by"] == "1");
      auto const denied = co_await life.approval(2);
      CHECK(denied["status"] == "denied");
      CHECK(denied["by"] == "config:1");
      CHECK_FALSE(denied["reason"].get<std::string>().empty());
      CHECK((co_await life.approval(3))["status"] == "pending");
      CHECK(life.told.size() == 2);
      // Asked again, after a lost connection: the same record.
      life.ask("k1", "ls");
      CHECK(life.told.size() == 3);
      auto const listed = life.rules->all();
      CHECK(listed["rules"].size() == 2);
      CHECK(listed["rules"][0]["id"] == "config:1");
      CHECK(listed["rules"][1]["uses"] == 1);
      co_await life.end();
    });
  }
  io.restart();
  Life next(io, dir.path() / "journal.db");
  test::run(io, [&]() -> awaitable<void> {
    co_await next.begin();
    auto const listed = next.rules->all();
    REQUIRE(listed["rules"].size() == 1);
    CHECK(listed["rules"][0]["uses"] == 1);
    CHECK(listed["rules"][0]["lastUsedAt"] == listed["rules"][0]["createdAt"]);
    auto const gone = co_await next.rules->remove("1");
    CHECK(gone.has_value());
    auto const again = co_await next.rules->remove("1");
    CHECK(again.error().code == "no_such_rule");
    auto const of_config = co_await next.rules->remove("config:1");
    CHECK(of_config.error().code == "no_such_rule");
    // An id is never given twice.
    CHECK(co_await next.add(bash_rule("allow", "ls")) == "2");
    co_await next.end();
  });
}

TEST_CASE("AnApprovalHasOneRuleAtMost") {
  ManualClock clock;
  test::TempDir dir;
  net::io_context io{1};
  {
    Life life(io, dir.path() / "journal.db");
    test::run(io, [&]() -> awaitable<void> {
      co_await life.begin();
      auto made = rule(bash_rule("allow", "ls"), "");
      made.approval = 7;
      CHECK_FALSE(life.rules->has_rule_of(7));
      auto const first = co_await life.rules->add(made);
      CHECK(first.has_value());
      auto const second = co_await life.rules->add(made);
      REQUIRE_FALSE(second.has_value());
      CHECK(second.error().code == "already_decided");
      co_await life.end();
    });
  }
  io.restart();
  Life next(io, dir.path() / "journal.db");
  test::run(io, [&]() -> awaitable<void> {
    co_await next.begin();
    CHECK(next.rules->has_rule_of(7));
    CHECK_FALSE(next.rules->has_rule_of(8));
    co_await next.end();
  });
}

TEST_CASE("ARuleEndsByTheClockAndWithItsAgent") {
  ManualClock clock;
  test::TempDir dir;
  net::io_context io{1};
  {
    Life life(io, dir.path() / "journal.db");
    test::run(io, [&]() -> awaitable<void> {
      co_await life.begin();
      auto body = bash_rule("allow", "ls");
      body["until"] = to_iso8601(wall_now() + 1h);
      CHECK(co_await life.add(body) == "1");
      auto of_agent = bash_rule("allow", "cat");
      of_agent["agent"] = "nobody";
      CHECK(co_await life.add(of_agent) == "no_such_agent");
      life.journal->write([](Database& db) { AgentTable(db).put({"alice", "{}", "idle", "{}"}); });
      of_agent["agent"] = "alice";
      CHECK(co_await life.add(of_agent) == "2");
      clock.advance(59min);
      life.ask("k1", "ls");
      clock.advance(1min);
      life.ask("k2", "ls");
      CHECK((co_await life.approval(1))["status"] == "approved");
      CHECK((co_await life.approval(2))["status"] == "pending");
      CHECK(life.rules->all()["rules"][0]["inForce"] == false);
      // What is over makes room.
      CHECK(co_await life.add(bash_rule("allow", "pwd")) == "3");
      CHECK(life.rules->all()["rules"].size() == 2);
      life.journal->write([](Database& db) { AgentTable(db).erase("alice"); });
      life.book->forget("alice");
      CHECK(life.rules->all()["rules"].size() == 1);
      co_await life.end();
    });
  }
  io.restart();
  Life next(io, dir.path() / "journal.db");
  test::run(io, [&]() -> awaitable<void> {
    co_await next.begin();
    REQUIRE(next.rules->all()["rules"].size() == 1);
    CHECK(next.rules->all()["rules"][0]["id"] == "3");
    co_await next.end();
  });
}

TEST_CASE("ThereAreOnlySoManyRules") {
  ManualClock clock;
  test::TempDir dir;
  net::io_context io{1};
  Life life(io, dir.path() / "journal.db");
  test::run(io, [&]() -> awaitable<void> {
    co_await life.begin();
    auto const body = bash_rule("allow", "ls");
    for (std::size_t i = 0; i < ApprovalRules::kMost; ++i) CHECK(co_await life.add(body) == std::to_string(i + 1));
    CHECK(co_await life.add(body) == "quota");
    co_await life.end();
  });
}

TEST_CASE("ABuiltinThatChangesWhatLaterWordsMeanIsAllowedByAnExactRuleOnly") {
  for (auto const* builtin : {"printf", "test", "jobs", "getopts", "print"}) {
    json body = {{"decision", "allow"}, {"tool", "Bash"}, {"match", "prefix"}, {"input", builtin}};
    CHECK_FALSE(read_approval_rule(body).has_value());
    body["match"] = "exact";
    CHECK(read_approval_rule(body).has_value());
  }
}

TEST_CASE("ACallThatNamesSeveralPlacesIsNotAllowedByARule") {
  auto const asks_more = [](json input, std::string tool = "mcp__fs__write_file") {
    adapters::ApprovalRequest request;
    request.tool = std::move(tool);
    request.input = std::move(input);
    return !subject_of(request, "/srv/a").asks_more.empty();
  };
  CHECK_FALSE(asks_more({{"path", "/srv/a/x"}}));
  CHECK(asks_more({{"file_path", "/srv/a/x"}, {"path", "/etc/x"}}));
  CHECK(asks_more({{"command", "/srv/a"}, {"path", "/etc/x"}}));
  CHECK_FALSE(asks_more({{"path", "/srv/a"}, {"pattern", "x"}}, "Grep"));
  CHECK_FALSE(asks_more({{"path", "/srv/a"}, {"pattern", "*.cpp"}}, "Glob"));
  CHECK(asks_more({{"path", "/srv/a"}, {"pattern", "/etc/**"}}, "Glob"));
}
