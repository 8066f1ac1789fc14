/**
 * A function while it is being written, and the scopes of its loops.
 *
 * @module
 */
import type { Expr } from "../../ir/expr.ts";
import type { Scope } from "../../ir/scope.ts";
import { freeVars, visitExpr } from "../../ir/visit.ts";
import type { Instr } from "./encoder/instructions.ts";
import type { Local, ValType, WasmFunction } from "./encoder/module.ts";

/** Parameters and locals of a function. */
export class FunctionBuilder {
  readonly #params: readonly Local[];
  readonly #locals: Local[] = [];
  readonly #splats = new Map<number, number>();
  readonly #scratch = new Map<string, number>();
  readonly #taken = new Map<string, number>();

  /** A function with these parameters. */
  constructor(params: readonly Local[]) {
    this.#params = params;
  }

  /** A new local; its name is for people and gets a number where it is not the first. */
  local(name: string, type: ValType): number {
    const count = this.#taken.get(name) ?? 0;
    this.#taken.set(name, count + 1);
    this.#locals.push({ name: count === 0 ? name : `${name}_${count}`, type });
    return this.#params.length + this.#locals.length - 1;
  }

  /** A local for what lives only within one expression: the same for the same name. */
  scratch(name: string, type: ValType): number {
    const known = this.#scratch.get(name) ?? this.local(name, type);
    this.#scratch.set(name, known);
    return known;
  }

  /**
   * Reads a vector of one 32-bit number four times, by its bits. It is made once, at the function's start: engines would
   * make a constant anew in every iteration of a loop.
   */
  splat(bits: number): Instr {
    const known = this.#splats.get(bits | 0);
    const local = known ?? this.local("splat", "v128");
    this.#splats.set(bits | 0, local);
    return ["local.get", local];
  }

  /** The function with a body. */
  build(name: string, body: readonly Instr[], parts: Partial<WasmFunction> = {}): WasmFunction {
    const start = [...this.#splats].flatMap(([bits, local]): Instr[] => [
      ["i32.const", bits],
      ["i32x4.splat"],
      ["local.set", local],
    ]);
    return {
      name,
      params: this.#params,
      results: [],
      locals: this.#locals,
      body: [...start, ...body],
      ...parts,
    };
  }
}

/** The body of a loop, or of the whole function. */
export interface CodeScope {
  /** How many loops are around. */
  readonly depth: number;
  readonly parent: CodeScope | undefined;
  /** Locals of the variables that this scope binds. */
  readonly vars: ReadonlyMap<string, number>;
  /** What is computed at its start. */
  readonly head: Instr[];
  /** Locals of values that are computed there. */
  readonly hoisted: Map<Expr, number>;
  /** What holds everywhere in it. */
  readonly facts: Scope;
}

/** A scope inside of another. */
export function enterScope(
  parent: CodeScope | undefined,
  vars: ReadonlyMap<string, number>,
  facts: Scope,
): CodeScope {
  return { depth: (parent?.depth ?? -1) + 1, parent, vars, head: [], hoisted: new Map(), facts };
}

/** The scope that binds a variable, and its local. */
export function findVariable(
  scope: CodeScope,
  name: string,
): { readonly scope: CodeScope; readonly local: number } {
  for (let at: CodeScope | undefined = scope; at !== undefined; at = at.parent) {
    const local = at.vars.get(name);
    if (local !== undefined) return { scope: at, local };
  }
  throw new TypeError(`Cannot generate code: nothing binds ${name}`);
}

/** The outermost scope in which all variables of an expression are bound. */
export function scopeOfExpr(scope: CodeScope, e: Expr): CodeScope {
  let home = scope;
  while (home.parent !== undefined) home = home.parent;
  for (const name of freeVars(e)) {
    const found = findVariable(scope, name).scope;
    if (found.depth > home.depth) home = found;
  }
  return home;
}

/** A value that was computed before: as one number or as four. */
export interface Cached {
  readonly local: number;
  readonly type: ValType;
}

/**
 * Values that were computed on every way to the current place. Each branch and loop body has a layer of its own, which
 * ends with it; a store makes what was loaded from its buffer unknown.
 */
export class Cache {
  readonly #parent: Cache | undefined;
  readonly #scalars = new Map<Expr, Cached>();
  readonly #vectors = new Map<Expr, Cached>();

  /** An empty layer over another. */
  constructor(parent?: Cache) {
    this.#parent = parent;
  }

  /** What is known of an expression. */
  find(e: Expr, wide: boolean): Cached | undefined {
    return (wide ? this.#vectors : this.#scalars).get(e) ?? this.#parent?.find(e, wide);
  }

  /** Notes where the value of an expression is. */
  add(e: Expr, wide: boolean, cached: Cached): void {
    (wide ? this.#vectors : this.#scalars).set(e, cached);
  }

  /** Forgets everything that was loaded from these buffers. */
  forget(buffers: ReadonlySet<string>): void {
    for (const map of [this.#scalars, this.#vectors]) {
      for (const e of map.keys()) if (loadedBuffers(e).some((name) => buffers.has(name))) map.delete(e);
    }
    this.#parent?.forget(buffers);
  }
}

const loaded = new WeakMap<Expr, readonly string[]>();

function loadedBuffers(e: Expr): readonly string[] {
  const known = loaded.get(e);
  if (known !== undefined) return known;
  const names = new Set<string>();
  visitExpr(e, (node) => {
    if (node.kind === "load") names.add(node.buffer);
  });
  const found = [...names];
  loaded.set(e, found);
  return found;
}

/** The bits of an f32. */
export function floatBits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0] ?? 0;
}
