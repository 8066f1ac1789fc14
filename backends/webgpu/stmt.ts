/**
 * Statements as WGSL text.
 *
 * @module
 */
import { UnsupportedError } from "../../ir/errors.ts";
import { type Expr, int } from "../../ir/expr.ts";
import type { For, Stmt } from "../../ir/stmt.ts";
import { substituteStmt } from "../../ir/traverse.ts";
import { bindLet, type Context, isUniform, placeOf, write, type Writer } from "./context.ts";
import { emitExprs, placeIndex } from "./expr.ts";
import { loopScope } from "./ints.ts";
import { declareLocal } from "./local.ts";

/** Longest loop that is written out, and how many copies of a statement nested ones may make in all. */
const MAX_UNROLL = 16;
const MAX_COPIES = 64;

/** What is known about the place of a statement. */
export interface Surroundings {
  /** Loop variables that differ between the threads of a workgroup. */
  readonly divergent: ReadonlySet<string>;
  /** Whether only some threads of a workgroup may come here. */
  readonly partial: boolean;
  /** Copies that unrolled loops around make of the statement. */
  readonly copies: number;
}

/** At the beginning of a kernel. */
export const OUTERMOST: Surroundings = { divergent: new Set(), partial: false, copies: 1 };

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
      ctx.places.set(s.buffer.name, declareLocal(ctx, out, s.buffer));
      emitStmt(ctx, out, s.body, around);
      return;
    case "if": {
      const known = ctx.scope.simplify(s.cond);
      if (known.kind === "const") {
        const taken = known.value === 0 ? s.otherwise : s.then;
        if (taken !== undefined) emitScoped(ctx, out, taken, around);
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
  const copies = around.copies * (count ?? Infinity);
  if (count === 1 || (s.loop === "unrolled" && (count ?? Infinity) <= MAX_UNROLL && copies <= MAX_COPIES)) {
    for (let i = 0; i < (count ?? 0); i++) {
      const copy = substituteStmt(s.body, new Map([[s.var, int(i)]]));
      emitScoped(ctx, out, copy, { ...around, copies });
    }
    return;
  }
  const uniform = isUniform(s.extent, around.divergent);
  const inner: Surroundings = {
    divergent: uniform ? around.divergent : new Set([...around.divergent, s.var]),
    partial: around.partial || !uniform,
    copies: around.copies,
  };
  const extent = extentText(ctx, out, size);
  const name = ctx.names.of(s.var);
  const outer = ctx.scope;
  ctx.loops.add(s.var);
  ctx.scope = loopScope(outer, s.var, size);
  emitBraced(ctx, out, `for (var ${name} = 0; ${name} < ${extent}; ${name}++) {`, s.body, inner);
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

/** Writes a statement, in braces where it declares names that a copy beside it declares too. */
function emitScoped(ctx: Context, out: Writer, s: Stmt, around: Surroundings): void {
  const inner: Writer = { lines: [], depth: out.depth };
  emitStmt(ctx, inner, s, around);
  const indent = "  ".repeat(out.depth);
  const declares = inner.lines.some((line) => line.startsWith(`${indent}var `));
  if (!declares) {
    out.lines.push(...inner.lines);
    return;
  }
  write(out, "{");
  out.lines.push(...inner.lines.map((line) => `  ${line}`));
  write(out, "}");
}
