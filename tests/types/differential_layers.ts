/**
 * Random calls of the shape functions that stand beside an operator's own: division of dims, weights of layers, sizes
 * that are written out. What each must give is computed by the function of the language that uses it.
 *
 * @module
 */
import fc from "fast-check";
import * as w from "../../dsl/mod.ts";
import { addDim, type Dim, divDim, mulDim, type Shape, substituteDim, subtractDim } from "../../ir/dim.ts";
import { ShapeError } from "../../ir/errors.ts";
import type { ShapeResult } from "../../ir/shape.ts";
import { dim, dimText, NAMES, shape, similar, smallDim } from "../ir/dim_arbitraries.ts";
import { type Case, dimCase, literalType, shapeCase, vagueShape } from "./differential_case.ts";

const bits = fc.nat(0xfff);
const pair = shape(4).chain((a) => fc.tuple(fc.constant(a), similar(a)));
const input = (s: Shape): w.Tensor<Shape, "f32"> => w.spec(s, "f32");

/** `accepted`, or the message with which the language refuses the call. */
function ruled(call: () => unknown, accepted: Shape): ShapeResult {
  try {
    call();
    return accepted;
  } catch (error) {
    if (error instanceof ShapeError) return error.reason;
    throw error;
  }
}

/** Two factors whose product is a number that is just exact: up to 2^53. */
const factors: fc.Arbitrary<[number, number]> = fc.integer({ min: 1, max: 2 ** 53 - 1 }).chain((a) =>
  fc.integer({ min: 0, max: Math.floor((2 ** 53 - 1) / a) }).map((b): [number, number] => [a, b])
);

/** A dim and what divides it, more often than not. */
const quotients: fc.Arbitrary<[Dim, Dim]> = fc.oneof(
  fc.tuple(dim, dim),
  factors.map(([a, b]): [Dim, Dim] => [a * b, a]),
  fc.tuple(fc.integer({ min: 0, max: 2 ** 53 - 1 }), fc.integer({ min: 1, max: 2 ** 53 - 1 })),
  fc.tuple(dim, fc.integer({ min: 1, max: 96 })).map(([d, n]): [Dim, Dim] => [mulDim(d, n), n]),
  fc.tuple(smallDim, smallDim).map(([a, b]): [Dim, Dim] => [mulDim(a, b), b]),
);

/** What somebody may write for a dim, more often right than wrong. */
const written = fc.oneof(
  { weight: 6, arbitrary: dim },
  { weight: 1, arbitrary: dimText },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Dim>(
      "n-1",
      "seq len",
      "",
      "2past",
      "n+",
      "n**2",
      "007",
      "00*n",
      "3*",
      "b/2",
      -1,
      1.5,
      "n.5",
    ),
  },
);

