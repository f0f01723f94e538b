// The little of Node.js that the programs here use.
declare module "node:fs" {
  export function readFileSync(path: string, encoding: "utf8"): string;
  export function writeFileSync(path: string, text: string): void;
  export function mkdirSync(path: string): void;
}
declare module "node:net" {
  export interface Socket {
    write(bytes: string, encoding: "latin1"): boolean;
    setEncoding(encoding: "latin1"): void;
    on(event: string, then: (value: string) => void): void;
    destroy(): void;
  }
  export function connect(path: string): Socket;
}
declare const Buffer: {
  from(text: string, encoding: "utf8"): { toString(encoding: "latin1"): string };
};
declare const process: { argv: string[]; exit(status: number): never };
declare function setTimeout(run: () => void, ms: number): number;
declare function clearTimeout(timer: number): void;
declare const console: { log(...words: unknown[]): void; error(...words: unknown[]): void };
