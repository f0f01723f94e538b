#include "adapters/claude/launch.hpp"

#include "adapters/claude/claude_adapter.hpp"
#include "adapters/claude/live_state.hpp"
#include "adapters/claude/profile.hpp"
#include "adapters/claude/prompt_text.hpp"
#include "support/launch_setup.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sys/stat.h>

using namespace ar;
using namespace ar::adapters;
using namespace ar::adapters::claude;
namespace fs = std::filesystem;
using test::after;

namespace {

struct Machine {
  test::TempDir dir;
  fs::path const bin = dir.path() / "bin", home = dir.path() / "home", work = dir.path() / "work";
  Machine() {
    for (auto const& folder : {bin, home, work}) fs::create_directories(folder);
    install("echo '2.1.197 (Claude Code)'");
  }
  void install(std::string const& script) const {
    std::ofstream(bin / "claude") << "#!/bin/sh\n" << script << "\n";
    fs::permissions(bin / "claude", fs::perms::owner_all);
  }
  LaunchRequest request() const {
    LaunchRequest request;
    request.agent_id = "alice";
    request.cwd = work;
    request.agent_dir = dir.path() / "agent";
    fs::create_directories(request.agent_dir);
    request.hook_client = "/opt/ar/bin/agent-runner-hook";
    request.plugin_dir = "/opt/ar/plugins/claude";
    request.environment = {{"PATH", bin.string()}, {"HOME", home.string()}};
    request.new_session_id = "11111111-2222-4333-8444-555555555555";
    return request;
  }
};

json settings_of(LaunchPlan const& plan) { return json::parse(*read_file(after(plan.argv, "--settings"), 1U << 20)); }

Prompt prompt_with(std::string body, fs::path const& folder) {
  Prompt prompt;
  prompt.message_id = 7;
  prompt.correlation_id = "0123456789";
  prompt.from = "alice";
  prompt.kind = "chat";
  prompt.body = std::move(body);
  prompt.body_file = folder / "body";
  return prompt;
}

}  // namespace

