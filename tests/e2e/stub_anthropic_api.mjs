// A stand-in for the Anthropic Messages API on loopback, for end-to-end tests with the real CLI. Prints {"port":N} when
// it listens (PORT, default any). What it answers is said by directives in the prompt, taken one per request:
//
//   [[say:TEXT]]      answer with TEXT            [[bash:COMMAND]]      call the Bash tool
//   [[long:N]]        answer with N characters    [[tool:NAME:JSON]]    call any tool
//   [[sleep:MS]]      be silent before the next   [[stream:N:MS]]       N lines, MS apart, before the next
//   [[fail:STATUS]]   answer with an HTTP error   [[failn:STATUS:N]]    the same, N times, then go on
//   [[hang]]          never answer                [[usage:TOKENS]]      report so many input tokens
//
// Without directives it answers "ACK", after a script's end "DONE".
//
// GET  /__prompts   every text the model was given in the newest conversation, in order: the count at the model's side
// GET  /__results   what the tools gave back in it
// GET  /__last      the newest conversation's last request as it came
// GET  /__requests  how many requests came, for conversations and for other purposes
// POST /__mode      {"mode":"ok"|"fail"|"hang"|"plain","status":503,"headers":{},"delay":MS}: an outage, with these
//                   headers; plain: no directive counts any more; every answer so much later
import http from "node:http";

const DIRECTIVE = /\[\[(say|long|sleep|fail|hang|bash|tool|stream|failn|usage)(?::((?:(?!\]\])[\s\S])*))?\]\]/g;
const BEFORE_ANSWER = new Set(["sleep", "stream", "fail", "failn", "hang", "usage"]);
const ERROR_TYPES = {
  400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
  413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 503: "api_error", 529: "overloaded_error",
};

let mode = { mode: "ok" };
let newestMessages = [];
let lastRequest = {};
const requests = { conversation: 0, other: 0 };
const failures = new Map();
let answers = 0;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const blocksOf = (content) => (typeof content === "string" ? [{ type: "text", text: content }] : content || []);
const textsOf = (message) => blocksOf(message.content).filter((b) => b.type === "text").map((b) => b.text);
const withoutReminders = (text) => text.replace(/<system-reminder>[\s\S]*?<\/system-reminder>/g, "").trim();
// After an interrupt a prompt stands beside the cut-off tool's result, in one message.
const promptsOf = (message) =>
  message.role === "user" ? textsOf(message).filter((text) => withoutReminders(text) && !text.startsWith("[Request interrupted")) : [];

/** The directives of the newest prompt, and how many of its answers have been given. */
function findScript(messages) {
  for (let i = messages.length - 1; i >= 0; --i) {
    const prompts = promptsOf(messages[i]);
    if (prompts.length === 0) continue;
    // Several prompts may be one message; the last one that has directives counts.
    const scripts = prompts.map((text) => [...text.matchAll(DIRECTIVE)].map((m) => ({ verb: m[1], value: m[2] ?? "" })));
    const steps = scripts.filter((script) => script.length > 0).at(-1) ?? [];
    return { steps, done: messages.slice(i + 1).filter((m) => m.role === "assistant").length };
  }
  return { steps: [], done: 0 };
}

/** What comes now: the answering directive, and what to do before it. */
function nextStep({ steps, done }) {
  let before = [];
  let passed = 0;
  for (const step of steps) {
    if (BEFORE_ANSWER.has(step.verb)) { before.push(step); continue; }
    if (passed === done) return { before, step };
    ++passed;
    before = [];
  }
  return { before: passed === done ? before : [], step: null };
}

function fail(response, status, headers = {}) {
  response.writeHead(status, { ...headers, "content-type": "application/json" });
  response.end(JSON.stringify({ type: "error", error: { type: ERROR_TYPES[status] ?? "api_error", message: `stub failure ${status}` } }));
}

/** True when the request was answered with a failure, or never will be. */
function failsNow(before, response) {
  for (const { verb, value } of before) {
    if (verb === "hang") return true;
    if (verb === "fail") { fail(response, Number(value)); return true; }
    if (verb !== "failn") continue;
    const count = (failures.get(value) ?? 0) + 1;
    failures.set(value, count);
    const [status, times] = value.split(":").map(Number);
    if (count <= times) { fail(response, status); return true; }
  }
  return false;
}

