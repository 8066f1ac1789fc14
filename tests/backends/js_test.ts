import fc from "fast-check";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { jsDevice } from "../../backends/js/mod.ts";
import { lowerFunc } from "../../backends/lower.ts";
import { lowerCompute } from "../../ir/compute.ts";
import { fromNumbers, toNumbers } from "../../ir/data.ts";
import { DeviceError, InputError, UnsupportedError, WeftError } from "../../ir/errors.ts";
import {
  add,
  ceildiv,
  type Expr,
  f32,
  int,
  load,
  lt,
  mul,
  reduce,
  sub,
  unary,
  variable,
} from "../../ir/expr.ts";
import { interpret } from "../../ir/interpret.ts";
import { alloc, barrier, forLoop, ifThen, seq, store } from "../../ir/stmt.ts";
import { buffer, expected, initial, launch, launches, run } from "../support/random_launch.ts";

const v = variable;
const [bx, tx] = [v("blockIdx.x"), v("threadIdx.x")];
const one = int(1);

Deno.test("generated code computes what the interpreter does, bit for bit", async () => {
  const device = jsDevice();
  await fc.assert(
    fc.asyncProperty(launches, fc.integer({ min: 0, max: 3 }), async (l, n) => {
      const [actual, wanted] = [await run(device, l, initial, { n }), expected(l, initial, { n })];
      for (const [i, { buffer: { name, dtype } }] of l.buffers.entries()) {
        // As plain arrays: which NaN it is does not matter.
        const [got, want] = [[...toNumbers(dtype, actual[i]!)], [...toNumbers(dtype, wanted[i]!)]];
        assertEquals(got, want, `${name} of\n${device.generate(l).source}`);
      }
    }),
    { numRuns: 500 },
  );
  device.dispose();
});

/** `y[b, t] = x[b, 7 - t]` through workgroup memory. */
const t8 = [int(2), int(8)];
const REVERSE = launch({
  name: "reverse",
  buffers: [
    { buffer: buffer("x", "f32", t8), access: "read" },
    { buffer: buffer("y", "f32", t8), access: "write" },
  ],
  grid: [int(2), one, one],
  workgroup: [8, 1, 1],
  body: alloc(
    buffer("s", "f32", [int(8)], "workgroup"),
    alloc(
      buffer("mine", "f32", [], "local"),
      seq([
        store("mine", [], mul(load("x", "f32", [bx, tx]), f32(2))),
        store("s", [tx], load("mine", "f32", [])),
        barrier(),
        store("y", [bx, tx], add(load("s", "f32", [sub(int(7), tx)]), load("mine", "f32", []))),
      ]),
    ),
  ),
});

const [n, m] = [v("n"), v("m")];
/** Row sums of squares, with the accumulator in a variable, guarded at the end of the grid. */
const ROW_SUMS = launch({
  name: "row_sums",
  buffers: [
    { buffer: buffer("x", "bf16", [n, m]), access: "read" },
    { buffer: buffer("out", "f32", [n]), access: "write" },
  ],
  dims: ["m", "n"],
  grid: [ceildiv(n, int(4)), one, one],
  workgroup: [4, 1, 1],
  body: alloc(
    buffer("acc", "f32", [one], "local"),
    ifThen(
      lt(add(mul(bx, int(4)), tx), n),
      seq([
        store("acc", [int(0)], f32(0)),
        forLoop(
          "k",
          m,
          store(
            "acc",
            [int(0)],
            add(
              load("acc", "f32", [int(0)]),
              mul(
                load("x", "f32", [add(mul(bx, int(4)), tx), v("k")]),
                load("x", "f32", [add(mul(bx, int(4)), tx), v("k")]),
              ),
            ),
          ),
        ),
        store("out", [add(mul(bx, int(4)), tx)], unary("rsqrt", load("acc", "f32", [int(0)]))),
      ]),
    ),
  ),
});

Deno.test("the text of kernels", async (t) => {
  await t.assertSnapshot(jsDevice().generate(ROW_SUMS).source);
  await t.assertSnapshot(jsDevice().generate(REVERSE).source);
});

