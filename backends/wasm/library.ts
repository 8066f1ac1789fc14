/**
 * Functions that generated code calls: those of `math.ts`, integer division with the IR's edge cases, 16-bit floats,
 * and the few functions of floats that come from JavaScript. A module contains only those that it uses.
 *
 * @module
 */
import type { Instr } from "./encoder/instructions.ts";
import type { ImportedFunction, Local, ValType, WasmFunction } from "./encoder/module.ts";
import { type Code, SCALAR, VECTOR } from "./lanes.ts";
import { MATH_ULP, type MathFunction, mathFunction, mathName, mathNeeds } from "./math.ts";

/** Functions of JavaScript, rounded to f32 on their way back; their arguments too large for a short formula. */
export const IMPORTS: Readonly<Record<string, (...args: number[]) => number>> = {
  sin_f32: Math.sin,
  cos_f32: Math.cos,
  tan_f32: Math.tan,
  pow_f32: Math.pow,
};

function locals(type: ValType, ...names: readonly string[]): readonly Local[] {
  return names.map((name) => ({ name, type }));
}

function ints(
  name: string,
  params: readonly string[],
  own: readonly string[],
  body: readonly Instr[],
): WasmFunction {
  return { name, params: locals("i32", ...params), results: ["i32"], locals: locals("i32", ...own), body };
}

const get = (local: number): Instr => ["local.get", local];
const int = (value: number): Instr => ["i32.const", value];

/** `value` where `b` is not 0, else `otherwise`. */
function unlessZero(otherwise: readonly Instr[], value: readonly Instr[]): readonly Instr[] {
  return [get(1), ["i32.eqz"], ["if", "i32"], ...otherwise, ["else"], ...value, ["end"]];
}

/** The remainder of the floor division: `r` or `r + b`. */
const FLOOR_MOD: readonly Instr[] = [
  get(0),
  get(1),
  ["i32.rem_s"],
  ["local.tee", 2],
  get(1),
  int(0),
  get(2),
  get(1),
  ["i32.xor"],
  int(0),
  ["i32.lt_s"],
  ["select"],
  int(0),
  get(2),
  ["select"],
  ["i32.add"],
];

/** Division that truncates; the smallest integer by -1 is itself, where Wasm's own would trap. */
const TRUNCATING: readonly Instr[] = [
  get(1),
  int(-1),
  ["i32.eq"],
  ["if", "i32"],
  int(0),
  get(0),
  ["i32.sub"],
  ["else"],
  get(0),
  get(1),
  ["i32.div_s"],
  ["end"],
];

const HELPERS: readonly WasmFunction[] = [
  ints("div_i32", ["a", "b"], [], unlessZero([get(0)], TRUNCATING)),
  ints("div_u32", ["a", "b"], [], unlessZero([get(0)], [get(0), get(1), ["i32.div_u"]])),
  ints("mod_u32", ["a", "b"], [], unlessZero([int(0)], [get(0), get(1), ["i32.rem_u"]])),
  ints("mod_i32", ["a", "b"], ["r"], unlessZero([int(0)], FLOOR_MOD)),
  ints(
    "floordiv_i32",
    ["a", "b"],
    ["r"],
    unlessZero([get(0)], [
      ...TRUNCATING,
      get(0),
      get(1),
      ["i32.rem_s"],
      ["local.tee", 2],
      int(0),
      ["i32.ne"],
      get(2),
      get(1),
      ["i32.xor"],
      int(0),
      ["i32.lt_s"],
      ["i32.and"],
      ["i32.sub"],
    ]),
  ),
  // Adding and taking away a number whose unit is that of the result rounds to it, ties to even.
  {
    name: "round_f16",
    params: locals("f32", "x"),
    results: ["f32"],
    locals: locals("f32", "size", "big"),
    body: [
      get(0),
      ["f32.abs"],
      ["local.tee", 1],
      ["f32.const", 65520],
      ["f32.lt"],
      ["if", "f32"],
      get(1),
      ["i32.reinterpret_f32"],
      int(23),
      ["i32.shr_u"],
      int(127 - 14),
      get(1),
      ["f32.const", 2 ** -14],
      ["f32.ge"],
      ["select"],
      int(13),
      ["i32.add"],
      int(23),
      ["i32.shl"],
      ["f32.reinterpret_i32"],
      ["local.set", 2],
      get(1),
      get(2),
      ["f32.add"],
      get(2),
      ["f32.sub"],
      get(0),
      ["f32.copysign"],
      ["else"],
      get(0),
      ["f32.const", Infinity],
      ["f32.mul"],
      ["end"],
    ],
  },
  {
    name: "round_bf16",
    params: locals("f32", "x"),
    results: ["f32"],
    locals: [],
    body: [get(0), ["call", "bf16_bits"], int(16), ["i32.shl"], ["f32.reinterpret_i32"]],
  },
  {
    name: "bf16_bits",
    params: locals("f32", "x"),
    results: ["i32"],
    locals: locals("i32", "bits"),
    body: [
      get(0),
      ["i32.reinterpret_f32"],
      ["local.tee", 1],
      int(0x7fff),
      ["i32.add"],
      get(1),
      int(16),
      ["i32.shr_u"],
      int(1),
      ["i32.and"],
      ["i32.add"],
      int(16),
      ["i32.shr_u"],
      int(0x7fc0),
      get(0),
      get(0),
      ["f32.eq"],
      ["select"],
    ],
  },
  // Of a number that is an f16.
  {
    name: "f16_bits",
    params: locals("f32", "x"),
    results: ["i32"],
    locals: [...locals("f32", "size"), ...locals("i32", "bits")],
    body: [
      // Below 2^-14 the unit is 2^-24; above, the exponent is counted from another number.
      get(0),
      ["f32.abs"],
      ["local.tee", 1],
      ["f32.const", 2 ** 24],
      ["f32.mul"],
      ["i32.trunc_sat_f32_u"],
      get(1),
      ["i32.reinterpret_f32"],
      int(112 << 23),
      ["i32.sub"],
      int(13),
      ["i32.shr_u"],
      get(1),
      ["f32.const", 2 ** -14],
      ["f32.lt"],
      ["select"],
      ["local.set", 2],
      int(0x7c00),
      get(2),
      get(1),
      ["f32.const", Infinity],
      ["f32.eq"],
      ["select"],
      get(0),
      ["i32.reinterpret_f32"],
      int(16),
      ["i32.shr_u"],
      int(0x8000),
      ["i32.and"],
      ["i32.or"],
      int(0x7e00),
      get(0),
      get(0),
      ["f32.eq"],
      ["select"],
    ],
  },
  // Exponents are counted from -15 there and from -127 here: times 2^112, subnormals included; all ones stay so.
  {
    name: "f16_value",
    params: locals("i32", "bits"),
    results: ["f32"],
    locals: locals("i32", "size"),
    body: [
      get(0),
      int(0x7fff),
      ["i32.and"],
      int(13),
      ["i32.shl"],
      ["local.tee", 1],
      int(0x7f800000),
      int(0),
      get(1),
      int(0x7c00 << 13),
      ["i32.ge_u"],
      ["select"],
      ["i32.or"],
      ["f32.reinterpret_i32"],
      ["f32.const", 2 ** 112],
      ["f32.mul"],
      get(0),
      int(16),
      ["i32.shl"],
      ["f32.reinterpret_i32"],
      ["f32.copysign"],
    ],
  },
  // The same of four, each in the low half of 32 bits.
  {
    name: "f16_values",
    params: locals("v128", "bits"),
    results: ["v128"],
    locals: locals("v128", "size"),
    body: [get(0), int(16), ["i32x4.shl"], int(16), ["i32x4.shr_s"], ...f16Lanes(1, VECTOR.int)],
  },
];

