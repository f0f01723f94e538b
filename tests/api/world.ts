// A daemon with one of each thing that the API's paths name, made by the requests that were recorded; what all its
// lists say; and how it is put in order again after something was done to it.
import { readFileSync } from "node:fs";
import { idOf, type Recorded } from "./requests.js";
import { asked, foreignKey, type Base } from "./tries.js";
import { Wire, bytesOf, type Answer } from "./wire.js";

type Schema = any;

/// What they tell changes by itself, or is long and stands elsewhere too.
const notLooked = ["/healthz", "/openapi.json", "/v1/info", "/v1/events/types", "/v1/search"];
const notLookedEnds = ["/screen", "/archive", "/export"];
/// Members that change by themselves.
const moving = [
  "activeDurationMs",
  "attempts",
  "cpuSeconds",
  "failingSince",
  "failures",
  "lastSeen",
  "memoryBytes",
  "nextAttemptAt",
  "tasks",
];

/// An agent, or what a session says of it.
const onItsWay = /"state":"(creating|starting|busy|suspending|stopping|restarting)"|"turnStatus":"(launching|running|parking)"/;

/// What an agent or a session is that does not go on by itself.
const atRest = ["stopped", "stopping", "suspended", "suspending", "cancelling", "failed", "error"];

const quietMs = 15_000;
/// What is made may be what another thing is made of.
const mostPasses = 5;

export class World {
  readonly wire: Wire;
  /// For each parameter of a path, what is there.
  private readonly things = new Map<string, string>();
  /// Lists that change although nobody does anything.
  private readonly restless = new Set<string>();
  private isKnown = false;
  /// What else stays.
  private readonly kept: string[] = [];
  /// What is called otherwise than when it was recorded.
  private readonly renamed = new Map<string, string>();
  private made = 0;

  constructor(
    private readonly document: Schema,
    private readonly recorded: Map<string, Recorded>,
    private readonly stateDir: string,
  ) {
    this.wire = new Wire(`${stateDir}/run/control.sock`);
  }

  /// The good request of an operation, for what is there now. One that names what it makes gets a fresh name.
  base(method: string, pattern: string): Base {
    const request = this.recorded.get(`${method} ${pattern}`);
    if (!request) throw new Error(`client.ts has not called ${method} ${pattern}`);
    const path = Object.fromEntries(
      Object.entries(request.path).map(([name, value]) => [name, this.things.get(thingKey(pattern, name)) ?? value]),
    );
    // Nobody waits for what may never come, and a ticket is good once.
    const { wait, timeoutMs, ticket, ...query } = request.query;
    const headers = { ...request.headers, ...(request.asAgent ? this.agentHeaders(path.agent) : {}) };
    const isJson = headers["content-type"]?.startsWith("application/json");
    const there = request.body === null || request.body === "" ? undefined : request.body;
    const now = there === undefined ? undefined : isJson ? this.withNames(JSON.parse(there)) : bytesOf(there);
    if (isJson && method === "post" && typeof now?.id === "string") now.id = `try-${++this.made}`;
    return { method: method.toUpperCase(), pattern, path, query, headers, body: now };
  }

  /// The status with which the request was answered when it was recorded.
  recordedStatus(method: string, pattern: string) {
    return this.recorded.get(`${method} ${pattern}`)!.status;
  }

  /// Makes what is missing, and anew what is not as it was; removes what is too much. Returns when nothing moves.
  async mend() {
    await this.send("post", "/v1/runtime/resume");
    let progress = true;
    for (let pass = 0; progress && pass < mostPasses; ++pass) {
      progress = false;
      for (const pattern of Object.keys(this.document.paths)) if (await this.mendOne(pattern)) progress = true;
    }
    await this.removeOthers();
    if (!this.isKnown) await this.findRestless();
    this.isKnown = true;
    await this.quiet();
  }

