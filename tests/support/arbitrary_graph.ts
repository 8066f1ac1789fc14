/**
 * Random programs: operators of the language applied to each other's results, with symbolic dims, 1 and 0 among the
 * sizes.
 *
 * @module
 */
import fc from "fast-check";
import * as w from "../../dsl/mod.ts";
import { type Dim, printShape } from "../../ir/dim.ts";

/** A random program: entry point `main` with inputs `a`, `b`, `c` and output `y`. */
export interface RandomProgram {
  readonly program: w.Program;
  /** What was built, for reading a counterexample. */
  readonly text: string;
}

type T = w.Tensor;
type Step = { readonly op: number; readonly left: number; readonly right: number; readonly axis: number };

const DIMS: readonly Dim[] = ["n", "m", 3, 1, "n"];

const anyOp = (f: unknown): (...args: readonly unknown[]) => T => f as (...args: readonly unknown[]) => T;
const same = (a: T, b: T): boolean => printShape(a.shape) === printShape(b.shape);

/** Operators that apply to a tensor, and maybe another; `undefined` where they do not fit. */
const STEPS: readonly (readonly [name: string, (a: T, b: T, axis: number) => T | undefined])[] = [
  ["neg", (a) => anyOp(w.neg)(a)],
  ["tanh", (a) => anyOp(w.tanh)(a)],
  ["relu", (a) => anyOp(w.relu)(a)],
  ["gelu", (a) => anyOp(w.gelu)(a, "tanh")],
  ["exp of tanh", (a) => anyOp(w.exp)(anyOp(w.tanh)(a))],
  ["add", (a, b) => (same(a, b) ? anyOp(w.add)(a, b) : undefined)],
  ["sub", (a, b) => (same(a, b) ? anyOp(w.sub)(a, b) : undefined)],
  ["maximum", (a, b) => (same(a, b) ? anyOp(w.maximum)(a, b) : undefined)],
  ["add a scalar", (a) => anyOp(w.add)(a, w.full([1], 0.5))],
  [
    "sum kept",
    (
      a,
      _b,
      axis,
    ) => (a.shape.length > 0 ? anyOp(w.sum)(a, axis % a.shape.length, { keepDims: true }) : undefined),
  ],
  ["minus its maximum", (a, _b, axis) => {
    if (a.shape.length === 0 || a.shape.includes(0)) return undefined;
    return anyOp(w.sub)(a, anyOp(w.max)(a, axis % a.shape.length, { keepDims: true }));
  }],
  ["sum", (a, _b, axis) => (a.shape.length > 1 ? anyOp(w.sum)(a, axis % a.shape.length) : undefined)],
  ["softmax", (a, _b, axis) => (a.shape.length > 0 ? anyOp(w.softmax)(a, axis % a.shape.length) : undefined)],
  [
    "matmul with the transpose",
    (a) => (a.shape.length >= 2 ? anyOp(w.matmul)(a, anyOp(w.transpose)(a)) : undefined),
  ],
  ["transpose", (a) => (a.shape.length >= 2 ? anyOp(w.transpose)(a) : undefined)],
  ["flatten", (a) => anyOp(w.reshape)(a, [-1])],
  ["new axis", (a) => (a.shape.length < 4 ? anyOp(w.reshape)(a, [1, ...a.shape]) : undefined)],
  [
    "concat",
    (
      a,
      b,
      axis,
    ) => (same(a, b) && a.shape.length > 0 ? anyOp(w.concat)([a, b], axis % a.shape.length) : undefined),
  ],
  ["where", (a, b) => (same(a, b) ? anyOp(w.where)(anyOp(w.less)(a, b), a, b) : undefined)],
  ["halves", (a) => anyOp(w.cast)(anyOp(w.cast)(a, "f16"), "f32")],
  ["take", (a) => {
    if (a.shape.length === 0 || a.shape[0] === 0) return undefined;
    return anyOp(w.take)(a, w.arange(2, { start: 0 }));
  }],
];

/** Random programs of up to `most` operators. */
export function arbProgram(most: number): fc.Arbitrary<RandomProgram> {
  const shape = fc.array(fc.nat({ max: DIMS.length - 1 }), { minLength: 1, maxLength: 3 });
  const step = fc.record({
    op: fc.nat({ max: STEPS.length - 1 }),
    left: fc.nat({ max: 9 }),
    right: fc.nat({ max: 9 }),
    axis: fc.nat({ max: 3 }),
  });
  return fc.record({ shape, other: shape, steps: fc.array(step, { minLength: 1, maxLength: most }) })
    .map(({ shape, other, steps }) => build(shape.map((d) => DIMS[d]!), other.map((d) => DIMS[d]!), steps));
}

function build(shape: readonly Dim[], other: readonly Dim[], steps: readonly Step[]): RandomProgram {
  const lines: string[] = [];
  const inputs = { a: w.spec([...shape], "f32"), b: w.spec([...shape], "f32"), c: w.spec([...other], "f32") };
  const main = w.method(inputs, ({ a, b, c }) => {
    const pool: T[] = [a, b, c];
    for (const { op, left, right, axis } of steps) {
      // Mostly what was made last, so that operators follow each other.
      const x = pool[pool.length - 1 - left % Math.min(pool.length, 3)]!;
      const y = pool[right % pool.length]!;
      const [name, apply] = STEPS[op]!;
      const result = elements(x) > 64 ? undefined : apply(x, y, axis);
      if (result === undefined) continue;
      lines.push(
        `${pool.length}: ${name} of ${pool.indexOf(x)}, ${pool.indexOf(y)} -> ${printShape(result.shape)}`,
      );
      pool.push(result);
    }
    return { y: pool.at(-1)! };
  });
  const program = w.trace({ main }, { bounds: { n: 5, m: 5 } });
  return { program, text: [`inputs ${printShape(shape)} and ${printShape(other)}`, ...lines].join("\n") };
}

/** A rough size, to keep programs small. */
function elements(x: T): number {
  return x.shape.reduce<number>((n, dim) => n * (typeof dim === "number" ? Math.max(dim, 1) : 2), 1);
}
