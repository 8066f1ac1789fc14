/**
 * Statements as code.
 *
 * @module
 */
import { isIndex } from "../../ir/interval.ts";
import type { DType } from "../../ir/dtype.ts";
import { type Expr, int } from "../../ir/expr.ts";
import type { For, Stmt, Store } from "../../ir/stmt.ts";
import { visitExpr, visitStmt } from "../../ir/visit.ts";
import { Cache, enterScope } from "./builder.ts";
import type { Instr, Op } from "./encoder/instructions.ts";
import { LANES } from "./expand.ts";
import { type Context, emit, emitAddress, flatOf, indexLocal, placeOf } from "./expr.ts";
import type { Lane } from "./lane.ts";
import { knownElement } from "./place.ts";
import { isFiniteHalf, storeWide } from "./wide.ts";

/** Writes a statement; inside a loop over lanes for all of them. */
export function emitStmt(ctx: Context, s: Stmt, lane?: Lane): void {
  switch (s.kind) {
    case "seq":
      for (const child of s.body) emitStmt(ctx, child, lane);
      return;
    case "store":
      if (lane === undefined) storeOne(ctx, s);
      else storeWide(ctx, s, lane);
      ctx.cache.forget(new Set([s.buffer]));
      return;
    case "alloc": {
      // What the last iteration left in it is undefined now.
      ctx.cache.forget(new Set([s.buffer.name]));
      const inner = lane === undefined ? undefined : { ...lane, own: new Set([...lane.own, s.buffer.name]) };
      return emitStmt(ctx, s.body, inner);
    }
    case "if":
      return emitIf(ctx, s, lane);
    case "for":
      return s.loop === "vectorized" ? emitLanes(ctx, s) : emitLoops(ctx, s, lane);
    case "barrier":
    case "block":
      throw new TypeError(`Cannot generate code: a ${s.kind} was not lowered`);
    default:
      return s satisfies never;
  }
}

function emitIf(ctx: Context, s: Extract<Stmt, { kind: "if" }>, lane: Lane | undefined): void {
  emit(ctx, s.cond);
  ctx.out.push(["if"]);
  emitStmt({ ...ctx, cache: new Cache(ctx.cache), facts: ctx.facts.assume(s.cond) }, s.then, lane);
  if (s.otherwise !== undefined) {
    ctx.out.push(["else"]);
    emitStmt({ ...ctx, cache: new Cache(ctx.cache) }, s.otherwise, lane);
  }
  ctx.out.push(["end"]);
}

/** Four iterations at once: no loop is left. */
function emitLanes(ctx: Context, s: For): void {
  const facts = ctx.facts.bind([{ var: s.var, extent: int(LANES) }]);
  emitStmt({ ...ctx, facts }, s.body, { name: s.var, own: new Set() });
}

function emitLoops(ctx: Context, s: For, lane: Lane | undefined): void {
  const kept = lane === undefined && !ctx.scaled ? sumsOfHalves(ctx, s) : undefined;
  if (kept === undefined) emitLoop(ctx, s, lane);
  else emitScaled(ctx, s, kept);
}

/**
 * A loop that adds up products with finite 16-bit floats. A float is 2^112 times what its bits are as those of an f32; taken
 * from the floats and given to the other factors, which many of them share, that power costs next to nothing, and products
 * are the same. Factors of 65536 and more become infinite, and then the sums are infinite or no numbers: where any is, the
 * loop is done again from the sums' former values.
 */
function emitScaled(ctx: Context, s: For, sums: readonly number[]): void {
  const { out, fn } = ctx;
  const former = sums.map((local) => [local, fn.local("former", "v128")] as const);
  for (const [local, copy] of former) out.push(["local.get", local], ["local.set", copy]);
  emitLoop({ ...ctx, cache: new Cache(ctx.cache), scaled: true }, s, undefined);
  sums.forEach((local, i) => {
    out.push(["local.get", local], fn.splat(0), ["f32x4.mul"]);
    if (i > 0) out.push(["f32x4.add"]);
  });
  out.push(fn.splat(0), ["f32x4.ne"], ["v128.any_true"], ["if"]);
  for (const [local, copy] of former) out.push(["local.get", copy], ["local.set", local]);
  emitLoop({ ...ctx, cache: new Cache(ctx.cache) }, s, undefined);
  out.push(["end"]);
}

/**
 * The vectors that a loop changes, where it has products with finite 16-bit floats and only adds to sums: what is infinite
 * then stays so to the end.
 */
function sumsOfHalves(ctx: Context, s: For): readonly number[] | undefined {
  if (ctx.finite.size === 0) return undefined;
  const stored = storedBuffers(s.body);
  let [halves, plain] = [false, true];
  const sums = new Set<number>();
  visitStmt(s.body, (node, path) => {
    if (node.kind === "seq" || node.kind === "for" && node.loop !== "parallel") return;
    const around = path.find((p) => p.kind === "for" && p.loop === "vectorized");
    if (node.kind !== "store" || around?.kind !== "for" || !addsUp(node, stored)) {
      plain = false;
      return;
    }
    const place = placeOf(ctx, node.buffer);
    if (place.kind !== "vectors" && place.kind !== "lanes" || place.buffer.dtype !== "f32") plain = false;
    else for (const local of place.locals) sums.add(local);
    const lane: Lane = { name: around.var, own: new Set() };
    visitExpr(node.value, (e) => {
      if (e.kind === "binary" && e.op === "mul" && [e.a, e.b].some((x) => isFiniteHalf(ctx, x, lane))) {
        halves = true;
      }
    });
  });
  return halves && plain ? [...sums] : undefined;
}