Deno.test("threads meet at barriers, compiled and interpreted", async () => {
  const x = Float32Array.from({ length: 16 }, (_, i) => i);
  const y = Float32Array.from({ length: 16 }, (_, i) => (i < 8 ? 7 - i : 23 - i) * 2 + 2 * i);
  for (const kernels of ["compile", "interpret"] as const) {
    assertEquals(await run(jsDevice({ kernels }), REVERSE, [x, new Float32Array(16)]), [x, y]);
  }
  const uneven = launch({ buffers: [], workgroup: [4, 1, 1], body: ifThen(lt(tx, int(3)), barrier()) });
  for (const kernels of ["compile", "interpret"] as const) {
    await assertRejects(
      () => run(jsDevice({ kernels }), uneven, []),
      WeftError,
      "1 of 4 threads end without the barrier that others wait at",
    );
  }
});

Deno.test("dims and grids are evaluated at each submission", async () => {
  const device = jsDevice();
  for (const [rows, cols] of [[5, 40], [4, 1], [1, 0], [0, 3]] as const) {
    const x = fromNumbers("bf16", Array.from({ length: rows * cols }, (_, i) => Math.sin(i + 1)));
    const [, out] = await run(device, ROW_SUMS, [x, new Float32Array(rows)], { n: rows, m: cols });
    const values = toNumbers("bf16", x);
    const sums = Array.from({ length: rows }, (_, i) => {
      let sum = 0;
      for (const value of values.slice(i * cols, (i + 1) * cols)) {
        sum = Math.fround(sum + Math.fround(value ** 2));
      }
      return Math.fround(1 / Math.sqrt(sum));
    });
    assertEquals(out, Float32Array.from(sums));
  }
  await assertRejects(
    () => run(device, ROW_SUMS, [new Uint16Array(2), new Float32Array(1)], { n: 1 }),
    InputError,
    "m",
  );
});

Deno.test("lowered definitions run as they are interpreted", async () => {
  // A softmax in one expression: three launches over scratch memory.
  const x = (j: Expr): Expr => load("x", "f32", [v("i"), j]);
  const axis = (name: string): readonly { name: string; extent: Expr }[] => [{ name, extent: m }];
  const top = reduce("max", axis("j1"), x(v("j1")));
  const e = (j: Expr): Expr => unary("exp", sub(x(j), top));
  const body = mul(
    e(v("j")),
    unary("rsqrt", mul(reduce("sum", axis("j2"), e(v("j2"))), reduce("sum", axis("j2"), e(v("j2"))))),
  );
  const [input, output] = [buffer("x", "f32", [n, m]), buffer("y", "f32", [n, m])];
  const func = lowerCompute(
    { name: "softmax", axes: [{ name: "i", extent: n }, { name: "j", extent: m }], body },
    [input],
    output,
    ["n", "m"],
  );
  const lowered = lowerFunc(func);
  const device = jsDevice();
  const dims = { n: 3, m: 5 };
  const data = Float32Array.from({ length: 15 }, (_, i) => Math.sin(i * 7));
  const wanted = new Float32Array(15);
  interpret(func, { x: data, y: wanted }, dims);
  const memory = new Map(
    [...lowered.scratch, input, output].map((b) => [b.name, device.allocate(60, b.name)] as const),
  );
  device.write(memory.get("x")!, 0, new Uint8Array(data.buffer));
  const kernels = await device.prepare(lowered.launches.map((l) => device.generate(l)));
  const commands = device.bind(kernels.map((kernel) => ({
    kernel,
    buffers: kernel.code.launch.buffers.map((b) => ({
      buffer: memory.get(b.buffer.name)!,
      offset: 0,
      bytes: 60,
    })),
  })));
  device.submit(commands, dims);
  await device.sync();
  const bytes = await device.read({ buffer: memory.get("y")!, offset: 0, bytes: 60 });
  assertEquals(new Float32Array(bytes.buffer), wanted);
  const times = await device.profile(commands, dims);
  assertEquals(times.map((t) => t.kernel), lowered.launches.map((l) => l.name));
  assert(times.every((t) => t.ms >= 0));
  assertEquals(await device.profile(commands, { n: 0, m: 5 }).then((t) => t.length), times.length);
});

