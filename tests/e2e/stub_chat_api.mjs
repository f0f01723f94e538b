// A stand-in for the two model APIs that agents of ACP speak, on a loopback port of its own choosing, which it prints:
// {"port":N}: OpenAI's chat completions (below /v1) and Gemini's (:generateContent, :streamGenerateContent). It ends
// with its standard input. What it answers is said by directives in the last user text:
//   [[sleep:MS]] [[say:TEXT]] [[fail:STATUS]] [[exec:CMD]] (calls the shell tool that it is offered)
// Texts without a message of ours are answered, and not counted: agents ask for titles and the like.
// GET /__seen: {correlation id: in how many requests it was the newest message that the model had not answered yet};
// GET /__texts: {correlation id: its whole text as it came last}; GET /__calls: how often it was asked.
// POST /__mode {"status":503}: an outage; {}: none.
import http from "node:http";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const directive = (text, name) => {
  const match = [...text.matchAll(new RegExp(`\\[\\[${name}(?::([^\\]]*))?\\]\\]`, "g"))].pop();
  return match ? match[1] ?? "" : null;
};
let calls = 0;
let mode = {};
const seen = {};   // by correlation id: the conversations in which it stood, as the number of times in each
const texts = {};
const turns = {};

/** The user's texts of a request, in order, and whether a tool has answered since the last. */
function read(body) {
  if (body.contents) {
    const users = body.contents.filter((one) => one.role === "user" && one.parts?.some((part) => part.text));
    const last = body.contents[body.contents.length - 1];
    return {
      users: users.map((one) => one.parts.map((part) => part.text ?? "").join("")),
      tooled: Boolean(last?.parts?.some((part) => part.functionResponse)),
      tools: (body.tools ?? []).flatMap((one) => one.functionDeclarations ?? []).map((one) => one.name),
    };
  }
  const messages = body.messages ?? [];
  const text = (content) => typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("");
  return {
    users: messages.filter((one) => one.role === "user").map((one) => text(one.content)),
    tooled: messages[messages.length - 1]?.role === "tool",
    tools: (body.tools ?? []).map((one) => one.function?.name),
  };
}

function note(asked) {
  const counts = {};
  for (const text of asked.users)
    for (const [, id] of text.matchAll(/\[agent-runner ([0-9a-f]{10}) /g)) {
      if (!text.includes(`[end ${id}]`)) continue;
      counts[id] = (counts[id] ?? 0) + 1;
      texts[id] = text;
    }
  for (const [id, count] of Object.entries(counts)) seen[id] = Math.max(seen[id] ?? 0, count);
  const newest = asked.users[asked.users.length - 1]?.match(/\[agent-runner ([0-9a-f]{10}) /)?.[1];
  if (newest && !asked.tooled) turns[newest] = (turns[newest] ?? 0) + 1;
}

async function answer(req, res, body) {
  const asked = read(body);
  const last = asked.users[asked.users.length - 1] ?? "";
  calls++;
  note(asked);
  const pause = directive(last, "sleep");
  if (pause !== null) await sleep(Number(pause));
  const status = mode.status ?? Number(directive(last, "fail") ?? 0);
  if (status) {
    res.writeHead(status, { "content-type": "application/json" });
    return res.end(JSON.stringify({ error: { code: status, status: status === 429 ? "RESOURCE_EXHAUSTED" : "UNAVAILABLE", message: `stub failure ${status}`, type: "stub_error" } }));
  }
  const command = directive(last, "exec");
  const shell = asked.tools.find((name) => /^(run_shell_command|bash|shell)$/.test(name ?? ""));
  const call = command !== null && !asked.tooled && shell ? { name: shell, args: { command, description: "runs it" } } : null;
  const say = directive(last, "say") ?? "ACK";
  if (body.contents) {
    const parts = call ? [{ functionCall: call }] : [{ text: say }];
    const whole = { candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }], usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 2, totalTokenCount: 12 } };
    if (!req.url.includes("streamGenerateContent")) {
      res.writeHead(200, { "content-type": "application/json" });
      return res.end(JSON.stringify(whole));
    }
    res.writeHead(200, { "content-type": "text/event-stream" });
    return res.end(`data: ${JSON.stringify(whole)}\n\n`);
  }
  const message = call
    ? { role: "assistant", content: null, tool_calls: [{ index: 0, id: `call_${calls}`, type: "function", function: { name: call.name, arguments: JSON.stringify(call.args) } }] }
    : { role: "assistant", content: say };
  const reason = call ? "tool_calls" : "stop";
  const usage = { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 };
  const base = { id: `chatcmpl-${calls}`, created: 1, model: body.model };
  if (!body.stream) {
    res.writeHead(200, { "content-type": "application/json" });
    return res.end(JSON.stringify({ ...base, object: "chat.completion", choices: [{ index: 0, message, finish_reason: reason }], usage }));
  }
  res.writeHead(200, { "content-type": "text/event-stream" });
  const chunk = (choices, more = {}) => res.write(`data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", choices, ...more })}\n\n`);
  chunk([{ index: 0, delta: message, finish_reason: null }]);
  chunk([{ index: 0, delta: {}, finish_reason: reason }], { usage });
  res.end("data: [DONE]\n\n");
}

const server = http.createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  const json = (value, status = 200) => {
    res.writeHead(status, { "content-type": "application/json" });
    res.end(JSON.stringify(value));
  };
  if (req.url === "/__seen") return json(seen);
  if (req.url === "/__texts") return json(texts);
  if (req.url === "/__turns") return json(turns);
  if (req.url === "/__calls") return json(calls);
  if (req.url === "/__mode") {
    mode = JSON.parse(text);
    return json({});
  }
  const path = req.url.split("?")[0];
  if (path.endsWith(":countTokens")) return json({ totalTokens: 10 });
  if (req.method === "POST" && (path.endsWith("/chat/completions") || /:(stream)?[gG]enerateContent$/.test(path)))
    return answer(req, res, JSON.parse(text)).catch(() => res.destroy());
  if (req.method === "GET" && path.endsWith("/models")) return json({ object: "list", data: [{ id: "stub", object: "model" }] });
  json({ error: { message: "stub: not found" } }, 404);
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
