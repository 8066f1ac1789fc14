/**
 * The terminal as a command sees it, so that tests can stand in for it.
 *
 * @module
 */
import process from "node:process";

/** Where a command reads from and writes to. */
export interface Io {
  /** Whether stdin, stdout and stderr are a terminal. */
  readonly terminal: { readonly in: boolean; readonly out: boolean; readonly err: boolean };
  /** Writes to stdout; resolves once the text is handed over. */
  out(text: string): Promise<void>;
  /** Writes to stderr. */
  err(text: string): void;
  /** All of stdin, as it is. */
  input(): Promise<Uint8Array>;
  /** Calls `handler` at each Ctrl-C until the returned function is called. */
  onInterrupt(handler: () => void): () => void;
  /** Lets what is waiting (Ctrl-C) run, if it is time again. */
  turn(): Promise<void>;
  /** Ends the process at once. */
  exit(code: number): never;
}

/** Least time between two turns of the event loop. */
const TURN_MS = 100;

/** The terminal of this process. */
export function processIo(): Io {
  const { stdin, stdout, stderr } = process;
  let lastTurn = performance.now();
  // A reader that goes away (`| head -1`) is reported by the write itself; without a listener it would be thrown.
  stdout.on("error", () => {});
  return {
    terminal: { in: stdin.isTTY === true, out: stdout.isTTY === true, err: stderr.isTTY === true },
    out: (text) =>
      new Promise((resolve, reject) => {
        stdout.write(text, (error) => error === null || error === undefined ? resolve() : reject(error));
      }),
    err: (text) => void stderr.write(text),
    async input() {
      const chunks: Uint8Array[] = [];
      for await (const chunk of stdin) chunks.push(chunk);
      return joined(chunks);
    },
    onInterrupt(handler) {
      process.on("SIGINT", handler);
      return () => void process.off("SIGINT", handler);
    },
    turn() {
      // Signals are heard in a timer's turn of the event loop, which takes about 2 ms: not at every token.
      const now = performance.now();
      if (now - lastTurn < TURN_MS) return Promise.resolve();
      lastTurn = now;
      return new Promise((resolve) => setTimeout(resolve, 0));
    },
    exit: (code) => process.exit(code),
  };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, c) => sum + c.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

/** Whether an error says that nobody reads stdout any more. */
export function isBrokenPipe(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "EPIPE";
}