function answerBlock({ step, done }) {
  const text = (value) => ({ type: "text", text: value });
  const call = (name, input) => ({ type: "tool_use", id: `toolu_${answers}_${Date.now()}`, name, input });
  if (!step) return text(done > 0 ? "DONE" : "ACK");
  if (step.verb === "say") return text(step.value);
  if (step.verb === "long") return text("0123456789 abcdefghi\n".repeat(Math.ceil(Number(step.value) / 21)).slice(0, Number(step.value)));
  if (step.verb === "bash") return call("Bash", { command: step.value, description: "scripted" });
  const colon = step.value.indexOf(":");
  return call(step.value.slice(0, colon), JSON.parse(step.value.slice(colon + 1)));
}

async function stream(response, body, block, before, inputTokens) {
  const send = (type, data) => response.writableEnded || response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  const id = `msg_${answers}_${Date.now()}`;
  const usage = { input_tokens: inputTokens, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 };
  response.writeHead(200, { "content-type": "text/event-stream" });
  send("message_start", { message: { id, type: "message", role: "assistant", model: body.model, content: [], stop_reason: null, stop_sequence: null, usage } });
  for (const { verb, value } of before) if (verb === "sleep") await sleep(Number(value));
  if (block.type === "text") {
    send("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
    for (const { verb, value } of before) {
      if (verb !== "stream") continue;
      const [lines, pause] = value.split(":").map(Number);
      for (let i = 0; i < lines && !response.destroyed; ++i) {
        send("content_block_delta", { index: 0, delta: { type: "text_delta", text: `line ${i}\n` } });
        await sleep(pause);
      }
    }
    send("content_block_delta", { index: 0, delta: { type: "text_delta", text: block.text } });
  } else {
    send("content_block_start", { index: 0, content_block: { ...block, input: {} } });
    send("content_block_delta", { index: 0, delta: { type: "input_json_delta", partial_json: JSON.stringify(block.input) } });
  }
  send("content_block_stop", { index: 0 });
  send("message_delta", { delta: { stop_reason: block.type === "text" ? "end_turn" : "tool_use", stop_sequence: null }, usage: { output_tokens: 20 } });
  send("message_stop", {});
  response.end();
}

async function answerMessages(response, body) {
  const messages = body.messages ?? [];
  // A request without tools is the CLI's own business: a title, a summary, a suggestion.
  const conversation = (body.tools ?? []).length > 0;
  ++requests[conversation ? "conversation" : "other"];
  ++answers;
  if (mode.delay) await sleep(mode.delay);
  if (mode.mode === "fail") return fail(response, mode.status ?? 503, mode.headers);
  if (mode.mode === "hang") return;
  const lastText = messages.length ? textsOf(messages.at(-1)).join("\n") : "";
  const summary = /create a detailed summary|Your task is to create/i.test(lastText);
  if (!conversation || summary) {
    const text = summary ? "<summary>A summary of the conversation so far.</summary>" : body.output_config?.format ? '{"title":"A title"}' : "OK";
    return stream(response, body, { type: "text", text }, [], 100);
  }
  newestMessages = messages;
  lastRequest = body;
  const script = mode.mode === "plain" ? { steps: [], done: 0 } : findScript(messages);
  const { before, step } = nextStep(script);
  if (failsNow(before, response)) return;
  const usage = script.steps.find((s) => s.verb === "usage");
  return stream(response, body, answerBlock({ step, done: script.done }), before, usage ? Number(usage.value) : 1000);
}

const server = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  let body = {};
  try { body = JSON.parse(text || "{}"); } catch { /* answered like an empty request */ }
  const path = request.url.split("?")[0];
  const reply = (value) => { response.writeHead(200, { "content-type": "application/json" }); response.end(JSON.stringify(value)); };
  if (path === "/__prompts") return reply(newestMessages.filter((m) => m.role !== "assistant").flatMap(textsOf));
  if (path === "/__results") {
    const results = newestMessages.flatMap((m) => blocksOf(m.content)).filter((b) => b.type === "tool_result");
    return reply(results.map((b) => (typeof b.content === "string" ? b.content : textsOf(b).join(""))));
  }
  if (path === "/__last") return reply(lastRequest);
  if (path === "/__requests") return reply(requests);
  if (path === "/__mode") { mode = body; failures.clear(); return reply({}); }
  if (path.endsWith("/count_tokens")) return reply({ input_tokens: 100 });
  if (path.endsWith("/models")) return reply({ data: [] });
  if (path.endsWith("/messages")) return answerMessages(response, body).catch((error) => { console.error(error); response.destroy(); });
  fail(response, 404);
});
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
// The test that started it holds its standard input: when the test ends, however it ends, so does the stub.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