  /// What every list says, by its operation.
  async look(): Promise<Map<string, string>> {
    const said = new Map<string, string>();
    for (const [pattern, operations] of Object.entries<Schema>(this.document.paths)) {
      if (!operations.get || notLooked.includes(pattern) || notLookedEnds.some((end) => pattern.endsWith(end))) continue;
      if (this.restless.has(pattern)) continue;
      const base = this.base("get", pattern);
      base.query = pattern.endsWith("/events") ? { last: "1" } : {};
      const answer = await this.wire.ask(asked(base));
      said.set(pattern, `${answer.status} ${steady(answer.body)}`);
    }
    return said;
  }

  /// Finds what changes by itself, and tells of it: figures about the daemon, of which the tries are a part.
  private async findRestless() {
    const rounds = 4;
    const changes = new Map<string, number>();
    let before = await this.look();
    for (let round = 1; round < rounds; ++round) {
      await pause(100);
      const after = await this.look();
      for (const [pattern, said] of after)
        if (said !== before.get(pattern) && !onItsWay.test(said)) changes.set(pattern, (changes.get(pattern) ?? 0) + 1);
      before = after;
    }
    for (const [pattern, count] of changes) if (count === rounds - 1) this.restless.add(pattern);
    if (this.restless.size > 0) console.log(`not looked at, since they change by themselves: ${[...this.restless].join(", ")}`);
  }

  // ---- one thing ----

  /// Of what is the last name of the path. True: it was made.
  private async mendOne(pattern: string): Promise<boolean> {
    const name = /\{(\w+)\}$/.exec(pattern)?.[1];
    if (!name) return false;
    const collection = pattern.slice(0, pattern.lastIndexOf("/"));
    const known = this.things.get(thingKey(pattern, name));
    if (known !== undefined && (await this.isWell(pattern))) return false;
    if (known !== undefined && this.document.paths[pattern].delete) await this.remove(pattern, known);
    const maker = [`post ${collection}`, `put ${pattern}`].find((one) => this.recorded.has(one));
    if (maker === undefined) return known === undefined && (await this.takeListed(collection, pattern, name));
    const [method, where] = maker.split(" ");
    const request = this.recorded.get(maker)!;
    const base = this.base(method, where);
    const named = request.id !== null && base.body !== null && typeof (base.body as any)?.id === "string";
    if (named) (base.body as any).id = request.id;
    const answer = await this.wire.ask(asked(base));
    const id = method === "put" ? request.path[name] : idOf(json(answer));
    if (answer.status >= 300 || id === null) return false;
    if (request.id !== null) this.renamed.set(request.id, id);
    this.things.set(thingKey(pattern, name), id);
    return true;
  }

  /// What nobody makes by a request: the first one that a list has.
  private async takeListed(collection: string, pattern: string, name: string): Promise<boolean> {
    if (!this.recorded.has(`get ${collection}`)) return false;
    const lists = Object.values<any>(json(await this.send("get", collection)) ?? {}).filter(Array.isArray);
    const id = idOf(lists[0]?.[0] ?? null);
    if (id === null) return false;
    this.things.set(thingKey(pattern, name), id);
    return true;
  }

  private async isWell(pattern: string): Promise<boolean> {
    if (!this.document.paths[pattern].get) return this.isListed(pattern);
    const answer = await this.send("get", pattern);
    const is = json(answer);
    const state = is?.state ?? is?.status;
    return answer.status < 300 && !atRest.includes(state);
  }

  private async isListed(pattern: string): Promise<boolean> {
    const name = /\{(\w+)\}$/.exec(pattern)![1];
    const collection = pattern.slice(0, pattern.lastIndexOf("/"));
    return (await this.ids(collection)).includes(this.things.get(thingKey(pattern, name))!);
  }

