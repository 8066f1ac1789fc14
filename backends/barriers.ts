/**
 * Barriers where threads of a workgroup pass elements to each other through the memory that they share.
 *
 * Between two accesses to one buffer of which one is a write stands a barrier, unless they are surely by one thread
 * (the place of an element says which) or to different elements (the two halves of a double buffer, an
 * iteration apart). As many as are needed: what was synchronised is forgotten, and a barrier that is wanted in a loop for what
 * happened before it stands before the loop.
 *
 * rewrite: `for k: { s[t] = a[k, t]; y[t] = s[0] }`  becomes
 * `for k: { barrier; s[t] = a[k, t]; barrier; y[t] = s[0] }`
 *
 * @module
 */
import { determinedLoops } from "../ir/determine.ts";
import { UnsupportedError } from "../ir/errors.ts";
import { type Expr, exprId, int, sub, variable } from "../ir/expr.ts";
import { difference, linearOf } from "../ir/linear.ts";
import { alloc, barrier, type For, forLoop, ifThen, seq, type Stmt, type ThreadAxis } from "../ir/stmt.ts";
import { substitute } from "../ir/traverse.ts";
import { type Access, bufferAccesses, freeVars, visitExpr, visitStmt } from "../ir/visit.ts";

/** How many iterations of a loop ago something was; of more than one loop or iteration nothing is said. */
type Age = { readonly loop: string } | "now" | "long ago";

/** An access that no barrier has separated yet from what comes. */
interface Pending extends Access {
  readonly age: Age;
}

/** A statement with barriers, and what is pending after it. */
interface Placed {
  readonly stmt: Stmt;
  readonly after: readonly Pending[];
}

const THREADS: readonly ThreadAxis[] = ["threadIdx.x", "threadIdx.y", "threadIdx.z"];

/**
 * Puts barriers into the body of a launch, whose loops over threads are variables already. Besides memory of the
 * workgroup, threads may pass elements of the buffers `passed` to others of their workgroup.
 *
 * Throws {@linkcode UnsupportedError} where one is needed under a condition or in a loop on which threads may disagree.
 */
export function insertBarriers(
  name: string,
  body: Stmt,
  workgroup: readonly [number, number, number],
  passed: ReadonlySet<string> = new Set(),
): Stmt {
  return new Inserter(name, body, workgroup, passed).place(body, []).stmt;
}

class Inserter {
  readonly #name: string;
  readonly #shared = new Set<string>();
  readonly #loops: For[] = [];
  readonly #axes: readonly ThreadAxis[];
  readonly #owned = new Map<string, boolean>();
  /** Loops whose variables differ between threads. */
  readonly #divergent = new Set<string>();

