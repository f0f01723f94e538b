// Every route once, through a real socket, and the dispatcher's own answers.
#include "base/http/router.hpp"
#include "control/route.hpp"
#include "control/test_server.hpp"
#include "support/log_lines.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace ar;
using namespace ar::test;

namespace {

struct Example {
  char const* method;
  char const* target;
  char const* body;
  int status;
  char const* call;  ///< what the daemon was asked; empty: nothing
};

Example const examples[] = {
    {"GET", "/healthz", "", 200, ""},
    {"GET", "/openapi.json", "", 200, ""},
    {"GET", "/v1/info", "", 200, "info"},
    {"GET", "/v1/config", "", 500, ""},
    {"POST", "/v1/config/reload", "{}", 200, "reload"},
    {"GET", "/v1/bus", "", 200, "bus"},
    {"POST", "/v1/shutdown", "", 202, "shutdown"},
    {"POST", "/v1/shutdown", R"({"agents":true})", 202, "shutdown with agents"},
    {"GET", "/v1/runtime", "", 200, "runtime"},
    {"POST", "/v1/runtime/pause", "", 200, "pause {}"},
    {"POST", "/v1/runtime/pause", R"({"timeoutMs":5,"reason":"x"})", 200, R"(pause {"reason":"x","timeoutMs":5})"},
    {"POST", "/v1/runtime/pause", R"({"reason":"again"})", 409, R"(pause {"reason":"again"})"},
    {"POST", "/v1/runtime/pause", R"({"timeoutMs":300001})", 400, ""},
    {"POST", "/v1/runtime/resume", "", 200, "resume"},
    {"GET", "/v1/runtime/recovery", "", 404, "recovery"},
    {"POST", "/v1/agents", R"({"cwd":"/","provider":"claude"})", 201, "spawn "},
    {"GET", "/v1/agents", "", 200, "agents - - 0 0 100"},
    {"GET", "/v1/agents?status=idle,busy&since=5&limit=7&cursor=a", "", 200, "agents idle,busy - 5 a 7"},
    {"GET", "/v1/agents/a", "", 200, "agent a"},
    {"GET", "/v1/agents/nobody", "", 404, "agent nobody"},
    {"DELETE", "/v1/agents/a", "", 200, "remove a"},
    {"POST", "/v1/agents/a/restart", "", 200, "restart a {}"},
    {"POST", "/v1/agents/a/stop", R"({"timeoutMs":5})", 200, R"(stop a {"timeoutMs":5})"},
    {"POST", "/v1/agents/a/kill", "{}", 200, "kill a {}"},
    {"POST", "/v1/agents/a/interrupt", "", 200, "interrupt a {}"},
    {"POST", "/v1/agents/a/compact", "", 200, "compact a {}"},
    {"POST", "/v1/agents/a/clear", "", 409, "clear a {}"},
    {"POST", "/v1/agents/a/inject", R"({"content":"x"})", 200, R"(inject a {"content":"x"})"},
    {"POST", "/v1/agents/a/reconnect", "", 200, "reconnect a {}"},
    {"POST", "/v1/agents/a/suspend", "", 200, "suspend a {}"},
    {"POST", "/v1/agents/a/resume", "", 200, "resume a {}"},
    {"POST", "/v1/agents/a/status", R"({"status":"busy"})", 200, R"(status a {"status":"busy"})"},
    {"POST", "/v1/agents/a/status", R"({"status":"idle","clear":["subagent"]})", 200,
     R"(status a {"clear":["subagent"],"status":"idle"})"},
    {"POST", "/v1/agents/a/status", R"({"status":"tired"})", 400, ""},
    {"GET", "/v1/agents/a/screen", "", 200, "screen a"},
    {"GET", "/v1/agents/a/attach", "", 200, "attach a"},
    {"GET", "/v1/agents/a/inbox", "", 200, "inbox a"},
    {"GET", "/v1/agents/a/turns?limit=3&cursor=8", "", 200, "turns a - - 0 8 3"},
    {"GET", "/v1/agents/a/transcript?limit=3&cursor=9", "", 200, "transcript a - - 0 9 3"},
    {"GET", "/v1/sessions/a/transcript", "", 200, "transcript a - - 0 0 100"},
    {"GET", "/v1/agents/a/workspace", "", 200, "workspace a"},
    {"POST", "/v1/sessions", R"({"cwd":"/","input":"go"})", 201, "input operator a key= go"},
    {"POST", "/v1/sessions", R"({"cwd":"/"})", 201, "open  180000"},
    {"POST", "/v1/sessions", R"({"cwd":"/","retention":{"idleTtl":"1h"}})", 201, "open  3600000"},
    {"POST", "/v1/sessions", R"({"cwd":"/","retention":{"idleTtl":"soon"}})", 400, ""},
    {"POST", "/v1/sessions", R"({"cwd":"/","context":["x"]})", 400, ""},
    {"POST", "/v1/sessions", R"({"cwd":"/","deadline":"30s"})", 400, ""},
    {"POST", "/v1/sessions", R"({"cwd":"/","deadline":"6h"})", 201, "open  180000"},
    {"POST", "/v1/sessions", R"({"cwd":"/","deadline":"361m"})", 400, ""},
    {"GET", "/v1/sessions?since=5&limit=7", "", 200, "sessions - - 5 0 7"},
    {"GET", "/v1/sessions?since=1970-01-01T00:00:01.000Z", "", 200, "sessions - - 1000 0 100"},
    {"GET", "/v1/sessions?since=soon", "", 400, ""},
    {"GET", "/v1/sessions/a", "", 200, "session a"},
    {"GET", "/v1/sessions/nobody", "", 404, "session nobody"},
    {"POST", "/v1/sessions/a/messages", R"({"input":["one",{"type":"text","text":"two"}],"context":["before"]})", 202,
     "input operator a key= before\n\none\n\ntwo"},
    {"POST", "/v1/sessions/a/messages", R"({"input":{}})", 400, ""},
    {"POST", "/v1/sessions/a/messages", R"({"input":[{"type":"film"}]})", 400, ""},
    {"POST", "/v1/sessions/a/messages", R"({"input":[]})", 400, ""},
    {"POST", "/v1/sessions/a/messages", R"({"input":[{"type":"file"}]})", 400, ""},
    {"POST", "/v1/sessions/a/messages", R"({"input":[{"type":"file","path":"here"}]})", 400, ""},
    {"POST", "/v1/sessions/a/messages", R"({"input":[{"type":"file","base64":"a b="}]})", 400, ""},
    {"POST", "/v1/sessions/a/messages", R"({"input":[{"type":"file","base64":"Zg==","path":"/a"}]})", 400, ""},
    {"GET", "/v1/sessions/a/turns?limit=3", "", 200, "turns a - - 0 0 3"},
    {"POST", "/v1/sessions/a/cancel", "", 200, "cancel a"},
    {"POST", "/v1/sessions/a/cancel", R"({"reason":"late"})", 200, "cancel a late"},
    {"POST", "/v1/sessions/a/cancel", R"({"reason":1})", 400, ""},
    {"POST", "/v1/sessions/a/suspend", "{}", 200, "suspend a {}"},
    {"POST", "/v1/sessions/a/resume", "{}", 200, "resume a {}"},
    {"DELETE", "/v1/sessions/a", "", 200, "close a"},
    {"GET", "/v1/sessions/a/outputs", "", 200, "outputs a - - 0 0 100"},
    {"GET", "/v1/sessions/a/outputs?name=*.md&type=image%2F*&since=5&cursor=7&limit=3", "", 200,
     "outputs a *.md image/* 5 7 3"},
    {"GET", "/v1/sessions/a/outputs?since=soon", "", 400, ""},
    {"GET", "/v1/sessions/a/outputs/none", "", 404, "output a none"},
    {"GET", "/v1/sessions/b/archive", "", 409, "archive b"},
    {"POST", "/v1/runs", R"({"cwd":"/"})", 400, ""},
    {"GET", "/v1/events", "", 200, ""},
    {"GET", "/v1/events/types", "", 200, ""},
    {"GET", "/v1/events/check", "", 200, "check log"},
    {"GET", "/v1/agents/a/events", "", 200, ""},
    {"GET", "/v1/sessions/a/events", "", 200, ""},
    {"GET", "/v1/sessions/nobody/events", "", 404, ""},
    {"POST", "/v1/events/ticket", "", 201, ""},
    {"POST", "/v1/events/ticket", R"({"agent":"nobody"})", 404, ""},
    {"GET", "/v1/agents/nobody/events", "", 404, ""},
    {"GET", "/v1/approvals", "", 200, "approvals - - 0 100"},
    {"GET", "/v1/approvals?status=pending&agent=a&limit=3&cursor=9", "", 200, "approvals pending a 9 3"},
    {"GET", "/v1/approvals?limit=0", "", 400, ""},
    {"GET", "/v1/approvals/1", "", 200, "approval 1"},
    {"GET", "/v1/approvals/9", "", 404, "approval 9"},
    {"GET", "/v1/approvals/x", "", 400, ""},
    {"POST", "/v1/approvals/1/decision", R"({"decision":"approve"})", 200, "decide 1 approve http"},
    {"POST", "/v1/approvals/2/decision", R"({"decision":"deny"})", 409, "decide 2 deny http"},
    {"POST", "/v1/approvals/9/decision", R"({"decision":"deny"})", 404, "decide 9 deny http"},
    {"POST", "/v1/approvals/1/decision", "no", 400, ""},
    {"POST", "/v1/messages", R"({"to":"a","body":"hello"})", 201, "send operator a key= reply=0 bytes=5"},
    {"POST", "/v1/messages", R"({"body":"hello"})", 400, ""},
    {"POST", "/v1/messages?wait=accepted", R"({"to":"a","body":""})", 201, "wait operator 7 accepted 60000"},
    {"GET", "/v1/messages?agent=a&cursor=3&limit=2", "", 200, "messages operator - a 0 3 2"},
    {"GET", "/v1/messages/7", "", 200, "message operator 7"},
    {"GET", "/v1/messages/9", "", 404, "message operator 9"},
    {"GET", "/v1/messages/7?wait=done&timeoutMs=50", "", 200, "wait operator 7 done 50"},
    {"GET", "/v1/messages/8?wait=done&timeoutMs=1", "", 504, "wait operator 8 done 1"},
    {"GET", "/v1/messages/7?wait=done&timeoutMs=50&store=present", "", 200, "wait operator 7 done 50"},
    {"GET", "/v1/messages/7?wait=done&timeoutMs=50&store=another", "", 409, ""},
    {"POST", "/v1/messages/7/replies", R"({"body":"hi"})", 201, "send operator b key= reply=7 bytes=2"},
    {"POST", "/v1/messages/9/replies", R"({"body":"hi"})", 404, ""},
    {"POST", "/v1/messages/7/reactions", R"({"word":"seen"})", 200, "react operator 7 seen"},
    {"GET", "/v1/messages/7/proof?agent=a", "", 200, "proof 7 a"},
    {"POST", "/v1/messages/7/settle", R"({"taken":true,"agent":"a"})", 200, "settle 7 a taken"},
    {"POST", "/v1/messages/7/settle", R"({"taken":false})", 200, "settle 7  again"},
    {"POST", "/v1/messages/7/settle", R"({"agent":"a"})", 400, ""},
    {"POST", "/v1/messages/7/read", "", 200, "read operator 7"},
    {"GET", "/v1/messages/7/body", "", 200, "body operator 7"},
    {"GET", "/v1/dead?limit=2&cursor=4", "", 200, "dead - - 0 4 2"},
    {"POST", "/v1/dead/7/requeue", "", 200, "requeue 7"},
    {"POST", "/v1/attachments?name=a%20b.txt", "1234", 201, "attachment a b.txt application/octet-stream 4"},
    {"GET", "/v1/attachments/f00", "", 200, "get-attachment f00"},
    {"GET", "/v1/attachments/f00?message=7", "", 200, "get-attachment f00 of 7 by operator"},
    {"POST", "/v1/hooks/SessionStart", R"({"session_id":"s"})", 200, "hook operator SessionStart  s"},
    {"POST", "/v1/hooks/Stop", "", 204, "hook operator Stop  -"},
    {"POST", "/mcp",
     R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_agent","arguments":{"agent":"a"}}})", 200,
     "agent a"},
    {"GET", "/v1/memory", "", 200, "memory"},
    {"GET", "/v1/memory/user?limit=3&cursor=x", "", 200, "memory user x 3"},
    {"GET", "/v1/memory/shared/team", "", 200, "memory shared team   100"},
    {"GET", "/v1/memory/shared/team?prefix=a%2F&cursor=a%2Fb&limit=3", "", 200, "memory shared team a/ a/b 3"},
    {"GET", "/v1/memory/shared/team/a%2Fb%20c", "", 200, "memory-entry shared/team/a/b c"},
    {"GET", "/v1/memory/shared/team/none", "", 404, "memory-entry shared/team/none"},
    {"PUT", "/v1/memory/agent/a/k", R"({"value":{"a":[1,null]}})", 200, R"(put-memory agent/a/k {"a":[1,null]})"},
    {"PUT", "/v1/memory/shared/team/full", R"({"value":"x"})", 413, R"(put-memory shared/team/full "x")"},
    {"DELETE", "/v1/memory/shared/team/k", "", 200, "remove-memory shared/team/k"},
    {"POST", "/v1/webhooks", R"({"url":"https://x.example/","events":["*"]})", 201,
     "add-webhook operator https://x.example/"},
    {"POST", "/v1/webhooks", R"({"url":"https://x.example/"})", 400, ""},
    {"GET", "/v1/webhooks?limit=3&cursor=whk_1", "", 200, "webhooks operator whk_1 3"},
    {"GET", "/v1/webhooks/whk_1", "", 200, "webhook operator whk_1"},
    {"GET", "/v1/webhooks/whk_2", "", 404, "webhook operator whk_2"},
    {"DELETE", "/v1/webhooks/whk_1", "", 200, "remove-webhook operator whk_1"},
    {"GET", "/v1/webhooks/whk_1/deliveries?limit=2&cursor=9", "", 200, "deliveries operator whk_1 9 2"},
    {"POST", "/v1/webhooks/whk_1/deliveries/msg_1/redeliver", "", 202, "redeliver operator whk_1 msg_1"},
    {"POST", "/v1/webhooks/whk_1/deliveries/msg_2/redeliver", "", 404, "redeliver operator whk_1 msg_2"},
    {"POST", "/v1/schedules", R"({"cron":"0 9 * * *","message":{"to":"a","body":"x"}})", 201,
     "add-schedule operator 0 9 * * *"},
    {"POST", "/v1/schedules", R"({"every":"1h","session":{"input":["a"]},"agent":{"env":{"A":"b"}}})", 201,
     "add-schedule operator "},
    {"GET", "/v1/schedules?limit=3&cursor=sch_1", "", 200, "schedules operator sch_1 3"},
    {"GET", "/v1/schedules/sch_1", "", 200, "schedule operator sch_1"},
    {"GET", "/v1/schedules/sch_2", "", 404, "schedule operator sch_2"},
    {"PATCH", "/v1/schedules/sch_1", R"({"paused":true})", 200, "pause-schedule operator sch_1"},
    {"PATCH", "/v1/schedules/sch_1", R"({"paused":false})", 200, "resume-schedule operator sch_1"},
    {"DELETE", "/v1/schedules/sch_1", "", 200, "remove-schedule operator sch_1"},
    {"POST", "/v1/schedules/sch_1/run", "", 200, "run-schedule operator sch_1"},
    {"GET", "/v1/search?q=one%20two", "", 200, "search operator one two - 0 0 100"},
    {"GET", "/v1/search?q=x&agent=a&since=5&limit=7&cursor=4611686018427387904", "", 200,
     "search operator x a 5 4611686018427387904 7"},
    {"GET", "/v1/search?q=x&since=soon", "", 400, ""},
    {"POST", "/v1/skills", R"({"markdown":"do this","name":"n","description":"d"})", 201,
     "add-skill n zip=0 do this d"},
    {"POST", "/v1/skills?name=same", R"({"markdown":"do this"})", 200, "add-skill same zip=0 do this "},
    {"GET", "/v1/skills?name=n&hash=sha256:1&limit=3&cursor=m", "", 200, "skills n sha256:1 m 3"},
    {"GET", "/v1/skills/skl_1", "", 200, "skill skl_1"},
    {"GET", "/v1/skills/skl_2", "", 404, "skill skl_2"},
    {"DELETE", "/v1/skills/skl_1", "", 200, "remove-skill skl_1"},
    {"DELETE", "/v1/skills/skl_2", "", 404, "remove-skill skl_2"},
    {"GET", "/v1/users", "", 200, "users - - 0 0 100"},
    {"GET", "/v1/snapshots", "", 200, "snapshots  200"},
    {"GET", "/v1/snapshots?limit=3&labelContains=a%20b", "", 200, "snapshots a b 3"},
    {"GET", "/v1/snapshots?limit=201", "", 400, ""},
    {"POST", "/v1/snapshots", R"({"label":"x"})", 201, R"(create-snapshot {"label":"x"})"},
    {"POST", "/v1/snapshots", R"({"label":"full"})", 413, R"(create-snapshot {"label":"full"})"},
    {"POST", "/v1/snapshots", R"({"name":"x"})", 400, ""},
    {"GET", "/v1/snapshots/snp_1", "", 200, "snapshot snp_1"},
    {"GET", "/v1/snapshots/none", "", 404, "snapshot none"},
    {"GET", "/v1/snapshots/none/export", "", 404, "export-snapshot none"},
    {"DELETE", "/v1/snapshots/none", "", 204, "remove-snapshot none"},
    {"POST", "/v1/snapshots/restore", R"({"snapshotId":"snp_1"})", 200, R"(restore-snapshot {"snapshotId":"snp_1"})"},
    {"POST", "/v1/snapshots/restore", R"({"file":"/newer"})", 422, R"(restore-snapshot {"file":"/newer"})"},
    {"POST", "/v1/snapshots/restore", R"({"agents":"a"})", 400, ""},
    {"POST", "/v1/tool-hooks", R"({"owner":"web","name":"n","phase":"pre","callbackUrl":"http://localhost"})", 201,
     R"(add-tool-hook {"callbackUrl":"http://localhost","name":"n","owner":"web","phase":"pre"})"},
    {"POST", "/v1/tool-hooks", R"({"owner":"old","name":"n","phase":"post","callbackUrl":"http://localhost"})", 200,
     R"(add-tool-hook {"callbackUrl":"http://localhost","name":"n","owner":"old","phase":"post"})"},
    {"POST", "/v1/tool-hooks", R"({"owner":"full","name":"n","phase":"pre","callbackUrl":"http://localhost"})", 413,
     R"(add-tool-hook {"callbackUrl":"http://localhost","name":"n","owner":"full","phase":"pre"})"},
    {"GET", "/v1/tool-hooks", "", 200, "tool-hooks"},
    {"DELETE", "/v1/tool-hooks/known", "", 200, "remove-tool-hook known"},
    {"DELETE", "/v1/tool-hooks/other", "", 404, "remove-tool-hook other"},
    {"DELETE", "/v1/tool-hooks/a%2Fb", "", 400, ""},
    {"GET", "/v1/limits", "", 200, "limits"},
    {"POST", "/v1/limits/known/release", "{}", 200, "release-limit known"},
    {"POST", "/v1/limits/known/hold", R"({"reason":"dear"})", 200, "hold-limit known dear"},
    {"POST", "/v1/limits/known/forget", "{}", 200, "forget-limit known"},
    {"POST", "/v1/limits/other/forget", "{}", 404, "forget-limit other"},
    {"POST", "/v1/limits/a%2Fb/hold", "{}", 400, ""},
    {"GET", "/v1/usage?by=day&since=2026-01-31", "", 200, "usage day 2026-01-31"},
    {"GET", "/v1/usage?since=yesterday", "", 400, ""},
    {"GET", "/v1/budgets", "", 200, "budgets"},
    {"GET", "/metrics", "", 200, "metrics"},
    {"GET", "/v1/notify", "", 200, "notify rules"},
    {"POST", "/v1/notify/known/test", "", 200, "notify test known"},
    {"POST", "/v1/notify/other/test", "", 404, "notify test other"},
    {"POST", "/v1/budgets/known/raise", R"({"usd":1.5})", 200, R"(raise-budget known {"usd":1.5})"},
    {"POST", "/v1/budgets/other/raise", "{}", 404, "raise-budget other {}"},
    {"GET", "/v1/approval-rules", "", 200, "approval rules"},
    {"POST", "/v1/approval-rules", R"({"decision":"deny"})", 201, "add approval rule deny"},
    {"DELETE", "/v1/approval-rules/1", "", 200, "remove approval rule 1"},
    {"DELETE", "/v1/approval-rules/9", "", 404, "remove approval rule 9"},
    {"POST", "/v1/approval-rules/test", R"({"agent":"a","tool":"Bash","input":{}})", 200, "test approval rules Bash"},
    {"GET", "/v1/worktrees", "", 200, "worktrees"},
    {"GET", "/v1/agents/a/worktree/diff", "", 200, "worktree_diff a"},
    {"POST", "/v1/agents/a/worktree/finish", R"({"how":"squash"})", 200, R"(finish_worktree a {"how":"squash"})"},
};

}  // namespace

TEST_CASE("EveryRouteReachesTheDaemonAndAnswers") {
  LogLines const log;  // one of the routes throws on purpose
  TestServer server;
  http::Router const router(control::routes(), "");
  std::set<control::Route const*> unseen;
  for (auto const& route : control::routes()) unseen.insert(&route);
  RawClient over_unix(server.socket());
  RawClient over_tcp(server.port());
  for (auto const& example : examples) {
    CAPTURE(example.method);
    CAPTURE(example.target);
    auto const target = std::string_view(example.target);
    auto const match = router.match(example.method, target.substr(0, target.find('?')));
    REQUIRE(match.route.has_value());
    unseen.erase(&control::routes()[*match.route]);
    for (auto* client : {&over_unix, &over_tcp}) {
      auto const before = server.daemon().calls().size();
      Reply const reply = client->request(example.method, target, as_operator, example.body);
      CHECK(reply.status == example.status);
      CHECK(reply.headers.at("cache-control") == "no-store");
      CHECK_FALSE(reply.headers.contains("access-control-allow-origin"));
      if (reply.status >= 400) {
        CHECK(reply.headers.at("content-type") == "application/problem+json");
        CHECK(reply.document()["status"] == example.status);
        CHECK_FALSE(reply.document()["code"].get<std::string>().empty());
      }
      auto const calls = server.daemon().calls();
      bool found = *example.call == '\0';
      for (auto i = before; i < calls.size(); ++i) found = found || calls[i] == example.call;
      CHECK_MESSAGE(found, "expected the call: ", example.call);
    }
  }
  for (auto const* route : unseen) FAIL_CHECK("no example calls " << route->method << " " << route->pattern);
}

TEST_CASE("AnswersCarryTheDaemonsJsonAndBytes") {
  TestServer server;
  RawClient client(server.socket());
  CHECK(client.request("GET", "/healthz").document() == json{{"status", "ok"}});
  CHECK(client.request("GET", "/v1/agents/a").document() == json{{"id", "a"}, {"state", "idle"}});
  CHECK(client.request("GET", "/v1/messages/7/body").body == std::string("raw\0bytes", 9));
  Reply const created = client.request("POST", "/v1/agents", {"Idempotency-Key: k"}, R"({"cwd":"/"})");
  CHECK(created.status == 201);
  CHECK(created.headers.at("location") == "/v1/agents/a");
  CHECK(server.daemon().called("spawn k"));
  Reply const refused = client.request("POST", "/v1/agents", {}, R"({"bad":1})");
  CHECK(refused.status == 400);
  CHECK(refused.document()["field"] == "bad");
  Reply const sent = client.request("POST", "/v1/messages", {"Idempotency-Key: k"}, R"({"to":"a","body":"x"})");
  CHECK(sent.headers.at("location") == "/v1/messages/7");
  CHECK(server.daemon().called("send operator a key=k reply=0 bytes=1"));
}

TEST_CASE("WrongInputIsToldWithTheFieldAtFault") {
  TestServer server;
  RawClient client(server.socket());
  struct Case {
    char const *method, *target, *body, *code, *field;
  };
  Case const cases[] = {
      {"GET", "/v1/agents?limit=0", "", "invalid_argument", "limit"},
      {"GET", "/v1/agents?cursor=..", "", "invalid_argument", "cursor"},
      {"GET", "/v1/agents?since=-1", "", "invalid_argument", "since"},
      {"GET", "/v1/agents?statu=idle", "", "invalid_argument", "statu"},
      {"GET", "/v1/agents?status=%ff", "", "invalid_argument", "status"},
      {"GET", "/healthz?x=1", "", "invalid_argument", "x"},
      {"GET", "/v1/agents/a%2Fb", "", "invalid_argument", "agent"},
      {"GET", "/v1/agents/..", "", "invalid_argument", "agent"},
      {"GET", "/v1/agents/%zz", "", "invalid_argument", "target"},
      {"GET", "/v1/messages/0", "", "invalid_argument", "message"},
      {"GET", "/v1/messages/x", "", "invalid_argument", "message"},
      {"GET", "/v1/messages/99999999999999999999", "", "invalid_argument", "message"},
      {"GET", "/v1/messages/7?wait=soon", "", "invalid_argument", "wait"},
      {"GET", "/v1/messages/7?wait=done&timeoutMs=0", "", "invalid_argument", "timeoutMs"},
      {"GET", "/v1/messages/7?timeoutMs=5", "", "invalid_argument", "timeoutMs"},
      {"GET", "/v1/events?cursor=99", "", "invalid_argument", "cursor"},
      {"GET", "/v1/events?cursor=1&last=2", "", "invalid_argument", "last"},
      {"GET", "/v1/events?last=0", "", "invalid_argument", "last"},
      {"GET", "/v1/events?startIndex=1", "", "invalid_argument", "startIndex"},
      {"GET", "/v1/agents/a/events?startIndex=1&cursor=1", "", "invalid_argument", "startIndex"},
      {"GET", "/v1/agents/a/events?startIndex=1&last=1", "", "invalid_argument", "last"},
      {"POST", "/v1/events/ticket", R"({"agent":""})", "invalid_argument", "agent"},
      {"GET", "/v1/agents/a/attach?readOnly=true", "", "invalid_argument", "readOnly"},
      {"POST", "/v1/shutdown", R"({"agent":true})", "invalid_argument", "agent"},
      {"POST", "/v1/shutdown", R"({"agents":1})", "invalid_argument", "agents"},
      {"POST", "/v1/shutdown", "[]", "invalid_json", ""},
      {"POST", "/v1/agents", "{", "invalid_json", ""},
      {"POST", "/v1/messages", R"({"to":)", "invalid_json", ""},
      {"POST", "/v1/messages/7/replies", R"({"to":"c","body":"x"})", "invalid_argument", "to"},
      {"POST", "/v1/messages/7/replies", R"({"replyTo":3,"body":"x"})", "invalid_argument", "replyTo"},
      {"POST", "/v1/messages/7/reactions", "{}", "invalid_argument", "word"},
      {"POST", "/v1/messages/7/reactions", R"({"word":""})", "invalid_argument", "word"},
      {"POST", "/v1/attachments", "x", "invalid_argument", "name"},
      {"POST", "/v1/attachments?name=a%2Fb", "x", "invalid_argument", "name"},
      {"POST", "/v1/attachments?name=..", "x", "invalid_argument", "name"},
      {"POST", "/v1/attachments?name=a%0ab", "x", "invalid_argument", "name"},
      {"POST", "/v1/hooks/Session-Start", "{}", "invalid_argument", "event"},
      {"GET", "/v1/memory/nowhere", "", "invalid_argument", "scope"},
      {"GET", "/v1/memory/agent%20user", "", "invalid_argument", "scope"},
      {"GET", "/v1/memory/shared/a%2Fb", "", "invalid_argument", "id"},
      {"GET", "/v1/memory/shared/team/a%0ab", "", "invalid_argument", "key"},
      {"GET", "/v1/memory/shared/team/..", "", "invalid_argument", "key"},
      {"GET", "/v1/memory/shared/team/%E2%80%AE", "", "invalid_argument", "key"},
      {"PUT", "/v1/memory/shared/team/k", R"({"value":null})", "invalid_argument", "value"},
      {"POST", "/v1/webhooks", R"({"url":"https://x.example/"})", "invalid_argument", "events"},
      {"POST", "/v1/webhooks", R"({"url":"https://x.example/","events":[1]})", "invalid_argument", "events"},
      {"GET", "/v1/webhooks/a%2Fb", "", "invalid_argument", "webhook"},
      {"POST", "/v1/webhooks/whk_1/deliveries/%20/redeliver", "", "invalid_argument", "delivery"},
      {"POST", "/v1/schedules", R"({"message":{"to":"a"}})", "invalid_argument", "message.body"},
      {"POST", "/v1/schedules", R"({"agent":{"id":5}})", "invalid_argument", "agent.id"},
      {"POST", "/v1/schedules", R"({"missed":"twice"})", "invalid_argument", "missed"},
      {"PATCH", "/v1/schedules/sch_1", R"({"paused":1})", "invalid_argument", "paused"},
      {"PATCH", "/v1/schedules/sch_1", "", "invalid_argument", "paused"},
      {"GET", "/v1/search?q=x&cursor=next", "", "invalid_argument", "cursor"},
      {"GET", "/v1/search?q=x&cursor=-1", "", "invalid_argument", "cursor"},
      {"GET", "/v1/skills/a%2Fb", "", "invalid_argument", "skill"},
  };
  for (auto const& wrong : cases) {
    CAPTURE(wrong.target);
    CAPTURE(wrong.body);
    Reply const reply = client.request(wrong.method, wrong.target, {}, wrong.body);
    CHECK(reply.status == 400);
    CHECK(reply.document()["code"] == wrong.code);
    CHECK(reply.document().value("field", "") == wrong.field);
    CHECK(reply.document()["detail"].get<std::string>().size() > 10);
  }
  Reply const clash = client.request("POST", "/v1/messages", {"Idempotency-Key: k"},
                                     R"({"to":"a","body":"x","idempotencyKey":"other"})");
  CHECK(clash.document()["field"] == "idempotencyKey");
  CHECK(client.request("POST", "/v1/agents", {"Idempotency-Key: " + std::string(256, 'k')}, R"({"cwd":"/"})").status ==
        400);
  CHECK(client.request("GET", "/v1/events", {"Accept: text/event-stream", "Last-Event-ID: x"}).document()["field"] ==
        "Last-Event-ID");
}

TEST_CASE("AConditionOnAnEntryIsReadFromItsHeaders") {
  TestServer server;
  RawClient client(server.socket());
  auto const* entry = "/v1/memory/shared/team/k";
  CHECK(client.request("GET", entry).headers.at("etag") == "\"7\"");
  auto const put = [&](std::vector<std::string> const& headers) {
    return client.request("PUT", entry, headers, R"({"value":1})");
  };
  auto const replaced = put({"If-Match: \"7\""});
  CHECK(replaced.status == 200);
  CHECK(replaced.headers.at("etag") == "\"8\"");
  CHECK(server.daemon().called("put-memory shared/team/k 1 version 7"));
  CHECK(put({"If-Match: *"}).status == 200);
  CHECK(server.daemon().called("put-memory shared/team/k 1 present"));
  CHECK(put({"If-None-Match: *"}).status == 201);
  CHECK(server.daemon().called("put-memory shared/team/k 1 absent"));
  auto const changed = put({"If-Match: \"6\""});
  CHECK(changed.status == 412);
  CHECK(changed.document()["status"] == 412);
  CHECK(changed.document()["code"] == "precondition_failed");
  CHECK(client.request("DELETE", entry, {"If-Match: \"6\""}).status == 412);
  CHECK(client.request("DELETE", entry, {"If-Match: \"7\""}).status == 200);
  for (auto const* bad : {"7", "\"\"", "\"", "\"6\", \"7\"", "W/\"7\""}) {
    auto const reply = put({std::string("If-Match: ") + bad});
    CHECK_MESSAGE(reply.status == 400, bad);
    CHECK(reply.document()["field"] == "If-Match");
  }
  CHECK(put({"If-None-Match: \"7\""}).document()["field"] == "If-None-Match");
  CHECK(put({"If-Match: \"7\"", "If-Match: \"8\""}).status == 400);
}

TEST_CASE("AKeyIsOneSegmentOfThePathOfAtMost256Bytes") {
  TestServer server;
  RawClient client(server.socket());
  auto const status = [&](std::string const& key) {
    return client.request("GET", "/v1/memory/shared/team/" + key).status;
  };
  CHECK(status(std::string(256, 'k')) == 200);
  CHECK(status(std::string(257, 'k')) == 400);
  CHECK(status("a/b") == 404);
  CHECK(status("%C3%A9") == 200);
}

TEST_CASE("UnknownPathsAndMethodsAreTold") {
  TestServer server;
  RawClient client(server.socket());
  Reply const nothing = client.request("GET", "/v2/agents");
  CHECK(nothing.status == 404);
  CHECK(nothing.document()["code"] == "no_such_route");
  Reply const method = client.request("PUT", "/v1/agents/a", {}, "{}");
  CHECK(method.status == 405);
  CHECK(method.headers.at("allow") == "GET, HEAD, DELETE");
  CHECK(method.document()["code"] == "method_not_allowed");
}

TEST_CASE("HeadAnswersLikeGetWithoutBody") {
  TestServer server;
  RawClient client(server.socket());
  Reply const head = client.request("HEAD", "/healthz");
  CHECK(head.status == 200);
  CHECK(head.headers.at("content-length") == "15");
  Reply const after = client.request("GET", "/healthz");  // nothing of a body was left in between
  CHECK(after.body.size() == 15);
  CHECK(client.request("HEAD", "/v1/shutdown").status == 405);
}

TEST_CASE("AFaultOfAHandlerIsA500AndTheDaemonGoesOn") {
  LogLines const log;  // one of the routes throws on purpose
  TestServer server;
  RawClient client(server.socket());
  Reply const fault = client.request("GET", "/v1/config");
  CHECK(fault.status == 500);
  CHECK(fault.document()["code"] == "internal_error");
  CHECK(fault.body.find("on purpose") == std::string::npos);
  CHECK(log.count("a control handler ended by an exception: a fault on purpose") == 1);
  CHECK(client.request("GET", "/healthz").status == 200);
}

TEST_CASE("AWaitThatTimesOutStillTellsTheMessage") {
  TestServer server;
  RawClient client(server.socket());
  Reply const reply = client.request("POST", "/v1/messages?wait=done&timeoutMs=5", {}, R"({"to":"a","body":"never"})");
  CHECK(reply.status == 504);
  CHECK(reply.document()["code"] == "timeout");
  CHECK(reply.document()["messageId"] == 8);
}

TEST_CASE("EventPagesGoOnWhereTheyEnded") {
  TestServer server;
  server.append(5, "a");
  server.append(5, "b");
  RawClient client(server.socket());
  json const first = client.request("GET", "/v1/events?limit=4").document();
  CHECK(first["events"].size() == 4);
  CHECK(first["nextCursor"] == 4);
  CHECK(first["eventCursor"] == 4);
  json const second = client.request("GET", "/v1/events?cursor=4").document();
  CHECK(second["events"].size() == 6);
  CHECK(second["events"][0]["number"] == 5);
  json const end = client.request("GET", "/v1/events?cursor=10").document();
  CHECK(end == json{{"events", json::array()}, {"eventCursor", 10}});
  CHECK(client.request("GET", "/v1/events?cursor=latest").document()["eventCursor"] == 10);
  json const own = client.request("GET", "/v1/agents/b/events?cursor=2&limit=2").document();
  CHECK(own["events"][0]["number"] == 8);
  CHECK(own["nextCursor"] == 4);
  json const by_index = client.request("GET", "/v1/agents/b/events?startIndex=2&limit=2").document();
  CHECK(by_index == own);
  CHECK(client.request("GET", "/v1/sessions/b/events?cursor=2&limit=2").document() == own);
  // A page that ends with the log is the last one, full or not.
  json const last = client.request("GET", "/v1/agents/b/events?cursor=3&limit=2").document();
  CHECK(last["events"].size() == 2);
  CHECK_FALSE(last.contains("nextCursor"));
  CHECK(last["eventCursor"] == 5);
}

TEST_CASE("ASessionWhoseInputIsRefusedIsTakenBack") {
  TestServer server;
  RawClient client(server.socket());
  auto const closed = [&] { return std::ranges::count(server.daemon().calls(), "take back a"); };
  std::string const body = R"({"cwd":"/","input":"refused"})";
  CHECK(client.request("POST", "/v1/sessions", {}, body).document()["code"] == "unknown_attachment");
  CHECK(closed() == 1);
  CHECK(client.request("POST", "/v1/runs", {}, body).document()["code"] == "unknown_attachment");
  CHECK(closed() == 2);
  // What may pass: without a key nobody can go on with it, with one the same request does.
  std::string const away = R"({"cwd":"/","input":"away"})";
  CHECK(client.request("POST", "/v1/sessions", {"Idempotency-Key: fresh"}, away).status == 503);
  CHECK(closed() == 2);
  CHECK(client.request("POST", "/v1/sessions", {}, away).status == 503);
  CHECK(closed() == 3);
  // One that was there before stays.
  CHECK(client.request("POST", "/v1/runs", {"Idempotency-Key: again"}, body).document()["code"] ==
        "unknown_attachment");
  CHECK(closed() == 3);
}
