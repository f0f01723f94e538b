// Drives a real daemon by MCP with the protocol's own client, over HTTP and over stdio: every tool, waits that tell of
// themselves, a daemon that ends in the midst, and what an agent's token is refused.
//   mcp.js DOCUMENT BASE_URL STATE_DIR WORK_DIR AGENT_RUNNER
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const [, , , baseUrl, stateDir, workDir, cli] = process.argv;
const token = readFileSync(`${stateDir}/operator-token`, "utf8").trim();
let checks = 0;

function same(what, is, expected) {
  ++checks;
  const [a, b] = [JSON.stringify(is), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}

async function connected(transport) {
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  same("the server", client.getServerVersion().name, "agent-runner");
  return client;
}
const overHttp = (bearer) =>
  connected(new StreamableHTTPClientTransport(new URL(`${baseUrl}/mcp`), { requestInit: { headers: { Authorization: `Bearer ${bearer}` } } }));
const overStdio = (words, env = {}) => connected(new StdioClientTransport({ command: cli, args: [...words, "mcp"], env }));

const textOf = (result) => result.content[0].text;
const called = new Set();

async function call(client, name, args = {}, options = {}) {
  called.add(name);
  const result = await client.callTool({ name, arguments: args }, undefined, { timeout: 60_000, ...options });
  if (result.isError) throw new Error(`${name}: ${textOf(result)}`);
  return result.structuredContent ?? textOf(result);
}
async function refused(client, code, name, args = {}) {
  called.add(name);
  const result = await client.callTool({ name, arguments: args });
  same(`${name} is refused`, [result.isError, textOf(result).includes(code)], [true, true]);
}

async function everyTool(client, agent) {
  called.clear();
  await call(client, "spawn_agent", { id: agent, cwd: workDir, provider: "command" });
  const sent = await call(client, "send_message", { to: agent, body: "hello", wait: "done", replyRequested: true });
  same("its state", sent.deliveries[0].state, "done");
  same("it is done", (await call(client, "wait_message", { message: sent.id })).id, sent.id);
  same("a message for people", (await call(client, "send_message", { to: "operator", body: "for people" })).to, "operator");
  same("it is listed", (await call(client, "list_agents")).agents.some((one) => one.id === agent), true);
  same("it is shown", (await call(client, "get_agent", { agent })).id, agent);
  const inbox = await call(client, "inbox");
  const first = inbox.unread.find((one) => one.from === agent) ?? inbox.unread[0];
  same("a reply", (await call(client, "reply", { message: first.id, body: "thanks" })).replyTo, first.id);
  same("a reaction", (await call(client, "react", { message: first.id, word: "ok" })).word, "ok");
  same("a screen is text", typeof (await call(client, "read_screen", { agent })), "string");
  same("a turn", (await call(client, "read_turns", { agent })).turns.length >= 1, true);
  await refused(client, "unsupported", "read_transcript", { agent });
  same("it is found", Array.isArray((await call(client, "search", { q: "hello" })).results), true);
  same("memory", (await call(client, "memory_set", { scope: "shared", id: agent, key: "a/b c", value: { x: [1] } })).key, "a/b c");
  same("it is kept", (await call(client, "memory_get", { scope: "shared", id: agent, key: "a/b c" })).value, { x: [1] });
  same("it is listed", (await call(client, "memory_list", { scope: "shared", id: agent })).entries.length, 1);
  const schedule = { in: "1h", message: { to: agent, body: "later" } };
  same("a schedule", (await call(client, "schedule", schedule)).state, "active");
  same("no approvals", (await call(client, "list_approvals", { status: "pending" })).approvals, []);
  await refused(client, "no_such_approval", "decide_approval", { approval: 99, decision: "approve" });
  await call(client, "interrupt", { agent });
  same("a new process", (await call(client, "restart", { agent, reason: "a test" })).id, agent);
  same("it is stopped", (await call(client, "stop", { agent })).state, "stopped");
  const { tools } = await client.listTools();
  same("every tool was called", [...called].sort(), tools.map((tool) => tool.name).sort());
}

async function aWaitTellsOfItself(client) {
  const { id } = await call(client, "send_message", { to: "nobody-yet", body: "x" });
  const told = [];
  const wait = { name: "wait_message", arguments: { message: id, timeoutMs: 6_000 } };
  const result = await client.callTool(wait, undefined, { onprogress: (progress) => told.push(progress) });
  same("it was not in time", [result.isError, textOf(result).includes("wait_message")], [true, true]);
  same("how it goes", [told.length, told[0].message], [1, "no agent has it yet"]);
}

/// What waits when the daemon is killed waits on at the next one; nothing is done twice.
async function theDaemonIsKilled(client, http) {
  const wait = call(client, "send_message", { to: "late", body: "after the restart", wait: "done", timeoutMs: 50_000 });
  const sentOnes = async () => (await call(http, "search", { q: "restart" })).results.filter((one) => one.kind === "message");
  while ((await sentOnes()).length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  const info = await (await fetch(`${baseUrl}/v1/info`, { headers: { Authorization: `Bearer ${token}` } })).json();
  process.kill(info.pid, "SIGKILL");
  execFileSync(cli, ["--state-dir", stateDir, "up"], { stdio: "ignore" });
  execFileSync(cli, ["--state-dir", stateDir, "spawn", "late", "--provider", "command", "--cwd", workDir], { stdio: "ignore" });
  same("it is done", (await wait).deliveries[0].state, "done");
  const found = await call(client, "search", { q: "restart" });
  same("it was sent once", found.results.filter((one) => one.kind === "message" && one.to === "late").length, 1);
}

async function anAgentsToken(agent) {
  const own = JSON.parse(readFileSync(`${stateDir}/agents/${agent}/token.json`, "utf8"));
  const socket = `${stateDir}/run/agents/agents.sock`;
  const client = await overStdio([], { AGENT_RELAY_ID: agent, AGENT_RELAY_TOKEN: own.token, AGENT_RUNNER_SOCKET: socket });
  const names = (await client.listTools()).tools.map((tool) => tool.name);
  same("tools that are for people", names.filter((name) => /approval|restart/.test(name)), []);
  const decision = { name: "decide_approval", arguments: { approval: 1, decision: "approve" } };
  same("no decision", await client.callTool(decision).then(() => "done", (error) => error.code), -32602);
  same("its own inbox", Array.isArray((await call(client, "inbox")).unread), true);
  same("its own memory", (await call(client, "memory_set", { key: "plan", value: "tests" })).id, agent);
  await refused(client, "not_your_agent", "get_agent", { agent: "b" });
  await refused(client, "not_your_agent", "stop", { agent });
  await refused(client, "not_your_memory", "memory_get", { scope: "agent", id: "b", key: "k" });
  await refused(client, "not_granted", "spawn_agent", { id: `${agent}-1` });
  await client.close();
}

try {
  const http = await overHttp(token);
  const stdio = await overStdio(["--state-dir", stateDir]);
  await everyTool(http, "a");
  await everyTool(stdio, "b");
  await aWaitTellsOfItself(http);
  await theDaemonIsKilled(stdio, http);
  await anAgentsToken("late");
  const wrong = await overHttp("wrong").then(() => "connected", (error) => String(error).includes("401"));
  same("a wrong token", wrong, true);
  await Promise.all([http.close(), stdio.close()]);
  execFileSync(cli, ["--state-dir", stateDir, "down", "--agents"], { stdio: "ignore" });
  console.log(`${checks} checks`);
} catch (error) {
  console.error(error);
  process.exit(1);
}
