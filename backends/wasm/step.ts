/**
 * A list of dispatches as one function: a step is one call from the host.
 *
 * What does not change is in the code; the rest lies in a table in memory: where scratch memory is, the values of dims,
 * and for each group of dispatches alike how they are to run. The function lets workers take part (see `worker.ts`), and
 * waits after each dispatch for those that do.
 *
 * @module
 */
import { MAX_PAGES } from "./codegen.ts";
import type { Instr } from "./encoder/instructions.ts";
import { encodeModule, printModule, type WasmFunction, type WasmModule } from "./encoder/module.ts";
import { WORDS } from "./worker.ts";

/** A dispatch of a step. */
export interface StepCall {
  /** Number of its kernel. */
  readonly kernel: number;
  /** Addresses of its buffers. */
  readonly addresses: readonly number[];
  /** Dims that the kernel takes. */
  readonly dims: readonly string[];
  /** Number of its group: dispatches of a group run on as many items, with as much scratch memory. */
  readonly group: number;
}

/** What the function of a step depends on. */
export interface StepOptions {
  /** The memory is shared by threads. */
  readonly shared: boolean;
  /** Whether the thread may sleep while it waits: that of a page may not. */
  readonly sleeps: boolean;
  /** Address of the counter from which threads take items. */
  readonly counter: number;
}

/** How the dispatches of a group are to run. */
export const MODES = { skip: 0, alone: 1, together: 2 } as const;

/** Where what is in the table of a step, in words. */
export interface StepTable {
  /** The number of the dispatch that runs. */
  readonly current: number;
  /** The address of scratch memory. */
  readonly scratch: number;
  /** The value of each dim. */
  readonly dims: ReadonlyMap<string, number>;
  /** Of each group the mode, and behind it the bytes of scratch memory of a thread. */
  readonly groups: readonly number[];
  /** Words in all. */
  readonly words: number;
}

/** Looks at those who are still inside before the thread sleeps. */
const SPINS = 20_000;

/** The table of a step. */
export function stepTable(calls: readonly StepCall[]): StepTable {
  const names = [...new Set(calls.flatMap((c) => c.dims))];
  const dims = new Map(names.map((name, i) => [name, 2 + i]));
  const first = 2 + names.length;
  const count = calls.reduce((n, c) => Math.max(n, c.group + 1), 0);
  const groups = Array.from({ length: count }, (_, g) => first + 2 * g);
  return { current: 0, scratch: 1, dims, groups, words: first + 2 * count };
}

/**
 * The module of a step. It imports `env.memory` and its kernels as `env.k0`, `env.k1`, ... by their numbers, and exports
 * `step`: given the address of the table, it runs all dispatches, and gives the number of the first that failed in a
 * worker, or -1.
 */
export function generateStep(
  calls: readonly StepCall[],
  options: StepOptions,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly source: string } {
  const arity = new Map(calls.map((c) => [c.kernel, c.addresses.length + c.dims.length + 2]));
  const module: WasmModule = {
    memory: { shared: options.shared, min: 1, max: MAX_PAGES },
    imports: [...arity].map(([kernel, args]) => ({
      name: `k${kernel}`,
      params: Array.from({ length: args }, () => "i32" as const),
      results: [],
    })),
    functions: [writeStep(calls, options), ...options.shared ? [writeOpen(), writeClose(options)] : []],
  };
  return { bytes: encodeModule(module), source: printModule(module) };
}

const TABLE = 0;

/** A word of the table. */
function word(index: number): readonly Instr[] {
  return [["local.get", TABLE], ["i32.load", 4 * index]];
}

/** Address of a word by which threads talk, and of one behind it. */
function at(name: keyof typeof WORDS, behind = 0): Instr {
  return ["i32.const", 4 * (WORDS[name] + behind)];
}

function writeStep(calls: readonly StepCall[], { shared, counter }: StepOptions): WasmFunction {
  const table = stepTable(calls);
  const MODE = 1;
  const together = (body: readonly Instr[]): readonly Instr[] =>
    shared ? [["local.get", MODE], ["i32.const", MODES.together], ["i32.eq"], ["if"], ...body, ["end"]] : [];
  const body = calls.flatMap(({ kernel, addresses, dims, group }, i): readonly Instr[] => {
    const row = table.groups[group] ?? 0;
    const args: readonly (readonly Instr[])[] = [
      ...addresses.map((address): readonly Instr[] => [["i32.const", address]]),
      ...dims.map((name) => word(table.dims.get(name) ?? 0)),
      word(table.scratch),
      [["i32.const", counter]],
    ];
    const publish: readonly (readonly Instr[])[] = [
      [at("kernel"), ["i32.const", kernel]],
      [at("scratch"), ...word(row + 1)],
      [at("count"), ["i32.const", args.length]],
      ...args.map((arg, a) => [at("args", a), ...arg]),
    ];
    return [
      ...word(row),
      ["local.tee", MODE],
      ["if"],
      ["local.get", TABLE],
      ["i32.const", i],
      ["i32.store", 4 * table.current],
      ["i32.const", counter],
      ["i32.const", 0],
      ["i32.store", 0],
      // Workers see these when they see that the dispatch is open.
      ...together([...publish.flatMap((p): readonly Instr[] => [...p, ["i32.store", 0]]), ["call", "open"]]),
      ...args.flat(),
      ["call", `k${kernel}`],
      ...together([["call", "close"], ["if"], ["i32.const", i], ["return"], ["end"]]),
      ["end"],
    ];
  });
  return {
    name: "step",
    params: [{ name: "table", type: "i32" }],
    results: ["i32"],
    locals: [{ name: "mode", type: "i32" }],
    body: [...body, ["i32.const", -1]],
    exported: true,
  };
}

/** Opens the dispatch that was written to where workers look, and wakes those who sleep. */
function writeOpen(): WasmFunction {
  return {
    name: "open",
    params: [],
    results: [],
    locals: [],
    body: [
      at("failed"),
      ["i32.const", 0],
      ["i32.atomic.store", 0],
      at("open"),
      ["i32.const", 1],
      ["i32.atomic.rmw.add", 0],
      ["drop"],
      at("asleep"),
      ["i32.atomic.load", 0],
      ["if"],
      at("open"),
      ["i32.const", 0x7fffffff],
      ["memory.atomic.notify", 0],
      ["drop"],
      ["end"],
    ],
  };
}

/** Closes the dispatch, waits for those who are in it, and says whether one failed. */
function writeClose({ sleeps }: StepOptions): WasmFunction {
  const [INSIDE, COUNT] = [0, 1];
  return {
    name: "close",
    params: [],
    results: ["i32"],
    locals: ["inside", "spins"].map((name) => ({ name, type: "i32" })),
    body: [
      at("open"),
      ["i32.const", 1],
      ["i32.atomic.rmw.add", 0],
      ["drop"],
      ["block"],
      ["loop"],
      at("inside"),
      ["i32.atomic.load", 0],
      ["local.tee", INSIDE],
      ["i32.eqz"],
      ["br_if", 1],
      ...(sleeps
        ? [
          ["local.get", COUNT],
          ["i32.const", 1],
          ["i32.add"],
          ["local.tee", COUNT],
          ["i32.const", SPINS],
          ["i32.lt_u"],
          ["br_if", 0],
          at("inside"),
          ["local.get", INSIDE],
          // One millisecond.
          ["i64.const", 1_000_000],
          ["memory.atomic.wait32", 0],
          ["drop"],
        ] as const
        : []),
      ["br", 0],
      ["end"],
      ["end"],
      at("failed"),
      ["i32.atomic.load", 0],
    ],
  };
}
