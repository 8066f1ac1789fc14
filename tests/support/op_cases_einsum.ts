/**
 * Cases of the operators that name their axes (see `op_cases.ts`).
 *
 * @module
 */
import * as w from "../../dsl/mod.ts";
import { type OpCase, opCase } from "./op_cases.ts";
import * as ref from "./reference.ts";

/** A sum of products by its definition: a loop over everything. */
export function einsum(
  operands: readonly string[],
  result: string,
  ...tensors: readonly ref.Dense[]
): ref.Dense {
  const names = operands.map((text) => text.split(" ").filter((name) => name !== ""));
  const own = result.split(" ").filter((name) => name !== "");
  const sizes = new Map(
    names.flatMap((list, i) => list.map((name, d) => [name, tensors[i]!.shape[d]!] as const)),
  );
  const others = [...sizes.keys()].filter((name) => !own.includes(name));
  const size = (list: readonly string[]): number[] => list.map((name) => sizes.get(name)!);
  return ref.build(size(own), (at) => {
    let sum = 0;
    for (const rest of ref.indices(size(others))) {
      const place = new Map([...own, ...others].map((name, i) => [name, [...at, ...rest][i]!]));
      sum += names.reduce((p, list, i) => p * ref.at(tensors[i]!, list.map((name) => place.get(name)!)), 1);
    }
    return sum;
  });
}

const two = { a: w.spec(["n", 3, "m"], "f32"), b: w.spec(["k", 3, "m"], "f32") };

/** The cases. */
export const EINSUM_CASES: readonly OpCase[] = [
  opCase({
    name: "einsum of queries and keys",
    inputs: two,
    build: ({ a, b }) => w.einsum("t h d, s h d -> h t s", a, b),
    expected: ({ a, b }) => einsum(["t h d", "s h d"], "h t s", a!, b!),
    tolerance: 1e-4,
  }),
  opCase({
    name: "einsum over two axes",
    inputs: two,
    build: ({ a, b }) => w.einsum("i h d, j h d -> i j", a, b),
    expected: ({ a, b }) => einsum(["i h d", "j h d"], "i j", a!, b!),
    tolerance: 1e-4,
  }),
  opCase({
    name: "einsum along a diagonal",
    inputs: { x: w.spec(["n", "n", "m"], "f32") },
    build: ({ x }) => w.einsum("i i j -> j", x),
    expected: ({ x }) => einsum(["i i j"], "j", x!),
    tolerance: 1e-4,
  }),
  opCase({
    name: "einsum of an outer product",
    inputs: { a: w.spec(["n"], "f32"), b: w.spec(["m"], "f32") },
    build: ({ a, b }) => w.einsum("i, j -> j i", a, b),
    expected: ({ a, b }) => einsum(["i", "j"], "j i", a!, b!),
  }),
  opCase({
    name: "einsum of three tensors",
    inputs: { a: w.spec(["n", 3], "f32"), b: w.spec([3, "m", 2], "f32"), c: w.spec(["n", "m"], "f32") },
    build: ({ a, b, c }) => w.einsum("i j, j k l, i k -> i l", a, b, c),
    expected: ({ a, b, c }) => einsum(["i j", "j k l", "i k"], "i l", a!, b!, c!),
    tolerance: 1e-4,
  }),
  opCase({
    name: "einsum to a number",
    inputs: { a: w.spec(["n", "m"], "i32"), b: w.spec(["m"], "i32") },
    build: ({ a, b }) => w.einsum("i j, j ->", a, b),
    expected: ({ a, b }) => einsum(["i j", "j"], "", a!, b!),
  }),
  opCase({
    name: "einsum in another order",
    inputs: { x: w.spec(["n", "m", 3], "f32") },
    build: ({ x }) => w.einsum("a b c -> c a b", x),
    expected: ({ x }) => einsum(["a b c"], "c a b", x!),
  }),
  opCase({
    name: "rearrange of heads",
    inputs: { x: w.spec(["b", "n", 12], "f32") },
    build: ({ x }) => w.rearrange(x, "b s (h d) -> b h s d", { h: 3 }),
    expected: ({ x }) => {
      const [b, n] = x!.shape;
      return ref.permute({ shape: [b!, n!, 3, 4], data: x!.data }, [0, 2, 1, 3]);
    },
  }),
  opCase({
    name: "rearrange of two axes into one",
    inputs: { x: w.spec(["b", "n", "m"], "f32") },
    build: ({ x }) => w.rearrange(x, "b s d -> d (s b)"),
    expected: ({ x }) => {
      const [b, n, m] = x!.shape;
      return { shape: [m!, n! * b!], data: ref.permute(x!, [2, 1, 0]).data };
    },
  }),
];
