/**
 * The program of a worker, and the words by which threads talk.
 *
 * A dispatch is open while its items may be taken. A worker that sees an open one enters it, looks again whether it is
 * still open, and takes items until there are none. The calling thread does the same, closes the dispatch, and waits for
 * those that are in it. So nobody waits for a worker that is asleep, was not given time by the machine, or does not have
 * the kernel yet: workers only ever help, and what comes out is the same.
 *
 * @module
 */

/**
 * Words of the device's own memory, as indices of 32 bits: the number of the open dispatch (odd; even while none is open),
 * how many workers are in it, how many sleep, whether one failed, how many messages were sent, whether workers are to
 * end, then the dispatch: its kernel, bytes of scratch memory of a thread, the number of its arguments, and those.
 */
export const WORDS = {
  open: 0,
  inside: 1,
  asleep: 2,
  failed: 3,
  messages: 4,
  end: 5,
  kernel: 6,
  scratch: 7,
  count: 8,
  args: 9,
} as const;

/** Runs a kernel: addresses, dims, scratch memory, counter. */
export type RunKernel = (...args: number[]) => void;

/** What a worker is sent: its memory and number first, and kernels that it does not have yet. */
export interface WorkerMessage {
  readonly memory?: WebAssembly.Memory;
  readonly thread?: number;
  readonly modules: readonly WebAssembly.Module[];
}

/** How a worker gets messages: calls `f` with each from now on. */
export type Listen = (f: (message: WorkerMessage) => void) => void;

/**
 * The program of a worker. Sent to workers as text: it must not mention anything outside of itself, but for types.
 * Kernels come as messages, which take a turn of the event loop; dispatches through memory.
 */
export function workerMain(listen: Listen): void {
  const [OPEN, INSIDE, ASLEEP, FAILED, MESSAGES, END] = [0, 1, 2, 3, 4, 5];
  const [KERNEL, SCRATCH, COUNT, ARGS, SPINS] = [6, 7, 8, 9, 20_000];
  const kernels: RunKernel[] = [];
  const imports = { sin_f32: Math.sin, cos_f32: Math.cos, tan_f32: Math.tan, pow_f32: Math.pow };
  let memory: WebAssembly.Memory | undefined;
  let words: Int32Array = new Int32Array(0);
  let [thread, messages, done] = [0, 0, 0];
  const help = (open: number): void => {
    Atomics.add(words, INSIDE, 1);
    if (Atomics.load(words, OPEN) === open) {
      const run = kernels[Atomics.load(words, KERNEL)];
      const count = Atomics.load(words, COUNT);
      const args = Array.from(words.subarray(ARGS, ARGS + count));
      args[count - 2] = (args[count - 2] ?? 0) + thread * Atomics.load(words, SCRATCH);
      try {
        run?.(...args);
      } catch {
        Atomics.store(words, FAILED, 1);
      }
    }
    if (Atomics.sub(words, INSIDE, 1) === 1) Atomics.notify(words, INSIDE);
    done = open;
  };
  const work = (): void => {
    for (let spins = 0;; spins++) {
      // To the event loop, which brings messages, or where the worker is ended.
      if (Atomics.load(words, END) === 1 || Atomics.load(words, MESSAGES) !== messages) return;
      const open = Atomics.load(words, OPEN);
      if (open % 2 !== 0 && open !== done) {
        help(open);
        spins = 0;
      } else if (spins > SPINS) {
        Atomics.add(words, ASLEEP, 1);
        Atomics.wait(words, OPEN, open);
        Atomics.sub(words, ASLEEP, 1);
        spins = 0;
      }
    }
  };
  listen((message) => {
    memory ??= message.memory;
    if (memory === undefined) return;
    // All that is read here is in the first page, which is there from the beginning.
    if (words.length === 0) words = new Int32Array(memory.buffer, 0, 1024);
    thread = message.thread ?? thread;
    messages++;
    for (const module of message.modules) {
      const { exports } = new WebAssembly.Instance(module, { env: { memory, ...imports } });
      kernels.push(exports["run"] as RunKernel);
    }
    work();
  });
}
