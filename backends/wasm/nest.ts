/**
 * Launches as loop nests of a CPU: threads of a workgroup take turns in loops, workgroups and `parallel` loops become
 * the items that the threads of the machine share.
 *
 * A barrier is where all threads must have come before any goes on, so the nest is cut there: each part between
 * barriers is a loop over the threads of its own, and what a thread keeps from one part to the next is an array.
 *
 * @module
 */
import { bufferSpan, bufferStrides } from "../../ir/address.ts";
import { UnsupportedError } from "../../ir/errors.ts";
import { type Expr, int, load, mul, variable } from "../../ir/expr.ts";
import { simplifyStmt } from "../../ir/simplify_stmt.ts";
import { alloc, type Buffer, forLoop, ifThen, seq, type Stmt, store } from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt } from "../../ir/traverse.ts";
import { freeVars, visitExpr, visitStmt } from "../../ir/visit.ts";
import { launchAxes, launchRanges } from "../launch.ts";
import type { Launch } from "../lower.ts";

/** A launch as items that may run at the same time, each of which runs a body once. */
export interface Nest {
  /** Variables of an item and their extents over dims, outermost first; without any there is one item. */
  readonly axes: readonly { readonly name: string; readonly extent: Expr }[];
  /** Loops, conditions, stores and local memory only. */
  readonly body: Stmt;
}

/**
 * Takes a launch apart.
 *
 * @throws {UnsupportedError} where threads of a workgroup may disagree on coming to a barrier
 */
export function nestOf(launch: Launch): Nest {
  const body = simplifyStmt(launch.body, launchRanges(launch), { dropLoops: true });
  const all = launchAxes(launch).filter(({ extent }) => extent.kind !== "const" || extent.value !== 1);
  const threads = all.flatMap(({ axis, extent }) =>
    axis.startsWith("threadIdx") && extent.kind === "const" ? [{ name: axis, extent: extent.value }] : []
  );
  const turns = new Turns(launch.name, threads).body(body);
  const axes = all.filter(({ axis }) => axis.startsWith("blockIdx")).map(({ axis, extent }) => ({
    name: axis,
    extent,
  }));
  if (axes.length > 0) return { axes, body: turns };
  return parallelRoot(turns);
}

/** The `parallel` loops that are around everything, as items. */
function parallelRoot(s: Stmt): Nest {
  const axes: { name: string; extent: Expr }[] = [];
  let body = s;
  const bound = new Set<string>();
  while (
    body.kind === "for" && body.loop === "parallel" && [...freeVars(body.extent)].every((v) => !bound.has(v))
  ) {
    axes.push({ name: body.var, extent: body.extent });
    bound.add(body.var);
    body = body.body;
  }
  return { axes, body };
}

interface Thread {
  readonly name: string;
  readonly extent: number;
}

class Turns {
  readonly #kernel: string;
  readonly #threads: readonly Thread[];
  /** Buffers of a thread that are arrays over all threads now. */
  readonly #spread = new Set<string>();

  constructor(kernel: string, threads: readonly Thread[]) {
    this.#kernel = kernel;
    this.#threads = threads;
  }

  /** What all threads do, where `s` is what one does. */
  body(s: Stmt): Stmt {
    if (this.#threads.length === 0 || !hasBarrier(s)) return this.#around(withoutBarriers(s));
    switch (s.kind) {
      case "barrier":
        return seq([]);
      case "seq":
        return seq(this.#parts(s.body));
      case "alloc": {
        const { buffer } = s;
        if (buffer.scope !== "local") return alloc(buffer, this.body(s.body));
        this.#spread.add(buffer.name);
        return alloc(this.#overThreads(buffer), this.body(this.#spreadIn(buffer.name, s.body)));
      }
      case "for":
        this.#requireUniform(s.extent, `the loop over ${s.var}`);
        return forLoop(s.var, s.extent, this.body(s.body), s.loop);
      case "if":
        this.#requireUniform(s.cond, "a condition");
        return ifThen(
          s.cond,
          this.body(s.then),
          s.otherwise === undefined ? undefined : this.body(s.otherwise),
        );
      case "store":
      case "block":
        throw new TypeError(`Cannot generate code: there is no barrier in a ${s.kind}`);
      default:
        return s satisfies never;
    }
  }

  /** Neighbours without a barrier stay in one loop over the threads. */
  #parts(body: readonly Stmt[]): readonly Stmt[] {
    const parts: Stmt[] = [];
    let run: Stmt[] = [];
    const end = (): void => {
      if (run.length > 0) parts.push(this.#around(seq(run)));
      run = [];
    };
    for (const s of body) {
      if (hasBarrier(s)) {
        end();
        parts.push(this.body(s));
      } else run.push(s);
    }
    end();
    return parts;
  }

  #around(s: Stmt): Stmt {
    if (s.kind === "seq" && s.body.length === 0) return s;
    return this.#threads.reduceRight((inner, { name, extent }) => forLoop(name, int(extent), inner), s);
  }

  #overThreads(buffer: Buffer): Buffer {
    const size = this.#threads.map((t) => int(t.extent));
    const own = bufferSpan(buffer);
    const strides = this.#threads.map((_, i) =>
      this.#threads.slice(i + 1).reduce<Expr>((step, t) => mul(step, int(t.extent)), own)
    );
    return { ...buffer, shape: [...size, ...buffer.shape], strides: [...strides, ...bufferStrides(buffer)] };
  }

  /** Accesses of a buffer with the thread in front of their indices. */
  #spreadIn(name: string, s: Stmt): Stmt {
    const threads = this.#threads.map((t) => variable(t.name));
    const loads = mapStmtExprs(
      s,
      (e) =>
        rewriteExpr(
          e,
          (node) =>
            node.kind === "load" && node.buffer === name
              ? load(name, node.dtype, [...threads, ...node.indices])
              : node,
        ),
    );
    return rewriteStmt(
      loads,
      (node) =>
        node.kind === "store" && node.buffer === name
          ? store(name, [...threads, ...node.indices], node.value)
          : node,
    );
  }

  #requireUniform(e: Expr, what: string): void {
    const names = freeVars(e);
    let own = this.#threads.find((t) => names.has(t.name))?.name;
    visitExpr(e, (node) => {
      if (node.kind === "load" && this.#spread.has(node.buffer)) own = node.buffer;
    });
    if (own === undefined) return;
    throw new UnsupportedError(
      `Cannot generate ${this.#kernel}: ${what} around a barrier depends on ${own}, so the threads of a workgroup ` +
        "may disagree on coming to the barrier; move it out, or the condition in",
    );
  }
}

function withoutBarriers(s: Stmt): Stmt {
  return hasBarrier(s) ? rewriteStmt(s, (node) => (node.kind === "barrier" ? seq([]) : node)) : s;
}

function hasBarrier(s: Stmt): boolean {
  let found = false;
  visitStmt(s, (node) => {
    if (node.kind === "barrier") found = true;
  });
  return found;
}
