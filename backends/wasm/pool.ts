/**
 * The other threads of a device: workers on the same memory.
 *
 * @module
 */
import { type RunKernel, WORDS, workerMain, type WorkerMessage } from "./worker.ts";

/** A worker, of whatever kind there is. */
interface Worker {
  post(message: WorkerMessage): void;
  end(): void;
}

/** The part of `node:worker_threads` that is used; Deno and Bun have it, too. */
interface NodeThreads {
  readonly Worker: new (text: string, options: { readonly eval: true }) => {
    postMessage(message: unknown): void;
    terminate(): Promise<number>;
    unref(): void;
    on(event: "error", f: (error: unknown) => void): void;
  };
}

/** The part of Node's `process` that is used. */
interface NodeProcess {
  getBuiltinModule?(name: "node:worker_threads"): NodeThreads | undefined;
  once?(event: "exit", f: () => void): void;
  removeListener?(event: "exit", f: () => void): void;
}

/** The part of the `Worker` of browsers that is used. */
type WebWorker = new (url: string, options: { readonly type: "module" }) => {
  postMessage(message: unknown): void;
  terminate(): void;
  onerror: ((event: { preventDefault(): void }) => void) | null;
};

const host = globalThis as unknown as { readonly process?: NodeProcess; readonly Worker?: WebWorker };
const threadsOfNode = (): NodeThreads | undefined => host.process?.getBuiltinModule?.("node:worker_threads");

/** Whether this thread may sleep: that of a page may not. */
export const MAY_SLEEP: boolean = !("document" in globalThis);

/** Whether workers can be made here. */
export function hasWorkers(): boolean {
  return threadsOfNode() !== undefined || (host.Worker !== undefined && typeof Blob !== "undefined");
}

/** As many threads as the machine has, 8 at most: beyond that memory is what a model waits for. */
export function defaultThreads(): number {
  const { navigator } = globalThis as { readonly navigator?: { readonly hardwareConcurrency?: number } };
  return Math.min(8, Math.max(1, navigator?.hardwareConcurrency ?? 1));
}

/** Workers that help with dispatches; see `worker.ts` for how they talk. */
export class Pool {
  readonly #words: Int32Array;
  readonly #workers: readonly Worker[];
  readonly #atExit = (): void => this.#stop();

  /** Starts `threads - 1` workers on a shared memory. They do not keep a process from ending. */
  constructor(memory: WebAssembly.Memory, threads: number) {
    this.#words = new Int32Array(memory.buffer, 0, 1024);
    this.#workers = Array.from({ length: threads - 1 }, () => startWorker());
    this.#workers.forEach((worker, i) => this.#post(worker, { memory, thread: i + 1, modules: [] }));
    host.process?.once?.("exit", this.#atExit);
  }

  /** Gives workers further kernels, by whose numbers they are called. */
  add(modules: readonly WebAssembly.Module[]): void {
    for (const worker of this.#workers) this.#post(worker, { modules });
  }

  #post(worker: Worker, message: WorkerMessage): void {
    worker.post(message);
    if (worker !== this.#workers.at(-1)) return;
    // All have one more to fetch from their event loop.
    Atomics.add(this.#words, WORDS.messages, 1);
    Atomics.notify(this.#words, WORDS.open);
  }

  /**
   * Runs a kernel with whoever comes to help. The last but one of `args` is the scratch memory of thread 0, each other
   * thread has its own `scratch` bytes further. Says whether all went well in the workers.
   */
  run(kernel: number, run: RunKernel, scratch: number, args: readonly number[]): boolean {
    const words = this.#words;
    Atomics.store(words, WORDS.kernel, kernel);
    Atomics.store(words, WORDS.scratch, scratch);
    Atomics.store(words, WORDS.count, args.length);
    words.set(args, WORDS.args);
    Atomics.store(words, WORDS.failed, 0);
    // Odd from here on; it wraps around after 2 ** 31 dispatches.
    Atomics.add(words, WORDS.open, 1);
    if (Atomics.load(words, WORDS.asleep) > 0) Atomics.notify(words, WORDS.open);
    try {
      run(...args);
    } finally {
      this.close();
    }
    return Atomics.load(words, WORDS.failed) === 0;
  }

  /** Closes the dispatch that is open, if one is, and waits for its helpers: also after a failure. */
  close(): void {
    if (Atomics.load(this.#words, WORDS.open) % 2 === 0) return;
    Atomics.add(this.#words, WORDS.open, 1);
    this.#waitForHelpers();
  }

  /** Helpers have at most one grain left each; where blocking is not allowed (a page), spinning is all there is. */
  #waitForHelpers(): void {
    for (let spins = 0;; spins++) {
      const inside = Atomics.load(this.#words, WORDS.inside);
      if (inside === 0) return;
      if (spins < 20_000 || !MAY_SLEEP) continue;
      Atomics.wait(this.#words, WORDS.inside, inside, 1);
    }
  }

  /** Ends the workers. */
  dispose(): void {
    host.process?.removeListener?.("exit", this.#atExit);
    this.#stop();
    for (const worker of this.#workers) worker.end();
  }

  #stop(): void {
    Atomics.store(this.#words, WORDS.end, 1);
    Atomics.notify(this.#words, WORDS.open);
  }
}

/** A worker with the program of `worker.ts`. A worker that fails to start never helps. */
function startWorker(): Worker {
  const threads = threadsOfNode();
  if (threads !== undefined) {
    const text = `
      const load = globalThis.process?.getBuiltinModule ?? require;
      const { parentPort } = load("node:worker_threads");
      (${workerMain})((f) => parentPort.on("message", f));`;
    const worker = new threads.Worker(text, { eval: true });
    worker.on("error", () => {});
    worker.unref();
    return { post: (m) => worker.postMessage(m), end: () => void worker.terminate() };
  }
  const text = `(${workerMain})((f) => { globalThis.onmessage = ({ data }) => f(data); });`;
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const { Worker } = host as { readonly Worker: WebWorker };
  const worker = new Worker(url, { type: "module" });
  worker.onerror = (event) => event.preventDefault();
  return { post: (m) => worker.postMessage(m), end: () => worker.terminate() };
}
