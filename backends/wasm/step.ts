/**
 * A list of dispatches as one function: a step is one call from the host.
 *
 * What each dispatch is called with lies in a table in memory, which the host changes where dims change. The function
 * goes through it, lets workers take part (see `worker.ts`), and waits after each dispatch for those that do.
 *
 * @module
 */
import { MAX_PAGES } from "./codegen.ts";
import type { Instr } from "./encoder/instructions.ts";
import { encodeModule, printModule, type WasmFunction, type WasmModule } from "./encoder/module.ts";
import { WORDS } from "./worker.ts";

/** A dispatch of a step: the number of its kernel, and of that kernel's arguments. */
export interface StepCall {
  readonly kernel: number;
  readonly args: number;
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

/** How a dispatch is to run: the first word of its row. */
export const MODES = { skip: 0, alone: 1, together: 2 } as const;

/** Words of a row before the arguments: mode, then as in {@linkcode WORDS} kernel, scratch memory, number of arguments. */
export const ROW_HEAD = 4;

/** Words of the table before the rows: the number of the dispatch that runs. */
export const TABLE_HEAD = 1;

/** Looks at those who are still inside before the thread sleeps. */
const SPINS = 20_000;

/** Where the row of each dispatch begins in the table, in words, and how many words it has in all. */
export function stepRows(
  calls: readonly StepCall[],
): { readonly rows: readonly number[]; readonly words: number } {
  let words = TABLE_HEAD;
  const rows = calls.map(({ args }) => {
    const row = words;
    words += ROW_HEAD + args;
    return row;
  });
  return { rows, words };
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
  const { rows } = stepRows(calls);
  const arity = new Map(calls.map((c) => [c.kernel, c.args]));
  const module: WasmModule = {
    memory: { shared: options.shared, min: 1, max: MAX_PAGES },
    imports: [...arity].map(([kernel, args]) => ({
      name: `k${kernel}`,
      params: Array.from({ length: args }, () => "i32" as const),
      results: [],
    })),
    functions: [
      writeStep(calls, rows, options),
      ...options.shared ? [writeOpen(), writeClose(options)] : [],
    ],
  };
  return { bytes: encodeModule(module), source: printModule(module) };
}

function writeStep(calls: readonly StepCall[], rows: readonly number[], options: StepOptions): WasmFunction {
  const { shared, counter } = options;
  const [TABLE, MODE] = [0, 1];
  const together: readonly Instr[] = [["local.get", MODE], ["i32.const", MODES.together], ["i32.eq"], ["if"]];
  const body = calls.flatMap(({ kernel, args }, i): readonly Instr[] => {
    const row = 4 * (rows[i] ?? 0);
    return [
      ["local.get", TABLE],
      ["i32.load", row],
      ["local.tee", MODE],
      ["if"],
      ["local.get", TABLE],
      ["i32.const", i],
      ["i32.store", 0],
      ["i32.const", counter],
      ["i32.const", 0],
      ["i32.store", 0],
      ...(shared
        ? [...together, ["local.get", TABLE], ["i32.const", row], ["i32.add"], ["call", "open"], [
          "end",
        ]] as const
        : []),
      ...Array.from({ length: args }, (_, a): readonly Instr[] => [
        ["local.get", TABLE],
        ["i32.load", row + 4 * (ROW_HEAD + a)],
      ]).flat(),
      ["call", `k${kernel}`],
      ...(shared
        ? [
          ...together,
          ["call", "close"],
          ["if"],
          ["i32.const", i],
          ["return"],
          ["end"],
          ["end"],
        ] as const
        : []),
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

const at = (word: keyof typeof WORDS): Instr => ["i32.const", 4 * WORDS[word]];

/** Copies a row to where workers look, and opens the dispatch. */
function writeOpen(): WasmFunction {
  const [ROW, FROM, END, TO] = [0, 1, 2, 3];
  return {
    name: "open",
    params: [{ name: "row", type: "i32" }],
    results: [],
    locals: ["from", "end", "to"].map((name) => ({ name, type: "i32" })),
    body: [
      ["local.get", ROW],
      ["i32.const", 4],
      ["i32.add"],
      ["local.set", FROM],
      // Behind the arguments.
      ["local.get", ROW],
      ["local.get", ROW],
      ["i32.load", 12],
      ["i32.const", ROW_HEAD],
      ["i32.add"],
      ["i32.const", 2],
      ["i32.shl"],
      ["i32.add"],
      ["local.set", END],
      at("kernel"),
      ["local.set", TO],
      ["loop"],
      ["local.get", TO],
      ["local.get", FROM],
      ["i32.load", 0],
      ["i32.atomic.store", 0],
      ["local.get", TO],
      ["i32.const", 4],
      ["i32.add"],
      ["local.set", TO],
      ["local.get", FROM],
      ["i32.const", 4],
      ["i32.add"],
      ["local.tee", FROM],
      ["local.get", END],
      ["i32.lt_u"],
      ["br_if", 0],
      ["end"],
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
