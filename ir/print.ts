/**
 * The text form of expressions, nests and graphs. Everything about a value is in its text: `parse(print(x))` is `x`
 * (see `parse.ts`), so text can be stored, compared and edited.
 *
 * - Literals carry their type: `1` is i32, `1u` u32, `1.0` f32, `1.0h` f16, `true` bool.
 * - A load gives the register type of its buffer; `load.f16(x, i)` is one that gives another.
 * - Larger parts that an expression uses more than once are written once: `let $0 = ... in $0 * $0`.
 * - A name that is no plain word is quoted: `"my kernel"`, `"for"`.
 *
 * @module
 */
import type { DType } from "./dtype.ts";
import type { Expr } from "./expr.ts";
import type { Graph } from "./graph.ts";
import type { PrimFunc } from "./prim_func.ts";
import type { Stmt } from "./stmt.ts";
import { loadTypes, printExprIn } from "./text/print_expr.ts";
import { graphLines } from "./text/print_graph.ts";
import { funcLines, stmtLines } from "./text/print_stmt.ts";

/** Element types of the buffers that a piece of text loads from, by name; those not given are `f32`. */
export type BufferTypes = Readonly<Record<string, DType>>;

/**
 * An expression as text, on one line.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { f32, int, load, mul, reduce, variable } from "./expr.ts";
 * import { printExpr } from "./print.ts";
 *
 * const [i, k] = [variable("i"), variable("k")];
 * const half = mul(load("in0", "f32", [i, k]), f32(0.5));
 * assertEquals(printExpr(reduce("sum", [{ name: "k", extent: int(3) }], half)), "sum(k < 3: in0[i, k] * 0.5)");
 * ```
 */
export function printExpr(e: Expr, buffers: BufferTypes = {}): string {
  return printExprIn(e, loadTypes(Object.entries(buffers)));
}

/**
 * A statement as text.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { f32, int, variable } from "./expr.ts";
 * import { printStmt } from "./print.ts";
 * import { forLoop, store } from "./stmt.ts";
 *
 * const fill = forLoop("i", int(4), store("y", [variable("i")], f32(1)), "blockIdx.x");
 * assertEquals(printStmt(fill), "for i in 0..4 @blockIdx.x {\n  y[i] = 1.0\n}");
 * ```
 */
export function printStmt(s: Stmt, buffers: BufferTypes = {}): string {
  return stmtLines(s, loadTypes(Object.entries(buffers)), 0).join("\n");
}

/**
 * A function as text.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { f32, variable } from "./expr.ts";
 * import { primFunc } from "./prim_func.ts";
 * import { printFunc } from "./print.ts";
 * import { type Buffer, forLoop, store } from "./stmt.ts";
 *
 * const y: Buffer = { name: "y", dtype: "f32", shape: [variable("n")], scope: "global" };
 * const body = forLoop("i", variable("n"), store("y", [variable("i")], f32(1)));
 * const ones = primFunc("ones", [{ buffer: y, access: "write" }], ["n"], body);
 * assertEquals(
 *   printFunc(ones),
 *   "fn ones(y: write f32[n]) dims(n) {\n  for i in 0..n {\n    y[i] = 1.0\n  }\n}",
 * );
 * ```
 */
export function printFunc(f: PrimFunc): string {
  return funcLines(f).join("\n");
}

/**
 * A graph as text: bounds of dims, inputs by role, a line a value, outputs.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { graph } from "./graph.ts";
 * import { printGraph } from "./print.ts";
 *
 * const type = { shape: ["n"], dtype: "f32" } as const;
 * const g = graph({
 *   name: "double",
 *   bounds: { n: 8 },
 *   inputs: [{ kind: "input", name: "x", role: "input", ...type }],
 *   nodes: [{ kind: "node", name: "%0", op: "add", inputs: ["x", "x"], attrs: {}, ...type }],
 *   outputs: [{ name: "y", value: "%0" }],
 * });
 * assertEquals(printGraph(g).split("\n"), [
 *   "graph double {",
 *   "  bound n <= 8",
 *   "  input x: f32[n]",
 *   "  %0: f32[n] = add(x, x)",
 *   "  output y = %0",
 *   "}",
 * ]);
 * ```
 */
export function printGraph(g: Graph): string {
  return graphLines(g).join("\n");
}
