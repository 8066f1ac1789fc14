/** Generated WGSL: snapshots, so that a change shows in review, and refusals. @module */
import fc from "fast-check";
import { generateWgsl, partsOf } from "../../../backends/webgpu/mod.ts";
import { DeviceError, UnsupportedError } from "../../../ir/errors.ts";
import {
  add,
  binary,
  cast,
  constant,
  type Expr,
  f32,
  floordiv,
  int,
  load,
  lt,
  mod,
  mul,
  select,
  sub,
  unary,
  variable,
} from "../../../ir/expr.ts";
import { alloc, barrier, type Buffer, forLoop, ifThen, seq, store } from "../../../ir/stmt.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "../../support/assert.ts";
import { buf, bx, elementwise, gemv, launch, TARGET, tx } from "./launches.ts";

const wgsl = (l: Parameters<typeof generateWgsl>[0], change = {}): string =>
  generateWgsl(l, { ...TARGET, ...change }).source;

const gelu = elementwise(
  "gelu",
  [[buf("x", "f32", [300]), "read"], [buf("out", "f32", [300]), "write"]],
  300,
  (i) => {
    const x = load("x", "f32", [i]);
    const inner = mul(f32(0.7978845608), add(x, mul(f32(0.044715), binary("pow", x, f32(3)))));
    return store("out", [i], mul(mul(f32(0.5), x), add(f32(1), unary("tanh", inner))));
  },
);

const masked = launch(
  "masked",
  [
    [buf("max", "bf16", [variable("b"), 10]), "read"],
    [buf("mask", "bool", [10]), "read"],
    [buf("from", "u8", [variable("b"), 10]), "read_write"],
  ],
  store(
    "from",
    [mod(bx, variable("b")), tx],
    select(
      binary(
        "and",
        load("mask", "bool", [tx]),
        lt(load("max", "f32", [floordiv(bx, int(3)), tx]), f32(Infinity)),
      ),
      load("from", "u32", [mod(bx, variable("b")), tx]),
      constant("u32", 7),
    ),
  ),
  { dims: ["b"], grid: [variable("b"), int(2), int(1)], workgroup: [10, 1, 1] },
);

const tile: Buffer = { ...buf("tile", "f32", [64]), scope: "workgroup" };
const workgroupSum = launch(
  "sum",
  [[buf("x", "f32", [4, 64]), "read"], [buf("y", "f32", [4]), "write"]],
  alloc(
    tile,
    seq([
      store("tile", [tx], load("x", "f32", [bx, tx])),
      barrier(),
      ifThen(
        lt(tx, int(1)),
        seq([
          store("y", [bx], f32(0)),
          forLoop(
            "i",
            int(64),
            store("y", [bx], add(load("y", "f32", [bx]), load("tile", "f32", [variable("i")]))),
          ),
        ]),
      ),
    ]),
  ),
  { grid: [int(4), int(1), int(1)], workgroup: [64, 1, 1] },
);

Deno.test("WGSL of a gemv with a symbolic number of rows", (t) => t.assertSnapshot(wgsl(gemv(768))));
Deno.test("WGSL of gelu: powers, shared values, tanh", (t) => t.assertSnapshot(wgsl(gelu)));
Deno.test("WGSL of packed dtypes, reserved names, a folded grid of two axes and an infinity", (t) =>
  t.assertSnapshot(wgsl(masked)));
Deno.test("WGSL of workgroup memory", (t) => t.assertSnapshot(wgsl(workgroupSum)));
Deno.test("WGSL of a weight in parts", (t) =>
  t.assertSnapshot(wgsl(gemvOf("bf16", 40), { maxBindingSize: 1024 })));

/** `y[i] = w[i, 1]` with a constant size. */
function gemvOf(dtype: "bf16" | "f32", n: number) {
  return elementwise(
    "column",
    [[buf("w", dtype, [n, 32]), "read"], [buf("y", "f32", [n]), "write"]],
    n,
    (i) => store("y", [i], load("w", "f32", [i, int(1)])),
  );
}

