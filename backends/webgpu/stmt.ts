/**
 * Statements as WGSL text.
 *
 * @module
 */
import { UnsupportedError } from "../../ir/errors.ts";
import { type Expr, int } from "../../ir/expr.ts";
import type { Alloc, For, Stmt, Store } from "../../ir/stmt.ts";
import { substituteStmt } from "../../ir/traverse.ts";
import { VECTOR_LANES } from "../expand.ts";
import { bindLet, type Context, isUniform, placeOf, write, type Writer } from "./context.ts";
import { emitExprs, placeIndex } from "./expr.ts";
import { loopScope } from "./ints.ts";
import { declareLocal } from "./local.ts";
import { emitVectorStore } from "./vector.ts";

/** What is known about the place of a statement. */
export interface Surroundings {
  /** Loop variables that differ between the threads of a workgroup. */
  readonly divergent: ReadonlySet<string>;
  /** Whether only some threads of a workgroup may come here. */
  readonly partial: boolean;
}

/** At the beginning of a kernel. */
export const OUTERMOST: Surroundings = { divergent: new Set(), partial: false };

/** Writes a statement. */
export function emitStmt(ctx: Context, out: Writer, s: Stmt, around: Surroundings): void {
  switch (s.kind) {
    case "seq":
      for (const child of s.body) emitStmt(ctx, out, child, around);
      return;
    case "store": {
      const place = placeOf(ctx, s.buffer);
      const index = placeIndex(ctx, s.buffer, s.indices);
      const [value = "", at = ""] = emitExprs(ctx, out, index === undefined ? [s.value] : [s.value, index]);
      write(out, place.store(at, value));
      return;
    }
    case "alloc":
      return emitAlloc(ctx, out, s, around);
    case "if": {
      const known = ctx.scope.simplify(s.cond);
      if (known.kind === "const") {
        const taken = known.value === 0 ? s.otherwise : s.then;
        if (taken !== undefined) emitStmt(ctx, out, taken, around);
        return;
      }
      const [cond = ""] = emitExprs(ctx, out, [s.cond]);
      const inner = { ...around, partial: around.partial || !isUniform(s.cond, around.divergent) };
      emitBraced(ctx, out, `if (${cond}) {`, s.then, inner);
      if (s.otherwise !== undefined) emitBraced(ctx, out, "else {", s.otherwise, inner);
      return;
    }
    case "for":
      return emitFor(ctx, out, s, around);
    case "barrier":
      if (around.partial) {
        throw new UnsupportedError(
          `Cannot generate WGSL of ${ctx.launch.name}: a barrier is under a condition or loop on which the threads ` +
            "of a workgroup may disagree; move it out, or the condition in",
        );
      }
      // What threads pass on in device memory needs a barrier of its own kind.
      if (ctx.launch.buffers.some((b) => b.access === "read_write")) write(out, "storageBarrier();");
      write(out, "workgroupBarrier();");
      return;
    case "block":
      throw new UnsupportedError(
        `Cannot generate WGSL of ${ctx.launch.name}: block ${s.name} is left in it; use lowerFunc() first`,
      );
    default:
      return s satisfies never;
  }
}

function emitFor(ctx: Context, out: Writer, s: For, around: Surroundings): void {
  const size = ctx.scope.simplify(s.extent);
  const count = size.kind === "const" ? size.value : undefined;
  if (count !== undefined && count <= 0) return;
  if (s.loop === "vectorized" && count === VECTOR_LANES && s.body.kind === "store") {
    return inLoop(ctx, s, size, () => emitVectorStore(ctx, out, s, s.body as Store));
  }
  if (count === 1) {
    emitStmt(ctx, out, substituteStmt(s.body, new Map([[s.var, int(0)]])), around);
    return;
  }
  const uniform = isUniform(s.extent, around.divergent);
  const inner: Surroundings = {
    divergent: uniform ? around.divergent : new Set([...around.divergent, s.var]),
    partial: around.partial || !uniform,
  };
  const extent = extentText(ctx, out, size);
  const name = ctx.names.of(s.var);
  inLoop(ctx, s, size, () => {
    emitBraced(ctx, out, `for (var ${name} = 0; ${name} < ${extent}; ${name}++) {`, s.body, inner);
  });
}

/** Does something with a loop's variable in scope. */
function inLoop(ctx: Context, s: For, extent: Expr, inside: () => void): void {
  const outer = ctx.scope;
  ctx.loops.add(s.var);
  ctx.scope = loopScope(outer, s.var, extent);
  inside();
  ctx.scope = outer;
  ctx.loops.delete(s.var);
}

/** The extent as a literal or name: it is compared in every iteration. */
function extentText(ctx: Context, out: Writer, extent: Expr): string {
  const [text = ""] = emitExprs(ctx, out, [extent]);
  return extent.kind === "var" || extent.kind === "const" ? text : bindLet(ctx, out, text);
}

function emitBraced(ctx: Context, out: Writer, head: string, body: Stmt, around: Surroundings): void {
  write(out, head);
  out.depth++;
  emitStmt(ctx, out, body, around);
  out.depth--;
  write(out, "}");
}

/** Declares a buffer, in braces of its own where a copy of it was declared before. */
function emitAlloc(ctx: Context, out: Writer, s: Alloc, around: Surroundings): void {
  const again = ctx.declared.has(s.buffer.name) && s.buffer.scope === "local";
  ctx.declared.add(s.buffer.name);
  if (again) {
    write(out, "{");
    out.depth++;
  }
  ctx.places.set(s.buffer.name, declareLocal(ctx, out, s.buffer));
  emitStmt(ctx, out, s.body, around);
  if (!again) return;
  out.depth--;
  write(out, "}");
}
