/** What the types of programs and executables promise, and that runs keep it. */
import { assertEquals, assertThrows } from "@std/assert";
import { jsDevice } from "../../backends/js/mod.ts";
import { compile } from "../../compile.ts";
import * as w from "../../dsl/mod.ts";
import { InputError } from "../../ir/errors.ts";

const step = w.method(
  { ids: w.spec(["b", "s"], "i32"), past: [{ k: w.state(["b", "past", "n"], "f32") }] },
  ({ ids, past }) => ({
    sums: w.sum(ids, -1),
    past: past.map(({ k }) => ({ k: w.append(k, w.full(["b", "s", "n"], 1), 1) })),
  }),
);
const program = w.trace({ step }, {
  dims: { n: 4, b: 1 },
  bounds: { s: 8, past: 8, "past+s": 8 },
  methods: { step: { s: 2 } },
});
type Step = NonNullable<typeof program.entries>["step"];
/** Compiles only where both are the same type. */
const same = <A, B>(
  _: (<X>() => X extends A ? 1 : 2) extends (<X>() => X extends B ? 1 : 2) ? true : false,
): void => {};

Deno.test("types: entry points have paths, shapes with the dims put in, and dtypes", () => {
  same<Step["inputs"]["ids"], { readonly shape: [1, 2]; readonly dtype: "i32" }>(true);
  same<Step["outputs"]["sums"]["shape"], [1]>(true);
  same<Step["outputs"]["past.0.k"]["shape"], [1, "past+2", 4]>(true);
  const graph = program.graphs["step"]!;
  assertEquals(graph.inputs.map((i) => i.shape), [[1, 2], [1, "past", 4]]);
  assertEquals(graph.outputs.map((o) => o.name), ["sums", "past.0.k"]);
});

Deno.test("types: a run takes the inputs of its entry point and gives its outputs", async () => {
  using run = await compile(program, { device: jsDevice() });
  using state = run.createState();
  const ids = { dtype: "i32", shape: [1, 2], data: Int32Array.of(3, 4) } as const;
  const { sums } = run.run("step", { ids }, { state });
  const { dtype, data } = await sums.read();
  same<typeof dtype, "i32">(true);
  assertEquals([dtype, ...data], ["i32", 7]);
  const floats = { dtype: "f32", shape: [1, 2], data: Float32Array.of(3, 4) } as const;
  const refused = [
    // @ts-expect-error there is no such entry point
    () => run.run("stap", { ids }, { state }),
    // @ts-expect-error there is no such input
    () => run.run("step", { idx: ids }, { state }),
    // @ts-expect-error an input is missing
    () => run.run("step", {}, { state }),
    // @ts-expect-error another dtype
    () => run.run("step", { ids: floats }, { state }),
    // @ts-expect-error elements in the array of another dtype
    () => run.run("step", { ids: { ...ids, data: floats.data } }, { state }),
  ].map((f) => assertThrows(f, InputError).message);
  assertEquals(refused, [
    "Cannot run stap: there is no such entry point, there are step",
    "step: there is no input idx, there are ids",
    "step: input ids is missing",
    "step: ids is f32, expected i32",
    "step: ids is i32, its data must be Int32Array, is Float32Array",
  ]);
  // @ts-expect-error there is no such output
  assertEquals(run.run("step", { ids }, { state }).products, undefined);
});

Deno.test("types: a list of inputs is given element by element", async () => {
  const total = w.method(
    { list: [w.spec([2], "f32"), w.spec([2], "f32")], scale: w.spec([1], "f32") },
    ({ list: [a, b], scale }) => ({ sum: w.mul(w.add(a!, b!), scale) }),
  );
  using run = await compile(w.trace({ total }), { device: jsDevice() });
  const floats = (...values: number[]) =>
    ({ dtype: "f32", shape: [values.length], data: Float32Array.from(values) }) as const;
  const scale = floats(10);
  const { sum } = run.run("total", { "list.0": floats(1, 2), "list.1": floats(3, 4), scale });
  assertEquals([...(await sum.read()).data], [40, 60]);
  const ints = { dtype: "i32", shape: [2], data: Int32Array.of(1, 2) } as const;
  const refused = [
    // @ts-expect-error of another dtype
    () => run.run("total", { "list.0": floats(1, 2), "list.1": ints, scale }),
    // @ts-expect-error the scale is missing
    () => run.run("total", { "list.0": floats(1, 2), "list.1": floats(3, 4) }),
    // Only the run knows how many there are.
    () => run.run("total", { "list.0": floats(1, 2), scale }),
    () => run.run("total", { "list.0": floats(1, 2), "list.1": floats(3, 4), "list.2": scale, scale }),
  ].map((f) => assertThrows(f, InputError).message);
  assertEquals(refused, [
    "total: list.1 is i32, expected f32",
    "total: input scale is missing",
    "total: input list.1 is missing",
    "total: there is no input list.2, there are list.0, list.1, scale",
  ]);
});
