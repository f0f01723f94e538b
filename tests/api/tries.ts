// What can be wrong with a request: for each part of one operation's good request, every way in which that part can be
// another one. Whether the API's document allows it is known of each by the part's schema.
import { bytesOf, type Asked } from "./wire.js";

/// A request in its parts, before it is written down as bytes.
export interface Base {
  method: string;
  pattern: string;
  path: Record<string, string>;
  query: Record<string, string>;
  headers: Record<string, string>;
  body: unknown; ///< JSON, or the text of a body that is none; undefined: no body
}

export interface Try {
  about: string;
  allowed: string; ///< why the document allows it; empty: it does not, and the request has to be refused
  field: string; ///< that the refusal has to name; empty: any
  code: string; ///< of the refusal; empty: any
  ask(base: Base): Asked;
}

type Schema = any;

/// JSON text that no value has: sent as it stands.
class Raw {
  constructor(readonly text: string) {}
}

interface Bad {
  about: string;
  value: unknown;
  fits?: boolean; ///< known without the schema
}

const long = "x".repeat(100_000);
const bySchema = "its schema allows it";

/// Places of bytes that are no UTF-8 in a text that is written down as such.
const noUtf8 = "\uf8ff";
const bytesWithout = (text: string) => bytesOf(text).replaceAll(bytesOf(noUtf8), "\xff");

function jsonText(value: unknown): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${jsonText(member)}`).join(",")}}`;
}

/// As it goes over the wire.
export function asked(base: Base, body?: string): Asked {
  const target = base.pattern.replace(/\{(\w+)\}/g, (_, name) => escaped(base.path[name] ?? "none"));
  const query = Object.entries(base.query).map(([name, value]) => `${name}=${escaped(value)}`);
  const text = typeof base.body === "string" ? base.body : base.body === undefined ? null : jsonText(base.body);
  return {
    method: base.method,
    target: target + (query.length > 0 ? `?${query.join("&")}` : ""),
    headers: Object.entries(base.headers),
    body: body ?? (text === null ? null : bytesWithout(text)),
  };
}

function escaped(text: string) {
  return encodeURIComponent(text);
}

export class Tries {
  private readonly all: Try[] = [];

  constructor(
    private readonly document: Schema,
    private readonly operation: Schema,
  ) {}

  of(base: Base): Try[] {
    this.add("as it is", bySchema, { ask: (now) => asked(now) });
    this.bodies(base);
    for (const parameter of this.operation.parameters ?? []) {
      if (parameter.in === "path") this.pathParameter(parameter);
      if (parameter.in === "query") this.queryParameter(parameter);
    }
    this.queries();
    this.headers(base);
    return this.all;
  }

  private add(about: string, allowed: string, how: Partial<Try> & Pick<Try, "ask">) {
    this.all.push({ about, allowed, field: "", code: "", ...how });
  }

  // ---- the body ----

