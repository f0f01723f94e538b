// Drives a real daemon through every operation of its document, with a client that was generated from it: the compiler
// holds each call against the document, and each answer's status must be one that it tells of.
//   client.js DOCUMENT BASE_URL STATE_DIR WORK_DIR REQUESTS
// Into the file REQUESTS it writes what it has asked of each operation, for those who try that otherwise (bad_input.ts).
import { readFileSync, writeFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { paths } from "./api.js";
import { Recording } from "./requests.js";

const [documentFile, baseUrl, stateDir, workDir, requestsFile] = process.argv.slice(2);
const document = JSON.parse(readFileSync(documentFile, "utf8"));
const operatorToken = readFileSync(`${stateDir}/operator-token`, "utf8").trim();
const called = new Set<string>();
const recording = new Recording(workDir);

function clientWith(token: string) {
  const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
  client.use({
    async onRequest({ request, id }) {
      await recording.begin(id, request);
    },
    async onResponse({ schemaPath, request, response, params, id }) {
      const method = request.method.toLowerCase();
      await recording.end(id, `${method} ${schemaPath}`, params, request, response, token !== operatorToken);
      called.add(`${method} ${schemaPath}`);
      const told = document.paths[schemaPath][method].responses;
      if (response.status >= 500 || !(response.status in told))
        throw new Error(`${method} ${schemaPath} answered ${response.status}, of which the document does not tell`);
    },
  });
  return client;
}

type Answer<T> = { data?: T; error?: unknown; response: Response };

/// The answer of a call that must work.
async function ok<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${JSON.stringify(error)}`);
  return data as T;
}

/// Of a call that must be refused with this code.
async function refused(code: string, call: Promise<Answer<unknown>>) {
  const { error, response } = await call;
  const problem = error as { code?: string } | undefined;
  if (response.ok || problem?.code !== code)
    throw new Error(`${response.url} was to be refused with ${code}: ${response.status} ${JSON.stringify(error)}`);
}

function same(what: string, is: unknown, should: unknown) {
  if (JSON.stringify(is) !== JSON.stringify(should))
    throw new Error(`${what} is ${JSON.stringify(is)}, not ${JSON.stringify(should)}`);
}

const operator = clientWith(operatorToken);
const agent = { path: { agent: "a" } };

async function system() {
  same("health", (await ok(operator.GET("/healthz"))).status, "ok");
  same("the document", await ok(operator.GET("/openapi.json")), document);
  await ok(operator.GET("/v1/info"));
  await ok(operator.GET("/metrics", { parseAs: "text" }));
  await ok(operator.GET("/v1/config"));
  await ok(operator.POST("/v1/config/reload", { body: {} }));
  await ok(operator.GET("/v1/bus"));
}

async function pause() {
  const { state } = await ok(operator.POST("/v1/runtime/pause", { body: { timeoutMs: 1000, reason: "a test" } }));
  same("the runtime's state", state, "paused");
  await refused("already_paused", operator.POST("/v1/runtime/pause", { body: {} }));
  same("its reason", (await ok(operator.GET("/v1/runtime"))).reason, "a test");
  same("its state", (await ok(operator.POST("/v1/runtime/resume", { body: {} }))).state, "running");
  await refused("not_paused", operator.POST("/v1/runtime/resume", { body: {} }));
  await refused("no_recovery", operator.GET("/v1/runtime/recovery"));
}

async function spawn() {
  const asked = {
    body: { provider: "command", cwd: workDir, id: "a", env: { SECRET: "one" }, resources: { memoryMax: "2G", tasksMax: 1000 } },
    headers: { "Idempotency-Key": "spawn-a" },
  };
  const made = await operator.POST("/v1/agents", asked);
  same("the status of a spawn", made.response.status, 201);
  asked.body.env.SECRET = "two";
  const again = await operator.POST("/v1/agents", asked);
  same("the status of a spawn that is repeated", again.response.status, 200);
  asked.body.cwd = "/";
  await refused("idempotency_conflict", operator.POST("/v1/agents", asked));
  await ok(operator.GET("/v1/agents", { params: { query: { status: "creating,starting,idle", limit: 10 } } }));
  same("its name", (await ok(operator.GET("/v1/agents/{agent}", { params: agent }))).id, "a");
}

async function messages() {
  const file = await ok(
    operator.POST("/v1/attachments", {
      params: { query: { name: "note.txt" } },
      body: "what it is about",
      bodySerializer: (bytes: unknown) => bytes as string,
      headers: { "Content-Type": "text/plain" },
    }),
  );
  const sent = await ok(
    operator.POST("/v1/messages", {
      params: { query: { wait: "done", timeoutMs: 120000 } },
      body: { to: "a", body: "hello", attachments: [file.id] },
    }),
  );
  const message = { path: { message: sent.id } };
  await ok(operator.GET("/v1/messages", { params: { query: { agent: "a", limit: 5 } } }));
  const life = await ok(operator.GET("/v1/messages/{message}", { params: message }));
  same("its end", life.deliveries[0].state, "done");
  const body = await ok(operator.GET("/v1/messages/{message}/body", { params: message, parseAs: "text" }));
  same("its body", body, "hello");
  await ok(operator.POST("/v1/messages/{message}/replies", { params: message, body: { body: "thanks" } }));
  await ok(operator.POST("/v1/messages/{message}/reactions", { params: message, body: { word: "seen" } }));
  await ok(operator.POST("/v1/messages/{message}/read", { params: message }));
  await refused("not_taken", operator.GET("/v1/messages/{message}/proof", { params: { ...message, query: { agent: "nobody" } } }));
  await refused("not_unknown", operator.POST("/v1/messages/{message}/settle", { params: message, body: { taken: true } }));
  const text = await ok(
    operator.GET("/v1/attachments/{attachment}", { params: { path: { attachment: file.id } }, parseAs: "text" }),
  );
  same("the attachment", text, "what it is about");
  await ok(operator.GET("/v1/dead"));
  await refused("not_a_dead_letter", operator.POST("/v1/dead/{message}/requeue", { params: message }));
}

async function look() {
  await ok(operator.GET("/v1/agents/{agent}/screen", { params: agent }));
  await ok(operator.GET("/v1/agents/{agent}/attach", { params: agent }));
  await ok(operator.GET("/v1/agents/{agent}/inbox", { params: agent }));
  await ok(operator.GET("/v1/agents/{agent}/turns", { params: { ...agent, query: { limit: 5 } } }));
  await ok(operator.GET("/v1/agents/{agent}/workspace", { params: agent }));
  const page = await ok(operator.GET("/v1/events", { params: { query: { cursor: "0", limit: 1000 } } }));
  if (typeof page === "string") throw new Error("a page of events was asked for, not a stream");
  await ok(operator.GET("/v1/events/check"));
  const types = (await ok(operator.GET("/v1/events/types"))).types.map((row) => row.type);
  for (const event of page.events) if (!types.includes(event.type)) throw new Error(`no type ${event.type}`);
  await ok(operator.GET("/v1/agents/{agent}/events", { params: { ...agent, query: { last: 3 } } }));
  await ok(operator.GET("/v1/approvals", { params: { query: { status: "pending" } } }));
  await refused("no_such_approval", operator.GET("/v1/approvals/{approval}", { params: { path: { approval: 99 } } }));
  const rule = await ok(
    operator.POST("/v1/approval-rules", {
      body: { decision: "deny", tool: "Bash", input: "rm", match: "prefix", agent: agent.path.agent },
    }),
  );
  if (!(await ok(operator.GET("/v1/approval-rules"))).rules.some((one) => one.id === rule.id)) throw new Error("no rule");
  const verdict = await ok(
    operator.POST("/v1/approval-rules/test", {
      body: { agent: agent.path.agent, tool: "Bash", input: { command: "ls; /bin/rm -r x" } },
    }),
  );
  if (verdict.decision !== "deny" || verdict.rules[0] !== rule.id) throw new Error("rm is not denied");
  await ok(operator.DELETE("/v1/approval-rules/{rule}", { params: { path: { rule: rule.id } } }));
  await refused("no_such_rule", operator.DELETE("/v1/approval-rules/{rule}", { params: { path: { rule: rule.id } } }));
  await refused(
    "no_such_approval",
    operator.POST("/v1/approvals/{approval}/decision", {
      params: { path: { approval: 99 } },
      body: { decision: "approve" },
    }),
  );
}

async function transcripts() {
  // Of the demo agent there is none.
  await refused("unsupported", operator.GET("/v1/agents/{agent}/transcript", { params: { ...agent, query: { limit: 5 } } }));
}

async function sessions() {
  const opened = await ok(
    operator.POST("/v1/sessions", {
      body: {
        provider: "command",
        cwd: workDir,
        id: "s",
        input: "hello",
        retention: { idleTtl: "1h" },
        outputDirs: [`${workDir}/out`],
      },
    }),
  );
  same("its idle time", opened.session.idleTtlMs, 3600000);
  const session = { path: { session: "s" } };
  await ok(operator.GET("/v1/sessions", { params: { query: { status: "creating,running,idle", since: "0" } } }));
  await ok(
    operator.POST("/v1/sessions/{session}/messages", {
      params: session,
      body: { input: ["one", { type: "text", text: "two" }], context: ["before"] },
    }),
  );
  const run = await ok(
    operator.POST("/v1/runs", { body: { provider: "command", cwd: workDir, id: "r", input: "hello" } }),
  );
  if (typeof run === "string") throw new Error("a result was asked for, not a stream");
  same("whether it is ok", run.ok, true);
  same("its end", run.turns[0].outcome, "completed");
  const message = { path: { message: opened.turn!.messages[0] + 1 }, query: { wait: "done", timeoutMs: 120000 } } as const;
  await ok(operator.GET("/v1/messages/{message}", { params: message }));
  const { turns } = await ok(operator.GET("/v1/sessions/{session}/turns", { params: { ...session, query: { limit: 5 } } }));
  same("its turns", turns.map((turn) => turn.turnSeq), [1, 0]);
  const { missing } = await ok(operator.GET("/v1/sessions/{session}/outputs", { params: { ...session, query: { limit: 5 } } }));
  same("what is missing", missing[0].reason, "dir_missing");
  const none = { path: { session: "s", output: "0123456789" } };
  await refused("unknown_output", operator.GET("/v1/sessions/{session}/outputs/{output}", { params: none }));
  const zip = await ok(operator.GET("/v1/sessions/{session}/archive", { params: session, parseAs: "text" }));
  same("the beginning of its archive", (zip as unknown as string).slice(0, 2), "PK");
  same("what was cancelled", (await ok(operator.POST("/v1/sessions/{session}/cancel", { params: session, body: { reason: "a test" } }))).cancelledCount, 0);
  const { data: page } = await operator.GET("/v1/sessions/{session}/events", { params: { ...session, query: { limit: 1 } } });
  if (!page || typeof page === "string") throw new Error("a page of its events was asked for");
  same("its first event", page.events[0].type, "agent.created");
  same("whose turns they are", turns.map((turn) => turn.sessionId), ["s", "s"]);
  await refused("unsupported", operator.GET("/v1/sessions/{session}/transcript", { params: session }));
  await ok(operator.POST("/v1/sessions/{session}/suspend", { params: session, body: {} }));
  same("its status", (await ok(operator.GET("/v1/sessions/{session}", { params: session }))).status, "suspended");
  await ok(operator.POST("/v1/sessions/{session}/resume", { params: session, body: {} }));
  same("worktrees", (await ok(operator.GET("/v1/worktrees"))).worktrees, []);
  const shared = { path: { agent: "s" } };
  await refused("no_worktree", operator.GET("/v1/agents/{agent}/worktree/diff", { params: shared }));
  await refused("no_worktree", operator.POST("/v1/agents/{agent}/worktree/finish", { params: shared, body: { how: "squash" } }));
  const child = await ok(
    operator.POST("/v1/sessions", {
      body: { provider: "command", cwd: workDir, id: "t", parent: { sessionId: "s", callId: "c" } },
    }),
  );
  same("its call", child.session.parent?.callId, "c");
  same("its root", child.session.rootSessionId, "s");
  same("what is removed with it", (await ok(operator.DELETE("/v1/sessions/{session}", { params: session }))).children, ["t"]);
  const { users } = await ok(operator.GET("/v1/users", { params: { query: { limit: 10 } } }));
  same("who has agents", users.some((user) => user.kind === "operator" && user.agents > 0), true);
}

async function toolHooks() {
  const phase = "pre" as const;
  const body = { owner: "api", name: "guard", phase, tools: ["Bash"], callbackUrl: "http://127.0.0.1:9/guard" };
  const first = await ok(operator.POST("/v1/tool-hooks", { body }));
  const again = await ok(operator.POST("/v1/tool-hooks", { body: { ...body, failMode: "closed", timeoutMs: 0 } }));
  same("the tool hooks", (await ok(operator.GET("/v1/tool-hooks"))).hooks.map((hook) => hook.id), [again.id]);
  const of = (id: string) => ({ params: { path: { hook: id } } });
  await refused("no_such_tool_hook", operator.DELETE("/v1/tool-hooks/{hook}", of(first.id)));
  await refused("host_not_allowed", operator.POST("/v1/tool-hooks", { body: { ...body, callbackUrl: "http://10.0.0.1/" } }));
  same("the id that is gone", (await ok(operator.DELETE("/v1/tool-hooks/{hook}", of(again.id)))).deleted, again.id);
}

async function limits() {
  // Its agents are of a provider without logins.
  same("the accounts", (await ok(operator.GET("/v1/limits"))).limits, []);
  const account = { path: { account: "claude-0" } };
  await refused("no_such_account", operator.POST("/v1/limits/{account}/release", { params: account, body: {} }));
  await refused("no_such_account", operator.POST("/v1/limits/{account}/hold", { params: account, body: { reason: "no" } }));
  await refused("no_such_account", operator.POST("/v1/limits/{account}/forget", { params: account, body: {} }));
}

async function budgets() {
  same("what was used", (await ok(operator.GET("/v1/usage", { params: { query: { by: "day", since: "2026-01-31" } } }))).by, "day");
  same("the budgets", (await ok(operator.GET("/v1/budgets"))).budgets, []);
  const budget = { path: { budget: "none" } };
  await refused("no_such_budget", operator.POST("/v1/budgets/{budget}/raise", { params: budget, body: { usd: 1.5 } }));
}

async function notify() {
  same("who is notified", (await ok(operator.GET("/v1/notify"))).notify, []);
  await refused("no_such_notify_rule", operator.POST("/v1/notify/{notify}/test", { params: { path: { notify: "none" } } }));
}

async function memory() {
  const entry = { path: { scope: "shared", id: "team", key: "how/to build" } } as const;
  const put = await operator.PUT("/v1/memory/{scope}/{id}/{key}", { params: entry, body: { value: { run: "make" } } });
  same("the status of a new entry", put.response.status, 201);
  const tag = put.response.headers.get("ETag")!;
  const stale = { ...entry, header: { "If-Match": '"0"' } };
  await refused(
    "precondition_failed",
    operator.PUT("/v1/memory/{scope}/{id}/{key}", { params: stale, body: { value: "other" } }),
  );
  const seen = await ok(operator.GET("/v1/memory/{scope}/{id}/{key}", { params: entry }));
  same("its value", seen.value, { run: "make" });
  await ok(operator.GET("/v1/memory"));
  await ok(operator.GET("/v1/memory/{scope}", { params: { path: { scope: "shared" } } }));
  const place = { path: { scope: "shared", id: "team" }, query: { prefix: "how/", limit: 5 } } as const;
  same("the entries", (await ok(operator.GET("/v1/memory/{scope}/{id}", { params: place }))).entries.length, 1);
  const known = { ...entry, header: { "If-Match": tag } };
  await ok(operator.DELETE("/v1/memory/{scope}/{id}/{key}", { params: known }));
  await refused("no_such_entry", operator.GET("/v1/memory/{scope}/{id}/{key}", { params: entry }));
}

async function webhooks() {
  const url = "https://hooks.invalid/agents";  // a name that nobody has
  const added = await operator.POST("/v1/webhooks", { body: { url, events: ["memory.*"] } });
  same("the status of a new webhook", added.response.status, 201);
  const hook = { path: { webhook: added.data!.id } };
  same("its secret's beginning", added.data!.secret!.slice(0, 6), "whsec_");
  await refused("address_refused", operator.POST("/v1/webhooks", { body: { url: "https://127.0.0.1/", events: ["*"] } }));
  const entry = { path: { scope: "shared", id: "team", key: "told" } } as const;
  await ok(operator.PUT("/v1/memory/{scope}/{id}/{key}", { params: entry, body: { value: 1 } }));
  same("the webhooks", (await ok(operator.GET("/v1/webhooks"))).webhooks.length, 1);
  same("its agent", (await ok(operator.GET("/v1/webhooks/{webhook}", { params: hook }))).agent, null);
  const { deliveries } = await ok(
    operator.GET("/v1/webhooks/{webhook}/deliveries", { params: { ...hook, query: { limit: 5 } } }),
  );
  same("its deliveries", deliveries.map((delivery) => [delivery.type, delivery.status]), [["memory.changed", "waiting"]]);
  const one = { path: { ...hook.path, delivery: deliveries[0].id } };
  await refused(
    "delivery_waiting",
    operator.POST("/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver", { params: one, body: {} }),
  );
  await ok(operator.DELETE("/v1/webhooks/{webhook}", { params: hook }));
  await refused("gone", operator.GET("/v1/webhooks/{webhook}", { params: hook }));
}

async function schedules() {
  const body = { every: "1h", timeZone: "UTC", message: { body: "on time", to: "a" } };
  const made = await operator.POST("/v1/schedules", { body });
  same("the status of a new schedule", made.response.status, 201);
  const schedule = { path: { schedule: made.data!.id } };
  same("the schedules", (await ok(operator.GET("/v1/schedules", { params: { query: { limit: 5 } } }))).schedules.length, 1);
  same("what it sends", (await ok(operator.GET("/v1/schedules/{schedule}", { params: schedule }))).message, body.message);
  const paused = await ok(operator.PATCH("/v1/schedules/{schedule}", { params: schedule, body: { paused: true } }));
  same("its state", [paused.state, paused.nextAt], ["paused", null]);
  const run = await ok(operator.POST("/v1/schedules/{schedule}/run", { params: schedule, body: {} }));
  same("what became of it", [run.last?.outcome, run.last?.byHand], ["done", true]);
  await refused("invalid_argument", operator.POST("/v1/schedules", { body: { ...body, every: "1s" } }));
  await ok(operator.DELETE("/v1/schedules/{schedule}", { params: schedule }));
  await refused("gone", operator.GET("/v1/schedules/{schedule}", { params: schedule }));
}

async function search() {
  const query = { q: "hello", agent: "a", limit: 5 };
  const { results } = await ok(operator.GET("/v1/search", { params: { query } }));
  if (!results.length || !results[0].snippet.includes("⟦hello⟧")) throw new Error(JSON.stringify(results));
  const unsaid = { query: { q: "nobodyhassaidthis" } };
  same("what nobody has said", (await ok(operator.GET("/v1/search", { params: unsaid }))).results, []);
}

async function skills() {
  const body = { markdown: "Two blanks, no tabs.", name: "style", description: "how we indent" };
  const made = await operator.POST("/v1/skills", { body });
  same("the status of a new skill", made.response.status, 201);
  same("the status of the same again", (await operator.POST("/v1/skills", { body })).response.status, 200);
  const skill = { path: { skill: made.data!.id } };
  const query = { name: "style", hash: made.data!.contentHash };
  const found = await ok(operator.GET("/v1/skills", { params: { query } }));
  same("the skills", found.skills.map((one) => one.id), [made.data!.id]);
  same("its files", (await ok(operator.GET("/v1/skills/{skill}", { params: skill }))).files.length, 1);
  same("who has it", (await ok(operator.DELETE("/v1/skills/{skill}", { params: skill }))).pinnedBy, []);
  await refused("gone", operator.GET("/v1/skills/{skill}", { params: skill }));
}

async function snapshots() {
  const made = await operator.POST("/v1/snapshots", { body: { label: "from a program", includeHistory: true } });
  same("the status of a new snapshot", made.response.status, 201);
  const snapshot = { path: { snapshot: made.data!.id } };
  const query = { query: { labelContains: "program", limit: 5 } };
  same("the snapshots", (await ok(operator.GET("/v1/snapshots", { params: query }))).snapshots.length, 1);
  same("its label", (await ok(operator.GET("/v1/snapshots/{snapshot}", { params: snapshot }))).label, "from a program");
  const exported = await operator.GET("/v1/snapshots/{snapshot}/export", { params: snapshot, parseAs: "text" });
  same("its format", JSON.parse(exported.data as unknown as string).format, "agent-runner-snapshot");
  const restored = await ok(operator.POST("/v1/snapshots/restore", { body: { snapshotId: made.data!.id } }));
  same("what is written where all is there", restored.sections.agents.written, 0);
  await refused("invalid_argument", operator.POST("/v1/snapshots/restore", { body: {} }));
  same("of its removal", (await operator.DELETE("/v1/snapshots/{snapshot}", { params: snapshot })).response.status, 204);
  await refused("gone", operator.GET("/v1/snapshots/{snapshot}", { params: snapshot }));
}

async function mcp() {
  const answer = await ok(operator.POST("/mcp", { body: { jsonrpc: "2.0", id: 1, method: "tools/list" } }));
  same("its tools", typeof answer !== "string" && Array.isArray(answer.result?.tools), true);
}

async function ticket() {
  const { ticket } = await ok(operator.POST("/v1/events/ticket", { body: {} }));
  const abort = new AbortController();
  const url = `${baseUrl}/v1/events?cursor=0&ticket=${ticket}`;
  const stream = { headers: { Accept: "text/event-stream" }, signal: abort.signal };
  same("a stream by its ticket", (await fetch(url, stream)).status, 200);
  abort.abort();
  same("the same ticket again", (await fetch(url, { headers: stream.headers })).status, 401);
}

async function hooks() {
  const own = JSON.parse(readFileSync(`${stateDir}/agents/a/token.json`, "utf8"));
  const itself = clientWith(own.token);
  const status = { params: { path: { event: "Status" } }, body: { status: "compiling" } };
  await refused("stale_provider_session", itself.POST("/v1/hooks/{event}", status));
  const report = { status: "busy" as const, reason: "build", metadata: { files: 3 } };
  same("its status", (await ok(itself.POST("/v1/agents/{agent}/status", { params: agent, body: report }))).status, "busy");
  await ok(itself.POST("/v1/agents/{agent}/status", { params: agent, body: { status: "idle", clear: ["build"] } }));
  await refused("operator_only", itself.GET("/v1/info"));
}

async function verbs() {
  await ok(operator.POST("/v1/agents/{agent}/interrupt", { params: agent, body: {} }));
  await refused("unsupported", operator.POST("/v1/agents/{agent}/compact", { params: agent, body: {} }));
  await refused("unsupported", operator.POST("/v1/agents/{agent}/clear", { params: agent, body: {} }));
  await ok(operator.POST("/v1/agents/{agent}/reconnect", { params: agent, body: {} }));
  await ok(operator.POST("/v1/agents/{agent}/inject", { params: agent, body: { content: "remember this" } }));
  // What is injected is handed over like a message, and would wake it.
  await ok(
    operator.POST("/v1/messages", {
      params: { query: { wait: "done", timeoutMs: 120000 } },
      body: { to: "a", body: "after what was injected" },
    }),
  );
  same("its state", (await ok(operator.POST("/v1/agents/{agent}/suspend", { params: agent, body: {} }))).state, "suspended");
  await ok(operator.POST("/v1/agents/{agent}/resume", { params: agent, body: {} }));
  await ok(operator.POST("/v1/agents/{agent}/restart", { params: agent, body: { reason: "a test" } }));
  await ok(operator.POST("/v1/agents/{agent}/stop", { params: agent, body: { timeoutMs: 5000 } }));
  await ok(operator.POST("/v1/agents/{agent}/restart", { params: agent, body: {} }));
  same("its state", (await ok(operator.POST("/v1/agents/{agent}/kill", { params: agent, body: {} }))).state, "stopped");
  await ok(operator.DELETE("/v1/agents/{agent}", { params: agent }));
  await refused("gone", operator.GET("/v1/agents/{agent}", { params: agent }));
}

try {
  for (const part of [system, pause, spawn, messages, look, transcripts, sessions, memory, webhooks, schedules, search, skills, snapshots, toolHooks, limits, mcp, budgets, notify, ticket, hooks, verbs]) await part();
  await ok(operator.POST("/v1/shutdown", { body: { agents: true } }));
  const all = Object.entries<Record<string, unknown>>(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  );
  const missing = all.filter((operation) => !called.has(operation));
  console.log(`${called.size} of ${all.length} operations were called`);
  if (missing.length > 0) throw new Error(`not called: ${missing.join(", ")}`);
  writeFileSync(requestsFile, recording.text());
} catch (error) {
  console.error(error);
  process.exit(1);
}
