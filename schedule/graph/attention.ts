/**
 * Attention as one kernel: the calls of its composed form put together, where a schedule makes one launch of them.
 *
 * @module
 */
import { hashFunc } from "../../ir/hash.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { foldOf } from "../analysis/fold.ts";
import { outerBlocks } from "../analysis/nests.ts";
import type { KernelCall, LegalizedGraph } from "./legalize.ts";
import { callOf, mergeCalls } from "./merge.ts";

/**
 * Puts the calls of each `softmax(scores) @ values` into one: with the product that the scores are, and with the appends
 * to the keys and values, where `fits` says yes to the function; else without the appends; else not at all.
 *
 * rewrite: `k = append(..); v = append(..); s = scores(q, k); p = softmax(s); y = product(p, v)`  becomes
 * `k, v, y = attention(..)`
 */
export function mergeAttention(g: LegalizedGraph, fits: (func: PrimFunc) => boolean): LegalizedGraph {
  let calls = g.calls;
  // Layers are alike: what was made of equal functions that pass on the same is known.
  const known = new Map<string, Merged>();
  for (const product of g.calls) {
    for (const group of groupsAt(g, calls, product)) {
      const merged = mergedOf(group, known, fits);
      if (merged === undefined) continue;
      const members = new Set(group.calls);
      calls = calls.flatMap((c) => (c === product ? [merged] : members.has(c) ? [] : [c]));
      break;
    }
  }
  return calls === g.calls ? g : { ...g, calls };
}

interface Group {
  readonly calls: readonly KernelCall[];
  readonly inner: ReadonlySet<string>;
}

/** A function of several calls, with its arguments by their places among all of theirs. */
interface Merged {
  readonly func: PrimFunc;
  readonly args: readonly number[];
  readonly fits: boolean;
}

/** A group as one call, where that fits. */
function mergedOf(
  { calls, inner }: Group,
  known: Map<string, Merged>,
  fits: (func: PrimFunc) => boolean,
): KernelCall | undefined {
  const values = [...new Set(calls.flatMap((c) => c.args))];
  const places = (c: KernelCall): string =>
    c.args.map((v) => values.indexOf(v) + (inner.has(v) ? "!" : "")).join();
  const key = calls.map((c) => `${hashFunc(c.func)}(${places(c)})`).join(" ");
  const found = known.get(key);
  if (found?.fits === false) return undefined;
  if (found !== undefined) {
    return callOf(calls, found.func, found.args.flatMap((i) => values[i] ?? []));
  }
  const { func, args } = mergeCalls("attention", calls, inner);
  const made = { func, args: args.map((value) => values.indexOf(value)), fits: fits(func) };
  known.set(key, made);
  return made.fits ? callOf(calls, func, args) : undefined;
}

const resultOf = (call: KernelCall): string => call.args.at(-1) ?? "";

/** Groups of calls that end with this one, the largest first. */
function groupsAt(g: LegalizedGraph, calls: readonly KernelCall[], product: KernelCall): readonly Group[] {
  const producer = (value: string): KernelCall | undefined => calls.find((c) => resultOf(c) === value);
  const operands = product.args.slice(0, -1).flatMap((value) => producer(value) ?? []);
  const softmax = operands.find(takesMaximum);
  const scores = softmax?.args.slice(0, -1).flatMap((value) => producer(value) ?? [])[0];
  if (softmax === undefined || scores === undefined || foldless(product) || !isOfOneQuery(product)) return [];
  const core = [scores, softmax, product];
  const inner = new Set([resultOf(scores), resultOf(softmax)]);
  const kept = new Set(g.graph.outputs.map((o) => o.value));
  const isPrivate = [...inner].every((value) =>
    !kept.has(value) && !g.aliases.has(value) &&
    calls.every((c) => core.includes(c) || !c.args.includes(value))
  );
  if (!isPrivate) return [];
  const appended = core.flatMap((c) => c.args).flatMap((value) =>
    g.aliases.has(value) ? producer(value) ?? [] : []
  );
  return [[...core, ...appended], core].flatMap((members): readonly Group[] => {
    const inOrder = calls.filter((c) => members.includes(c));
    const between = calls.slice(calls.indexOf(inOrder[0] ?? product), calls.indexOf(product));
    // All of them run where the last one does: nobody before that may want what they write.
    const wanted = between.some((c) =>
      !members.includes(c) && inOrder.some((m) => c.args.includes(resultOf(m)))
    );
    return wanted ? [] : [{ calls: inOrder, inner }];
  });
}

/** Whether a result has one row for each head: several are products of matrices, which are better apart. */
function isOfOneQuery({ func }: KernelCall): boolean {
  const rows = func.params.at(-1)?.buffer.shape.at(-2);
  return rows?.kind === "const" && rows.value === 1;
}

function takesMaximum({ func }: KernelCall): boolean {
  return outerBlocks(func.body).some(({ block }) => foldOf(block)?.op === "max");
}

function foldless({ func }: KernelCall): boolean {
  return !outerBlocks(func.body).some(({ block }) => foldOf(block)?.op === "sum");
}
