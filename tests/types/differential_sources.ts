/**
 * Random calls of the shape functions of operators, with what the run-time function gives for the same arguments.
 *
 * @module
 */
import fc from "fast-check";
import {
  addDim,
  canonicalDim,
  type Dim,
  divDim,
  mulDim,
  productDim,
  type Shape,
  substituteDim,
  subtractDim,
} from "../../ir/dim.ts";
import { attentionShape, maskShape } from "../../ir/shape/attention.ts";
import * as gather from "../../ir/shape/gather.ts";
import * as einsum from "../../ir/shape/einsum.ts";
import { gemmShape } from "../../ir/shape/gemm.ts";
import * as layout from "../../ir/shape/layout.ts";
import { squeezeShape, unsqueezeShape } from "../../ir/shape/squeeze.ts";
import * as windows from "../../ir/shape/window.ts";
import * as shapes from "../../ir/shape.ts";
import { dim, dimText, literal, name, shape, similar, smallDim } from "../ir/dim_arbitraries.ts";
import {
  type Case,
  dimCase,
  hasAxis,
  literalType,
  shapeCase,
  vagueShape,
  withHole,
} from "./differential_case.ts";

/** Two dims, or two numbers whose product is just exact. */
const dims: fc.Arbitrary<[Dim, Dim]> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(dim, dim) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(94_906_265), fc.nat(94_906_265)) },
);

const bits = fc.nat(0xfff);
const axis = fc.integer({ min: -4, max: 3 });
const small = shape(4, 0, smallDim);
const pair = shape(4).chain((a) => fc.tuple(fc.constant(a), similar(a)));
const batches = shape(2).chain((a) => fc.tuple(fc.constant(a), similar(a)));

/** Two matrices with batch axes, that fit more often than not. */
const matrices = fc.tuple(batches, shape(3, 3), fc.nat(9)).map(([[a, b], [m, k, n], change]) => {
  const [left, right] = [[...a, m!, k!], [...b, change === 0 ? m! : k!, n!]];
  return [change === 1 ? left.slice(-1) : left, change === 2 ? right.slice(-1) : right] as const;
});

const letters = ["i", "j", "k", "head"] as const;
const words = fc.array(fc.constantFrom(...letters), { maxLength: 3 });

/** An equation and shapes for it: now and then of another size, rank or number, or not to be read. */
const equations = fc.tuple(
  fc.array(words, { minLength: 1, maxLength: 3 }),
  fc.shuffledSubarray([...letters]),
  fc.tuple(smallDim, smallDim, smallDim, smallDim),
  smallDim,
  fc.nat(19),
).map(([operands, result, sizes, other, change]): [string, Dim[][]] => {
  const used = new Set(operands.flat());
  const out: string[] = change === 0 ? [...result, "z"] : change === 1 ? [...result, ...result] : result;
  const kept = out.filter((name) => change < 2 || used.has(name as typeof letters[number]));
  const given = operands.map((names) => names.map((name) => sizes[letters.indexOf(name)]!));
  if (change === 2) given[0]!.push(other);
  if (change === 3) given.push([other]);
  if (change === 4 && given[0]!.length > 0) given[0]![0] = other;
  const arrow = change === 5 ? "" : change === 6 ? "-> i ->" : "->";
  const left = operands.map((names) => names.join(" ")).join(change === 7 ? " ,  " : ", ");
  return [`${change === 8 ? "... " : ""}${left} ${arrow} ${kept.join(" ")}`.trim(), given];
});

