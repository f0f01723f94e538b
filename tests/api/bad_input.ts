// Tries every operation of a real daemon's document with bad input (tries.ts): each is refused with a problem document
// that names what is wrong, none ends in a fault, and none changes anything.
//   bad_input.js DOCUMENT BASE_URL STATE_DIR WORK_DIR REQUESTS [--all]
// Of the tries that the document allows it sends those of each operation until some were accepted; --all: all of them,
// and tells of each that was accepted why it may be.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { recordedIn } from "./requests.js";
import { Tries, asked, short, type Base, type Try } from "./tries.js";
import { Wire, type Answer } from "./wire.js";
import { World, json } from "./world.js";

const [, , stateDir, workDir, requestsFile, option] = process.argv.slice(2);
const all = option === "--all";
/// Of each operation, as many as this may do what they ask for.
const mostAccepted = all ? Infinity : 5;
const mostAllowed = all ? Infinity : 60;
const connections = 4;
/// 503: something is away or full; 504: waited as long as was asked; 507: no room.
const meant = [503, 504, 507];

const counts = { tries: 0, refused: 0, meant: 0, faults: 0, changes: 0, accepted: 0, wrong: 0, leftOut: 0 };
const reasons = new Map<string, number>();
const wires = Array.from({ length: connections }, () => new Wire(`${stateDir}/run/control.sock`));

function fail(kind: "faults" | "changes" | "wrong", words: string) {
  ++counts[kind];
  if (counts[kind] <= 200) console.error(`${kind}: ${words}`);
}

/// The answer, or nothing: no answer at all is a fault.
async function send(wire: Wire, base: Base, one: Try, where: string): Promise<Answer | null> {
  ++counts.tries;
  try {
    return await wire.ask(one.ask(base));
  } catch (error) {
    fail("faults", `${where}, ${one.about}: ${(error as Error).message}`);
    return null;
  }
}

/// `operation`: as the document has it; nothing where there is none.
function judge(answer: Answer, one: Try, where: string, operation?: any) {
  const problem = json(answer);
  const told = `${where}, ${one.about}: ${answer.status} ${short(answer.body, 300)}`;
  if (answer.status >= 500 && !meant.includes(answer.status)) return fail("faults", told);
  if (answer.status < 400) {
    const why = answer.headers.has("idempotency-replayed") ? "it was answered as the first time" : one.allowed;
    ++counts.accepted;
    reasons.set(why, (reasons.get(why) ?? 0) + 1);
    if (all) console.log(`accepted, since ${why}: ${where}, ${one.about}`);
    if (why === "") fail("wrong", `accepted, though the document does not allow it: ${told}`);
    return;
  }
  ++counts[answer.status < 500 ? "refused" : "meant"];
  const isProblem = answer.headers.get("content-type") === "application/problem+json" && problem?.status === answer.status;
  if (!isProblem || ["type", "title", "code", "detail"].some((name) => typeof problem[name] !== "string" || problem[name] === ""))
    return fail("wrong", `no problem document: ${told}`);
  // A path without one of its names is no operation's.
  const codes: string = `${operation?.responses[answer.status]?.description} \`no_such_route\``;
  if (operation && answer.status < 500 && !codes.includes(`\`${problem.code}\``))
    return fail("wrong", `the document does not tell of the code: ${told}`);
  if (one.allowed !== "") return;
  if (one.code !== "" && problem.code !== one.code) fail("wrong", `not ${one.code}: ${told}`);
  if (one.field !== "" && problem.code === "invalid_argument" && !names(problem.field, one.field))
    fail("wrong", `not with the field ${one.field}: ${told}`);
}

/// The field, what it is a part of, or a part of it.
function names(field: unknown, expected: string) {
  const is = typeof field === "string" ? field : "";
  return is !== "" && (is.startsWith(expected.split("...")[0]) || expected.startsWith(is));
}

/// The lists that say something else than before.
function changed(before: Map<string, string>, after: Map<string, string>) {
  return [...after].filter(([pattern, said]) => before.get(pattern) !== said).map(([pattern, said]) => {
    const was = before.get(pattern) ?? "";
    let at = 0;
    while (was[at] === said[at]) ++at;
    return `${pattern} (${was.slice(Math.max(at - 40, 0), at + 40)} -> ${said.slice(Math.max(at - 40, 0), at + 40)})`;
  });
}

/// Those that must be refused, all at once; and one by one again to find the one that has changed something.
async function mustBeRefused(world: World, method: string, pattern: string, tries: Try[], where: string, operation?: any) {
  const base = world.base(method, pattern);
  const before = await world.look();
  let next = 0;
  const work = async (wire: Wire) => {
    for (let one = tries[next++]; one; one = tries[next++]) {
      const answer = await send(wire, base, one, where);
      if (answer) judge(answer, one, where, operation);
    }
  };
  await Promise.all(wires.map(work));
  if (changed(before, await world.look()).length === 0) return;
  let found = false;
  for (const one of tries) {
    const start = await world.look();
    await world.wire.ask(one.ask(world.base(method, pattern))).catch(() => null);
    for (const change of changed(start, await world.look())) {
      found = true;
      fail("changes", `${where}, ${one.about}: ${change}`);
    }
  }
  if (!found) fail("changes", `${where}: all together: ${changed(before, await world.look()).join(", ")}`);
  await world.mend();
}

