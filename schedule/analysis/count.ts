/**
 * Counts of operations, elements and bytes over symbolic sizes.
 *
 * A count may be far over what an `i32` holds, so it is no index expression: its parts are, and are put together as
 * 64-bit floats.
 *
 * @module
 */
import { evalInt } from "../../ir/eval.ts";
import type { Expr } from "../../ir/expr.ts";
import { printExpr } from "../../ir/print.ts";

/** A count: a number, a size over dims (0 where it is negative), or a sum, a product or the least of counts. */
export type Count =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "size"; readonly expr: Expr }
  | { readonly kind: "sum" | "product" | "least"; readonly of: readonly Count[] };

type Several = "sum" | "product" | "least";

/** The count of a size. */
export function sizeCount(size: number | Expr): Count {
  if (typeof size === "number") return { kind: "number", value: Math.max(0, size) };
  return size.kind === "const" ? sizeCount(size.value) : { kind: "size", expr: size };
}

/** The number that a count is, if it mentions no dim. */
export function constantCount(c: Count): number | undefined {
  if (c.kind === "number") return c.value;
  if (c.kind === "size") return undefined;
  const parts = c.of.map(constantCount);
  return parts.every((n) => n !== undefined) ? combine(c.kind, parts) : undefined;
}

/** The sum of counts; what differs in a factor alone is put together. */
export function sumCount(of: readonly Count[]): Count {
  const terms = new Map<string, { times: number; readonly open: readonly Count[] }>();
  for (const c of flat("sum", of)) {
    const factors = c.kind === "product" ? c.of : [c];
    const times = combine("product", factors.flatMap((f) => constantCount(f) ?? []));
    const open = factors.filter((f) => !isConstant(f));
    const key = open.map(printCount).join(" * ");
    terms.set(key, { times: times + (terms.get(key)?.times ?? 0), open });
  }
  const parts = [...terms.values()].filter((t) => t.times !== 0).map((t) =>
    productCount([sizeCount(t.times), ...t.open])
  );
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "sum", of: parts };
}

/** The product of counts. */
export function productCount(of: readonly Count[]): Count {
  const parts = flat("product", of).filter((c) => constantCount(c) !== 1)
    .toSorted((a, b) => (printCount(a) < printCount(b) ? -1 : 1));
  if (parts.some((c) => constantCount(c) === 0)) return sizeCount(0);
  const numbers = parts.flatMap((c) => (c.kind === "number" ? [c.value] : []));
  if (numbers.length > 1) {
    return productCount([
      sizeCount(combine("product", numbers)),
      ...parts.filter((c) => c.kind !== "number"),
    ]);
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "product", of: parts };
}

/** The least of counts: which one may depend on the dims. */
export function leastCount(of: readonly Count[]): Count {
  const texts = new Map(flat("least", of).map((c) => [printCount(c), c]));
  const [constants, open] = [
    [...texts.values()].filter(isConstant),
    [...texts.values()].filter((c) => !isConstant(c)),
  ];
  const smallest = constants.toSorted((a, b) => (constantCount(a) ?? 0) - (constantCount(b) ?? 0)).slice(
    0,
    1,
  );
  const parts = [...smallest, ...open];
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "least", of: parts };
}

/**
 * The number that a count is for these dims. Throws an `InputError` for a dim without a value.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { variable } from "../../ir/expr.ts";
 * import { evalCount, productCount, sizeCount } from "./count.ts";
 *
 * const flops = productCount([sizeCount(2), sizeCount(100_000), sizeCount(variable("n"))]);
 * assertEquals(evalCount(flops, { n: 100_000 }), 2e10);
 * ```
 */
export function evalCount(c: Count, dims: Readonly<Record<string, number>> = {}): number {
  if (c.kind === "number") return c.value;
  if (c.kind === "size") return Math.max(0, evalInt(c.expr, dims));
  return combine(c.kind, c.of.map((part) => evalCount(part, dims)));
}

/**
 * The text of a count: numbers first.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { add, int, variable } from "../../ir/expr.ts";
 * import { printCount, productCount, sizeCount } from "./count.ts";
 *
 * const n = sizeCount(add(variable("past"), int(1)));
 * assertEquals(printCount(productCount([sizeCount(6), n, sizeCount(2)])), "12 * (past + 1)");
 * ```
 */
export function printCount(c: Count): string {
  if (c.kind === "number") return String(c.value);
  if (c.kind === "size") return printExpr(c.expr);
  const known = constantCount(c);
  if (known !== undefined) return String(known);
  const open = c.of.filter((part) => !isConstant(part));
  const numbers = c.of.filter(isConstant).flatMap((part) => constantCount(part) ?? []);
  const number = numbers.length === 0 ? [] : [String(combine(c.kind, numbers))];
  const texts = open.map(printCount);
  if (c.kind === "least") return `min(${[...number, ...texts].join(", ")})`;
  if (c.kind === "sum") return [...texts, ...number].join(" + ");
  const isOneWord = (part: Count, text: string): boolean =>
    part.kind === "least" || part.kind === "product" || /^\w+$/.test(text);
  return [...number, ...open.map((part, i) => isOneWord(part, texts[i] ?? "") ? texts[i] : `(${texts[i]})`)]
    .join(" * ");
}

function isConstant(c: Count): boolean {
  return constantCount(c) !== undefined;
}

function flat(kind: Several, of: readonly Count[]): readonly Count[] {
  return of.flatMap((c) => (c.kind === kind && "of" in c ? c.of : [c]));
}

function combine(kind: Several, values: readonly number[]): number {
  switch (kind) {
    case "sum":
      return values.reduce((a, b) => a + b, 0);
    case "product":
      return values.reduce((a, b) => a * b, 1);
    case "least":
      return Math.min(...values);
    default:
      return kind satisfies never;
  }
}