  private async removeOthers() {
    const ours = [...this.things.values(), ...this.kept];
    for (const [pattern, operations] of Object.entries<Schema>(this.document.paths)) {
      const collection = pattern.slice(0, pattern.lastIndexOf("/"));
      if (!pattern.endsWith("}") || !operations.delete || !this.document.paths[collection]?.get) continue;
      for (const id of await this.ids(collection)) {
        if (!ours.includes(id)) await this.remove(pattern, id);
      }
    }
  }

  /// What runs is ended first.
  private async remove(pattern: string, id: string) {
    const name = /\{(\w+)\}$/.exec(pattern)![1];
    for (const [method, where] of [["post", `${pattern}/kill`], ["delete", pattern]] as const) {
      if (!this.recorded.has(`${method} ${where}`)) continue;
      const base = this.base(method, where);
      base.path[name] = id;
      delete base.headers["if-match"];
      await this.wire.ask(asked(base));
    }
  }

  /// Brings what an operation is about into the state that it needs. False: it is in it.
  async prepare(method: string, pattern: string): Promise<boolean> {
    const before = method === "delete" ? [`${pattern}/kill`] : [];
    if (pattern.endsWith("/resume"))
      for (const end of ["/suspend", "/pause"]) before.push(pattern.replace("/resume", end));
    const known = before.filter((one) => this.recorded.has(`post ${one}`));
    for (const one of known) await this.send("post", one);
    return known.length > 0;
  }

  /// Of the rows of a list.
  private async ids(collection: string): Promise<string[]> {
    const rows = Object.values<any>(json(await this.send("get", collection)) ?? {}).find(Array.isArray) ?? [];
    return rows.map((row: any) => String(row.id ?? row.key));
  }

  private async send(method: string, pattern: string): Promise<Answer> {
    if (!this.recorded.has(`${method} ${pattern}`)) return { status: 404, headers: new Map(), body: "" };
    const base = this.base(method, pattern);
    if (method === "get") base.query = {};
    return this.wire.ask(asked(base));
  }

  /// Until two looks see the same, and nothing that is on its way.
  async quiet() {
    let before = "";
    for (const deadline = Date.now() + quietMs; Date.now() < deadline; ) {
      const after = [...(await this.look())].join("\n");
      if (after === before && !onItsWay.test(after)) return;
      before = after;
      await pause(30);
    }
    throw new Error("the daemon does not come to rest");
  }

  /// Uses the key that is foreign to every other request: for each kind of what keys are kept with.
  async useKey() {
    for (const pattern of ["/v1/messages", "/v1/sessions"]) {
      const base = this.base("post", pattern);
      base.headers["Idempotency-Key"] = foreignKey;
      const answer = await this.wire.ask(asked(base));
      if (answer.status !== 201) throw new Error(`the first use of a key was answered ${answer.status}: ${answer.body}`);
      this.kept.push(idOf(json(answer))!);
    }
  }

  /// As a program inside the agent.
  private agentHeaders(agent = "a"): Record<string, string> {
    const folder = `${this.stateDir}/agents/${agent}`;
    const { token } = JSON.parse(readFileSync(`${folder}/token.json`, "utf8"));
    const { pid } = JSON.parse(readFileSync(`${folder}/runner.json`, "utf8"));
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    const session = environment.find((entry) => entry.startsWith("AGENT_RELAY_PROVIDER_SESSION_ID="));
    return { authorization: `Bearer ${token}`, "x-provider-session": session?.split("=")[1] ?? "" };
  }

  private withNames(value: any): any {
    if (typeof value === "string") return this.renamed.get(value) ?? value;
    if (Array.isArray(value)) return value.map((one) => this.withNames(one));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.withNames(member)]));
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/// Two kinds of things may have one parameter: {id} of different paths.
function thingKey(pattern: string, name: string) {
  return pattern.slice(0, pattern.indexOf(`{${name}}`)) + name;
}

export function json(answer: Answer): any {
  try {
    return JSON.parse(answer.body);
  } catch {
    return null;
  }
}

function steady(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body, (name, value) => (moving.includes(name) ? undefined : value)));
  } catch {
    return body;
  }
}