/** The sources, by the name of the type. */
export const LAYER_SOURCES: Readonly<Record<string, fc.Arbitrary<Case>>> = {
  DivD: quotients.map(([a, b]) => dimCase("DivD", [a, b], divDim(a, b))),
  SubtractD: fc.oneof(
    fc.tuple(dim, dim),
    fc.tuple(dim, dim).map(([a, b]): [Dim, Dim] => [addDim(a, b), b]),
  ).map(([a, b]): Case => {
    const result = subtractDim(a, b);
    return {
      ...dimCase("SubtractD", [a, b], 0),
      result: literalType(result),
      accepted: result !== undefined,
    };
  }),
  FloorD: fc.tuple(dim, fc.integer({ min: 1, max: 5 }), fc.boolean()).map(([d, n, multiple]): Case => {
    const whole = addDim(multiple ? mulDim(d, n) : d, 5);
    // Windows side by side: `n` rows each, as many as there is room for.
    const s: Shape = [1, 1, whole, 1];
    const pooled = ruled(() => w.maxPool2d(input(s), { window: [n, 1], strides: [n, 1] }), s);
    const floor = typeof pooled === "string"
      ? undefined
      : w.maxPool2d(input(s), { window: [n, 1], strides: [n, 1] }).shape[2];
    return dimCase("FloorD", [whole, n], floor);
  }),
  BindD: fc.tuple(
    dim,
    fc.dictionary(fc.constantFrom(...NAMES), smallDim, { maxKeys: 4, noNullPrototype: true }),
  ).map(
    ([d, values]): Case => ({
      ...dimCase("BindD", [d], substituteDim(d, values)),
      type: `BindD<${literalType(d)}, ${literalType(values)}>`,
      vague: `BindD<${literalType(d)}, { [K in keyof ${literalType(values)}]: number }>`,
    }),
  ),
  WrittenShape: fc.tuple(bits, fc.array(dim, { maxLength: 3 }), fc.nat(3), written).map(([b, s, at, d]) => {
    const all = s.toSpliced(at, 0, d);
    return shapeCase("WrittenShape", b, [all], [], ruled(() => w.spec(all, "f32"), all), { op: "spec" });
  }),
  DimProblem: written.map((d): Case => {
    const result = ruled(() => w.spec([d], "f32"), []);
    return {
      ...dimCase("DimProblem", [d], 0),
      type: `DimProblem<"spec", ${literalType(d)}>`,
      vague: "never",
      result: typeof result === "string" ? literalType(result) : "never",
      accepted: typeof result !== "string",
    };
  }),
  MatchShape: fc.tuple(bits, pair).map(([b, [x, y]]) => {
    // Names that differ may be the same size once they are bound: only the trace refuses them.
    const mayMatch = (d: Dim, i: number): boolean =>
      d === y[i] || typeof d === "string" || typeof y[i] === "string";
    const open = x.length === y.length && x.every(mayMatch) ? { open: literalType(y) } : {};
    return shapeCase("MatchShape", b, [x, y], [], ruled(() => w.matchShape(input(x), y), y), open);
  }),
  SetLast: fc.tuple(bits, shape(4, 1), dim).map(([b, s, d]) =>
    shapeCase("SetLast", b, [s], [d], w.linear(input(s), w.spec([s.at(-1)!, d], "f32")).shape)
  ),
  AxesDims: shape(4, 1).chain((s) =>
    fc.tuple(fc.constant(s), bits, fc.shuffledSubarray([...s.keys()], { minLength: 1 }))
  ).map(([s, b, axes]) => {
    // Both are the axes in the order given: what a normalisation over them wants as its weight.
    const dims = axes.map((i) => s[i]!);
    const weight = w.spec(dims, "f32");
    return shapeCase("AxesDims", b, [s], [axes], ruled(() => w.normalize(input(s), axes, { weight }), dims));
  }),
  ExactShape: fc.tuple(bits, pair).map(([b, [weight, x]]) => {
    const axes = [...x.keys()];
    const call = (): unknown => w.normalize(input(x), axes, { weight: w.spec(weight, "f32") });
    const result = ruled(call, weight);
    const args = `"layerNorm", "weight"`;
    return {
      ...shapeCase("ExactShape", b, [weight, x], [], result),
      type: `ExactShape<${args}, ${literalType(weight)}, ${literalType(x)}>`,
      vague: `ExactShape<${args}, ${literalType(weight)}, ${vagueShape(x, b)}>`,
    };
  }),
  ChannelDims: fc.tuple(bits, shape(4, 2)).map(([b, s]) => {
    const weight = w.spec([s[1]!], "f32");
    return shapeCase(
      "ChannelDims",
      b,
      [s],
      [],
      ruled(() => w.instanceNorm(input(s), { weight }), weight.shape),
    );
  }),
  ChannelShape: fc.tuple(bits, shape(3)).map(([b, s]) =>
    shapeCase("ChannelShape", b, [s], [], ruled(() => w.instanceNorm(input(s)), s), { op: "instanceNorm" })
  ),
  GroupsShape: fc.tuple(bits, shape(4, 2), fc.integer({ min: 1, max: 8 }), fc.boolean()).map(
    ([b, s, n, fit]) => {
      const channels = typeof s[1] === "number" ? s[1] : 6;
      const x = s.with(1, fit ? channels * n : channels);
      return shapeCase("GroupsShape", b, [x], [n], ruled(() => w.groupNorm(input(x), n), x));
    },
  ),
  GemmAddend: fc.tuple(bits, shape(3, 3), fc.nat(6)).chain(([b, [m, k, n], how]) =>
    similar([m!, n!]).map((other) => {
      const c = [[m!, n!], [n!], [m!, 1], [2, m!, n!]][how] ?? other;
      const call = (): unknown => w.gemm(input([m!, k!]), input([k!, n!]), { c: input(c) });
      return shapeCase("GemmAddend", b, [[m!, n!], c], [], ruled(call, c));
    })
  ),
};
