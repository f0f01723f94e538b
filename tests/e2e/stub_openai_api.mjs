// A stand-in for OpenAI's Responses API, on a loopback port of its own choosing, which it prints: {"port":N}. It ends
// with its standard input. What it answers is said by directives in the last user text:
//   [[sleep:MS]] [[say:TEXT]] [[fail:STATUS]] [[exec:CMD]] [[esc:CMD]] (asks for approval) [[use:TOKENS]]
//   [[ask:QUESTION]] (asks a person: Red or Blue) [[spawn:MS]] (a subagent that takes so long)
//   [[mcp:TOOL:JSON]] (calls the tool of an MCP server; no brackets in its arguments)
// GET /__prompts: the user texts of the longest conversation it was shown, in order; GET /__latest: of the newest one;
// GET /__calls: how often it was asked; GET /__outputs: what the tools gave back in the newest one; GET /__last: the
// last request as it came.
// POST /__mode {"mode":"ok"|"fail"|"plain","status":503,"error":{...},"delay":MS}: an outage, with these
// fields in its error; plain: no directive counts any more; every answer so much later.
import http from "node:http";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const sse = (res, data) => res.write(`event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`);
const textOf = (content) => typeof content === "string" ? content : (content || []).map((part) => part.text || "").join("");
const directive = (text, name) => {
  const match = [...text.matchAll(new RegExp(`\\[\\[${name}(?::([^\\]]*))?\\]\\]`, "g"))].pop();
  return match ? match[1] ?? "" : null;
};

let calls = 0;
let prompts = [];
let latest = [];
let mode = { mode: "ok" };
let outputs = [];
let last_request = {};

async function respond(res, body) {
  const number = ++calls;
  last_request = body;
  const input = body.input || [];
  const users = input.filter((item) => item.role === "user");
  latest = users.map((item) => textOf(item.content));
  if (latest.length >= prompts.length) prompts = latest;
  const last = users[users.length - 1];
  const text = mode.mode === "plain" ? "" : textOf(last?.content);
  outputs = input.filter((item) => /call_output$/.test(item.type || "")).map((item) => textOf(item.output));
  const given = input.slice(input.lastIndexOf(last) + 1).filter((item) => /call_output$/.test(item.type || ""));

  const { delay = 0 } = mode;
  if (delay) await sleep(delay);
  const status = mode.mode === "fail" ? (mode.status ?? 503) : Number(directive(text, "fail") ?? 0);
  const pause = directive(text, "sleep");
  if (status) {
    if (pause) await sleep(Number(pause));
    res.writeHead(status, { "content-type": "application/json" });
    const error = mode.error ?? { type: status === 429 ? "rate_limit_exceeded" : "stub_error" };
    return res.end(JSON.stringify({ error: { message: `stub failure ${status}`, ...error } }));
  }
  res.writeHead(200, { "content-type": "text/event-stream" });
  const id = `resp_${number}`;
  sse(res, { type: "response.created", response: { id } });
  if (pause) await sleep(Number(pause));

  const items = [];
  const call = (args, name = "exec_command") => items.push({ type: "function_call", id: `fc_${number}`, call_id: `call_${number}`, name, arguments: JSON.stringify(args) });
  const command = directive(text, "exec"), escalated = directive(text, "esc");
  if (given.length === 0 && command !== null) call({ cmd: command });
  if (given.length === 0 && escalated !== null)
    call({ cmd: escalated, sandbox_permissions: "require_escalated", justification: "the test wants to run it outside the sandbox" });
  const question = directive(text, "ask");
  if (given.length === 0 && question !== null) {
    const options = ["Red", "Blue"].map((label) => ({ label, description: `the color ${label}` }));
    call({ questions: [{ id: "q1", header: "Color", question, options }] }, "request_user_input");
  }
  const spawned = directive(text, "spawn");
  if (given.length === 0 && spawned !== null) {
    call({ message: `[[sleep:${spawned}]]` }, "spawn_agent");
    items[items.length - 1].namespace = "multi_agent_v1";
  }
  const asked = directive(text, "mcp");
  if (given.length === 0 && asked !== null) {
    const [tool, args] = [asked.slice(0, asked.indexOf(":")), asked.slice(asked.indexOf(":") + 1)];
    const of_servers = (body.tools || []).filter((one) => one.name?.startsWith("mcp__"));
    const space = of_servers.find((one) => one.tools?.some((inner) => inner.name === tool));
    call(JSON.parse(args), space ? tool : of_servers.find((one) => one.name.endsWith(`__${tool}`))?.name ?? tool);
    if (space) items[items.length - 1].namespace = space.name;
  }
  if (items.length === 0) {
    const message = { type: "message", role: "assistant", id: `m_${number}`, content: [{ type: "output_text", text: directive(text, "say") ?? "ACK" }] };
    sse(res, { type: "response.output_item.added", output_index: 0, item: { ...message, content: [] } });
    sse(res, { type: "response.output_text.delta", item_id: message.id, output_index: 0, content_index: 0, delta: message.content[0].text });
    items.push(message);
  }
  for (const item of items) sse(res, { type: "response.output_item.done", item });
  const tokens = Number(directive(text, "use") || 1200);
  sse(res, { type: "response.completed", response: { id, usage: { input_tokens: tokens, input_tokens_details: { cached_tokens: 0 }, output_tokens: 20, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: tokens + 20 } } });
  res.end();
}

const server = http.createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const json = (value, status = 200) => {
    res.writeHead(status, { "content-type": "application/json" });
    res.end(JSON.stringify(value));
  };
  if (req.method === "GET" && req.url === "/__prompts") return json(prompts);
  if (req.method === "GET" && req.url === "/__latest") return json(latest);
  if (req.method === "GET" && req.url === "/__outputs") return json(outputs);
  if (req.method === "GET" && req.url === "/__calls") return json(calls);
  if (req.method === "POST" && req.url === "/__mode") {
    mode = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    return json({});
  }
  if (req.method === "GET" && req.url === "/__last") return json(last_request);
  if (req.method === "POST" && req.url.split("?")[0].endsWith("/responses"))
    return respond(res, JSON.parse(Buffer.concat(chunks).toString("utf8"))).catch(() => res.destroy());
  if (req.method === "GET" && req.url.includes("/models")) return json({ data: [], models: [] });
  json({ error: { message: "stub: not found" } }, 404);
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