/** A tensor, a pattern for it and sizes: exact more often than not. */
const patterns = fc.tuple(
  fc.array(fc.subarray([...letters]), { minLength: 1, maxLength: 2 }),
  fc.shuffledSubarray([...letters], { minLength: 4 }),
  fc.tuple(smallDim, smallDim, smallDim, smallDim),
  fc.nat({ max: 2 }),
  smallDim,
  fc.nat(19),
).map(([groups, order, dims, cut, other, change]): [Dim[], string, Record<string, Dim>] => {
  const seen = new Set<string>();
  const from = groups.map((group) => group.filter((name) => !seen.has(name) && seen.add(name)));
  const to = order.filter((name) => seen.has(name));
  if (change === 0) to.push(to[0] ?? "i");
  if (change === 1) to.pop();
  const size = (name: string): Dim => dims[letters.indexOf(name as typeof letters[number])]!;
  const x = from.map((group) => productDim(group.map(size)));
  if (change === 2) x.push(other);
  if (change === 3 && x.length > 0) x[0] = other;
  const open = change === 4 ? 2 : change === 8 || change === 9 ? 0 : 1;
  const sizes = Object.fromEntries(from.flatMap((group) => group.slice(open)).map((n) => [n, size(n)]));
  if (change === 9) x.reverse(); // as many elements, in axes that the sizes do not make up
  if (change === 5) sizes["z"] = other;
  const side = (list: readonly (readonly string[])[]): string =>
    list.map((g) => (g.length === 1 ? g[0]! : `(${g.join(" ")})`)).join(" ");
  const joined = [to.slice(0, cut), ...to.slice(cut).map((name) => [name])].filter((g) => g.length > 0);
  const text = `${side(from)} -> ${side(joined)}`;
  return [x, change === 6 ? text.replace(")", "") : change === 7 ? text.replace("->", "") : text, sizes];
});

/** What the type checker leaves open where a size follows from names that it does not know, as text of a type. */
function openRearrange(x: Shape, pattern: string, sizes: Record<string, Dim>): string | undefined {
  const parsed = einsum.parseRearrange(pattern);
  if (typeof parsed === "string" || parsed[0].length !== x.length) return undefined;
  const open = new Set<string>();
  const known: Record<string, Dim> = { ...sizes };
  for (const [d, group] of parsed[0].entries()) {
    const [name, ...others] = group.filter((n) => !Object.hasOwn(sizes, n));
    if (others.length > 0) return undefined;
    if (name === undefined) continue;
    const given = productDim(group.filter((n) => n !== name).map((n) => sizes[n]!));
    const size = divDim(x[d]!, given);
    if (size === undefined && typeof x[d] === "number" && typeof given === "number") return undefined;
    if (size === undefined) open.add(name);
    else known[name] = size;
  }
  if (open.size === 0) return undefined;
  const dims = parsed[1].map((group) =>
    group.some((name) => open.has(name))
      ? "number"
      : literalType(productDim(group.map((name) => known[name]!)))
  );
  return `[${dims.join(", ")}]`;
}

/** A shape and another way to write its elements down, sometimes with a `-1`, sometimes wrong. */
const reshaped = fc.tuple(small, small, fc.nat(9), fc.nat(4)).map(([a, b, how, at]): [Dim[], Dim[]] => {
  const turned = a.toReversed();
  switch (how) {
    case 0:
      return [a, b];
    case 1:
      return [a, [productDim(a)]];
    case 2:
      return [[productDim(a)], a];
    case 3:
      return [a, [...turned, ...b]];
    case 4:
      return [a, turned.map((d, i) => i === at ? -1 : d)];
    case 5:
      return [a, b.toSpliced(at, 1, -1)];
    case 6:
      return [[...a, ...b], turned.toSpliced(at, 0, -1)];
    case 7:
      return [a, [-1, ...b, -1]];
    case 8:
      return [[productDim(a), ...b], [...a, -1]];
    default:
      return [[768, ...a], [...turned, 12, 64]];
  }
});

const pairOf = (min: number, max: number): fc.Arbitrary<[number, number]> =>
  fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));

