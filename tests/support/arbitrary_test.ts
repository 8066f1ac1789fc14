import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { lowerCompute } from "../../ir/compute.ts";
import { arrayFor, readElement, type TensorArray, toNumbers, writeElement } from "../../ir/data.ts";
import { evalExpr, evalInt } from "../../ir/eval.ts";
import { interpret } from "../../ir/interpret.ts";
import { int, sub } from "../../ir/expr.ts";
import { withBody } from "../../ir/prim_func.ts";
import { block, type Stmt } from "../../ir/stmt.ts";
import { rewriteStmt } from "../../ir/traverse.ts";
import { visitExpr } from "../../ir/visit.ts";
import { arbCompute, arbDims, arbFunc, type RandomCompute, randomInputs } from "./arbitrary.ts";

type Dims = Readonly<Record<string, number>>;

/** The result of a definition, element by element: the meaning that lowering must keep. */
function direct(
  { compute, inputs, out }: RandomCompute,
  arrays: Readonly<Record<string, TensorArray>>,
  dims: Dims,
): TensorArray {
  const shapes = new Map(inputs.map((b) => [b.name, b.shape.map((e) => evalInt(e, dims))] as const));
  const load = (name: string, indices: readonly number[]): number => {
    const shape = shapes.get(name)!;
    assert(indices.every((i, d) => i >= 0 && i < shape[d]!), `${name}[${indices}] is out of [${shape}]`);
    const flat = indices.reduce((at, i, d) => at * shape[d]! + i, 0);
    return readElement(inputs.find((b) => b.name === name)!.dtype, arrays[name]!, flat);
  };
  const extents = compute.axes.map((a) => evalInt(a.extent, dims));
  const result = arrayFor(out.dtype, extents.reduce((a, b) => a * b, 1));
  for (let flat = 0; flat < result.length; flat++) {
    const vars: Record<string, number> = { ...dims };
    let rest = flat;
    for (let d = extents.length - 1; d >= 0; d--) {
      vars[compute.axes[d]!.name] = rest % extents[d]!;
      rest = Math.floor(rest / extents[d]!);
    }
    writeElement(out.dtype, result, flat, evalExpr(compute.body, { vars, load }));
  }
  return result;
}

/** The same nests with reductions from the last term to the first. */
function backwards(s: Stmt): Stmt {
  return rewriteStmt(s, (node) => {
    if (node.kind !== "block") return node;
    const iters = node.iters.map((i) =>
      i.role === "spatial" ? i : { ...i, binding: sub(sub(i.extent, int(1)), i.binding) }
    );
    return block({ ...node, iters });
  });
}

for (const exact of [true, false]) {
  Deno.test(`random definitions (exact: ${exact}) load in bounds, are finite, and mean what their nests do`, () => {
    fc.assert(
      fc.property(
        arbCompute({ exact }).chain((c) => fc.tuple(fc.constant(c), arbDims(c.dims))),
        fc.nat(),
        ([c, dims], seed) => {
          const func = lowerCompute(c.compute, c.inputs, c.out, c.dims);
          const arrays = randomInputs(func, dims, seed);
          const expected = toNumbers(c.out.dtype, direct(c, arrays, dims));
          interpret(func, arrays, dims);
          const got = toNumbers(c.out.dtype, arrays["out"]!);
          assertEquals(got, expected);
          if (exact) {
            interpret(withBody(func, backwards(func.body)), arrays, dims);
            assertEquals(toNumbers(c.out.dtype, arrays["out"]!), expected, "summed backwards");
          }
          if (!["f16", "bf16"].includes(c.out.dtype)) assert(got.every(Number.isFinite), `${got}`);
        },
      ),
      { numRuns: 400 },
    );
  });
}

Deno.test("random definitions have everything in them that kernels have", () => {
  const seen = new Set<string>();
  for (const { compute, inputs, out, dims } of fc.sample(arbCompute(), { numRuns: 600, seed: 1 })) {
    seen.add(`rank ${compute.axes.length}`).add(`out ${out.dtype}`).add(`${inputs.length} inputs`);
    for (const d of dims) seen.add(`dim ${d}`);
    for (const b of inputs) seen.add(`in ${b.dtype}`);
    let reductions = 0;
    visitExpr(compute.body, (e) => {
      if (e.kind === "unary" || e.kind === "binary" || e.kind === "reduce") seen.add(e.op);
      if (e.kind !== "reduce") return;
      reductions++;
      visitExpr(e.body, (inner) => {
        if (inner.kind === "reduce") seen.add("nested reductions");
      });
    });
    if (reductions > 1) seen.add("several reductions");
  }
  const wanted = ["rank 0", "rank 4", "1 inputs", "3 inputs", "dim n", "dim m", "nested reductions"]
    .concat([
      "several reductions",
      "sum",
      "max",
      "min",
      "prod",
      "exp",
      "floordiv",
      "mod",
      "tanh",
      "and",
      "not",
    ])
    .concat(["f32", "i32", "f16", "u8", "bool", "bf16"].map((d) => `out ${d}`))
    .concat(["f32", "i32", "f16", "u8", "bool", "bf16", "i8", "u32"].map((d) => `in ${d}`));
  assertEquals(wanted.filter((w) => !seen.has(w)), []);
});

Deno.test("random inputs are the same for the same seed, others for another", () => {
  const [func] = fc.sample(arbFunc().filter((f) => f.dims.length === 0), { numRuns: 1, seed: 3 });
  assertEquals(randomInputs(func!, {}, 7), randomInputs(func!, {}, 7));
  const arrays = (seed: number): string => JSON.stringify(randomInputs(func!, {}, seed));
  assertGreater(new Set([1, 2, 3, 4, 5].map(arrays)).size, 1);
});