Deno.test("generation is deterministic, and equal up to the launch's name", () => {
  assertEquals(wgsl(masked), wgsl(masked));
  assertEquals(wgsl({ ...gelu, name: "other" }), wgsl(gelu));
  // Whatever a device needs to know is in the text: another grid or shape is another kernel.
  assertNotEquals(wgsl({ ...gelu, grid: [int(6), int(1), int(1)] }), wgsl(gelu));
});

Deno.test("parts are as many as the binding limit asks for, and only for constant sizes", () => {
  const small = { ...TARGET, maxBindingSize: 1000 };
  assertEquals(partsOf(gemvOf("f32", 40), small), [Math.ceil(40 * 32 * 4 / 768), 1]);
  assertEquals(partsOf(gemvOf("bf16", 40), small), [Math.ceil(40 * 32 * 2 / 768), 1]);
  assertEquals(partsOf(gemv(768), small), [1, 4, 1]);
  assertEquals(partsOf(gemv(250), small), [1, 1, 1]);
  const { bindings } = generateWgsl(gemvOf("f32", 12), small);
  assertEquals(bindings, [
    { buffer: 0, offset: 0, maxBytes: 768, writable: false },
    { buffer: 0, offset: 768, maxBytes: 768, writable: false },
    { buffer: 1, offset: 0, writable: true },
  ]);
});

Deno.test("index arithmetic is simplified with what the loops say", () => {
  const i = variable("i");
  const body = forLoop(
    "i",
    int(12),
    store("y", [floordiv(add(mul(bx, int(12)), i), int(12)), mod(i, int(12))], f32(0)),
  );
  const text = wgsl(
    launch("f", [[buf("y", "f32", [5, 12]), "write"]], body, { grid: [int(5), int(1), int(1)] }),
  );
  assertStringIncludes(text, "y[bx * 12 + i] = 0.0f;");
});

Deno.test("floor division and remainder of what may be negative go through helpers, other ones do not", () => {
  const at = (index: Expr): string =>
    wgsl(launch("f", [[buf("y", "f32", [100]), "write"]], store("y", [index], f32(0)), {
      grid: [int(100), int(1), int(1)],
      workgroup: [8, 1, 1],
    }));
  const negative = sub(bx, tx);
  assertStringIncludes(at(floordiv(negative, int(5))), "floordiv_i32(");
  assertStringIncludes(at(mod(negative, int(5))), "mod_i32(");
  for (
    const plain of [floordiv(bx, int(5)), mod(bx, int(5)), floordiv(negative, int(4)), mod(negative, int(4))]
  ) {
    assert(!at(plain).includes("_i32("), at(plain));
  }
});

Deno.test("comparisons with NaN do not rely on !=", () => {
  const n = 8;
  const test = (e: (x: Expr) => Expr): string =>
    wgsl(
      elementwise("f", [[buf("x", "f32", [n]), "read"], [buf("y", "i32", [n]), "write"]], n, (i) =>
        store("y", [i], cast("i32", e(load("x", "f32", [i]))))),
    );
  assertStringIncludes(test((x) => binary("ne", x, x)), "is_nan(");
  assertStringIncludes(test((x) => binary("eq", x, x)), "!is_nan(");
  assertMatch(test((x) => binary("ne", x, f32(1))), /!\(x\[.*\] == 1\.0f\)/);
});

Deno.test("float literals are the shortest that read back, and never above the largest f32", () => {
  const text = (v: number): string => {
    const l = launch("f", [[buf("y", "f32", [1]), "write"]], store("y", [int(0)], f32(v)));
    return /= (.*);/.exec(wgsl(l))?.[1] ?? "";
  };
  assertEquals([0.1, 1, -2.5, 1e-10, 16777216, 1e20].map(text), [
    "0.1f",
    "1.0f",
    "-2.5f",
    "1e-10f",
    "16777216.0f",
    "100000000000000000000.0f",
  ]);
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (v) => {
      const read = Number(text(v).replace(/f$/, ""));
      assert(
        Object.is(Math.fround(read), Math.fround(v)) && Math.abs(read) <= 3.4028234663852886e38,
        text(v),
      );
    }),
  );
  assertEquals(text(3.4028234663852886e38), "3.4028234663852886e+38f");
});