/** Whether a store adds products of what the loop does not change to the element that it stores. */
function addsUp({ buffer, indices, value }: Store, stored: ReadonlySet<string>): boolean {
  let own = 0;
  const isOwn = (e: Expr): boolean =>
    e.kind === "load" && e.buffer === buffer && e.indices.every((index, d) => index === indices[d]);
  const term = (e: Expr): boolean => {
    if (e.kind === "binary" && e.op === "mul") return term(e.a) && term(e.b);
    return e.kind === "const" || e.kind === "cast" && term(e.x) || e.kind === "load" && !stored.has(e.buffer);
  };
  const sum = (e: Expr): boolean => {
    if (isOwn(e)) return ++own === 1;
    return e.kind === "binary" && (e.op === "add" || e.op === "sub") ? sum(e.a) && sum(e.b) : term(e);
  };
  return sum(value) && own === 1;
}

function emitLoop(ctx: Context, s: For, lane: Lane | undefined): void {
  const { out, fn } = ctx;
  const counter = fn.local(s.var, "i32");
  const known = s.extent.kind === "const" ? s.extent.value : undefined;
  if (known !== undefined && known <= 0) return;
  const extent: Instr = known === undefined
    ? ["local.get", extentLocal(ctx, s.extent)]
    : ["i32.const", known];
  out.push(["i32.const", 0], ["local.set", counter]);
  if (known === undefined) out.push(extent, ["i32.const", 0], ["i32.gt_s"], ["if"]);
  out.push(["loop"]);
  // The second iteration finds what the first has stored.
  ctx.cache.forget(storedBuffers(s.body));
  const facts = ctx.facts.bind([{ var: s.var, extent: s.extent }]);
  const scope = enterScope(ctx.scope, new Map([[s.var, counter]]), facts);
  const body: Instr[] = [];
  emitStmt({ ...ctx, scope, facts, out: body, cache: new Cache(ctx.cache) }, s.body, lane);
  append(out, scope.head);
  append(out, body);
  out.push(["local.get", counter], ["i32.const", 1], ["i32.add"], ["local.tee", counter]);
  out.push(extent, ["i32.lt_s"], ["br_if", 0], ["end"]);
  if (known === undefined) out.push(["end"]);
}

function extentLocal(ctx: Context, extent: Expr): number {
  if (extent.kind === "var" || isIndex(extent)) return indexLocal(ctx, extent);
  const local = ctx.fn.local("extent", "i32");
  emit(ctx, extent);
  ctx.out.push(["local.set", local]);
  return local;
}

/** Adds instructions to others. */
export function append(out: Instr[], more: readonly Instr[]): void {
  for (const instr of more) out.push(instr);
}

function storedBuffers(s: Stmt): ReadonlySet<string> {
  const names = new Set<string>();
  visitStmt(s, (node) => {
    if (node.kind === "store") names.add(node.buffer);
    if (node.kind === "alloc") names.add(node.buffer.name);
  });
  return names;
}

const STORES: Readonly<Record<DType, Op>> = {
  f32: "f32.store",
  f16: "i32.store16",
  bf16: "i32.store16",
  i32: "i32.store",
  u32: "i32.store",
  i8: "i32.store8",
  u8: "i32.store8",
  bool: "i32.store8",
};

function storeOne(ctx: Context, s: Store): void {
  const { out } = ctx;
  const place = placeOf(ctx, s.buffer);
  const { dtype } = place.buffer;
  switch (place.kind) {
    case "scalars":
      emit(ctx, s.value);
      append(out, narrowed(ctx, dtype));
      out.push(["local.set", place.locals[knownElement(place.buffer, s.indices, undefined)] ?? -1]);
      return;
    case "vectors": {
      const element = knownElement(place.buffer, s.indices, undefined);
      const local = place.locals[Math.floor(element / LANES)] ?? -1;
      out.push(["local.get", local]);
      emit(ctx, s.value);
      append(out, narrowed(ctx, dtype));
      // Small floats are f32 in registers.
      out.push([`${isFloat(dtype) ? "f32x4" : "i32x4"}.replace_lane`, element % LANES], ["local.set", local]);
      return;
    }
    case "lanes":
      throw new TypeError(`Cannot generate code: ${s.buffer} holds vectors`);
    case "memory": {
      const offset = emitAddress(ctx, s.buffer, place.bytes, flatOf(ctx, place.buffer, s.indices));
      emit(ctx, s.value);
      if (dtype === "f16" || dtype === "bf16") out.push(["call", ctx.use(`${dtype}_bits`)]);
      out.push([STORES[dtype], offset]);
      return;
    }
    default:
      return place satisfies never;
  }
}

function isFloat(dtype: DType): boolean {
  return dtype === "f32" || dtype === "f16" || dtype === "bf16";
}

/** What a store to memory and a load would make of the value on the stack. */
function narrowed(ctx: Context, dtype: DType): readonly Instr[] {
  switch (dtype) {
    case "bf16":
      return [["call", ctx.use("round_bf16")]];
    case "i8":
      return [["i32.const", 24], ["i32.shl"], ["i32.const", 24], ["i32.shr_s"]];
    case "u8":
      return [["i32.const", 255], ["i32.and"]];
    case "f32":
    case "f16":
    case "i32":
    case "u32":
    case "bool":
      return [];
    default:
      return dtype satisfies never;
  }
}