  private bodies(base: Base) {
    const content = this.operation.requestBody?.content ?? {};
    const schema = content["application/json"]?.schema;
    const withBody = (about: string, allowed: string, code: string, body: string) =>
      this.add(`a body ${about}`, allowed, { code, ask: (now) => asked(now, bytesWithout(body)) });
    const wrong = ["[]", "null", "5", '"x"', "{", "no JSON", '{"a":NaN}', '{"a":1e999}', "{} {}", "{'a':1}", '{"a":1,}'];
    wrong.push('{"a":"\\ud800"}', `{"a":"${noUtf8}"}`, '{"a":"\u0000"}', "{}\u0000", "{/**/}");
    wrong.push(`{"a":${"[".repeat(100)}${"]".repeat(100)}}`, "[".repeat(100_000));
    if (!schema) {
      if (Object.keys(content).length === 0)
        for (const text of ["{", '{"a":1}', long]) withBody(`that it does not take, ${short(text)}`, "it reads none", "", text);
      return;
    }
    for (const text of wrong) withBody(short(text), "", "invalid_json", text);
    const text = jsonText(base.body ?? {});
    for (const part of [text.slice(0, -1), text.slice(0, text.length / 2)])
      withBody("that is cut off", "", part === "" ? "" : "invalid_json", part);
    withBody("that is empty", this.operation.requestBody.required ? "" : "it needs none", "", "");
    const first = Object.keys((base.body as object) ?? {})[0] ?? "a";
    const twice = `{${JSON.stringify(first)}:1,${text === "{}" ? `${JSON.stringify(first)}:1}` : text.slice(1)}`;
    withBody("with a name that is there twice", "", "invalid_json", twice);
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "", "no/type/at all", "application/json; charset=utf-7"])
      this.add(`Content-Type: ${type}`, content["application/zip"] ? bySchema : "its body is JSON, whatever it is called", {
        ask: (now) => asked({ ...now, headers: { ...now.headers, "content-type": type } }),
      });
    this.members(schema, [], base.body, 0);
    const { properties = {}, required = [] } = this.resolved(schema);
    const optional = Object.keys(properties).filter((name) => !required.includes(name));
    const nulls = Object.fromEntries(optional.map((name) => [name, null]));
    // Those that the good request has stay.
    this.add("all others null", bySchema, { ask: (now) => asked({ ...now, body: { ...nulls, ...(now.body as object) } }) });
  }

  /// Of an object at `path` in the body.
  private members(reference: Schema, path: string[], there: any, depth: number) {
    const schema = this.resolved(reference);
    const named = (name: string) => [...path, name].join(".").replaceAll(".[0]", "[0]");
    const put = (about: string, name: string, bad: Bad, fits: boolean, field: string) =>
      this.add(`${named(name)} ${about}`, fits ? bySchema : "", {
        field,
        ask: (now) => asked({ ...now, body: this.withMember(now.body, [...path, name], bad.value) }),
      });
    const strange: Bad = { about: "", value: 1 };
    for (const name of ["noSuchField", "__proto__", "a\u0000b", long.slice(0, 300)])
      put("which is unknown", name, strange, schema.additionalProperties !== false, short(named(name), 20));
    for (const [name, member] of Object.entries<Schema>(schema.properties ?? {})) {
      const field = named(name).replace(/\[0\].*/, "");
      const required = (schema.required ?? []).includes(name);
      if (required || there?.[name] !== undefined)
        put("missing", name, { about: "", value: undefined }, !required, field);
      for (const bad of this.values(member))
        put(bad.about, name, bad, bad.fits ?? this.fits(member, bad.value, required), field);
      if (depth > 3) continue;
      const inner = this.resolved(member);
      if (inner.properties) this.members(inner, [...path, name], there?.[name], depth + 1);
      const item = inner.items && this.resolved(inner.items);
      if (item?.properties) this.members(item, [...path, name, "[0]"], there?.[name]?.[0], depth + 1);
    }
  }

  /// A copy of the body that has the value there; what is missing on the way is made with what it must have.
  private withMember(body: unknown, path: string[], value: unknown): unknown {
    const copy = structuredClone(body ?? {});
    let at: any = copy;
    let schema = this.resolved(this.operation.requestBody.content["application/json"].schema);
    for (const [i, name] of path.entries()) {
      if (i === path.length - 1) {
        Object.defineProperty(at, name, { value, enumerable: true, configurable: true, writable: true });
        return copy;
      }
      const isItem = name === "[0]";
      schema = this.resolved(isItem ? schema.items : schema.properties[name]);
      const key = isItem ? 0 : name;
      if (typeof at[key] !== "object" || at[key] === null) at[key] = schema.items ? [] : this.sample(schema);
      at = at[key];
    }
    return copy;
  }

  /// The least that fits.
  private sample(reference: Schema): any {
    const schema = this.resolved(reference);
    if (schema.enum) return schema.enum[0];
    const type = typesOf(schema)[0];
    if (type === "object")
      return Object.fromEntries((schema.required ?? []).map((name: string) => [name, this.sample(schema.properties[name])]));
    return { array: [], integer: schema.minimum ?? 1, number: 1, boolean: true }[type as string] ?? "a";
  }

  private values(reference: Schema): Bad[] {
    const schema = this.resolved(reference);
    const types = typesOf(schema);
    const all: Bad[] = [];
    const add = (value: unknown, about?: string, fits?: boolean) =>
      all.push({ about: `is ${about ?? short(JSON.stringify(value))}`, value, fits });
    for (const value of [null, true, 5, 0.5, "x", [], {}, [[]], [null], { a: { b: 1 } }]) add(value);
    for (const value of ["", long, "NaN", "../..", "%00%2f", "\u202egnp.exe"]) add(value);
    for (const value of ["a\u0000b", "\u001b[31mred", "line\nline"]) add(value);
    add(new Raw('"\\ud800"'), "a lone surrogate", false);
    add(new Raw(`"${noUtf8}"`), "no UTF-8", false);
    if (types.includes("integer") || types.includes("number") || types.length === 0) {
      for (const value of [-1, 0, 1e18, 9007199254740993, -1e18]) add(value);
      const whole = types.includes("integer") && !types.includes("number");
      add(new Raw("18446744073709551616"), "2^64", !whole && schema.maximum === undefined);
      add(new Raw("-9223372036854775809"), "below -2^63", !whole && schema.minimum === undefined);
      add(new Raw("1e400"), "1e400", false);
      add(new Raw("NaN"), "NaN", false);
      add(new Raw("01"), "01", false);
    }
    if (types.length === 0)
      for (const part of [{ attachment: "none" }, { path: "/no/such/file" }, { base64: "=" }, {}]) add([{ type: "file", ...part }]);
    if (types.includes("array")) {
      add(Array(10_000).fill(this.sample(schema.items)), "10000 items");
      for (const value of [long, "a\u0000b", "", "\u001b[2J"]) add([value]);
      add([5]);
    }
    if (types.includes("object") && typeof schema.additionalProperties === "object") {
      add({ [long.slice(0, 70_000)]: "x" }, "a map with a long name");
      for (const name of ["", "a=b", "a\u0000b", "a\nb"]) add({ [name]: "x" });
      add({ a: long }, "a map with a long text");
      add({ a: "b\u0000c" });
      add(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`n${i}`, "x"])), "a map of 10000");
    }
    return all;
  }

  // ---- the rest ----

  private pathParameter({ name, schema }: Schema) {
    const number = typesOf(schema).includes("integer");
    const bad = ["..", ".", "%2e%2e", "%00", "a%00", "..%2f..", "%2fetc%2fpasswd", "%ff", "%ed%a0%80", "a%0a", "%20"];
    bad.push("%1b%5b2J", "%", "%zz", "noSuchThing", "-1", "0", "1e3", "NaN", "99999999999999999999", long.slice(0, 300));
    bad.push(long.slice(0, 14_000), "%f0%9f%92%a3", "a:b", "~", "*", "");
    for (const value of bad) {
      // By its schema it may be any text; of what is not there only that is known.
      const allowed = number && !/^[1-9]\d*$/.test(value) ? "" : bySchema;
      this.add(`{${name}} is ${short(value)}`, allowed, {
        field: isText(value) ? name : "target",
        ask: (now) => {
          const marked = asked({ ...now, path: { ...now.path, [name]: "~mark~" } });
          return { ...marked, target: marked.target.replace("~mark~", value) };
        },
      });
    }
  }

  private queryParameter({ name, schema, required }: Schema) {
    const resolved = this.resolved(schema);
    const integer = typesOf(resolved).includes("integer");
    const texts = ["", "x", "-1", "0", "1.5", "1e3", "NaN", "99999999999999999999", "9223372036854775807", "null", "[]"];
    texts.push("\u0000", "a\u0000b", "\u001b[31m", "a\nb", " ", "../..", "\u{1f4a3}", '"', "'; DROP TABLE agents;--");
    texts.push(long.slice(0, 9_000));
    const put = (about: string, fits: boolean, text: string, field = name) =>
      this.add(`?${name} ${about}`, fits ? bySchema : "", {
        field,
        ask: (now) => {
          const { [name]: _, ...others } = now.query;
          const plain = asked({ ...now, query: others });
          return { ...plain, target: plain.target + (text ? `${plain.target.includes("?") ? "&" : "?"}${text}` : "") };
        },
      });
    put("missing", !required, "");
    for (const text of texts) {
      const number = Number(text);
      const fits = integer
        ? /^\d+$/.test(text) && number >= (resolved.minimum ?? -Infinity) && number <= (resolved.maximum ?? 2 ** 63)
        : !resolved.enum || resolved.enum.includes(text);
      put(`is ${short(text)}`, fits, `${name}=${escaped(text)}`);
    }
    for (const text of ["%ff", "%", "%zz", "%ed%a0%80"]) put(`is ${text}`, false, `${name}=${text}`, "");
    put("twice", false, `${name}=1&${name}=1`);
  }

  private queries() {
    for (const text of ["noSuchParameter=1", "noSuchParameter", "LIMIT=1", "%6eoSuch=1", "a%00b=1", "=", "__proto__=1"])
      this.add(`?${text}`, "", {
        ask: (now) => {
          const plain = asked(now);
          return { ...plain, target: plain.target + (plain.target.includes("?") ? "&" : "?") + text };
        },
      });
  }

  private headers(base: Base) {
    const put = (name: string, value: string, allowed: string, field = "") =>
      this.add(`${name}: ${short(value)}`, allowed, {
        field,
        ask: (now) => asked({ ...now, headers: { ...now.headers, [name]: value } }),
      });
    for (const parameter of this.operation.parameters ?? []) {
      const name: string = parameter.name;
      if (parameter.in !== "header" || name === "Accept") continue;
      if (name === "Idempotency-Key") {
        for (const value of ["", "a b", "x".repeat(256), "\xe9"]) put(name, value, "", name);
        put(name, "a\u0001b", "");
        const agents = base.headers.authorization ? "an agent's keys are its own" : "";
        this.add(`${name} of another request`, agents, {
          code: "idempotency_conflict",
          ask: (now) => asked({ ...now, headers: { ...now.headers, [name]: foreignKey } }),
        });
        this.add(`${name} twice`, "", {
          ask: (now) => {
            const plain = asked(now);
            return { ...plain, headers: [...plain.headers, [name, "a"], [name, "b"]] };
          },
        });
        continue;
      }
      for (const value of ["", "x", '"', "*", 'W/"1"', '"-1"', '"1", "2"', "x".repeat(300), "\xff", "NaN", "-1"])
        put(name, value, bySchema);
      put(name, "a\u0001b", "");
    }
  }

  // ---- schemas ----

  private resolved(schema: Schema): Schema {
    if (schema.$ref) return this.document.components.schemas[schema.$ref.split("/").pop()];
    const real = schema.anyOf?.find((one: Schema) => one.$ref);
    return real ? this.resolved(real) : schema;
  }

  /// Whether the value fits, null and absence included.
  private fits(reference: Schema, value: any, required: boolean): boolean {
    if (value === undefined) return !required;
    const schema = this.resolved(reference);
    const types = typesOf(schema);
    if (value === null) return !required || types.length === 0 || types.includes("null");
    if (schema.enum && !schema.enum.includes(value)) return false;
    if (types.length > 0 && !types.some((type) => isOf(type, value))) return false;
    if (typeof value === "number" && (value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity))) return false;
    if (schema.format === "date-time" && typeof value === "string") return !Number.isNaN(Date.parse(value));
    if (Array.isArray(value) && schema.items) return value.every((item) => this.fits(schema.items, item, true));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return true;
    if ((schema.required ?? []).some((name: string) => !(name in value))) return false;
    return Object.entries(value).every(([name, member]) => {
      if (schema.properties?.[name]) return this.fits(schema.properties[name], member, schema.required?.includes(name));
      const others = schema.additionalProperties ?? true;
      return typeof others === "object" ? this.fits(others, member, true) : others;
    });
  }
}

/// The world has used it for another request.
export const foreignKey = "the-worlds-own";

function typesOf(schema: Schema): string[] {
  return schema.type === undefined ? [] : [schema.type].flat();
}

function isOf(type: string, value: unknown): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  if (type === "integer") return Number.isInteger(value) && Math.abs(value as number) < 2 ** 63;
  return typeof value === type;
}

/// Whether it can be decoded, and holds what a text may.
function isText(encoded: string): boolean {
  try {
    return !decodeURIComponent(encoded).includes("\0");
  } catch {
    return false;
  }
}

export function short(text: string, most = 40): string {
  return text.length > most ? `${text.slice(0, most)}... (${text.length})` : text;
}