  constructor(
    name: string,
    body: Stmt,
    workgroup: readonly [number, number, number],
    passed: ReadonlySet<string>,
  ) {
    this.#name = name;
    this.#axes = THREADS.filter((_, d) => (workgroup[d] ?? 1) > 1);
    if (this.#axes.length === 0) return;
    for (const buffer of passed) this.#shared.add(buffer);
    visitStmt(body, (s) => {
      if (s.kind === "alloc" && s.buffer.scope === "workgroup") this.#shared.add(s.buffer.name);
      if (s.kind === "for") this.#loops.push(s);
    });
    THREADS.forEach((axis, d) => this.#loops.push(forLoop(axis, int(workgroup[d] ?? 1), seq([]), axis)));
  }

  place(s: Stmt, before: readonly Pending[]): Placed {
    if (this.#touches(s).length === 0 && !holdsBarrier(s)) return { stmt: s, after: before };
    switch (s.kind) {
      case "seq": {
        const placed: Stmt[] = [];
        let state = before;
        for (const child of s.body) {
          const { stmt, after } = this.place(child, state);
          placed.push(stmt);
          state = after;
        }
        return { stmt: seq(placed), after: state };
      }
      case "alloc": {
        const { stmt, after } = this.place(s.body, before);
        return { stmt: alloc(s.buffer, stmt), after };
      }
      case "barrier":
        return { stmt: s, after: [] };
      case "store":
        return this.#whole(s, before);
      case "if": {
        if (!this.#isUniform(s.cond)) return this.#divergentPart(s, before);
        const then = this.place(s.then, before);
        const otherwise = s.otherwise && this.place(s.otherwise, before);
        return {
          stmt: ifThen(s.cond, then.stmt, otherwise?.stmt),
          after: distinct([...then.after, ...(otherwise?.after ?? before)]),
        };
      }
      case "for":
        if (this.#isUniform(s.extent) && s.loop !== "parallel") return this.#loop(s, before);
        return this.#divergentPart(s, before);
      case "block":
        throw new TypeError(`Cannot launch ${this.#name}: block ${s.name} is left in it`);
      default:
        return s satisfies never;
    }
  }

  /** A loop whose iterations come after each other for all threads alike. */
  #loop(s: For, before: readonly Pending[]): Placed {
    const inside = this.#touches(s.body);
    const outer = this.#meets(before, inside) ? [] : before;
    let entry: readonly Pending[] = [];
    let body = this.place(s.body, entry);
    for (;;) {
      const next = distinct([...entry, ...body.after.map((p) => older(p, s.var))]);
      if (next.length === entry.length) break;
      entry = next;
      body = this.place(s.body, entry);
    }
    const loop = forLoop(s.var, s.extent, body.stmt, s.loop);
    return {
      stmt: outer === before ? loop : seq([barrier(), loop]),
      // Seen from outside, all of its iterations are one piece.
      after: distinct([...outer, ...body.after.map((p): Pending => ({ ...p, age: "now" }))]),
    };
  }

  /** What only some threads may do: in one piece between barriers. */
  #divergentPart(s: Stmt, before: readonly Pending[]): Placed {
    const parts = s.kind === "if" ? [s.then, s.otherwise ?? seq([])] : s.kind === "for" ? [s] : [];
    if (s.kind === "for") this.#divergent.add(s.var);
    for (const part of parts) {
      const { stmt } = part.kind === "for" && part === s ? this.#loop(part, []) : this.place(part, []);
      if (!holdsBarrier(stmt)) continue;
      throw new UnsupportedError(
        `Cannot launch ${this.#name}: threads pass elements of ${
          [...new Set(this.#touches(s).map((a) => a.buffer))].join(", ")
        } to each other under a condition or in a loop on which they may disagree, where no barrier can be; move it ` +
          "out, or what is shared in",
      );
    }
    return this.#whole(s, before);
  }

  /** A statement with at most one barrier, before it. */
  #whole(s: Stmt, before: readonly Pending[]): Placed {
    const own = this.#touches(s);
    const now = own.map((a): Pending => ({ ...a, age: "now" }));
    if (!this.#meets(before, own)) return { stmt: s, after: distinct([...before, ...now]) };
    return { stmt: seq([barrier(), s]), after: distinct(now) };
  }

  #touches(s: Stmt): readonly Access[] {
    return bufferAccesses(s).filter((a) => this.#shared.has(a.buffer));
  }

  #meets(before: readonly Pending[], now: readonly Access[]): boolean {
    return before.some((p) =>
      now.some((a) =>
        p.buffer === a.buffer && (p.write || a.write) && !this.#sameThread(p, a) && !this.#differ(p, a)
      )
    );
  }

  /** Whether two accesses to one element are by one thread: its place says by which. */
  #sameThread(p: Access, a: Access): boolean {
    if (p.indices.some((e, d) => e !== a.indices[d])) return false;
    const key = keyOf(p);
    const known = this.#owned.get(key);
    if (known !== undefined) return known;
    const found = determinedLoops(p.indices, [], this.#loops);
    const owned = this.#axes.every((axis) => found.has(axis));
    this.#owned.set(key, owned);
    return owned;
  }

  /** Whether accesses of two iterations of a loop, one after the other, are to different elements by their remainders. */
  #differ(p: Pending, a: Access): boolean {
    if (typeof p.age === "string") return false;
    const { loop } = p.age;
    const before = new Map([[loop, sub(variable(loop), int(1))]]);
    // Variables of other loops may have other values there, and those of threads are others'.
    const isFixed = (e: Expr): boolean => [...freeVars(e)].every((v) => v === loop || !this.#varies(v));
    return p.indices.some((e, d) => {
      const other = a.indices[d];
      if (e.kind !== "binary" || other?.kind !== "binary" || e.op !== "mod" || other.op !== "mod") {
        return false;
      }
      if (e.b !== other.b || e.b.kind !== "const" || !isFixed(e.a) || !isFixed(other.a)) return false;
      const gap = difference(linearOf(substitute(e.a, before)), linearOf(other.a));
      return gap !== undefined && gap.terms.length === 0 && gap.constant % e.b.value !== 0;
    });
  }

  #varies(name: string): boolean {
    return this.#loops.some((l) => l.var === name);
  }

  #isUniform(e: Expr): boolean {
    let uniform = ![...freeVars(e)].some((v) => v.startsWith("threadIdx.") || this.#divergent.has(v));
    visitExpr(e, (n) => {
      if (n.kind === "load") uniform = false;
    });
    return uniform;
  }
}

/** The same after one more iteration of a loop. */
function older(p: Pending, loop: string): Pending {
  return { ...p, age: p.age === "now" ? { loop } : "long ago" };
}

function distinct(list: readonly Pending[]): readonly Pending[] {
  return [...new Map(list.map((p) => [`${keyOf(p)}:${JSON.stringify(p.age)}`, p])).values()];
}

function keyOf(a: Access): string {
  return `${a.buffer}:${a.write}:${a.indices.map(exprId).join(",")}`;
}

function holdsBarrier(s: Stmt): boolean {
  let found = false;
  visitStmt(s, (n) => {
    if (n.kind === "barrier") found = true;
  });
  return found;
}
