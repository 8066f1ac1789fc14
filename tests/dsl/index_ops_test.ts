/** What the general cases of operators (`tests/support/op_cases_index.ts`) cannot say. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { jsDevice } from "../../backends/js/mod.ts";
import { lowerFunc } from "../../backends/lower.ts";
import { compile } from "../../compile.ts";
import * as w from "../../dsl/mod.ts";
import { fromNumbers, toNumbers } from "../../ir/data.ts";
import { ShapeError } from "../../ir/errors.ts";
import { evalExpr } from "../../ir/eval.ts";
import { constant } from "../../ir/expr.ts";
import { threefry } from "../../ir/ops/threefry.ts";
import { legalize } from "../../schedule/graph/legalize.ts";
import { assertAllClose } from "../support/close.ts";
import * as index from "../support/reference_index.ts";

/** Values of the tensors that a function without inputs makes. */
async function values(
  make: () => Readonly<Record<string, w.Tensor>>,
): Promise<Readonly<Record<string, readonly number[]>>> {
  return await run({}, make, {});
}

/** Runs a function of tensors on the js backend. */
async function run(
  inputs: Readonly<Record<string, w.Tensor>>,
  make: (inputs: Readonly<Record<string, w.Tensor>>) => Readonly<Record<string, w.Tensor>>,
  given: Readonly<Record<string, readonly number[]>>,
): Promise<Readonly<Record<string, readonly number[]>>> {
  const device = jsDevice();
  try {
    const main = w.method(inputs, make);
    using executable = await compile(w.trace({ main }), { device });
    const host = Object.entries(inputs).map(([name, { dtype, shape }]) =>
      [name, { dtype, shape: shape as number[], data: fromNumbers(dtype, given[name]!) }] as const
    );
    const results = Object.entries(executable.run("main", Object.fromEntries(host)));
    const read = await Promise.all(results.map(async ([name, tensor]) => {
      const { dtype, data } = await tensor.read();
      return [name, [...toNumbers(dtype, data)]] as const;
    }));
    return Object.fromEntries(read);
  } finally {
    device.dispose();
  }
}

Deno.test("Threefry gives the numbers that its authors publish", () => {
  const known: readonly (readonly [key: [number, number], counter: [number, number], words: string])[] = [
    [[0, 0], [0, 0], "6b200159 99ba4efe"],
    [[0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], "1cb996fc bb002be7"],
    [[0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3], "c4923a9c 483df7a0"],
  ];
  for (const [key, counter, words] of known) {
    const word = (value: number) => constant("u32", value);
    const made = threefry([word(key[0]), word(key[1])], [word(counter[0]), word(counter[1])]);
    const hex = (n: number): string => n.toString(16).padStart(8, "0");
    assertEquals(made.map((e) => hex(evalExpr(e, { vars: {} }))).join(" "), words);
    assertEquals(index.threefry(key, counter).map(hex).join(" "), words);
  }
});

Deno.test("random numbers have the moments of their distribution, and keys are independent", async () => {
  const n = 20_000;
  const { u, v, z, bits } = await values(() => {
    const key = w.randomKey(2 ** 40 + 3);
    return {
      u: w.uniform(key, [n]),
      v: w.uniform(w.foldIn(key, 1), [n]),
      z: w.normal(w.foldIn(key, 2), [n / 2, 2], { mean: 1, deviation: 2 }),
      bits: w.randomBits(key, [n]),
    };
  });
  const mean = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0) / x.length;
  const covariance = (x: readonly number[], y: readonly number[]): number =>
    mean(x.map((a, i) => a * y[i]!)) - mean(x) * mean(y);
  assert(u!.every((x) => x >= 0 && x < 1));
  assertAllClose([mean(u!), covariance(u!, u!)], [1 / 2, 1 / 12], { atol: 0.01, rtol: 0 });
  assertAllClose([mean(z!), covariance(z!, z!)], [1, 4], { atol: 0.1, rtol: 0 });
  assertAllClose([covariance(u!, v!), covariance(u!.slice(1), u!.slice(0, -1))], [0, 0], { atol: 0.003 });
  assertEquals(u, bits!.map((b) => Math.floor(b / 256) / 2 ** 24));
});

Deno.test("the key of a step may come from a tensor", async () => {
  const { a, b } = await run(
    { step: w.spec([], "i32") },
    ({ step }) => ({
      a: w.randomBits(w.foldIn(w.randomKey(9), step as w.Tensor<[], "i32">), [3]),
      b: w.randomBits(w.foldIn(w.randomKey(9), 5), [3]),
    }),
    { step: [5] },
  );
  assertEquals(a, b);
});

