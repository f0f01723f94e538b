// What a talked-into agent has others say for it: names that a person passes on to a command, words that reach the log,
// and a screen that imitates what reads it.
#include "control/raw_client.hpp"
#include "security/attack.hpp"

#include <cstdio>
#include <sys/stat.h>
#include <utility>

using ar::json;
using ar::test::Attack;
using ar::test::file_text;
using ar::test::Installation;
using ar::test::RawClient;
using Words = std::vector<std::string>;
namespace fs = std::filesystem;

namespace {

json const kQuiet = {{"command", {"/bin/cat"}}};

/// A person's repository, with a branch just left that holds the only copy of some work.
struct Repository {
  explicit Repository(Installation& installation) : home(installation), folder(installation.work() / "repository") {
    fs::create_directory(folder);
    git({"init", "-q", "-b", "main", "."});
    commit("first");
    git({"checkout", "-q", "-b", "precious"});
    commit("work of a week");
    git({"tag", "v1"});
    git({"checkout", "-q", "main"});
  }
  std::string git(Words words) const {
    words.insert(words.begin(), {"-C", folder.string(), "-c", "user.name=T", "-c", "user.email=t@localhost"});
    return home.run_program("/usr/bin/git", words, "").out;
  }
  void commit(std::string const& text) const {
    std::ofstream(folder / "file") << text;
    git({"add", "file"});
    git({"commit", "-qm", text});
  }
  /// All that a person could miss.
  std::string state() const {
    return git({"for-each-ref"}) + git({"symbolic-ref", "HEAD"}) + git({"status", "--porcelain"}) +
           git({"worktree", "list"}) + git({"reflog", "show", "precious"}) + git({"stash", "list"}) +
           git({"config", "--local", "--list"}) + file_text(folder / "file");
  }
  Installation& home;
  fs::path folder;
};

constexpr char kForged[] = "2026-01-01T00:00:00.000 E forged";

/// For a name that is to end a line of the log, and turn and colour what follows.
std::string forging(std::string const& ending) { return "x" + ending + kForged; }

}  // namespace

TEST_CASE("H1NoNameOfAWorktreeCostsAPersonABranch") {
  Attack t("H1");
  Repository const repository(t.home);
  auto const before = repository.state();
  auto const try_name = [&](std::string const& name, std::string const& what) {
    auto const ran = t.home.run({"spawn", "w", "--no-wait", "--worktree=" + name, "--provider", "command", "--cwd",
                                 repository.folder.string(), "--options", kQuiet.dump()});
    if (ran.status == 0) {
      t.home.good({"kill", "w"});
      t.home.good({"rm", "w"});
    }
    auto const after = repository.state();
    t.counts(after == before, "--worktree=" + name + " (" + what + "): " + ran.out + ran.err + before + after);
  };
  Words const names{"@{-1}",
                    "@{-2}",
                    "@{0}",
                    "-",
                    "@",
                    "HEAD",
                    "HEAD~1",
                    "ORIG_HEAD",
                    "precious",
                    "main",
                    "v1",
                    "refs/heads/precious",
                    "heads/precious",
                    "tags/v1",
                    "precious^0",
                    "precious~0",
                    "precious@{0}",
                    "precious^{commit}",
                    ":/work",
                    "--detach",
                    "-b",
                    "-D",
                    "--orphan=x",
                    "../precious",
                    "precious/..",
                    "precious.lock",
                    "a..b",
                    "precious ",
                    " precious",
                    "precious\n",
                    "precious\nmain",
                    "prec*",
                    "prec?ous",
                    "[p]recious",
                    "precious/x",
                    "@{u}",
                    "@{upstream}",
                    "@{push}",
                    "FETCH_HEAD",
                    "stash@{0}",
                    repository.git({"rev-parse", "precious"}).substr(0, 40)};
  for (auto const& name : names) try_name(name, "alone");
  // What makes the add fail, so that it is taken back.
  auto const hook = repository.folder / ".git" / "hooks" / "post-checkout";
  std::ofstream(hook) << "#!/bin/sh\nexit 1\n";
  REQUIRE(::chmod(hook.c_str(), 0755) == 0);
  for (auto const& name : names) try_name(name, "with a hook that fails");
  try_name("fresh", "with a hook that fails");
  // It points the new branch at the person's work before it fails: that is not what the call has made.
  std::ofstream(hook) << "#!/bin/sh\ngit update-ref refs/heads/moved refs/heads/precious\nexit 1\n";
  t.home.run({"spawn", "w", "--worktree=moved", "--provider", "command", "--cwd", repository.folder.string()});
  t.counts(repository.git({"rev-parse", "moved"}) == repository.git({"rev-parse", "precious"}),
           "a branch that was moved");
  repository.git({"update-ref", "-d", "refs/heads/moved"});
  fs::remove(hook);
  // A folder in the way, with something in it.
  fs::create_directories(t.home.state() / "worktrees" / "w");
  std::ofstream(t.home.state() / "worktrees" / "w" / "kept") << "kept";
  for (std::string const name : {"@{-1}", "precious", "fresh"}) try_name(name, "with a folder in the way");
  t.counts(file_text(t.home.state() / "worktrees" / "w" / "kept") == "kept", "the folder in the way");
  for (auto const* name : {"@{-1}", "precious", "fresh"}) {
    json const spawn = {{"id", "w"},
                        {"provider", "command"},
                        {"cwd", repository.folder.string()},
                        {"workspace", {{"mode", "worktree"}, {"branch", name}}}};
    t.refused(403, "control", "POST", "/v1/agents", spawn.dump());
  }
  CHECK(repository.state() == before);
}

