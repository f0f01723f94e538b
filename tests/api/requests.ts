// One request for each operation of the API, as client.ts has made it: what is right about an operation is written down
// once, there, and a new one is tried with bad input as soon as it is called.

export interface Recorded {
  path: Record<string, string>;
  query: Record<string, string>;
  headers: Record<string, string>;
  body: string | null;
  asAgent: boolean; ///< by an agent's token
  status: number;
  id: string | null; ///< of what it has made
}

/// What stands for the folder to work in, which is another one each time.
const workFolder = "$WORK";

const leftOut = ["authorization", "idempotency-key", "accept"];

export class Recording {
  private readonly bodies = new Map<string, string>();
  private readonly requests = new Map<string, Recorded>();

  constructor(private readonly workDir: string) {}

  /// A request's body can be read only before it is sent.
  async begin(id: string, request: Request) {
    this.bodies.set(id, await request.clone().text());
  }

  /// Keeps it if it is the fullest one so far that was good.
  async end(
    id: string,
    operation: string,
    params: { path?: object; query?: object },
    request: Request,
    response: Response,
    asAgent: boolean,
  ) {
    const body = this.bodies.get(id) ?? "";
    this.bodies.delete(id);
    const known = this.requests.get(operation);
    const rank = (status: number, size: number) => (status < 300 ? 1e9 : 0) + size;
    if (known && rank(known.status, known.body?.length ?? 0) >= rank(response.status, body.length)) return;
    const text = (values: object = {}) =>
      Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
    this.requests.set(operation, {
      path: text(params.path),
      query: text(params.query),
      headers: Object.fromEntries([...request.headers].filter(([name]) => !leftOut.includes(name))),
      body: request.body === null ? null : body,
      asAgent,
      status: response.status,
      id: await idIn(response),
    });
  }

  text() {
    return JSON.stringify(Object.fromEntries(this.requests), null, 1).replaceAll(this.workDir, workFolder);
  }
}

export function recordedIn(text: string, workDir: string): Map<string, Recorded> {
  return new Map(Object.entries<Recorded>(JSON.parse(text.replaceAll(workFolder, workDir))));
}

/// The id that a document tells, of its own or of the session in it.
export function idOf(document: { id?: unknown; session?: { id?: unknown } } | null): string | null {
  const id = document?.id ?? document?.session?.id;
  return id === undefined || id === null ? null : String(id);
}

async function idIn(response: Response): Promise<string | null> {
  if (response.status !== 201 || !response.headers.get("content-type")?.startsWith("application/json")) return null;
  return idOf(await response.clone().json());
}
