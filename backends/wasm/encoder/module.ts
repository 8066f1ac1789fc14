/**
 * Modules as data, their bytes, and their text for people.
 *
 * @module
 */
import { float32, float64, list, signed, text, unsigned } from "./bytes.ts";
import { type Instr, OPS } from "./instructions.ts";

/** Types of values. */
export type ValType = "i32" | "f32" | "f64" | "v128";

const VAL_TYPES: Readonly<Record<ValType, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** A parameter or local of a function. */
export interface Local {
  readonly name: string;
  readonly type: ValType;
}

/** A function that the module gets from outside. */
export interface ImportedFunction {
  readonly name: string;
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

/** A function of the module. */
export interface WasmFunction {
  readonly name: string;
  readonly params: readonly Local[];
  readonly results: readonly ValType[];
  readonly locals: readonly Local[];
  readonly body: readonly Instr[];
  /** Whether it can be called from outside, by its name. */
  readonly exported?: boolean;
}

/** A module over one imported memory, `env.memory`; functions are imported from `env` too. */
export interface WasmModule {
  readonly memory: {
    readonly shared: boolean;
    /** Pages of 64 KiB. */
    readonly min: number;
    readonly max: number;
  };
  readonly imports: readonly ImportedFunction[];
  readonly functions: readonly WasmFunction[];
}

/** Types of a block: none, or of its one result. */
const NO_RESULT = 0x40;

/** The bytes of a module. */
export function encodeModule(m: WasmModule): Uint8Array<ArrayBuffer> {
  const types: (readonly number[])[] = [];
  const known = new Map<string, number>();
  const typeOf = (params: readonly ValType[], results: readonly ValType[]): number => {
    const key = `${params.join()}:${results.join()}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    known.set(key, types.length);
    return types.push([
      0x60,
      ...list(params.map((t) => [VAL_TYPES[t]])),
      ...list(results.map((t) => [VAL_TYPES[t]])),
    ]) - 1;
  };
  const imports = m.imports.map((f) => [
    ...text("env"),
    ...text(f.name),
    0x00,
    ...unsigned(typeOf(f.params, f.results)),
  ]);
  const { shared, min, max } = m.memory;
  const memory = [
    ...text("env"),
    ...text("memory"),
    0x02,
    shared ? 0x03 : 0x01,
    ...unsigned(min),
    ...unsigned(max),
  ];
  const functions = m.functions.map((f) => unsigned(typeOf(f.params.map((p) => p.type), f.results)));
  const indices = new Map([...m.imports, ...m.functions].map((f, i) => [f.name, i] as const));
  const exports = m.functions.filter((f) => f.exported).map((f) => [
    ...text(f.name),
    0x00,
    ...unsigned(indices.get(f.name) ?? 0),
  ]);
  const bodies = m.functions.map((f) => encodeBody(f, indices));
  const section = (id: number, items: readonly (readonly number[])[]): readonly number[] => {
    const content = list(items);
    return items.length === 0 ? [] : [id, ...unsigned(content.length), ...content];
  };
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, types),
    ...section(2, [...imports, memory]),
    ...section(3, functions),
    ...section(7, exports),
    ...section(10, bodies),
  ]);
}

function encodeBody(f: WasmFunction, indices: ReadonlyMap<string, number>): readonly number[] {
  const runs: { type: ValType; count: number }[] = [];
  for (const { type } of f.locals) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  const bytes = [...list(runs.map(({ type, count }) => [...unsigned(count), VAL_TYPES[type]]))];
  for (const instr of f.body) for (const byte of encodeInstr(instr, indices)) bytes.push(byte);
  bytes.push(0x0b);
  return [...unsigned(bytes.length), ...bytes];
}

function encodeInstr(instr: Instr, indices: ReadonlyMap<string, number>): readonly number[] {
  const [op, ...immediates] = instr;
  const { code, immediate, align } = OPS[op];
  const start = code <= 0xff ? [code] : [code >> 12, ...unsigned(code & 0xfff)];
  const number = (i: number): number => {
    const value = immediates[i];
    if (typeof value !== "number") {
      throw new TypeError(`Cannot encode ${op}: immediate ${i} must be a number`);
    }
    return value;
  };
  const memory = (): readonly number[] => [...unsigned(align), ...unsigned(number(0))];
  switch (immediate) {
    case "none":
      return start;
    case "block":
      return [...start, immediates.length === 0 ? NO_RESULT : VAL_TYPES[immediates[0] as ValType]];
    case "depth":
    case "local":
    case "lane4":
      return [...start, ...unsigned(number(0))];
    case "func": {
      const index = indices.get(String(immediates[0]));
      if (index === undefined) {
        throw new TypeError(`Cannot encode ${op}: there is no function ${immediates[0]}`);
      }
      return [...start, ...unsigned(index)];
    }
    case "i32":
      return [...start, ...signed(number(0))];
    case "f32":
      return [...start, ...float32(number(0))];
    case "f64":
      return [...start, ...float64(number(0))];
    case "v128":
    case "shuffle":
      return [...start, ...Array.from({ length: 16 }, (_, i) => number(i))];
    case "memory":
      return [...start, ...memory()];
    case "memory_lane2":
    case "memory_lane4":
      return [...start, ...memory(), number(1)];
    default:
      return immediate satisfies never;
  }
}

/**
 * The text of a module: Wasm's flat text format, one instruction a line, except that one line for each import and function
 * stands for its declaration.
 */
export function printModule(m: WasmModule): string {
  const lines = [`memory ${m.memory.min} ${m.memory.max}${m.memory.shared ? " shared" : ""}`];
  for (const f of m.imports) lines.push(`import ${f.name}(${f.params.join(", ")})${resultText(f.results)}`);
  for (const f of m.functions) {
    const params = f.params.map((p) => `${p.name}: ${p.type}`).join(", ");
    lines.push(`${f.exported ? "export " : ""}func ${f.name}(${params})${resultText(f.results)}`);
    const locals = [...f.params, ...f.locals];
    let depth = 1;
    for (const instr of f.body) {
      const [op] = instr;
      if (op === "end" || op === "else") depth--;
      lines.push(`${"  ".repeat(depth)}${printInstr(instr, locals)}`);
      if (op === "block" || op === "loop" || op === "if" || op === "else") depth++;
    }
  }
  return `${lines.join("\n")}\n`;
}

function resultText(results: readonly ValType[]): string {
  return results.length === 0 ? "" : ` -> ${results.join(", ")}`;
}

function printInstr([op, ...immediates]: Instr, locals: readonly Local[]): string {
  switch (OPS[op].immediate) {
    case "local":
      return `${op} ${locals[Number(immediates[0])]?.name ?? "?"}`;
    case "memory":
      return immediates[0] === 0 ? op : `${op} offset=${immediates[0]}`;
    case "memory_lane2":
    case "memory_lane4":
      return `${op}${immediates[0] === 0 ? "" : ` offset=${immediates[0]}`} ${immediates[1]}`;
    case "f32":
    case "f64":
      return `${op} ${Object.is(immediates[0], -0) ? "-0" : immediates[0]}`;
    case "none":
    case "block":
    case "depth":
    case "func":
    case "i32":
    case "v128":
    case "shuffle":
    case "lane4":
      return [op, ...immediates].join(" ");
    default:
      return OPS[op].immediate satisfies never;
  }
}
