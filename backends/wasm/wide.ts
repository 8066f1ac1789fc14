/**
 * Expressions as code for four numbers, in a loop whose iterations are lanes (see `lane.ts` for which there are).
 * What is the same in all lanes is computed once, as one number, and copied.
 *
 * @module
 */
import {
  type Binary,
  type Cast,
  type Expr,
  f32,
  type Load,
  mul,
  type Select,
  type Unary,
} from "../../ir/expr.ts";
import type { Linear } from "../../ir/linear.ts";
import type { ScalarType } from "../../ir/scalar_ops.ts";
import type { Buffer, Store } from "../../ir/stmt.ts";
import { Cache, floatBits } from "./builder.ts";
import type { Instr } from "./encoder/instructions.ts";
import type { Code } from "./lanes.ts";
import { f16Lanes, finiteF16Lanes, smallF16Lanes } from "./library.ts";
import { LANES } from "./expand.ts";
import { type Context, emit, emitAddress, flatOf, placeOf } from "./expr.ts";
import { type Lane, laneIndex, varies } from "./lane.ts";
import { inlineMath } from "./math.ts";
import { knownElement } from "./place.ts";

/** Leaves the values of an expression in all lanes on the stack; a condition as a mask. */
export function emitWide(ctx: Context, e: Expr, lane: Lane): void {
  const { out } = ctx;
  const cached = ctx.cache.find(e, true);
  if (cached !== undefined) {
    out.push(["local.get", cached.local]);
    return;
  }
  if (!varies(e, lane)) emitCopied(ctx, e);
  else emitVarying(ctx, e, lane);
  if (!ctx.shared.has(e) || e.kind === "const" || e.kind === "var" || isRegister(ctx, e)) return;
  const local = ctx.fn.local("v", "v128");
  out.push(["local.tee", local]);
  ctx.cache.add(e, true, { local, type: "v128" });
}

function isRegister(ctx: Context, e: Expr): boolean {
  return e.kind === "load" && ctx.places.get(e.buffer)?.kind !== "memory";
}

/** One number in all lanes. */
function emitCopied(ctx: Context, e: Expr): void {
  const { out } = ctx;
  if (e.kind === "const") {
    out.push(ctx.fn.splat(e.dtype === "bool" ? -e.value : bitsOf(e.value, e.dtype)));
    return;
  }
  if (e.kind === "load" && ctx.cache.find(e, false) === undefined) {
    const place = placeOf(ctx, e.buffer);
    const { dtype } = place.buffer;
    if (place.kind === "memory" && (dtype === "f32" || dtype === "i32" || dtype === "u32")) {
      const offset = emitAddress(ctx, e.buffer, place.bytes, flatOf(ctx, place.buffer, e.indices));
      out.push(["v128.load32_splat", offset]);
      return;
    }
  }
  if (e.dtype === "bool") out.push(["i32.const", 0]);
  emit(ctx, e);
  if (e.dtype === "bool") out.push(["i32.sub"]);
  out.push([e.dtype === "f32" || e.dtype === "f16" ? "f32x4.splat" : "i32x4.splat"]);
}

/** The bits of a constant in a register: those of an f32 where it is a float. */
function bitsOf(value: number, dtype: ScalarType): number {
  return dtype === "f32" || dtype === "f16" ? floatBits(value) : value | 0;
}

function emitVarying(ctx: Context, e: Expr, lane: Lane): void {
  switch (e.kind) {
    case "var":
      ctx.out.push(["v128.const", 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]);
      return;
    case "load":
      return emitLoad(ctx, e, lane);
    case "unary":
      return emitUnary(ctx, e, lane);
    case "binary":
      return emitBinary(ctx, e, lane);
    case "select":
      return emitSelect(ctx, e, lane);
    case "cast":
      return emitCast(ctx, e, lane);
    case "const":
    case "reduce":
      throw new TypeError(`Cannot generate code: a ${e.kind} does not vary`);
    default:
      return e satisfies never;
  }
}