Deno.test("short unrolled loops are written out, long and deep ones are not", () => {
  const y = buf("y", "f32", [4096]);
  const nest = (kinds: readonly number[]): string => {
    const names = kinds.map((_, d) => `i${d}`);
    const at = names.reduce<Expr>((sum, name, d) => add(mul(sum, int(kinds[d]!)), variable(name)), int(0));
    const body = names.reduceRight<Parameters<typeof launch>[2]>(
      (inner, name, d) => forLoop(name, int(kinds[d]!), inner, "unrolled"),
      store("y", [at], f32(1)),
    );
    return wgsl(launch("f", [[y, "write"]], body));
  };
  const stores = (text: string): number => text.split("= 1.0f;").length - 1;
  assertEquals(stores(nest([4])), 4);
  assertEquals(stores(nest([8, 8])), 64);
  assertEquals(stores(nest([65])), 1);
  assertEquals(stores(nest([64, 16])), 16);
  assertMatch(nest([65]), /for \(var i0 = 0; i0 < 65; i0\+\+\) \{/);
});

Deno.test("what WGSL cannot express is refused with what would work", () => {
  const y = buf("y", "f32", [64]);
  const n = variable("n");
  const refused = (body: Parameters<typeof launch>[2], text: string, parts = {}): void => {
    assertThrows(() => wgsl(launch("f", [[y, "write"]], body, parts)), UnsupportedError, text);
  };
  refused(ifThen(lt(tx, int(3)), barrier()), "a barrier is under a condition or loop", {
    workgroup: [8, 1, 1],
  });
  refused(forLoop("i", tx, barrier()), "a barrier is under a condition or loop", { workgroup: [8, 1, 1] });
  refused(store("y", [variable("i")], f32(0)), "variable i is neither a loop around its use nor a dim");
  refused(store("z", [int(0)], f32(0)), "buffer z is neither bound nor allocated");
  refused(alloc({ ...y, name: "a", scope: "global" }, barrier()), "allocate it around all nests");
  refused(alloc({ ...buf("a", "f32", [n]), scope: "local" }, barrier()), "needs a constant size", {
    dims: ["n"],
  });
  // Conditions that all threads agree on are fine.
  wgsl(launch("f", [[y, "write"]], ifThen(lt(bx, n), forLoop("i", n, barrier())), { dims: ["n"] }));
});

Deno.test("limits of the target are refused with both numbers", () => {
  const y = buf("y", "f32", [64]);
  const limit = (l: Parameters<typeof launch>[2], parts: object, text: string): void => {
    const error = assertThrows(() => wgsl(launch("f", [[y, "write"]], l, parts)), DeviceError, text);
    assertEquals(error.reason, "limit");
  };
  const zero = store("y", [tx], f32(0));
  limit(
    zero,
    { workgroup: [512, 1, 1] },
    "its workgroup is 512 x 1 x 1 threads, test adapter allows 256, 256, 64",
  );
  limit(zero, { workgroup: [32, 32, 1] }, "and 256 in all");
  const big: Buffer = { ...buf("tile", "f32", [5000]), scope: "workgroup" };
  limit(alloc(big, zero), {}, "it needs 20000 bytes of workgroup memory, test adapter has 16384");
  const many = launch(
    "many",
    Array.from({ length: 9 }, (_, i) => [buf(`b${i}`, "f32", [1]), "read"] as const),
    zero,
  );
  assertThrows(
    () => wgsl(many),
    DeviceError,
    "it binds 9 buffers (b0, b1, b2, b3, b4, b5, b6, b7, b8), test adapter allows 8",
  );
});
