import fc from "fast-check";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { float32, signed, unsigned } from "../../../backends/wasm/encoder/bytes.ts";
import { type Instr, type Op, OPS } from "../../../backends/wasm/encoder/instructions.ts";
import {
  encodeModule,
  printModule,
  type ValType,
  type WasmFunction,
  type WasmModule,
} from "../../../backends/wasm/encoder/module.ts";

const memory = { shared: false, min: 1, max: 1 };
const NO_ATOMICS_NEEDED = new WebAssembly.Memory({ initial: 1, maximum: 1 });

function instantiate(m: WasmModule): Record<string, (...args: number[]) => number> {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(encodeModule(m)), {
    env: { memory: NO_ATOMICS_NEEDED, square: (x: number) => x * x },
  });
  return instance.exports as Record<string, (...args: number[]) => number>;
}

/** Reads an unsigned or signed number back: the specification's decoding, written the other way round. */
function decode(bytes: readonly number[], isSigned: boolean): number {
  let value = 0n;
  bytes.forEach((b, i) => value |= BigInt(b & 0x7f) << BigInt(7 * i));
  assertEquals(bytes.findIndex((b) => b < 0x80), bytes.length - 1);
  return Number(isSigned ? BigInt.asIntN(7 * bytes.length, value) : value);
}

Deno.test("integers are encoded in LEB128, as short as can be", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (n) => {
    assertEquals(decode(unsigned(n), false), n);
    assertEquals(unsigned(n).length, Math.max(1, Math.ceil(n.toString(2).length / 7)));
  }));
  fc.assert(fc.property(fc.integer({ min: -0x80000000, max: 0x7fffffff }), (n) => {
    assertEquals(decode(signed(n), true), n);
    assert(signed(n).length <= 5);
  }));
  assertEquals(signed(63), [63]);
  assertEquals(signed(64), [0xc0, 0]);
  assertThrows(() => unsigned(2 ** 32), TypeError);
  assertThrows(() => signed(2 ** 31), TypeError);
  assertEquals(float32(1), [0, 0, 0x80, 0x3f]);
});

/** What instructions take from the stack and leave on it: by the shape of their names. */
function signature(op: Op): { takes: ValType[]; gives: ValType[] } | undefined {
  const [prefix = "", name = ""] = [op.split(".")[0], op.slice(op.indexOf(".") + 1)];
  const own: ValType = prefix.includes("x") || prefix === "v128" ? "v128" : prefix as ValType;
  const { immediate } = OPS[op];
  if (!["i32", "f32", "f64", "v128"].includes(own) || op === "i32.const") return undefined;
  const from = /_(f32|f64|i32)(_[su])?$/.exec(name)?.[1] as ValType | undefined;
  if (immediate === "memory" || immediate.startsWith("memory_")) {
    const address: ValType[] = ["i32"];
    if (name.startsWith("atomic.rmw")) return { takes: ["i32", "i32"], gives: ["i32"] };
    const lane = immediate !== "memory";
    if (name.startsWith("store") || name === "atomic.store") return { takes: [...address, own], gives: [] };
    return { takes: lane ? [...address, own] : address, gives: [own] };
  }
  if (immediate === "lane4") {
    const scalar: ValType = prefix === "f32x4" ? "f32" : "i32";
    return name.startsWith("extract")
      ? { takes: ["v128"], gives: [scalar] }
      : { takes: ["v128", scalar], gives: ["v128"] };
  }
  if (immediate === "shuffle") return { takes: ["v128", "v128"], gives: ["v128"] };
  if (immediate !== "none") return { takes: [], gives: [own] };
  if (name === "splat") return { takes: [prefix === "f32x4" ? "f32" : "i32"], gives: ["v128"] };
  if (name === "bitselect" || name.startsWith("relaxed_")) {
    return { takes: ["v128", "v128", "v128"], gives: ["v128"] };
  }
  if (name === "any_true") return { takes: ["v128"], gives: ["i32"] };
  if (name.startsWith("shr") || name.startsWith("shl")) return { takes: [own, "i32"], gives: [own] };
  const compare = /^(eq|ne|[lg][te](_[su])?)$/.test(name);
  if (name === "eqz") return { takes: ["i32"], gives: ["i32"] };
  if (compare) return { takes: [own, own], gives: [own === "v128" ? "v128" : "i32"] };
  if (own !== "v128" && from !== undefined) return { takes: [from], gives: [own] };
  const single =
    /^(clz|ctz|popcnt|abs|neg|ceil|floor|trunc|nearest|sqrt|not|extend_.*|convert_.*|trunc_sat_.*)$/;
  return { takes: single.test(name) ? [own] : [own, own], gives: [own] };
}

