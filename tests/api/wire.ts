// HTTP/1.1 as bytes: what no client library would send, to a unix socket. All texts here are of bytes: a character is one.
import { connect, type Socket } from "node:net";

export interface Asked {
  method: string;
  target: string;
  headers: [string, string][];
  body: string | null;
}

export interface Answer {
  status: number;
  headers: Map<string, string>;
  body: string;
}

/// As UTF-8.
export const bytesOf = (text: string) => Buffer.from(text, "utf8").toString("latin1");

const patienceMs = 20_000;

/// One connection, made again when the server has closed it; one request at a time.
export class Wire {
  private socket: Socket | null = null;
  private got = "";
  private ended = false;
  private changed = () => {};

  constructor(private readonly path: string) {}

  async ask(asked: Asked): Promise<Answer> {
    const socket = await this.open();
    this.got = "";
    const headers = [["Host", "localhost"], ...asked.headers];
    if (asked.body !== null) headers.push(["Content-Length", String(asked.body.length)]);
    const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    socket.write(`${asked.method} ${asked.target} HTTP/1.1\r\n${head}\r\n${asked.body ?? ""}`, "latin1");
    const answer = await this.answer();
    if (answer.headers.get("connection") === "close") this.close();
    return answer;
  }

  close() {
    this.socket?.destroy();
    this.socket = null;
  }

  private async open(): Promise<Socket> {
    if (this.socket && !this.ended) return this.socket;
    this.close();
    const socket = connect(this.path);
    this.socket = socket;
    this.ended = false;
    socket.setEncoding("latin1");
    socket.on("data", (bytes: string) => {
      if (socket !== this.socket) return;
      this.got += bytes;
      this.changed();
    });
    for (const end of ["error", "close"])
      socket.on(end, () => {
        if (socket !== this.socket) return;
        this.ended = true;
        this.changed();
      });
    return socket;
  }

  /// Waits until `found` finds something in what has come.
  private async until<T>(found: () => T | undefined): Promise<T> {
    for (const deadline = Date.now() + patienceMs; ; ) {
      const value = found();
      if (value !== undefined) return value;
      if (this.ended) throw new Error("the connection was closed without an answer");
      if (Date.now() > deadline) {
        this.close();
        throw new Error(`no answer within ${patienceMs} ms`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patienceMs);
        this.changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  private async answer(): Promise<Answer> {
    const end = await this.until(() => {
      const at = this.got.indexOf("\r\n\r\n");
      return at < 0 ? undefined : at;
    });
    const [first, ...lines] = this.got.slice(0, end).split("\r\n");
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const status = Number(first.split(" ")[1]);
    const chunked = headers.get("transfer-encoding") === "chunked";
    const from = end + 4;
    const size = Number(headers.get("content-length") ?? 0);
    const body = await this.until(() => {
      if (chunked) return this.got.endsWith("\r\n0\r\n\r\n") || this.got.slice(from) === "0\r\n\r\n" ? "" : undefined;
      return this.got.length >= from + size ? this.got.slice(from, from + size) : undefined;
    });
    return { status, headers, body };
  }
}