/// Those that may do what they ask for: which of them do, shows. The others change nothing.
async function mayBeAccepted(world: World, method: string, pattern: string, tries: Try[], where: string, operation: any) {
  let accepted = 0, sent = 0;
  const refused: Try[] = [];
  for (const one of tries) {
    if (accepted >= mostAccepted && method !== "get" && one.about !== "as it is") break;
    ++sent;
    await world.prepare(method, pattern);
    const answer = await send(wires[0], world.base(method, pattern), one, where);
    if (!answer) continue;
    judge(answer, one, where, operation);
    const good = world.recordedStatus(method, pattern) < 300;
    if (one.about === "as it is" && good && answer.status >= 400)
      fail("wrong", `the good request is refused: ${answer.status} ${short(answer.body, 300)} ${where}`);
    if (answer.status >= 400 && !meant.includes(answer.status)) refused.push(one);
    else ++accepted;
  }
  counts.leftOut += tries.length - sent;
  if (method === "get") return;
  if (accepted > 0) await world.mend();
  const prepared = await world.prepare(method, pattern);
  if (prepared) await world.quiet();
  const base = world.base(method, pattern);
  const before = await world.look();
  let again = false;
  for (const one of refused) {
    const answer = await send(wires[0], base, one, where);
    again ||= !answer || answer.status < 400 || meant.includes(answer.status);
  }
  // A session whose input cannot be had was begun and is taken back, of which the events tell.
  const changes = changed(before, await world.look()).filter((change) => !change.startsWith("/v1/events "));
  if (!again) for (const change of changes) fail("changes", `${where}, one of those that were refused: ${change}`);
  if (again || prepared) await world.mend();
}

/// Some of all kinds, the good one and the one with all nulls first.
function spread(tries: Try[]): Try[] {
  const isFirst = (one: Try) => one.about === "as it is" || one.about === "all others null";
  const others = tries.filter((one) => !isFirst(one));
  const step = Math.max(others.length / mostAllowed, 1);
  const some = others.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step));
  counts.leftOut += others.length - some.length;
  return [...tries.filter(isFirst), ...some];
}

/// Of a path, those that no operation has there.
async function wrongMethods(world: World, document: any, pattern: string) {
  const there = Object.entries<object>(document.paths)
    .filter(([other]) => new RegExp(`^${other.replace(/\{\w+\}/g, "[^/]+")}$`).test(pattern))
    .flatMap(([, operations]) => Object.keys(operations));
  const [known] = Object.keys(document.paths[pattern]);
  const strange = ["get", "put", "post", "patch", "delete", "options", "trace", "brew"].filter((one) => !there.includes(one));
  const tries = strange.map((method): Try => ({
    about: method,
    allowed: "",
    field: "",
    code: "method_not_allowed",
    ask: (now) => ({ ...asked(now), method: method.toUpperCase(), body: method === "get" ? null : "{}" }),
  }));
  await mustBeRefused(world, known, pattern, tries, `none of ${there} ${pattern}`);
}

async function run() {
  mkdirSync(`${workDir}/out`);
  writeFileSync(`${workDir}/out/plan.txt`, "an output\n");
  const recorded = recordedIn(readFileSync(requestsFile, "utf8"), workDir);
  const first = new Wire(`${stateDir}/run/control.sock`);
  const get = async (target: string) => json(await first.ask({ method: "GET", target, headers: [], body: null }));
  const document = await get("/openapi.json");
  const world = new World(document, recorded, stateDir);
  await world.mend();
  await world.useKey();
  await world.mend();
  const began = Date.now();
  for (const [pattern, operations] of Object.entries<Record<string, any>>(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (operation.operationId === "mcp") continue;  // its refusals are JSON-RPC's: tests/control/mcp_test.cpp
      const where = `${method} ${pattern}`;
      const start = Date.now();
      const tries = new Tries(document, operation).of(world.base(method, pattern));
      const allowed = tries.filter((one) => one.allowed !== "");
      await mustBeRefused(world, method, pattern, tries.filter((one) => one.allowed === ""), where, operation);
      if (pattern === "/v1/shutdown") counts.leftOut += allowed.length;
      else await mayBeAccepted(world, method, pattern, spread(allowed), where, operation);
      if (all || Date.now() - start > 3000) console.log(`${where}: ${tries.length} tries, ${Date.now() - start} ms`);
    }
    await wrongMethods(world, document, pattern);
  }
  const info = await get("/v1/info");
  if (typeof info?.version !== "string") fail("faults", "GET /v1/info is not answered after all that");
  const why = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(", ");
  console.log(
    `bad input: ${counts.tries} tries, ${counts.refused} 4xx, ${counts.faults} 5xx, ` +
      `${counts.meant} meant 503 to 507, ${counts.changes} changes, ${counts.accepted} accepted (${why}), ${counts.wrong} wrong answers, ${counts.leftOut} left out, ${Date.now() - began} ms`,
  );
  await world.wire.ask({ method: "POST", target: "/v1/shutdown", headers: [], body: '{"agents":true}' });
  for (const wire of [...wires, first, world.wire]) wire.close();
  if (counts.faults + counts.changes + counts.wrong > 0) throw new Error("see above");
}

try {
  await run();
} catch (error) {
  console.error(error);
  process.exit(1);
}
