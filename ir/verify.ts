/**
 * What every function and graph keeps, as a table of rules run by one driver. Passes check their results with it, so
 * that a fault is named where it was made and not in generated code.
 *
 * @module
 */
import { VerifyError } from "./errors.ts";
import type { Graph, TensorType } from "./graph.ts";
import type { PrimFunc } from "./prim_func.ts";
import { BLOCK_RULES } from "./verify/blocks.ts";
import { FORM_RULES } from "./verify/form.ts";
import { GRAPH_RULES, type GraphRule, type OpTypes } from "./verify/graph.ts";
import { LOOP_RULES } from "./verify/loops.ts";
import type { FuncRule } from "./verify/rule.ts";
import { scanFunc } from "./verify/scan.ts";

export type { FuncRule } from "./verify/rule.ts";
export type { ExprSite, InScope, Scan, Site } from "./verify/scan.ts";
export type { GraphRule, GraphScan, OpTypes } from "./verify/graph.ts";

/** The rules of functions, in the order in which they are asked. */
export const FUNC_VERIFY_RULES: readonly FuncRule[] = [...FORM_RULES, ...LOOP_RULES, ...BLOCK_RULES];

/** The rules of graphs, in the order in which they are asked. */
export const GRAPH_VERIFY_RULES: readonly GraphRule[] = GRAPH_RULES;

/**
 * The rules that a function breaks, each as `rule: what and where`. Nothing for a function that keeps them all.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseFunc } from "./parse.ts";
 * import { verifyFunc } from "./verify.ts";
 *
 * const f = parseFunc("fn f(x: read f32[n], y: write f32[n]) dims(n) { for i in 0..n { x[j] = y[i] } }");
 * assertEquals(verifyFunc(f), [
 *   "bound-variables: an index of a store to x in loop i uses j, which nothing binds there, did you mean n?",
 *   "param-access: loop i reads parameter y before anything writes it; make it read_write",
 *   "param-access: loop i stores to parameter x, which is read only",
 *   "written-buffers: parameter y is write, but nothing writes it",
 * ]);
 * ```
 */
export function verifyFunc(f: PrimFunc): readonly string[] {
  const scan = scanFunc(f);
  const problems: string[] = [];
  for (const level of ["form", "meaning"] as const) {
    // Only what is well formed can be evaluated.
    if (problems.length > 0) break;
    for (const rule of FUNC_VERIFY_RULES.filter((r) => r.level === level)) {
      for (const problem of rule.check(scan)) problems.push(`${rule.name}: ${problem}`);
    }
  }
  return problems;
}

/**
 * The rules that a graph breaks, each as `rule: what and where`. With a table of operators (`OPS`) the types of all
 * nodes are worked out again and compared.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { OPS } from "./ops/mod.ts";
 * import { parseGraph } from "./parse.ts";
 * import { verifyGraph } from "./verify.ts";
 *
 * const g = parseGraph("graph g { input x: f32[n] %0: f32[n] = tahn(x) output y = %0 }");
 * assertEquals(verifyGraph(g, OPS), ["known-ops: %0 (tahn): there is no operator tahn, did you mean tan?"]);
 * ```
 */
export function verifyGraph(g: Graph, ops?: OpTypes): readonly string[] {
  const types = new Map<string, TensorType>();
  for (const value of [...g.inputs, ...g.nodes]) if (!types.has(value.name)) types.set(value.name, value);
  return GRAPH_VERIFY_RULES.flatMap((rule) =>
    [...rule.check({ graph: g, ops, types })].map((problem) => `${rule.name}: ${problem}`)
  );
}

/** Throws {@linkcode VerifyError} with every rule that the function breaks. */
export function assertFunc(f: PrimFunc): void {
  const problems = verifyFunc(f);
  if (problems.length > 0) throw new VerifyError(`function ${f.name}`, problems);
}

/** Throws {@linkcode VerifyError} with every rule that the graph breaks. */
export function assertGraph(g: Graph, ops?: OpTypes): void {
  const problems = verifyGraph(g, ops);
  if (problems.length > 0) throw new VerifyError(`graph ${g.name}`, problems);
}