/**
 * Four 16-bit floats, each with its sign through the upper half of 32 bits, to f32 times 2^-112; `splat` reads one 32-bit
 * number four times. Sign and size come to their places with one shift.
 */
export function smallF16Lanes(splat: (bits: number) => Code): readonly Instr[] {
  return [["i32.const", 13], ["i32x4.shl"], ...splat(0x8fffe000 | 0), ["v128.and"]];
}

/**
 * The same to f32. What would be infinite or no number comes out as 65536 or more: see {@linkcode f16Lanes}.
 */
export function finiteF16Lanes(splat: (bits: number) => Code): readonly Instr[] {
  return [...smallF16Lanes(splat), ...splat(0x77800000), ["f32x4.mul"]]; // 2^112
}

/** The same for all 16-bit floats; `scratch` is a local. */
export function f16Lanes(scratch: number, splat: (bits: number) => Code): readonly Instr[] {
  return [
    ...finiteF16Lanes(splat),
    ["local.tee", scratch],
    ["local.get", scratch],
    ["f32x4.abs"],
    ...splat(0x477fffff), // the last below 65536
    ["i32x4.gt_s"],
    ...splat(0x7f800000),
    ["v128.and"],
    ["v128.or"],
  ];
}

const FUNCTIONS: ReadonlyMap<string, () => WasmFunction> = new Map<string, () => WasmFunction>([
  ...HELPERS.map((f): [string, () => WasmFunction] => [f.name, () => f]),
  ...(Object.keys(MATH_ULP) as MathFunction[]).map((name): [string, () => WasmFunction] => [
    mathName(name, SCALAR),
    () => mathFunction(name, SCALAR),
  ]),
]);

const NEEDS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ["round_bf16", ["bf16_bits"]],
  ...(Object.keys(MATH_ULP) as MathFunction[]).map((name): [string, readonly string[]] => [
    mathName(name, SCALAR),
    mathNeeds(name).map((needed) => mathName(needed, SCALAR)),
  ]),
]);

/** The functions of these names and those that they call, sorted by name. */
export function libraryFunctions(
  names: Iterable<string>,
): { readonly imports: readonly ImportedFunction[]; readonly functions: readonly WasmFunction[] } {
  const all = new Set<string>();
  const add = (name: string): void => {
    all.add(name);
    NEEDS.get(name)?.forEach(add);
  };
  for (const name of names) add(name);
  const sorted = [...all].sort();
  const imports = sorted.flatMap((name): ImportedFunction[] => {
    const f = IMPORTS[name];
    return f === undefined
      ? []
      : [{ name, params: name === "pow_f32" ? ["f32", "f32"] : ["f32"], results: ["f32"] }];
  });
  const functions = sorted.filter((name) => IMPORTS[name] === undefined).map((name) => {
    const make = FUNCTIONS.get(name);
    if (make === undefined) throw new TypeError(`Cannot generate code: there is no library function ${name}`);
    return make();
  });
  return { imports, functions };
}