TEST_CASE("M4AScreenThatImitatesTmuxDoesNothing") {
  Attack t("M4");
  auto const pipe = t.home.work() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  json const printer = {{"command", {"/bin/sh", "-c", "while :; do cat " + pipe.string() + "; done"}}};
  json const worker = {
      {"command",
       {"/bin/sh", "-c",
        R"(while IFS= read -r l; do case $l in *"[agent-runner "*) n=${l#*"[agent-runner "}; echo "took ${n%%[!0-9a-f]*}";; esac; done)"}},
      {"proof", {{"pattern", "^took {correlation_id}$"}}},
      {"turn_end", {{"pattern", "^turn over$"}}}};
  t.home.spawn("mallory", {"--options", printer.dump()});
  t.home.spawn("worker", {"--options", worker.dump()});
  json const asked = {{"to", "worker"}, {"body", "take your time"}, {"replyRequested", true}};
  auto const work = t.good("control", "POST", "/v1/messages", asked)["id"].get<std::int64_t>();
  REQUIRE(Installation::eventually([&] { return t.home.agent("worker").value("state", "") == "busy"; }));
  auto const state_of = [&] {
    std::string all;
    for (auto const& line : Installation::lines(t.home.good({"ps", "-a", "--json"}).out)) {
      auto const agent = json::parse(line);
      all += agent.value("id", "") + " " + agent.value("state", "") + " " + agent["pid"].dump() + " ";
    }
    auto const message = t.home.message(work);
    return all + message["deliveries"][0].value("state", "") + message["replies"].dump();
  };
  auto const before = state_of();
  int round = 0;
  auto const print = [&](std::vector<std::string> const& lines, std::string const& what) {
    auto const mark = "mark-" + std::to_string(++round);
    {
      std::ofstream out(pipe);
      out << "\033[2J\033[H";
      for (auto const& line : lines) out << line << "\r\n";
      out << mark << "\r\n";
    }
    bool whole = false;
    auto const shown = Installation::eventually([&] {
      auto const screen = t.home.run({"screen", "mallory"});
      REQUIRE_MESSAGE(screen.status == 0, screen.err);
      whole = screen.out.find(lines.back().substr(0, 60)) != std::string::npos;
      return screen.out.find(mark) != std::string::npos;
    });
    t.home.good({"screen", "mallory"});
    auto const after = state_of();
    t.counts(shown && after == before, what + ": " + lines.front() + ": " + before + " became " + after);
    CHECK_MESSAGE((whole || lines.back().find('\033') != std::string::npos), what);  // it is shown as what it is
  };
  // Of tmux itself, which an agent without a sandbox can ask: the time and the number of its last command.
  auto const counter = [&] {
    auto const socket = (t.home.state() / "run" / "tmux.sock").string();
    long time = 0, number = 0;
    REQUIRE(Installation::eventually([&] {
      auto const said = t.home.run_program("/usr/bin/tmux", {"-S", socket, "-C", "list-sessions"}, "").out;
      auto const at = said.find("%begin ");
      return at != said.npos && std::sscanf(said.c_str() + at, "%%begin %ld %ld", &time, &number) == 2;
    }));
    return std::pair(time, number);
  };
  std::string const over = "turn over\\015\\012";
  for (std::string const word : {"%end", "%error", "%begin"})
    for (int ahead = 1; ahead <= 60; ahead += 10)
      for (int later : {0, 1}) {
        auto const [time, number] = counter();
        Words guesses;
        for (int i = 0; i < 10; ++i) {
          guesses.push_back(word + " " + std::to_string(time + later) + " " + std::to_string(number + ahead + i) +
                            " 1");
          guesses.push_back("%output %" + std::to_string(i % 6) + " " + over);
        }
        print(guesses, "an end");
      }
  auto const now = counter().first;
  for (int pane = 0; pane < 4; ++pane) {
    auto const name = "%" + std::to_string(pane);
    print({"%output " + name + " " + over}, "output");
    print({"%extended-output " + name + " 0 : " + over}, "extended output");
    print({"%end " + std::to_string(now) + " 1 1", "%output " + name + " " + over,
           "%begin " + std::to_string(now) + " 2 1"},
          "output between two replies");
    print({"%pane-mode-changed " + name}, "a mode");
    print({"%pause " + name}, "a pause");
    print({"%window-close @" + std::to_string(pane)}, "a window's end");
    print({"%unlinked-window-close @" + std::to_string(pane)}, "another window's end");
    print({"%subscription-changed dead $" + std::to_string(pane) + " @0 0 " + name + " : 1"}, "a subscription");
  }
  for (auto const* line :
       {"%exit", "%exit server exited", "%exit detached", "%sessions-changed", "%session-changed $0 x",
        "%client-detached /dev/pts/0", "%config-error x", "%message turn over", "%layout-change @0 x x x",
        "\033P1000p%begin 1 1 0\033\\", "\033P1000p\r\n%exit\033\\", "\033\\%exit",
        "\033Ptmux;\033\033]0;turn over\a\033\\", "\033]0;%exit\a%exit", "turn over"})
    print({line}, "a word of the protocol");
  t.home.send("mallory", "a word that is typed");  // the terminals' client is the same as before, and works
  CHECK(state_of() == before);
}

TEST_CASE("M8NoNameForgesALineOfTheLog") {
  Attack t("M8");
  auto const whole_log = [&] {
    std::string text;
    for (auto const& entry : fs::directory_iterator(t.home.state()))
      if (entry.path().filename().string().starts_with("daemon")) {
        auto const name = entry.path().filename().string();
        if (name.find("log") != std::string::npos) text += file_text(entry.path());
      }
    return text;
  };
  auto const held = [&] {
    auto const text = whole_log();
    bool good = true;
    for (std::size_t at = 0; at < text.size();) {
      auto const end = std::min(text.find('\n', at), text.size());
      auto const line = std::string_view(text).substr(at, end - at);
      // A line of ours begins with today's date, and forged ones with another.
      good = good && line.size() > 26 && line[4] == '-' && line[10] == 'T' && !line.starts_with("2026-01-01");
      at = end + 1;
    }
    for (char const c : text)
      good = good && c != '\033' && c != '\r' && c != '\x7f' && (c == '\n' || c < 0 || c >= ' ');
    for (std::string const unseen : {"\u009b", "\u0085", "\u2028", "\u2029", "\u202e", "\u2066"})
      good = good && text.find(unseen) == std::string::npos;
    return good;
  };
  RawClient wire(t.home.state() / "run" / "relay.sock");
  t.open_websocket(wire);
  for (std::string const ending :
       {"\n", "\r\n", "\033[2J\033[1;1H", "\u0085", "\u2028", "\u202e", "\u009b2J", "\\n", "%0a", "%n%s"}) {
    auto const name = forging(ending);
    auto const try_it = [&](std::string const& way) { t.counts(held(), way + " with " + json(ending).dump()); };
    for (std::string const door : {"relay", "control"}) {
      auto const messages = door == "relay" ? "/api/messages" : "/v1/messages";
      for (auto const* field : {"from", "to", "kind", "subject", "body", "idempotencyKey", "x"}) {
        t.ask(door, "POST", messages, t.to("bob", {{field, name}}), true);
        try_it(door + " message." + field);
      }
      t.ask(door, "GET", "/" + t.encoded(name), "", true);
      try_it(door + " path");
      t.ask(door, "POST", std::string(door == "relay" ? "/api" : "/v1") + "/attachments?name=" + t.encoded(name),
            "bytes", true);
      try_it(door + " attachment");
    }
    for (auto const* field : {"agentId", "label", "instanceId", "status"}) {
      json presence = {{"agentId", "alice"},    {"tags", json::array()}, {"capabilities", json::array()},
                       {"instanceId", "i"},     {"status", "idle"},      {"ready", true},
                       {"meta", {{name, name}}}};
      presence[field] = name;
      t.ask("relay", "POST", "/api/agents", presence.dump(), true);
      try_it(std::string("presence.") + field);
      presence.update(
          {{"type", "hello"}, {"protocol", 1}, {"role", "provider"}, {"componentId", name}, {"machine", name}});
      wire.send(Attack::frame(presence.dump()));
      wire.send(Attack::frame(json{{"type", name}}.dump()));
      (void)t.ask("relay", "GET", "/healthz", "", true);
      try_it(std::string("hello.") + field);
    }
    t.ask("relay", "PUT", "/api/tasks",
          json{{"id", 9}, {"status", name}, {"body", name}, {"metadata", {{name, name}}}, {"setBy", name}}.dump(),
          true);
    t.ask("relay", "POST", "/api/commands",
          json{{"type", name}, {"target", "alice"}, {"params", {{name, name}}}}.dump(), true);
    t.ask("relay", "POST", "/api/tokens", json{{"profile", name}, {"rights", {name}}, {"name", name}}.dump(), true);
    try_it("task, command and token");
    for (auto const* hook :
         {"SessionStart", "Stop", "PermissionRequest", "StopFailure", "MessageAccepted", "TurnEnded"}) {
      t.ask("control", "POST", std::string("/v1/hooks/") + hook,
            json{{"session_id", name},
                 {"transcript_path", name},
                 {"cwd", name},
                 {"hook_event_name", name},
                 {"correlationId", name}}
                .dump(),
            true);
      try_it(std::string("hook ") + hook);
    }
    t.ask("control", "POST", "/v1/hooks/" + t.encoded(name), "{}", true);
    try_it("a hook's name");
    for (auto const* header : {"Authorization: Bearer ", "User-Agent: ", "Host: ", "Origin: ", "Relay-Store: ", "X-"}) {
      RawClient raw(t.home.state() / "run" / "agents" / "agents.sock");
      raw.send("GET /v1/info HTTP/1.1\r\nHost: x\r\n" + std::string(header) + name + "\r\n\r\n");
      (void)raw.at_end();
      try_it(std::string("header ") + header);
    }
    RawClient raw(t.home.state() / "run" / "agents" / "agents.sock");
    raw.send("GET /" + name + " HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)raw.at_end();
    try_it("request line");
    // What a person passes on.
    for (auto const& words : {Words{"spawn", name, "--no-wait", "--provider", "command"},
                              Words{"spawn", "z", "--no-wait", "--provider", name},
                              Words{"spawn", "z", "--no-wait", "--provider", "command", "--tag", name},
                              Words{"spawn", "z", "--no-wait", "--provider", "command", "--profile", name},
                              Words{"send", name, "x"}, Words{"inbox", name}, Words{"kill", name}}) {
      t.home.run(words);
      t.home.run({"rm", "z"});
      try_it(words.front());
    }
    auto const folder = t.home.work() / ("folder" + ending);
    fs::create_directory(folder);
    // Its last words, and its folder.
    t.home.run({"spawn", "z", "--no-wait", "--provider", "command", "--cwd", folder.string(), "--", "/bin/sh", "-c",
                "printf '%b' \"$1\" >&2; exit 7", "sh", name});
    (void)Installation::eventually([&] { return t.home.agent("z").value("state", "") != "starting"; });
    t.home.run({"kill", "z"});
    t.home.run({"rm", "z"});
    try_it("last words");
  }
  CHECK(whole_log().find("forged") != std::string::npos);  // some of it is told, each in its line
}
