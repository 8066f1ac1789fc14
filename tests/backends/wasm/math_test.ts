/**
 * How exact the functions of `backends/wasm/math.ts` are, over the whole range of an f32.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { FunctionBuilder } from "../../../backends/wasm/builder.ts";
import type { Instr } from "../../../backends/wasm/encoder/instructions.ts";
import { encodeModule, type WasmFunction } from "../../../backends/wasm/encoder/module.ts";
import { SCALAR } from "../../../backends/wasm/lanes.ts";
import { IMPORTS, libraryFunctions } from "../../../backends/wasm/library.ts";
import { inlineMath, MATH_ULP, type MathFunction, mathName } from "../../../backends/wasm/math.ts";
import { erf } from "../../../ir/erf.ts";
import { f16ToNumber, numberToBF16, numberToF16, roundBF16, roundF16 } from "../../../ir/float.ts";
import { floorDiv, floorMod } from "../../../ir/scalar_eval.ts";
import { distance } from "../../conformance/webnn/compare.ts";

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });

/** What a function of four numbers does where its code is put into another: to four floats from address 0. */
function atZero(name: MathFunction): WasmFunction {
  const fn = new FunctionBuilder([]);
  const body: Instr[] = [["i32.const", 0], ["i32.const", 0], ["v128.load", 0]];
  return fn.build(name, [...body, ...inlineMath(name, fn), ["v128.store", 0]], { exported: true });
}

/** Library functions and others as functions; those of vectors through memory, four floats from address 0. */
function library(
  names: readonly string[],
  own: readonly WasmFunction[] = [],
): Record<string, (...args: number[]) => number> {
  const { imports, functions } = libraryFunctions(names);
  const bytes = encodeModule({
    memory: { shared: false, min: 1, max: 1 },
    imports,
    functions: [
      ...own,
      ...functions.map((f) => ({ ...f, exported: f.params.every((p) => p.type !== "v128") })),
      ...functions.filter((f) => f.params[0]?.type === "v128").map((f) => ({
        name: `${f.name}_at_0`,
        params: [],
        results: [],
        locals: [],
        exported: true,
        body: [
          ["i32.const", 0] as const,
          ["i32.const", 0] as const,
          ["v128.load", 0] as const,
          ["call", f.name] as const,
          ["v128.store", 0] as const,
        ],
      })),
    ],
  });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory, ...IMPORTS } });
  return instance.exports as Record<string, (...args: number[]) => number>;
}

const FUNCTIONS: Readonly<Record<MathFunction, (x: number) => number>> = {
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  erf,
  sign: Math.sign,
};

/** One bit pattern in every `step`, of all exponents and both signs, and the special numbers. */
function* samples(step: number): Generator<number> {
  yield* [0, -0, Infinity, -Infinity, NaN, 2 ** -149, 1, -1, 3.4028234663852886e38];
  const bits = new Uint32Array(1);
  const floats = new Float32Array(bits.buffer);
  for (let b = 0; b < 2 ** 32; b += step) {
    bits[0] = b;
    yield floats[0]!;
  }
}

for (const [name, exact] of Object.entries(FUNCTIONS) as [MathFunction, (x: number) => number][]) {
  Deno.test(`${name} is within ${MATH_ULP[name]} ulp, and the same for one number and for four`, () => {
    const scalar = mathName(name, SCALAR);
    const functions = library([scalar], [atZero(name)]);
    const four = new Float32Array(memory.buffer, 0, 4);
    for (const x of samples(20_011)) {
      const [got, wanted] = [functions[scalar]!(x), Math.fround(exact(x))];
      four.fill(x);
      functions[name]!();
      assert(four.every((y) => Object.is(y, got)), `${name} of four ${x} is ${four}, ${scalar} gives ${got}`);
      if (Object.is(got, wanted)) continue;
      assert(
        !Number.isNaN(wanted) && Number.isNaN(got) === false,
        `${scalar}(${x}) is ${got}, expected ${wanted}`,
      );
      const off = distance("f32", "ULP", got, wanted);
      assertLessOrEqual(off, MATH_ULP[name], `${scalar}(${x}) is ${got}, expected ${wanted}`);
    }
  });
}

Deno.test("16-bit floats are rounded, packed and unpacked as the interpreter does", () => {
  const f = library(["round_f16", "round_bf16", "f16_bits", "bf16_bits", "f16_value", "f16_values"]);
  for (const x of samples(100_003)) {
    assertEquals(f["round_f16"]!(x), roundF16(x), `${x}`);
    assertEquals(f["round_bf16"]!(x), roundBF16(x), `${x}`);
    assertEquals(f["f16_bits"]!(roundF16(x)), numberToF16(x), `${x}`);
    assertEquals(f["bf16_bits"]!(x), numberToBF16(x), `${x}`);
  }
  const [floats, ints] = [new Float32Array(memory.buffer, 0, 4), new Int32Array(memory.buffer, 0, 4)];
  for (let bits = 0; bits < 0x10000; bits++) {
    const wanted = f16ToNumber(bits);
    assertEquals(f["f16_value"]!(bits), wanted);
    ints.fill(bits);
    f["f16_values_at_0"]!();
    assert(
      floats.every((y) => Object.is(y, wanted)),
      `${bits.toString(16)} gives ${floats}, expected ${wanted}`,
    );
  }
});

Deno.test("integers are divided as the interpreter does, by 0 and at the edges too", () => {
  const f = library(["div_i32", "div_u32", "mod_u32", "mod_i32", "floordiv_i32"]);
  const edges = [-2147483648, -2147483647, -7, -2, -1, 0, 1, 2, 3, 7, 2147483647];
  for (const a of edges) {
    for (const b of edges) {
      const [ua, ub] = [a >>> 0, b >>> 0];
      assertEquals(f["div_i32"]!(a, b), b === 0 ? a : (a / b) | 0, `${a} / ${b}`);
      assertEquals(f["floordiv_i32"]!(a, b), floorDiv(a, b), `${a} // ${b}`);
      assertEquals(f["mod_i32"]!(a, b), floorMod(a, b) | 0, `${a} % ${b}`);
      assertEquals(f["div_u32"]!(a, b) >>> 0, ub === 0 ? ua : Math.floor(ua / ub), `${ua} / ${ub}`);
      assertEquals(f["mod_u32"]!(a, b) >>> 0, ub === 0 ? 0 : ua % ub, `${ua} % ${ub}`);
    }
  }
});