Deno.test("sampling never draws what has no weight, whatever the sums round to", async () => {
  const [rows, n] = [64, 300];
  const device = jsDevice();
  const main = w.method(
    { weights: w.spec([rows, n], "f32"), u: w.spec([rows], "f32") },
    ({ weights, u }) => ({ drawn: w.sample(weights, u) }),
  );
  using executable = await compile(w.trace({ main }), { device });
  const weight = fc.oneof(fc.constant(0), fc.constant(0), fc.double({ min: 1e-9, max: 1, noNaN: true }));
  const number = fc.oneof(
    fc.constantFrom(0, 1 - 2 ** -24, 1),
    fc.double({ min: 0, max: 1, noNaN: true }),
  );
  const all = fc.tuple(
    fc.array(weight, { minLength: 1, maxLength: rows * n }),
    fc.array(number, { minLength: rows, maxLength: rows }),
  );
  await fc.assert(
    fc.asyncProperty(all, async ([few, u]) => {
      const weights = Float32Array.from({ length: rows * n }, (_, i) => few[i % few.length]!);
      const { drawn } = executable.run("main", {
        weights: { dtype: "f32", shape: [rows, n], data: weights },
        u: { dtype: "f32", shape: [rows], data: Float32Array.from(u) },
      });
      const places = toNumbers("i32", (await drawn!.read()).data);
      for (const [row, place] of [...places].entries()) {
        const line = weights.subarray(row * n, (row + 1) * n);
        if (line.some((x) => x > 0)) assert(line[place]! > 0, `row ${row}: place ${place}`);
        else assertEquals(place, 0);
      }
    }),
    { numRuns: 20 },
  );
  device.dispose();
});

Deno.test("categorical draws as often as the weights say", async () => {
  const n = 8000;
  const { drawn } = await values(() => ({
    drawn: w.categorical(w.randomKey(1), w.broadcastTo(w.arange(4, { dtype: "f32" }), [n, 4])),
  }));
  const shares = [0, 1, 2, 3].map((i) => drawn!.filter((x) => x === i).length / n);
  assertAllClose(shares, [0, 1 / 6, 2 / 6, 3 / 6], { atol: 0.02, rtol: 0 });
});

Deno.test("of several updates of one place the last counts, and those outside have no effect", async () => {
  const { elements, parts } = await run(
    { x: w.spec([4], "i32"), at: w.spec([5], "i32"), updates: w.spec([5], "i32") },
    ({ x, at, updates }) => ({
      elements: w.scatterElements(x as w.Tensor<[4], "i32">, at as never, updates as never),
      parts: w.scatterND(x as w.Tensor<[4], "i32">, w.reshape(at!, [5, 1]) as never, updates as never),
    }),
    { x: [1, 2, 3, 4], at: [2, -1, 2, 4, -5], updates: [10, 20, 30, 40, 50] },
  );
  assertEquals(elements, [1, 2, 30, 20]);
  assertEquals(parts, elements);
});

Deno.test("indices, order and margins of every dtype", async () => {
  const numbers = [3, 1, 2, 1];
  for (const dtype of ["f32", "f16", "bf16", "i32", "u32", "i8", "u8", "bool"] as const) {
    const given = dtype === "bool" ? [1, 0, 1, 0] : numbers;
    const order = index.order(given, false);
    const { sorted, top, padded, looked, kept } = await run(
      { x: w.spec([4], dtype), ids: w.spec([2], "u8") },
      ({ x, ids }) => ({
        sorted: w.sort(x!, 0).values,
        top: w.topK(x!, 2, 0).indices,
        padded: w.pad(x!, [1], [1], { mode: "reflection" }),
        looked: w.gather(x!, ids as w.Tensor<[2], "u8">),
        kept: w.triangular(w.reshape(x!, [2, 2]), { upper: false }),
      }),
      { x: given, ids: [3, 200] },
    );
    assertEquals(sorted, order.map((i) => given[i]!), dtype);
    assertEquals(top, index.order(given, true).slice(0, 2), dtype);
    assertEquals(padded, [given[1]!, ...given, given[2]!], dtype);
    assertEquals(looked, [given[3]!, given[3]!], dtype);
    assertEquals(kept, [given[0]!, 0, given[2]!, given[3]!], dtype);
  }
});

Deno.test("a mask of numbers is added to the scores of attention, for shared heads too", async () => {
  const [q, k] = [[1, 2, 3, 4], [1, -1]];
  const { y } = await run(
    { q: w.spec([4, 1, 1], "f32"), k: w.spec([2, 1, 1], "f32"), mask: w.spec([4, 1, 1], "f32") },
    ({ q, k, mask }) => ({
      y: w.scaledDotProductAttention(
        q as w.Tensor<[4, 1, 1], "f32">,
        w.concat([k!, k!], 1) as w.Tensor<[2, 2, 1], "f32">,
        w.concat([w.full([2, 1, 1], 1), w.full([2, 1, 1], 3)], 1),
        { mask: w.pad(mask!, [0, 0, 0], [0, 0, 1]) as w.Tensor<w.Shape, "f32">, scale: 1 },
      ),
    }),
    { q, k, mask: [0, Math.log(3), -Infinity, 0] },
  );
  // Both keys are equal, so only the mask decides: weights e^mask and 1.
  assertAllClose(y!, [2, 1.5, 3, 2]);
});