function emitLoad(ctx: Context, e: Load, lane: Lane): void {
  const { out } = ctx;
  const place = placeOf(ctx, e.buffer);
  const { buffer } = place;
  switch (place.kind) {
    case "scalars":
      throw new TypeError(`Cannot generate code: ${e.buffer} holds single numbers`);
    case "vectors":
      out.push(["local.get", place.locals[knownElement(buffer, e.indices, lane.name) / LANES] ?? -1]);
      return;
    case "lanes":
      out.push(["local.get", place.locals[knownElement(buffer, e.indices, lane.name)] ?? -1]);
      return;
    case "memory": {
      const { step, base } = indexIn(ctx, e, lane);
      if (step === 1 || lane.own.has(e.buffer)) {
        const offset = emitAddress(ctx, e.buffer, place.bytes, base);
        for (const instr of loadFour(ctx, buffer, offset)) out.push(instr);
      } else gather(ctx, e.buffer, step, base);
      return;
    }
    default:
      return place satisfies never;
  }
}

function indexIn(
  ctx: Context,
  { buffer, indices }: Load | Store,
  lane: Lane,
): { readonly step: number; readonly base: Linear } {
  const at = laneIndex(placeOf(ctx, buffer).buffer, indices, lane.name);
  if (at === undefined) throw new TypeError(`Cannot generate code: lanes of ${buffer} have no common step`);
  return at;
}

/** Loads four neighbours and widens them. */
function loadFour({ fn, finite }: Context, { name, dtype }: Buffer, offset: number): readonly Instr[] {
  switch (dtype) {
    case "f32":
    case "i32":
    case "u32":
      return [["v128.load", offset]];
    case "bf16":
      return [["v128.load16x4_u", offset], ["i32.const", 16], ["i32x4.shl"]];
    case "f16": {
      const splat = (bits: number): Code => [fn.splat(bits)];
      return [
        ["v128.load16x4_s", offset],
        ...(finite.has(name) ? finiteF16Lanes(splat) : f16Lanes(fn.local("half", "v128"), splat)),
      ];
    }
    case "i8":
      return [["v128.load32_zero", offset], ["i16x8.extend_low_i8x16_s"], ["i32x4.extend_low_i16x8_s"]];
    case "u8":
      return [["v128.load32_zero", offset], ["i16x8.extend_low_i8x16_u"], ["i32x4.extend_low_i16x8_u"]];
    case "bool":
      throw new TypeError("Cannot generate code: bools are not loaded by fours");
    default:
      return dtype satisfies never;
  }
}

/** Elements of lanes that are `step` apart, one by one. */
function gather(ctx: Context, buffer: string, step: number, base: Linear): void {
  const [address, vector] = [ctx.fn.local("address", "i32"), ctx.fn.local("v", "v128")];
  const { out } = ctx;
  const offset = emitAddress(ctx, buffer, 4, base);
  out.push(["local.tee", address], ["v128.load32_splat", offset]);
  for (let i = 1; i < LANES; i++) {
    out.push(["local.set", vector], ["local.get", address], ["i32.const", 4 * step * i], ["i32.add"]);
    out.push(["local.get", vector], ["v128.load32_lane", offset, i]);
  }
}

function emitUnary(ctx: Context, { op, x, dtype }: Unary, lane: Lane): void {
  const { out } = ctx;
  if (op === "rsqrt") out.push(ctx.fn.splat(bitsOf(1, "f32")));
  emitWide(ctx, x, lane);
  switch (op) {
    case "not":
      out.push(["v128.not"]);
      return;
    case "neg":
    case "abs":
      out.push([dtype === "f32" ? `f32x4.${op}` : `i32x4.${op}`]);
      return;
    case "ceil":
    case "floor":
    case "sqrt":
      out.push([`f32x4.${op}`]);
      return;
    case "round":
      out.push(["f32x4.nearest"]);
      return;
    case "rsqrt":
      out.push(["f32x4.sqrt"], ["f32x4.div"]);
      return;
    case "exp":
    case "log":
    case "tanh":
    case "erf":
    case "sign":
      for (const instr of inlineMath(op, ctx.fn)) out.push(instr);
      return;
    case "sin":
    case "cos":
    case "tan":
      throw new TypeError(`Cannot generate code: there is no ${op} of four numbers`);
    default:
      return op satisfies never;
  }
}