Deno.test("equal kernels are compiled once; where text may not be compiled, they are interpreted", async () => {
  const script = `
    import { jsDevice } from "${import.meta.resolve("../../backends/js/mod.ts")}";
    import { int, load, mul, variable } from "${import.meta.resolve("../../ir/expr.ts")}";
    import { store } from "${import.meta.resolve("../../ir/stmt.ts")}";
    let refused = false;
    try { new Function("return 1"); } catch (error) { refused = error instanceof EvalError; }
    const at = [variable("blockIdx.x")];
    const x = { name: "x", dtype: "f32", shape: [int(3)], scope: "global" };
    const element = load("x", "f32", at);
    const device = jsDevice();
    const launch = { name: "square", buffers: [{ buffer: x, access: "read_write" }], dims: [],
      grid: [int(3), int(1), int(1)], workgroup: [1, 1, 1], body: store("x", at, mul(element, element)) };
    const [kernel] = await device.prepare([device.generate(launch)]);
    const buffer = device.allocate(12, "x");
    device.write(buffer, 0, new Uint8Array(Float32Array.of(1, 2, 3).buffer));
    device.submit(device.bind([{ kernel, buffers: [{ buffer, offset: 0, bytes: 12 }] }]), {});
    const bytes = await device.read({ buffer, offset: 0, bytes: 12 });
    console.log(refused, ...new Float32Array(bytes.buffer));
  `;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--v8-flags=--disallow-code-generation-from-strings", script],
    stdout: "piped",
    stderr: "piped",
  });
  const { stdout, stderr } = await command.output();
  assertEquals(new TextDecoder().decode(stdout).trim(), "true 1 4 9", new TextDecoder().decode(stderr));
});

Deno.test("names that JavaScript does not allow are changed", async () => {
  const odd = ["h.0.attn", "new", "2nd", "erf", "h_0_attn"].map((name) => buffer(name, "f32", [one]));
  const l = launch({
    name: "class",
    buffers: odd.map((b) => ({ buffer: b, access: "read_write" })),
    dims: ["import"],
    body: seq(
      odd.map((b, i) =>
        store(b.name, [mul(v("import"), int(0))], unary("erf", add(load(b.name, "f32", [int(0)]), f32(i))))
      ),
    ),
  });
  const inputs = odd.map(() => Float32Array.of(0.5));
  assertEquals(await run(jsDevice(), l, inputs, { import: 1 }), expected(l, inputs, { import: 1 }));
});

Deno.test("local memory whose size changes in a loop is refused", () => {
  const l = launch({
    name: "grow",
    buffers: [],
    body: forLoop(
      "i",
      int(4),
      alloc(buffer("t", "f32", [add(v("i"), int(2))], "local"), store("t", [int(0)], f32(1))),
    ),
  });
  assertThrows(
    () => jsDevice().generate(l),
    UnsupportedError,
    "Cannot generate grow: the size of t depends on i",
  );
});

Deno.test("wrong use of the device is refused with the reason", async () => {
  const device = jsDevice();
  const reason = (fn: () => unknown): string => {
    const error = assertThrows(fn, DeviceError);
    return `${error.reason}: ${error.message}`;
  };
  const x = device.allocate(8, "x");
  assertMatch(
    reason(() => device.allocate(2 ** 40, "huge")),
    /^limit: Cannot allocate huge: 1099511627776 bytes/,
  );
  assertMatch(
    reason(() => device.write(x, 4, new Uint8Array(8))),
    /^validation: Cannot write x: 8 bytes from 4/,
  );
  assertMatch(reason(() => device.write(x, 2, new Uint8Array(4))), /do not start at a multiple of 4/);
  const [kernel] = await device.prepare([device.generate(launch({ buffers: [], body: seq([]) }))]);
  assert(kernel !== undefined);
  assertMatch(reason(() => jsDevice().bind([{ kernel, buffers: [] }])), /this device has not prepared it/);
  assertMatch(
    reason(() => device.bind([{ kernel, buffers: [{ buffer: x, offset: 0, bytes: 8 }] }])),
    /^validation: Cannot bind kernel: it has 0 buffers, got 1/,
  );
  const commands = device.bind([{ kernel, buffers: [] }]);
  commands.dispose();
  assertMatch(
    reason(() => device.submit(commands, {})),
    /^validation: Cannot submit: these commands were disposed/,
  );
  device.free(x);
  await assertRejects(() => device.read({ buffer: x, offset: 0, bytes: 4 }), DeviceError, "it was freed");
  device.dispose();
  device.dispose();
  assertMatch(
    reason(() => device.allocate(4, "late")),
    /^lost: Cannot allocate late: the device was disposed/,
  );
  await assertRejects(() => device.sync(), DeviceError, "disposed");
});