Deno.test("what types cannot refuse is refused when it is traced", () => {
  const x = w.spec(["n", 4, "h", "w"], "f32");
  const filter = w.spec([6, 2, 3, 3], "f32");
  const refused = (f: () => unknown, message: string) => assertThrows(f, ShapeError, message);
  refused(() => w.conv2d(x, filter, { groups: 2 }), "conv2d: window of 3 is not known to fit");
  refused(
    () => w.conv2d(x, filter, { groups: 2, padding: [1, 1, -1 as number, 1] }),
    "padding must be 4 integers from 0",
  );
  refused(
    () => w.conv2d(x, filter, { groups: 2, strides: [0 as number, 1] }),
    "strides must be 2 integers from 1",
  );
  refused(
    () => w.conv2d(x, filter, { groups: 2, padding: [1, 1, 1, 1], bias: w.spec([5], "f32") as never }),
    "conv2d: bias is [5], expected [6]",
  );
  refused(
    () => w.maxPool2d(x, { window: [0 as number, 2] }),
    "maxPool2d: window must be two dims from 1 on, got [0, 2]",
  );
  refused(
    () => w.pad(w.spec([0, 3], "f32"), [1, 0], [0, 0], { mode: "edge" }),
    "pad: axis 0 is 0 long, so there is nothing to repeat; use mode constant",
  );
  refused(() => w.randomKey(-1), "randomKey: seed must be an integer from 0 to 2^53 - 1, got -1");
  refused(
    () =>
      w.scaledDotProductAttention(
        w.spec(["s", "d"], "f32"),
        w.spec(["t", "d"], "f32"),
        w.spec(["t", 3], "f32"),
      ),
    "attention: the last axis of q is d; bind it or give a scale",
  );
});

Deno.test("operators take few dispatches", () => {
  const inputs = {
    x: w.spec(["b", "n"], "f32"),
    ids: w.spec(["b", "n"], "i32"),
    u: w.spec(["b"], "f32"),
    q: w.spec(["b", 4, "n", 8], "f32"),
    k: w.spec(["b", 2, "n", 8], "f32"),
    image: w.spec(["b", 3, 8, 8], "f32"),
    filter: w.spec([4, 3, 3, 3], "f32"),
  };
  const made: Readonly<Record<string, readonly [number, (t: typeof inputs) => w.Tensor]>> = {
    gather: [1, ({ x, ids }) => w.gather(x, ids, 1)],
    scatterElements: [2, ({ x, ids }) => w.scatterElements(x, ids, x, 1)],
    argsort: [2, ({ x }) => w.argsort(x, -1)],
    "values of a sort": [3, ({ x }) => w.sort(x, -1).values],
    sample: [9, ({ x, u }) => w.sample(x, u)],
    normal: [2, () => w.normal(w.randomKey(1), ["b", "n"])],
    conv2d: [1, ({ image, filter }) => w.conv2d(image, filter)],
    attention: [7, ({ q, k }) => w.scaledDotProductAttention(q, k, k, { causal: true })],
  };
  for (const [name, [dispatches, make]] of Object.entries(made)) {
    const { graphs } = w.trace({ main: w.method(inputs, make) });
    const calls = legalize(graphs["main"]!).calls;
    assertEquals(calls.flatMap(({ func }) => lowerFunc(func).launches).length, dispatches, name);
  }
});

Deno.test("dims may be called like the axes that operators use", async () => {
  const device = jsDevice();
  const dims = ["group", "place", "hit", "wy", "wx", "other"] as const;
  for (const dim of dims) {
    const main = w.method({ x: w.spec([dim], "f32"), ids: w.spec([dim], "i32") }, ({ x, ids }) => ({
      order: w.sort(x, 0).values,
      scattered: w.scatterElements(x, ids, x),
      drawn: w.sample(w.reshape(x, [1, dim]), w.full([1], 0.5)),
      pooled: w.maxPool2d(w.reshape(x, [1, 1, 1, dim]), { window: [1, 3], padding: [0, 0, 1, 1] }),
    }));
    using executable = await compile(w.trace({ main }, { bounds: { [dim]: 8 } }), { device });
    const result = executable.run("main", {
      x: { dtype: "f32", shape: [3], data: Float32Array.of(3, 1, 2) },
      ids: { dtype: "i32", shape: [3], data: Int32Array.of(2, 0, 1) },
    });
    const read = async (name: string): Promise<number[]> => {
      const { dtype, data } = await result[name as keyof typeof result].read();
      return [...toNumbers(dtype, data)];
    };
    assertEquals(await read("order"), [1, 2, 3], dim);
    assertEquals(await read("scattered"), [1, 2, 3], dim);
    assertEquals(await read("drawn"), [1], dim);
    assertEquals(await read("pooled"), [3, 3, 2], dim);
  }
  device.dispose();
});
