// The little of Node.js that client.ts uses.
declare module "node:fs" {
  export function readFileSync(path: string, encoding: "utf8"): string;
}
declare const process: { argv: string[]; exit(status: number): never };
declare function setTimeout(run: () => void, ms: number): unknown;
declare const console: { log(...words: unknown[]): void; error(...words: unknown[]): void };