function emitBinary(ctx: Context, e: Binary, lane: Lane): void {
  const { out } = ctx;
  const { op } = e;
  const from = e.a.dtype;
  const float = from === "f32";
  const sign = from === "u32" ? "u" : "s";
  if (ctx.relaxed && float && (op === "add" || op === "sub") && emitFused(ctx, e, lane)) return;
  if (op === "shl" || op === "shr") {
    emitWide(ctx, e.a, lane);
    emit(ctx, e.b);
    out.push([op === "shl" ? "i32x4.shl" : `i32x4.shr_${sign}`]);
    return;
  }
  if (op === "mul") emitFactors(ctx, e, lane);
  else {
    emitWide(ctx, e.a, lane);
    emitWide(ctx, e.b, lane);
  }
  switch (op) {
    case "add":
    case "sub":
    case "mul":
      out.push([float ? `f32x4.${op}` : `i32x4.${op}`]);
      return;
    case "div":
      out.push(["f32x4.div"]);
      return;
    case "min":
    case "max":
      out.push([float ? `f32x4.${op}` : `i32x4.${op}_${sign}`]);
      return;
    case "eq":
    case "ne":
      if (from === "bool") out.push(["v128.xor"], ...(op === "eq" ? [["v128.not"] as Instr] : []));
      else out.push([float ? `f32x4.${op}` : `i32x4.${op}`]);
      return;
    case "lt":
    case "le":
    case "gt":
    case "ge":
      out.push([float ? `f32x4.${op}` : `i32x4.${op}_${sign}`]);
      return;
    case "and":
    case "bitand":
      out.push(["v128.and"]);
      return;
    case "or":
    case "bitor":
      out.push(["v128.or"]);
      return;
    case "bitxor":
      out.push(["v128.xor"]);
      return;
    case "floordiv":
    case "mod":
    case "pow":
      throw new TypeError(`Cannot generate code: there is no ${op} of four numbers`);
    default:
      return op satisfies never;
  }
}

/** `a * b + c` and `c - a * b` in one instruction. */
function emitFused(ctx: Context, { op, a, b }: Binary, lane: Lane): boolean {
  const isProduct = (e: Expr): e is Binary =>
    e.kind === "binary" && e.op === "mul" && ctx.cache.find(e, true) === undefined && varies(e, lane);
  const product = isProduct(b) ? b : op === "add" && isProduct(a) ? a : undefined;
  if (product === undefined) return false;
  emitFactors(ctx, product, lane);
  emitWide(ctx, product === b ? a : b, lane);
  ctx.out.push([op === "add" ? "f32x4.relaxed_madd" : "f32x4.relaxed_nmadd"]);
  return true;
}

/** Both factors of a product; 2^112 may go from a 16-bit float to what several of them are multiplied with. */
function emitFactors(ctx: Context, { a, b }: Binary, lane: Lane): void {
  const half = [a, b].find((e) => isFiniteHalf(ctx, e, lane));
  if (!ctx.scaled || half === undefined) {
    emitWide(ctx, a, lane);
    emitWide(ctx, b, lane);
    return;
  }
  const other = half === a ? b : a;
  emitOnce(ctx, mul(other, f32(2 ** 112)), () => {
    emitWide(ctx, other, lane);
    ctx.out.push(ctx.fn.splat(bitsOf(2 ** 112, "f32")), ["f32x4.mul"]);
  });
  emitOnce(ctx, mul(half, f32(2 ** -112)), () => {
    const { base } = indexIn(ctx, half.x, lane);
    const offset = emitAddress(ctx, half.x.buffer, 2, base);
    ctx.out.push(["v128.load16x4_s", offset], ...smallF16Lanes((bits) => [ctx.fn.splat(bits)]));
  });
}

/** Computes what a vector of numbers is that an expression stands for, unless it is known. */
function emitOnce(ctx: Context, e: Expr, write: () => void): void {
  const known = ctx.cache.find(e, true);
  if (known !== undefined) {
    ctx.out.push(["local.get", known.local]);
    return;
  }
  write();
  const local = ctx.fn.local("v", "v128");
  ctx.out.push(["local.tee", local]);
  ctx.cache.add(e, true, { local, type: "v128" });
}