const typed = (Object.keys(OPS) as Op[]).flatMap((op) => {
  const found = signature(op);
  return found === undefined ? [] : [{ op, ...found }];
});

const CONSTANTS: Readonly<Record<ValType, Instr>> = {
  i32: ["i32.const", -5],
  f32: ["f32.const", -0],
  f64: ["f64.const", 1e300],
  v128: ["v128.const", ...Array.from({ length: 16 }, (_, i) => i)],
};

function immediates(op: Op): (number | string)[] {
  switch (OPS[op].immediate) {
    case "memory":
      return [70_000];
    case "memory_lane2":
    case "memory_lane4":
      return [8, 1];
    case "lane4":
      return [3];
    case "shuffle":
    case "v128":
      return Array.from({ length: 16 }, (_, i) => i);
    default:
      return [2.5];
  }
}

function singleFunction(body: readonly Instr[], extra: Partial<WasmFunction> = {}): WasmModule {
  const f: WasmFunction = { name: "f", params: [], results: [], locals: [], body, exported: true, ...extra };
  return { memory, imports: [], functions: [f] };
}

Deno.test("every instruction of the table is valid with the operands that its name says", () => {
  assert(typed.length > 130, `${typed.length} instructions have a known signature`);
  for (const { op, takes, gives } of typed) {
    const body: Instr[] = [...takes.map((t) => CONSTANTS[t]), [op, ...immediates(op)]];
    const m = singleFunction([...body, ...gives.map((): Instr => ["drop"])]);
    assert(WebAssembly.validate(encodeModule(m)), `${op}:\n${printModule(m)}`);
    // With one operand of another type it is not: the signature says something.
    const [first] = takes;
    if (first === undefined) continue;
    const wrong: Instr[] = [CONSTANTS[first === "f64" ? "i32" : "f64"], ...body.slice(1)];
    assert(
      !WebAssembly.validate(encodeModule(singleFunction([...wrong, ...gives.map((): Instr => ["drop"])]))),
      op,
    );
  }
});

Deno.test("random straight-line code is valid", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(typed.length - 1), { maxLength: 60 }),
      fc.infiniteStream(fc.nat(9)),
      (picks, choose) => {
        // Operands come from locals, results go to them.
        const types: ValType[] = ["i32", "f32", "f64", "v128", "i32", "v128", "f32"];
        const pick = (t: ValType): number => {
          const fitting = types.flatMap((type, i) => (type === t ? [i] : []));
          return fitting[choose.next().value % fitting.length] ?? 0;
        };
        const body = picks.flatMap((i): Instr[] => {
          const { op, takes, gives } = typed[i]!;
          return [
            ...takes.map((t): Instr => ["local.get", pick(t)]),
            [op, ...immediates(op)],
            ...gives.map((t): Instr => ["local.set", pick(t)]),
          ];
        });
        const [i, f, ...locals] = types.map((type, n) => ({ name: `v${n}`, type }));
        const m = singleFunction(body, { params: [i!, f!], locals });
        assert(WebAssembly.validate(encodeModule(m)), printModule(m));
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("calls, blocks, loops and imports run", async (t) => {
  const m: WasmModule = {
    memory,
    imports: [{ name: "square", params: ["f32"], results: ["f32"] }],
    functions: [
      {
        name: "sum_of_squares",
        params: [{ name: "n", type: "i32" }],
        results: ["f32"],
        locals: [{ name: "i", type: "i32" }, { name: "sum", type: "f32" }],
        exported: true,
        body: [
          ["block"],
          ["loop"],
          ["local.get", 1],
          ["local.get", 0],
          ["i32.ge_s"],
          ["br_if", 1],
          ["local.get", 2],
          ["local.get", 1],
          ["f32.convert_i32_s"],
          ["call", "square"],
          ["f32.add"],
          ["local.set", 2],
          ["local.get", 1],
          ["i32.const", 1],
          ["i32.add"],
          ["local.set", 1],
          ["br", 0],
          ["end"],
          ["end"],
          ["local.get", 2],
        ],
      },
      {
        name: "least",
        params: [{ name: "a", type: "i32" }, { name: "b", type: "i32" }],
        results: ["i32"],
        locals: [],
        exported: true,
        body: [
          ["local.get", 0],
          ["local.get", 1],
          ["i32.lt_s"],
          ["if", "i32"],
          ["local.get", 0],
          ["else"],
          ["local.get", 1],
          ["end"],
        ],
      },
    ],
  };
  const { sum_of_squares, least } = instantiate(m);
  assertEquals(sum_of_squares!(5), 30);
  assertEquals([least!(3, -4), least!(-8, 2)], [-4, -8]);
  await t.assertSnapshot(printModule(m));
  assertThrows(
    () => encodeModule(singleFunction([["call", "nobody"]])),
    TypeError,
    "there is no function nobody",
  );
});
