import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { HostTensor } from "../../../backends/runtime/executable.ts";
import { compile } from "../../../compile.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
import * as w from "../../../dsl/mod.ts";
import { arrayFor } from "../../../ir/data.ts";
import { InputError } from "../../../ir/errors.ts";
import { deviceTest } from "../../support/devices.ts";

const DTYPES_FED = ["f32", "i32", "u8"] as const;

function tensor<T extends (typeof DTYPES_FED)[number]>(dtype: T, values: readonly number[]): HostTensor<T> {
  const data = arrayFor(dtype, values.length) as HostTensor<T>["data"];
  for (const [i, value] of values.entries()) data[i] = value;
  return { dtype, shape: [values.length], data };
}

deviceTest(
  "results as inputs are the numbers that reading them gives, of any length and dtype",
  async (device) => {
    for (const dtype of DTYPES_FED) {
      // In the order of another input, from the host each time.
      const step = w.method(
        { x: w.spec(["n"], dtype), order: w.spec(["n"], "i32") },
        ({ x, order }) => ({ y: w.take(x, order) }),
      );
      using run = await compile(w.trace({ step, other: step }, { bounds: { n: 9 } }), { device });
      const lists = fc.array(fc.nat(255), { maxLength: 9 });
      await fc.assert(
        fc.asyncProperty(lists, fc.array(fc.boolean(), { maxLength: 5 }), async (values, turns) => {
          const x = tensor(dtype, values);
          const order = tensor("i32", values.map((_, i) => values.length - 1 - i));
          let y = run.run("step", { x, order })["y"]!;
          const seen = [y.read()];
          for (const same of turns) {
            y = run.run(same ? "step" : "other", { x: y, order })["y"]!;
            seen.push(y.read()); // asked for before the next run, read after it
          }
          const expected = seen.map((_, i) => (i % 2 === 0 ? values.toReversed() : values));
          assertEquals((await Promise.all(seen)).map(({ data }) => [...data].map(Number)), expected);
        }),
        { numRuns: 12 },
      );
    }
  },
);

deviceTest("results that are gone, misshapen or foreign are refused as inputs", async (device) => {
  const step = w.method(
    { x: w.spec([2], "f32"), z: w.spec([2], "f32") },
    ({ x, z }) => ({ y: w.add(x, z), same: x, i: w.cast(x, "i32"), first: w.slice(x, 0, 0, 1) }),
  );
  using run = await compile(w.trace({ step }), { device });
  using twin = await compile(w.trace({ step }), { device });
  using elsewhere = await compile(w.trace({ step }), { device: jsDevice() });
  const x = { dtype: "f32", shape: [2], data: Float32Array.of(1, 2) } as const;
  const old = run.run("step", { x, z: x });
  assert(!old["y"]!.replaced);
  const now = run.run("step", { x, z: old["y"]! });
  assert(old["y"]!.replaced);
  assertEquals([...(await now["y"]!.read()).data], [3, 6]);
  const refusal = (f: () => unknown): string => assertThrows(f, InputError).message;
  assertEquals(
    refusal(() => run.run("step", { x, z: old["y"]! })),
    "Cannot take a result as input z of step: a later run of step has replaced it; read it before",
  );
  const strange = await elsewhere.run("step", { x, z: x })["y"]!;
  assertEquals(
    refusal(() => run.run("step", { x, z: strange })),
    "Cannot take a result as input z of step: it is not a result of a program on this device; give what its read() gives",
  );
  // Another program on the device takes it.
  assertEquals([...(await twin.run("step", { x, z: now["y"]! })["y"]!.read()).data], [4, 8]);
  // @ts-expect-error TS2345: "step: z is i32, expected f32"
  const ofInt = (): unknown => run.run("step", { x, z: now["i"]! });
  assertEquals(refusal(ofInt), "step: z is i32, expected f32");
  assertEquals(refusal(() => run.run("step", { x, z: now["first"]! })), "step: z is [1], expected [2]");
  // None of these has run, nor changed anything.
  assertEquals([...(await now["y"]!.read()).data], [3, 6]);
});