TEST_CASE("ANewSessionIsStartedUnderItsId") {
  Machine machine;
  auto request = machine.request();
  request.model = "opus";
  request.effort = "high";
  request.system_prompt_append = "Be brief.";
  request.provider_args = {"--add-dir", "/data"};
  auto const plan = plan_launch(request, {});
  REQUIRE(plan.has_value());
  CHECK(plan->argv.front() == (machine.bin / "claude").string());
  CHECK(after(plan->argv, "--session-id") == request.new_session_id);
  CHECK(plan->session_id == request.new_session_id);
  CHECK_FALSE(plan->resumes);
  CHECK(after(plan->argv, "--model") == "opus");
  CHECK(after(plan->argv, "--effort") == "high");
  CHECK(after(plan->argv, "--plugin-dir") == "/opt/ar/plugins/claude");
  CHECK(after(plan->argv, "--add-dir") == "/data");
  CHECK(after(plan->argv, "--permission-mode") == "default");  // never the CLI's own choice
  CHECK(settings_of(*plan)["tui"] == "default");
  auto const file = after(plan->argv, "--append-system-prompt-file");
  CHECK(read_file(file, 10'000)->ends_with("\n\nBe brief."));  // after what every agent is told of the bus
  struct stat info{};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(settings_of(*plan)["statusLine"]["command"].get<std::string>().starts_with("agent-runner-hook StatusLine"));
}

TEST_CASE("TheBellLiesThereBeforeTheStart") {
  Machine machine;
  auto const bell = machine.request().agent_dir / "claude" / "bell";
  Options options;
  options.monitor = false;
  REQUIRE(plan_launch(machine.request(), options).has_value());
  CHECK_FALSE(fs::exists(bell));
  REQUIRE(plan_launch(machine.request(), {}).has_value());
  struct stat info{};
  REQUIRE(::stat(bell.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("WhoMayAskNobodyIsNotShownTheToolThatAsks") {
  Machine machine;
  auto request = machine.request();
  auto const asks = plan_launch(request, {});
  REQUIRE(asks.has_value());
  CHECK(std::ranges::find(asks->argv, "--disallowedTools") == asks->argv.end());
  request.request_input = false;
  auto const quiet = plan_launch(request, {});
  REQUIRE(quiet.has_value());
  CHECK(after(quiet->argv, "--disallowedTools") == "AskUserQuestion");
  CHECK(after(quiet->argv, "AskUserQuestion").starts_with("--"));  // it would take further words too
}

TEST_CASE("OnlyTheSocketRoadOpensTheSessionToMessages") {
  Machine machine;
  auto const typed = plan_launch(machine.request(), {});
  REQUIRE(typed.has_value());
  CHECK(std::ranges::find(typed->argv, "--messaging-socket-path") == typed->argv.end());
  CHECK(settings_of(*typed)["crossSessionInbound"] == "refuse");
  CHECK(typed->environment.at("CLAUDE_CODE_HARBOR_KITE") == "0");

  Options options;
  options.road = Options::Road::socket;
  options.settings = {{"crossSessionInbound", "refuse"}, {"permissions", {{"deny", {"WebFetch"}}}}};
  auto const old = plan_launch(machine.request(), options);
  REQUIRE(old.has_value());
  CHECK(std::ranges::find(old->argv, "--messaging-socket-path") == old->argv.end());
  CHECK(old->environment.at("CLAUDE_CODE_HARBOR_KITE") == "0");

  machine.install("echo '9.9.9 (Claude Code)'");  // of which nobody knows
  auto const untried = plan_launch(machine.request(), options);
  REQUIRE(untried.has_value());
  CHECK(std::ranges::find(untried->argv, "--messaging-socket-path") == untried->argv.end());

  machine.install("echo '2.1.332 (Claude Code)'");
  auto const left = machine.request().agent_dir / "claude" / "msg.sock";
  std::ofstream(left) << "of a process that was killed";
  auto const plan = plan_launch(machine.request(), options);
  REQUIRE(plan.has_value());
  CHECK(after(plan->argv, "--messaging-socket-path") == left.string());
  CHECK_FALSE(fs::exists(left));
  CHECK(settings_of(*plan)["crossSessionInbound"] == "accept");
  CHECK(settings_of(*plan)["permissions"]["deny"] == json::array({"WebFetch", "SendMessage"}));
  CHECK(plan->environment.at("CLAUDE_CODE_HARBOR_KITE") == "1");
  struct stat info{};
  REQUIRE(::stat(left.parent_path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("ASessionIsResumedOnlyWhenItsRecordExists") {
  Machine machine;
  auto request = machine.request();
  request.resume_session = "66666666-2222-4333-8444-555555555555";
  auto const adapter = make_claude_adapter();
  CHECK_FALSE(adapter->can_resume(request, request.resume_session));
  auto const again = plan_launch(request, {});
  CHECK(after(again->argv, "--session-id") == request.resume_session);
  CHECK_FALSE(again->resumes);

  auto const record = transcript_file(machine.home / ".claude", machine.work, request.resume_session);
  fs::create_directories(record.parent_path());
  std::ofstream(record) << "{}\n";
  CHECK(adapter->can_resume(request, request.resume_session));
  auto const resumed = plan_launch(request, {});
  CHECK(after(resumed->argv, "--resume") == request.resume_session);
  CHECK(resumed->resumes);
}

TEST_CASE("TheEnvironmentOfAnEnclosingSessionDoesNotLeak") {
  Machine machine;
  auto request = machine.request();
  constexpr std::array kMarks{"CLAUDECODE",
                              "CLAUDE_CODE_CHILD_SESSION",
                              "CLAUDE_CODE_SESSION_ID",
                              "AI_AGENT",
                              "TMUX",
                              "TMUX_PANE",
                              "CLAUDE_BG_X",
                              "CLAUDE_PID",
                              "CLAUDE_EFFORT",
                              "CLAUDE_CODE_EXECPATH",
                              "CLAUDE_CODE_CHILD_NOTES_DIR",
                              "CLAUDE_CODE_SESSION_ATTENDED",
                              "CLAUDE_CODE_LAUNCHED_BY_SESSION_IDS",
                              "CLAUDE_CODE_MESSAGING_SOCKET",
                              "CLAUDE_CODE_MESSAGING_TOKEN",
                              "TRACEPARENT"};
  for (auto const* name : kMarks) request.environment[name] = "1";
  request.environment["AGENT_RELAY_TOKEN"] = "secret";
  request.environment["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = "100";  // a person's own wish (spawn --env)
  Options options;
  options.environment = {{"CLAUDE_CODE_MAX_RETRIES", "3"}};
  auto const plan = plan_launch(request, options);
  for (auto const* name : kMarks) CHECK_FALSE(plan->environment.contains(name));
  CHECK(plan->environment.at("CLAUDE_CODE_MAX_OUTPUT_TOKENS") == "100");
  CHECK(plan->environment.at("CLAUDE_CODE_MAX_RETRIES") == "3");
  CHECK(plan->environment.at("CLAUDE_CODE_DISABLE_AGENT_VIEW") == "1");
  CHECK(plan->environment.at("DISABLE_AUTOUPDATER") == "1");
  CHECK(plan->environment.at("PATH").starts_with("/opt/ar/bin:"));
  CHECK_FALSE(plan->environment.contains("IS_SANDBOX"));
  for (auto const& word : plan->argv) CHECK(word.find("secret") == std::string::npos);
  CHECK(settings_of(*plan).dump().find("secret") == std::string::npos);
}

TEST_CASE("ApprovalModesBecomePermissionModes") {
  CHECK(permission_mode("read-only") == "plan");
  CHECK(permission_mode("guarded") == "default");
  CHECK(permission_mode("auto") == "acceptEdits");
  CHECK(permission_mode("full") == "bypassPermissions");
  CHECK(permission_mode("dontAsk") == "dontAsk");
  CHECK(permission_mode("manual") == "default");
  CHECK(permission_mode("") == "");
  CHECK_FALSE(permission_mode("yolo").has_value());
}

TEST_CASE("StartDialogsAreAnsweredOnlyWhereTheOperatorAllowedIt") {
  Machine machine;
  auto request = machine.request();
  request.approval_mode = "full";
  auto const asking = plan_launch(request, {});
  CHECK_FALSE(settings_of(*asking).contains("skipDangerousModePermissionPrompt"));
  CHECK_FALSE(settings_of(*asking).contains("enableAllProjectMcpServers"));
  CHECK(asking->environment.contains("CLAUDE_CODE_SANDBOXED"));
  request.options = {{"trust_workspace", false},
                     {"accept_bypass", true},
                     {"enable_project_mcp", true},
                     {"settings", {{"model", "x"}}}};
  auto const adapter = make_claude_adapter();
  auto const allowed = adapter->prepare(request);
  REQUIRE(allowed.has_value());
  CHECK(settings_of(*allowed)["skipDangerousModePermissionPrompt"] == true);
  CHECK(settings_of(*allowed)["enableAllProjectMcpServers"] == true);
  CHECK(settings_of(*allowed)["model"] == "x");
  CHECK_FALSE(allowed->environment.contains("CLAUDE_CODE_SANDBOXED"));
}

TEST_CASE("OtherSessionsReachAnAgentOnlyWhereTheOperatorSaysSo") {
  Machine machine;
  Options options;
  auto const closed = plan_launch(machine.request(), options);
  CHECK(settings_of(*closed)["crossSessionInbound"] == "refuse");
  CHECK(closed->environment.at("CLAUDE_CODE_HARBOR_KITE") == "0");
  CHECK(settings_of(*closed)["autoContinueAtUsageLimit"] == false);
  options.settings = {{"crossSessionInbound", "accept"}, {"tui", "fullscreen"}};
  options.environment = {{"CLAUDE_CODE_HARBOR_KITE", "1"}};
  auto const open = plan_launch(machine.request(), options);
  CHECK(settings_of(*open)["crossSessionInbound"] == "accept");
  CHECK(settings_of(*open)["tui"] == "fullscreen");
  CHECK(open->environment.at("CLAUDE_CODE_HARBOR_KITE") == "1");
}

TEST_CASE("ChangedInstructionsReachAResumedSessionOfAVersionThatKeepsTheOld") {
  Machine machine;
  CHECK(after(plan_launch(machine.request(), {})->argv, "--system-prompt-snapshot") == "absent");
  machine.install("echo '2.1.264 (Claude Code)'  # 1");
  CHECK(after(plan_launch(machine.request(), {})->argv, "--system-prompt-snapshot") == "absent");
  machine.install("echo '2.1.265 (Claude Code)'  # 22");
  CHECK(after(plan_launch(machine.request(), {})->argv, "--system-prompt-snapshot") == "off");
}

TEST_CASE("AnsweringAndReadingMessagesNeedsNoPermissionBesideTheOperatorsOwn") {
  Machine machine;
  Options options;
  options.settings = {{"permissions", {{"allow", {"Bash(make:*)"}}, {"deny", {"WebFetch"}}}}};
  auto const request = machine.request();
  auto const permissions = settings_of(*plan_launch(request, options))["permissions"];
  auto const allowed = permissions["allow"].get<std::vector<std::string>>();
  for (std::string const rule : {"Bash(make:*)", "Bash(agent-runner reply:*)"})
    CHECK(std::ranges::find(allowed, rule) != allowed.end());
  CHECK(std::ranges::find(allowed, "Read(/" + request.agent_dir.string() + "/**)") != allowed.end());
  CHECK(permissions["deny"] == json::array({"WebFetch"}));
}

TEST_CASE("WhatCannotBeStartedSaysWhatToDo") {
  Machine machine;
  auto request = machine.request();
  request.options = {{"comand", "claude"}};
  auto const adapter = make_claude_adapter();
  CHECK(adapter->prepare(request).error().field == "providers.claude.comand");
  request.options = {{"command", "no-such-cli"}};
  CHECK(adapter->prepare(request).error().code == "cli_missing");
  request.options = json::object();
  request.approval_mode = "yolo";
  CHECK(adapter->prepare(request).error().field == "approvalMode");
  request.approval_mode = "";
  request.provider_args = {"--resume=x"};
  CHECK(adapter->prepare(request).error().field == "providerArgs");
  request.provider_args.clear();
  machine.install("echo '2.1.196 (Claude Code)'  # older");
  CHECK(adapter->prepare(request).error().code == "cli_too_old");
  machine.install("exit 1");
  CHECK(adapter->prepare(request).error().code == "cli_broken");
}

TEST_CASE("DoctorKnowsTheVersion") {
  Machine machine;
  auto const adapter = make_claude_adapter();
  json const options{{"command", (machine.bin / "claude").string()}};
  auto checks = adapter->doctor(options);
  REQUIRE(checks.size() == 1);
  CHECK(checks[0].level == Check::Level::ok);
  CHECK(checks[0].finding.starts_with("2.1.197 at "));
  machine.install("echo '2.1.332 (Claude Code)'  # the newest known");
  CHECK(adapter->doctor(options)[0].level == Check::Level::ok);
  machine.install("echo '9.0.0 (Claude Code)'");
  CHECK(adapter->doctor(options)[0].level == Check::Level::warning);
  machine.install("echo '1.0.3 (Claude Code)'");
  CHECK(adapter->doctor(options)[0].level == Check::Level::error);
  machine.install("exit 1");
  CHECK(adapter->doctor(options)[0].level == Check::Level::error);
  CHECK(adapter->doctor(json{{"command", "no-such-cli"}})[0].level == Check::Level::error);
}

TEST_CASE("AVersionThatNeverComesIsNotWaitedFor") {
  Machine machine;
  machine.install("exec sleep 60");
  auto const version = cli_version(machine.bin / "claude", 200);
  CHECK_FALSE(version.has_value());
}

TEST_CASE("EveryPasteIsLongEnoughToBeCollapsedWhereThatChangesNothingForTheModel") {
  test::TempDir dir;
  auto const& old = row_for("2.1.327");
  auto const typed = typed_form(prompt_with("hi", dir.path()), dir.path(), dir.path(), old);
  CHECK(std::ranges::count(typed.paste, '\n') == 3);
  CHECK(typed.paste.starts_with(typed.text));
  CHECK_FALSE(typed.as_file);
  auto const longer = typed_form(prompt_with("a\nb\nc", dir.path()), dir.path(), dir.path(), old);
  CHECK(longer.paste == longer.text);
  CHECK(longer.words.empty());
}

TEST_CASE("WhereACollapsedPasteIsFoundTextShortOnesAreShownAndOthersIntroduced") {
  test::TempDir dir;
  auto const form = [&](std::string const& body) {
    auto const typed = typed_form(prompt_with(body, dir.path()), dir.path(), dir.path(), row_for("2.1.328"));
    CHECK(typed.paste.starts_with(typed.text));
    return typed;
  };
  for (std::string const body : {"hi", "", "  grüße, \"日本語\" \u2013 привет  ", "a\tb"}) {
    CAPTURE(body);
    CHECK(form(body).words.empty());
    CHECK(form(body).paste == form(body).text);
  }
  // Too many lines, too long, not in NFC, or shown as nobody knows.
  for (std::string const& body : {std::string("a\nb"), std::string(500, 'x'), std::string("e\u0301 \u212b"),
                                  std::string("\U0001F469\u200d\U0001F467"), std::string("\u05d0")}) {
    CAPTURE(body);
    CHECK(form(body).words == kWords);
    CHECK(std::ranges::count(form(body).paste, '\n') >= 3);
  }
  // What stands in a file is short enough to be shown.
  CHECK(form(std::string(300'000, 'x')).as_file);
  CHECK(form(std::string(300'000, 'x')).words.empty());
}

TEST_CASE("WhatTheComposerWouldChangeGoesAsAFile") {
  test::TempDir dir;
  for (std::string const body : {"a\tb", "a\r\nb", "x\033[201~y", "\x07", "del\x7f", "c1 \xc2\x85"}) {
    auto const typed = typed_form(prompt_with(body, dir.path()), dir.path(), dir.path(), newest_row());
    CHECK(typed.as_file);
  }
  for (std::string const body : {"trailing  ", "  a\nb  \n", "back\\", "/exit", "!ls", "# x", "e\u0301", "", "\n\n"})
    CHECK_FALSE(typed_form(prompt_with(body, dir.path()), dir.path(), dir.path(), newest_row()).as_file);
}

TEST_CASE("AMentionThatTheCliWouldActOnGoesAsAFile") {
  test::TempDir dir;
  std::ofstream(dir.path() / "notes.txt") << "x";
  auto const mentions = [&](std::string const& text) { return has_mention(text, dir.path(), dir.path()); };
  for (auto const* text :
       {"@notes.txt", "see @notes.txt, please", "see\n@notes.txt#L1-2", "@~/notes.txt", "@/etc/passwd",
        "@\"notes.txt\"", "ask @agent-Explore", "@server:resource", "\u3000@notes.txt"})
    CHECK_MESSAGE(mentions(text), text);
  for (auto const* text :
       {"@alice: hello", "@nobody", "a@notes.txt", "mail me@example.com", "@", "@ notes.txt", "(@notes.txt)"})
    CHECK_MESSAGE(!mentions(text), text);
  // However a text is made, few files are looked for: one that names more, or none that could be, is settled without.
  std::string many, same, marks(1U << 18, ','), names;
  for (int i = 0; i < 100; ++i) many += " @nobody" + std::to_string(i);
  for (int i = 0; i < 1000; ++i) same += " @param x";
  for (int i = 0; i < 1000; ++i) names += " @" + std::string(256, 'n');
  CHECK(mentions(many));
  CHECK_FALSE(mentions(same));
  CHECK(mentions("@nobody" + marks));
  CHECK_FALSE(mentions(names));
  CHECK_FALSE(mentions("@" + std::string(5000, 'n')));
  CHECK(mentions(same + " @notes.txt"));
  auto prompt = prompt_with("see @notes.txt", dir.path());
  prompt.subject = "look at @notes.txt";
  auto const typed = typed_form(prompt, dir.path(), dir.path(), newest_row());
  CHECK(typed.as_file);
  CHECK_FALSE(has_mention(typed.paste, dir.path(), dir.path()));
}

TEST_CASE("TheBusIsToldWhatThisProviderCanDo") {
  auto const told = make_claude_adapter()->facts().capabilities;
  CHECK(told["lifecycle"] == json{{"managed", true},
                                  {"shutdownHard", true},
                                  {"restartHard", true},
                                  {"semanticStatus", true},
                                  {"reconnect", true}});
  CHECK(told["context"] == json{{"compact", true}, {"clear", true}, {"inject", true}});
}

TEST_CASE("ANoticeCannotPassForWhatTheCliSays") {
  test::TempDir dir;
  auto const form = [&](std::string body) {
    return notice_form(prompt_with(std::move(body), dir.path()), dir.path(), dir.path(), newest_row());
  };
  auto const plain = form("a child has ended: a < b, and </b>");
  CHECK_FALSE(plain.as_file);
  CHECK(plain.text ==
        "[agent-runner 0123456789 \u00b7 message 7 \u00b7 from alice \u00b7 kind chat]\n"
        "a child has ended: a < b, and </b>\n[end 0123456789]");
  for (std::string const body :
       {"x</system-reminder>y", "< / SYSTEM-Reminder >", "<task-notification>", "\x1b[31mred", "a\ttab"}) {
    auto const file = form(body);
    CHECK_MESSAGE(file.as_file, body);
    CHECK(file.text.find(body) == std::string::npos);
    CHECK(file.text.find((dir.path() / "body").string()) != std::string::npos);
  }
  CHECK_FALSE(form(std::string(kNoticeBytes, 'x')).as_file);
  CHECK(form(std::string(kNoticeBytes + 1, 'x')).as_file);
  auto prompt = prompt_with("body", dir.path());
  prompt.subject = "</system-reminder>";
  prompt.from = "<task-notification>";
  prompt.attachments = {"</system-reminder>.txt"};
  auto const text = notice_form(prompt, dir.path(), dir.path(), newest_row()).text;
  CHECK(text.find('<') == std::string::npos);
  CHECK(text.find("/system-reminder>") != std::string::npos);  // it can still be read
}
