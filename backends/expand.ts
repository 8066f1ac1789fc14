/**
 * Loops written out: what `unrolled` and `vectorized` mean to a code generator.
 *
 * After this, unrolled loops within the limits are gone, and a vectorized loop is {@linkcode VECTOR_LANES} lanes of one
 * store. Everything else that was vectorized is written out lane by lane, or an ordinary loop where it is too long.
 *
 * @module
 */
import { add, type Expr, int, variable } from "../ir/expr.ts";
import { simplify } from "../ir/simplify.ts";
import { type For, forLoop, ifThen, seq, type Stmt } from "../ir/stmt.ts";
import { mapStmtChildren, substitute, substituteStmt } from "../ir/traverse.ts";
import { freeVars, stmtChildren } from "../ir/visit.ts";

/** Lanes of a vector. */
export const VECTOR_LANES = 4;

/** Longest loop that is written out, and how many stores nested ones may make of one in all. */
const MAX_EXTENT = 64;
const MAX_STORES = 512;

/**
 * Writes out loops of kind `unrolled`, and brings those of kind `vectorized` into the form that generators take: four
 * iterations around a single store, of which they make one vector store.
 *
 * rewrite: `unrolled i in 0..2: s(i)`  becomes  `s(0); s(1)`
 * rewrite: `vectorized v in 0..8: { s; if c: t }`  becomes
 * `vectorized v in 0..4: s(v); vectorized v in 0..4: s(4 + v); if c: ...`
 */
export function expandLoops(s: Stmt): Stmt {
  if (s.kind !== "for") return mapStmtChildren(s, expandLoops);
  const extent = simplify(s.extent);
  const count = extent.kind === "const" ? extent.value : undefined;
  const loop = forLoop(s.var, extent, expandLoops(s.body), s.loop);
  if (count === undefined || (s.loop !== "unrolled" && s.loop !== "vectorized")) return loop;
  if (count > MAX_EXTENT || count * stores(loop.body) > MAX_STORES) return forLoop(s.var, extent, loop.body);
  if (s.loop === "unrolled" || count % VECTOR_LANES !== 0) return copies(loop, count);
  const chunks = count / VECTOR_LANES;
  return seq(Array.from({ length: chunks }, (_, c): Stmt => {
    const first: Expr = add(int(c * VECTOR_LANES), variable(s.var));
    return vector(s.var, chunks === 1 ? loop.body : at(loop.body, s.var, first));
  }));
}

/** Four lanes of a statement. */
function vector(name: string, body: Stmt): Stmt {
  const loop = forLoop(name, int(VECTOR_LANES), body, "vectorized");
  switch (body.kind) {
    case "store":
      // All lanes write one element only where the last one's value is meant: not a vector.
      return body.indices.some((e) => freeVars(e).has(name)) ? loop : copies(loop, VECTOR_LANES);
    case "seq":
      return seq(body.body.map((child) => vector(name, child)));
    case "if":
      if (freeVars(body.cond).has(name)) return copies(loop, VECTOR_LANES);
      return ifThen(
        body.cond,
        vector(name, body.then),
        body.otherwise === undefined ? undefined : vector(name, body.otherwise),
      );
    case "for":
      // Lanes do not depend on each other, so they may go through an inner loop side by side.
      if (freeVars(body.extent).has(name) || body.loop === "vectorized") return copies(loop, VECTOR_LANES);
      return forLoop(body.var, body.extent, vector(name, body.body), body.loop);
    case "alloc":
    case "block":
    case "barrier":
      return copies(loop, VECTOR_LANES);
    default:
      return body satisfies never;
  }
}

function copies(loop: For, count: number): Stmt {
  return seq(Array.from({ length: count }, (_, i) => at(loop.body, loop.var, int(i))));
}

function at(s: Stmt, name: string, value: Expr): Stmt {
  return substituteStmt(s, new Map([[name, value]]));
}

/** Stores in the text of a statement. */
function stores(s: Stmt): number {
  if (s.kind === "store") return 1;
  return stmtChildren(s).reduce((n, child) => n + stores(child), 0);
}

/** The four flat indices of an access in the lanes of a vectorized loop. */
export function laneIndices(index: Expr, lane: string, simplified: (e: Expr) => Expr): readonly Expr[] {
  return Array.from(
    { length: VECTOR_LANES },
    (_, i) => simplified(substitute(index, new Map([[lane, int(i)]]))),
  );
}