/** How a window moves, as an option with some fields left out. */
const sliding = fc.record(
  {
    padding: fc.tuple(pairOf(0, 3), pairOf(0, 3)).map((p) => p.flat() as [number, number, number, number]),
    strides: pairOf(1, 4),
    dilations: pairOf(1, 3),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const complete = (s: Partial<windows.Sliding>): windows.Sliding => ({
  padding: [0, 0, 0, 0],
  strides: [1, 1],
  dilations: [1, 1],
  ...s,
});

const imageSize: fc.Arbitrary<Dim> = fc.oneof(
  fc.integer({ min: 3, max: 40 }),
  fc.constantFrom("n", "4*n", "12*b+5", "n+2", "past+seq+7", 224),
);

/** The type of a window's result where names leave open how often it fits. */
function openWindow(
  result: shapes.ShapeResult,
  front: Shape,
  x: Shape,
  window: readonly [Dim, Dim],
  { padding, strides, dilations }: windows.Sliding,
  ceil: boolean,
): { open?: string } {
  if (typeof result !== "string" || !result.includes("is not known to fit")) return {};
  const counts = ([0, 1] as const).map((i) =>
    windows.windowCount(
      x[i + 2]!,
      window[i],
      padding[2 * i]! + padding[2 * i + 1]!,
      strides[i],
      dilations[i],
      ceil,
    ) ?? -1
  );
  return { open: withHole([...front, ...counts]) };
}

/** Indices or updates that fit a shape more often than not. */
const along = (s: Dim[], i: number): fc.Arbitrary<Dim[]> =>
  fc.tuple(similar(s), dim, fc.nat(3)).map(([other, d, change]) =>
    change === 0 ? other : hasAxis(s, i) ? s.with(i, d) : s
  );

/** For each function a source of cases. */
export const SOURCES: Readonly<Record<string, fc.Arbitrary<Case>>> = {
  AddD: dims.map(([a, b]) => dimCase("AddD", [a, b], addDim(a, b))),
  MulD: dims.map(([a, b]) => dimCase("MulD", [a, b], mulDim(a, b))),
  ExceedsD: fc.oneof(
    dims,
    dims.map(([a, b]): [Dim, Dim] => [addDim(a, b), b]),
  ).map(([a, b]): Case => {
    const exceeds = subtractDim(a, addDim(b, 1)) !== undefined;
    return { ...dimCase("ExceedsD", [a, b], 0), result: String(exceeds), vague: "never", accepted: exceeds };
  }),
  CanonicalD: dimText.map((text) => dimCase("CanonicalD", [text], canonicalDim(text))),
  ProductD: fc.tuple(small, bits).map(([s, b]): Case => ({
    ...dimCase("ProductD", [], productDim(s)),
    type: `ProductD<${literalType(s)}>`,
    vague: `ProductD<${vagueShape(s, b)}>`,
  })),
  BindShape: fc.tuple(bits, small, fc.dictionary(name, smallDim, { maxKeys: 4, noNullPrototype: true })).map((
    [b, s, values],
  ) => shapeCase("BindShape", b, [s], [values], s.map((d) => substituteDim(d, values)))),
  BroadcastShape: fc.tuple(bits, pair).map(([b, [x, y]]) =>
    shapeCase("BroadcastShape", b, [x, y], [], shapes.broadcastShape("add", x, y), { op: "add" })
  ),
  WhereShape: fc.tuple(bits, pair, fc.constantFrom([1], [], [3, 1], ["b", 1])).map(([b, [x, y], c]) =>
    shapeCase("WhereShape", b, [x, y, c], [], shapes.whereShape(x, y, c))
  ),
  MatmulShape: fc.tuple(bits, matrices).map(([b, [x, y]]) =>
    shapeCase("MatmulShape", b, [x, y], [], shapes.matmulShape(x, y))
  ),
  LinearShape: fc.tuple(bits, shape(3), shape(2, 2), fc.nat(5)).map(([b, x, w, change]) => {
    const weight = change === 0 ? w : change === 1 ? [...w, ...x] : [x.at(-1) ?? 1, w[1]!];
    return shapeCase("LinearShape", b, [x, weight], [], shapes.linearShape(x, weight));
  }),
  LastAxisShape: fc.tuple(bits, shape(3), dim, fc.boolean()).map(([b, x, d, same]) => {
    const last = same ? x.at(-1) ?? d : d;
    return shapeCase("LastAxisShape", b, [x], [last], shapes.lastAxisShape("layerNorm", x, last), {
      op: "layerNorm",
    });
  }),
  WeightShape: fc.tuple(bits, shape(3), shape(2, 1), fc.nat(3)).map(([b, x, other, change]) => {
    const weight = change === 0 ? other : [x.at(-1) ?? 1];
    const result = shapes.weightShape("linear", "bias", x, weight);
    return {
      ...shapeCase("WeightShape", b, [x, weight], [], result, { op: "linear" }),
      type: `WeightShape<"linear", "bias", ${literalType(x)}, ${literalType(weight)}>`,
      vague: `WeightShape<"linear", "bias", ${vagueShape(x, b)}, ${literalType(weight)}>`,
    };
  }),
  BroadcastToShape: fc.tuple(bits, pair).map(([b, [x, y]]) =>
    shapeCase("BroadcastToShape", b, [y, x], [], shapes.broadcastToShape(y, x))
  ),
  ReduceShape: fc.tuple(
    bits,
    shape(4, 2),
    fc.oneof(axis, fc.array(axis, { maxLength: 3 }), fc.constant(undefined)),
    fc.boolean(),
  ).map(([b, s, axes, keep]) =>
    shapeCase("ReduceShape", b, [s], [axes, keep], shapes.reduceShape("sum", s, axes, keep), { op: "sum" })
  ),
  SoftmaxShape: fc.tuple(bits, shape(4), axis).map(([b, s, i]) =>
    shapeCase("SoftmaxShape", b, [s], [i], shapes.softmaxShape("softmax", s, i), { op: "softmax" })
  ),
  PermuteShape: shape(5).chain((s) => {
    const all = fc.shuffledSubarray([...s.keys()], { minLength: s.length });
    const axes = fc.oneof(
      all,
      all,
      all.map((list) => list.map((i) => i - s.length)),
      fc.array(axis, { maxLength: 5 }),
    );
    return fc.tuple(bits, axes).map(([b, list]) =>
      shapeCase("PermuteShape", b, [s], [list], shapes.permuteShape(s, list))
    );
  }),
  EinsumShape: fc.tuple(bits, equations).map(([b, [equation, operands]]) =>
    shapeCase("EinsumShape", b, operands, [], einsum.einsumShape(equation, operands), {
      op: equation,
      list: true,
    })
  ),
  RearrangeShape: fc.tuple(bits, patterns).map(([b, [x, pattern, sizes]]) => {
    const result = einsum.rearrangeShape(x, pattern, sizes);
    const open = typeof result === "string" ? openRearrange(x, pattern, sizes) : undefined;
    return shapeCase("RearrangeShape", b, [x], [pattern, sizes], result, open === undefined ? {} : { open });
  }),
  TransposeShape: fc.tuple(bits, shape(5)).map(([b, s]) =>
    shapeCase("TransposeShape", b, [s], [], shapes.transposeShape(s))
  ),
  ReshapeShape: fc.tuple(bits, reshaped).map(([b, [s, target]]) => {
    const result = shapes.reshapeShape(s, target);
    const open = typeof result === "string" && result.includes("does not follow")
      ? { open: withHole(target) }
      : {};
    return shapeCase("ReshapeShape", b, [s, target], [], result, open);
  }),
  SplitShape: fc.tuple(bits, shape(3, 1), axis, fc.integer({ min: 1, max: 5 }), fc.boolean()).map(
    ([b, s, i, parts, fit]) => {
      const whole = fit ? s.map((d) => mulDim(d, parts)) : s;
      const result = shapes.splitShape(whole, parts, i);
      const open = typeof result === "string" && result.includes("known to be")
        ? { open: withHole(whole.with(i, -1)) }
        : {};
      return shapeCase("SplitShape", b, [whole], [parts, i], result, open);
    },
  ),
  ConcatShape: shape(3).chain((s) =>
    fc.tuple(
      bits,
      fc.array(fc.oneof(fc.constant(s), fc.constant(s), similar(s)), { maxLength: 3 }),
      axis,
      dim,
    )
  ).map(([b, list, i, d]) => {
    const varied = list.map((s, n) => n === 1 && hasAxis(s, i) ? s.with(i, d) : s);
    return shapeCase("ConcatShape", b, varied, [i], shapes.concatShape(varied, i), { list: true });
  }),
  AppendShape: fc.tuple(bits, pair, axis, dim, fc.boolean()).map(([b, [x, y], i, d, fit]) => {
    const next = fit && hasAxis(x, i) ? x.with(i, d) : y;
    return shapeCase("AppendShape", b, [x, next], [i], shapes.appendShape(x, next, i));
  }),
  SliceShape: fc.tuple(
    bits,
    shape(3, 1),
    axis,
    fc.oneof(dim, literal, fc.constantFrom(undefined, 0, -1, -3, -100)),
    fc.oneof(dim, literal, fc.constantFrom(1, 2, 3)),
  ).map(([b, s, i, start, length]) =>
    shapeCase("SliceShape", b, [s], [i, start, length], shapes.sliceShape(s, i, start, length))
  ),
  GemmShape: fc.tuple(bits, shape(3, 3), fc.boolean(), fc.boolean(), fc.nat(9)).map(
    ([b, [m, k, n], ta, tb, change]) => {
      const a = ta ? [k!, m!] : [m!, k!];
      const inner = change === 0 ? m! : k!;
      const right = tb ? [n!, inner] : [inner, n!];
      const [x, y] = [change === 1 ? [m!] : a, change === 2 ? [...right, 1] : right];
      return shapeCase("GemmShape", b, [x, y], [ta, tb], gemmShape(x, y, ta, tb));
    },
  ),
  SqueezeShape: fc.tuple(
    bits,
    fc.array(fc.oneof(fc.constant(1), dim), { maxLength: 4 }),
    fc.oneof(axis, fc.array(axis, { maxLength: 3 }), fc.constant(undefined)),
  ).map(([b, s, axes]) => shapeCase("SqueezeShape", b, [s], [axes], squeezeShape(s, axes))),
  UnsqueezeShape: fc.tuple(bits, shape(4), fc.integer({ min: -6, max: 5 })).map(([b, s, i]) =>
    shapeCase("UnsqueezeShape", b, [s], [i], unsqueezeShape(s, i))
  ),
  TakeShape: fc.tuple(bits, shape(3), shape(3)).map(([b, table, ids]) =>
    shapeCase("TakeShape", b, [table, ids], [], shapes.takeShape("take", table, ids), { op: "take" })
  ),
  Conv2dShape: fc.tuple(
    bits,
    fc.tuple(dim, fc.integer({ min: 1, max: 3 }), imageSize, imageSize),
    fc.tuple(fc.constantFrom<Dim>(4, 6, 12, "n"), fc.constantFrom(1, 2, 3)),
    sliding,
    fc.nat(9),
  ).map(([b, [n, c, h, w], [o, k], moves, change]) => {
    const groups = change > 5 ? {} : { groups: change < 3 ? 2 : 3 };
    const channels = mulDim(c, groups.groups ?? 1);
    const x = change === 0 ? [n, channels, h] : [n, change === 1 ? "c" : channels, h, w];
    const filter = change === 2 ? [o, c, k] : [o, c, k, 3];
    const window = complete(moves);
    const result = windows.conv2dShape(x, filter, window, groups.groups ?? 1);
    const open = openWindow(result, [n, o], x, [k, 3], window, false);
    return shapeCase("Conv2dShape", b, [x, filter], [{ ...moves, ...groups }], result, open);
  }),
  PoolShape: fc.tuple(
    bits,
    fc.tuple(dim, dim, imageSize, imageSize),
    sliding,
    fc.option(pairOf(1, 4)),
    fc.option(fc.constantFrom("floor", "ceil")),
    fc.nat(9),
  ).map(([b, all, moves, size, rounding, change]) => {
    const x = change === 0 ? all.slice(1) : all;
    const options = { ...moves, ...(size && { window: size }), ...(rounding && { rounding }) };
    const [window, ceil] = [complete(moves), rounding === "ceil"];
    const result = windows.poolShape("maxPool2d", x, size ?? undefined, window, ceil);
    const open = openWindow(result, all.slice(0, 2), x, size ?? [all[2], all[3]], window, ceil);
    return shapeCase("PoolShape", b, [x], [options], result, { op: "maxPool2d", ...open });
  }),
  GatherShape: fc.tuple(bits, shape(3), shape(2), axis).map(([b, x, ids, i]) =>
    shapeCase("GatherShape", b, [x, ids], [i], gather.gatherShape(x, ids, i))
  ),
  GatherElementsShape: fc.tuple(bits, shape(3), axis).chain(([b, x, i]) =>
    along(x, i).map((ids) =>
      shapeCase("GatherElementsShape", b, [x, ids], [i], gather.gatherElementsShape(x, ids, i))
    )
  ),
  ScatterElementsShape: fc.tuple(bits, shape(3), axis, fc.nat(5)).chain(([b, x, i, change]) =>
    fc.tuple(along(x, i), along(x, i)).map(([ids, other]) => {
      const updates = change === 0 ? other : ids;
      const result = gather.scatterElementsShape(x, ids, updates, i);
      return shapeCase("ScatterElementsShape", b, [x, ids, updates], [i], result);
    })
  ),
  GatherNDShape: fc.tuple(bits, shape(3), shape(2), fc.oneof(fc.nat(4), fc.nat(2), name)).map((
    [b, x, batch, depth],
  ) => {
    const ids = depth === 4 ? batch : [...batch, depth];
    return shapeCase("GatherNDShape", b, [x, ids], [], gather.gatherNDShape(x, ids));
  }),
  ScatterNDShape: fc.tuple(bits, shape(3, 1), shape(2), fc.nat(2), fc.nat(4)).chain((
    [b, x, batch, depth, change],
  ) => {
    const ids = change === 0 ? [...batch, "n"] : [...batch, depth];
    return similar([...batch, ...x.slice(depth)]).map((other) => {
      const updates = change === 1 ? other : [...batch, ...x.slice(depth)];
      const result = gather.scatterNDShape(x, ids, updates);
      return shapeCase("ScatterNDShape", b, [x, ids, updates], [], result);
    });
  }),
  PadShape: fc.tuple(bits, shape(4, 0, smallDim), fc.nat(5)).chain(([b, x, change]) => {
    const widths = fc.array(fc.oneof(fc.nat(9), smallDim), { minLength: x.length, maxLength: x.length });
    return fc.tuple(widths, widths).map(([begin, end]) => {
      const [p, q] = [change === 0 ? [...begin, 1] : begin, change === 1 ? end.slice(1) : end];
      return shapeCase("PadShape", b, [x, p, q], [], layout.padShape(x, p, q));
    });
  }),
  TileShape: fc.tuple(bits, shape(3, 0, smallDim), shape(3, 3, smallDim), fc.nat(4)).map((
    [b, x, all, change],
  ) => {
    const repeats = change === 0 ? all : all.slice(0, x.length);
    return shapeCase("TileShape", b, [x, repeats], [], layout.tileShape(x, repeats));
  }),
  ReverseShape: fc.tuple(bits, shape(4, 2), fc.array(axis, { maxLength: 3 })).map(([b, s, axes]) =>
    shapeCase("ReverseShape", b, [s], [axes], layout.reverseShape(s, axes))
  ),
  TriangularShape: fc.tuple(bits, shape(4)).map(([b, s]) =>
    shapeCase("TriangularShape", b, [s], [], layout.triangularShape(s))
  ),
  TopShape: fc.tuple(bits, shape(3, 1), axis, dim, fc.nat(3)).map(([b, s, i, d, change]) => {
    const count = change > 0 && hasAxis(s, i) && typeof s.at(i) === "number" ? 1 : d;
    return shapeCase("TopShape", b, [s], [i, count], layout.topShape("topK", s, i, count), { op: "topK" });
  }),
  SampleShape: fc.tuple(bits, pair, dim, fc.nat(4)).map(([b, [x, y], d, change]) => {
    const weights = change === 0 ? [] : [...x, d];
    const numbers = change < 3 ? x : y;
    return shapeCase("SampleShape", b, [weights, numbers], [], layout.sampleShape(weights, numbers));
  }),
  MaskShape: fc.tuple(bits, shape(2), shape(3, 3), fc.nat(5)).chain(([b, batch, [s, t, d], change]) => {
    const scores = [...batch, s!, t!];
    const mask = fc.oneof(similar(scores), fc.constantFrom<Dim[]>(scores.slice(-2), [1, t!], [t!, s!], []));
    return mask.map((m) => {
      const [q, k] = [[...batch, s!, d!], [...batch, t!, change === 0 ? s! : d!]];
      return shapeCase("MaskShape", b, [q, k, m], [], maskShape(q, k, m));
    });
  }),
  AttentionShape: fc.tuple(bits, shape(2, 0, smallDim), shape(5, 5, smallDim), fc.nat(9)).map((
    [b, batch, [s, t, d, e, g], change],
  ) => {
    const heads = mulDim(g!, change > 7 ? 3 : 1);
    const [front, own] = change > 5 ? [[...batch, heads], [...batch, g!]] : [batch, batch];
    const q = change === 0 ? [d!] : [...front, s!, d!];
    const k = change === 1 ? [...own, t!, e!] : [...(change === 2 ? [...own, s!] : own), t!, d!];
    const v = change === 3 ? [...own, s!, e!] : [...(change === 2 ? [...own, s!] : own), t!, e!];
    return shapeCase("AttentionShape", b, [q, k, v], [], attentionShape(q, k, v));
  }),
};