/** Whether an expression is four finite 16-bit floats beside each other in memory, which nobody has loaded yet. */
export function isFiniteHalf(ctx: Context, e: Expr, lane: Lane): e is Cast & { readonly x: Load } {
  if (e.kind !== "cast" || e.dtype !== "f32" || e.x.kind !== "load" || !ctx.finite.has(e.x.buffer)) {
    return false;
  }
  const place = placeOf(ctx, e.x.buffer);
  if (place.kind !== "memory" || place.buffer.dtype !== "f16") return false;
  return laneIndex(place.buffer, e.x.indices, lane.name)?.step === 1;
}

function emitSelect(ctx: Context, { cond, then, otherwise }: Select, lane: Lane): void {
  const { out } = ctx;
  if (varies(cond, lane)) {
    emitWide(ctx, then, lane);
    emitWide(ctx, otherwise, lane);
    emitWide(ctx, cond, lane);
    out.push(["v128.bitselect"]);
    return;
  }
  emit(ctx, cond);
  out.push(["if", "v128"]);
  emitWide({ ...ctx, cache: new Cache(ctx.cache), facts: ctx.facts.assume(cond) }, then, lane);
  out.push(["else"]);
  emitWide({ ...ctx, cache: new Cache(ctx.cache) }, otherwise, lane);
  out.push(["end"]);
}

function emitCast(ctx: Context, { x, dtype }: Cast, lane: Lane): void {
  const { out, fn } = ctx;
  emitWide(ctx, x, lane);
  const from: ScalarType = x.dtype;
  switch (dtype) {
    case "bool":
      if (from === "f32") out.push(fn.splat(0), ["f32x4.ne"]);
      else out.push(fn.splat(0), ["i32x4.ne"]);
      return;
    case "i32":
    case "u32":
      if (from === "bool") out.push(fn.splat(1), ["v128.and"]);
      else if (from === "f32") out.push([`i32x4.trunc_sat_f32x4_${dtype === "u32" ? "u" : "s"}`]);
      return;
    case "f32":
      if (from === "bool") out.push(fn.splat(bitsOf(1, "f32")), ["v128.and"]);
      else if (from !== "f16") out.push([`f32x4.convert_i32x4_${from === "u32" ? "u" : "s"}`]);
      return;
    case "f16":
      throw new TypeError("Cannot generate code: four numbers are not rounded to f16");
    default:
      return dtype satisfies never;
  }
}

/** Stores four numbers. */
export function storeWide(ctx: Context, s: Store, lane: Lane): void {
  const { out } = ctx;
  const place = placeOf(ctx, s.buffer);
  switch (place.kind) {
    case "scalars":
      throw new TypeError(`Cannot generate code: ${s.buffer} holds single numbers`);
    case "vectors":
    case "lanes": {
      const element = knownElement(place.buffer, s.indices, lane.name);
      emitWide(ctx, s.value, lane);
      out.push(["local.set", place.locals[place.kind === "vectors" ? element / LANES : element] ?? -1]);
      return;
    }
    case "memory": {
      const { step, base } = indexIn(ctx, s, lane);
      const offset = emitAddress(ctx, s.buffer, place.bytes, base);
      if (step === 1 || lane.own.has(s.buffer)) {
        emitWide(ctx, s.value, lane);
        out.push(["v128.store", offset]);
      } else scatter(ctx, s, lane, step, offset);
      return;
    }
    default:
      return place satisfies never;
  }
}

/** Stores lanes that are `step` apart one by one; the first one's address is on the stack. */
function scatter(ctx: Context, { value }: Store, lane: Lane, step: number, offset: number): void {
  const [address, vector] = [ctx.fn.local("address", "i32"), ctx.fn.local("v", "v128")];
  const { out } = ctx;
  out.push(["local.set", address]);
  emitWide(ctx, value, lane);
  out.push(["local.set", vector]);
  for (let i = 0; i < LANES; i++) {
    out.push(["local.get", address]);
    if (i > 0) out.push(["i32.const", 4 * step * i], ["i32.add"]);
    out.push(["local.get", vector], ["v128.store32_lane", offset, i]);
  }
}
