/**
 * Expressions as code for one number.
 *
 * Index arithmetic is computed in the outermost loop that it can be: of `i * n + j` inside loops over `i` and then
 * `j`, the product is a constant of the outer loop's body. Other parts that occur more than once are computed once,
 * where that is on every way to the later place.
 *
 * @module
 */
import { flatIndex } from "../../ir/address.ts";
import { add, binary, type Expr, int, mul, unary, variable } from "../../ir/expr.ts";
import { isIndex } from "../../ir/interval.ts";
import { type Linear, linearOf } from "../../ir/linear.ts";
import type { Scope } from "../../ir/scope.ts";
import type { ScalarType } from "../../ir/scalar_ops.ts";
import { type DType, DTYPES } from "../../ir/dtype.ts";
import type { Buffer } from "../../ir/stmt.ts";
import { Cache, type CodeScope, findVariable, type FunctionBuilder, scopeOfExpr } from "./builder.ts";
import type { Instr, Op } from "./encoder/instructions.ts";
import type { ValType } from "./encoder/module.ts";
import { LANES } from "./expand.ts";
import { binaryOp, castOp, type Operators, unaryOp } from "./operators.ts";
import { knownElement, type Place, pointerName } from "./place.ts";

/** Everything that the code of an expression depends on. */
export interface Context extends Operators {
  readonly fn: FunctionBuilder;
  readonly scope: CodeScope;
  /** What holds right here: the scope's facts, and conditions around. */
  readonly facts: Scope;
  /** Where instructions go. */
  readonly out: Instr[];
  readonly cache: Cache;
  readonly places: ReadonlyMap<string, Place>;
  /** Expressions that the kernel uses more than once. */
  readonly shared: ReadonlySet<Expr>;
  /** Whether the engine multiplies and adds in one instruction. */
  readonly relaxed: boolean;
  /** Buffers of finite numbers only. */
  readonly finite: ReadonlySet<string>;
  /** Whether a factor beside a 16-bit float is taken times 2^112, and the float as its bits are: see `stmt.ts`. */
  readonly scaled?: true;
}

/** Instructions' offsets below this never wrap around: no buffer begins before it. */
const MAX_OFFSET = 0x10000;

/** Type of the local that holds a value. */
export function valType(dtype: ScalarType): ValType {
  return dtype === "f32" || dtype === "f16" ? "f32" : "i32";
}

/** Leaves the value of an expression on the stack. */
export function emit(ctx: Context, e: Expr): void {
  const { out } = ctx;
  if (e.kind === "const") {
    out.push([`${valType(e.dtype)}.const`, e.dtype === "u32" ? e.value | 0 : e.value]);
    return;
  }
  if (e.kind === "var") {
    out.push(["local.get", findVariable(ctx.scope, e.name).local]);
    return;
  }
  const cached = ctx.cache.find(e, false);
  if (cached !== undefined) {
    out.push(["local.get", cached.local]);
    return;
  }
  if (e.dtype === "i32" && isIndex(e)) return emitIndex(ctx, e);
  emitNode(ctx, e);
  if (!ctx.shared.has(e) || isRegister(ctx, e)) return;
  const type = valType(e.dtype);
  const local = ctx.fn.local("t", type);
  out.push(["local.tee", local]);
  ctx.cache.add(e, false, { local, type });
}

/** Whether an expression is an element that a local holds. */
function isRegister(ctx: Context, e: Expr): boolean {
  return e.kind === "load" && ctx.places.get(e.buffer)?.kind === "scalars";
}

/** The local that holds the value of an index expression. */
export function indexLocal(ctx: Context, e: Expr): number {
  if (e.kind === "var") return findVariable(ctx.scope, e.name).local;
  const home = scopeOfExpr(ctx.scope, e);
  const known = home.hoisted.get(e);
  if (known !== undefined) return known;
  const local = ctx.fn.local("at", "i32");
  // Written under what holds everywhere in that scope, not only here.
  const code: Instr[] = [];
  emitIndexNode({ ...ctx, scope: home, facts: home.facts, out: code, cache: new Cache() }, e);
  home.hoisted.set(e, local);
  home.head.push(...code, ["local.set", local]);
  return local;
}

/** An index expression: here, or hoisted where it can be or where it would be computed twice. */
function emitIndex(ctx: Context, e: Expr): void {
  if (scopeOfExpr(ctx.scope, e) === ctx.scope && !ctx.shared.has(e)) emitIndexNode(ctx, e);
  else ctx.out.push(["local.get", indexLocal(ctx, e)]);
}

function emitIndexNode(ctx: Context, e: Expr): void {
  if (e.kind === "const" || e.kind === "var") return emit(ctx, e);
  const terms = signedTerms(e);
  if (terms.length < 2) return emitNode(ctx, e);
  // Terms of outer loops make one sum, which goes out of the inner loop.
  const placed = terms.map((t) => ({ ...t, depth: depthOf(ctx.scope, t.e) }))
    .sort((a, b) => a.depth - b.depth || Number(a.negative) - Number(b.negative));
  const own = placed.filter((t) => t.depth === ctx.scope.depth);
  const rest = placed.filter((t) => t.depth < ctx.scope.depth);
  if (rest.length > 0) emit(ctx, sumOf(rest));
  own.forEach((t, i) => {
    if (i === 0 && rest.length === 0 && t.negative) ctx.out.push(["i32.const", 0]);
    emit(ctx, t.e);
    if (t.negative) ctx.out.push(["i32.sub"]);
    else if (i > 0 || rest.length > 0) ctx.out.push(["i32.add"]);
  });
}

/** How many loops are around the outermost place where an expression can be computed. */
function depthOf(scope: CodeScope, e: Expr): number {
  return isIndex(e) ? scopeOfExpr(scope, e).depth : scope.depth; // what is loaded changes
}

interface SignedTerm {
  readonly e: Expr;
  readonly negative: boolean;
}

function signedTerms(e: Expr, negative = false): readonly SignedTerm[] {
  if (e.kind !== "binary" || e.dtype !== "i32" || (e.op !== "add" && e.op !== "sub")) {
    return [{ e, negative }];
  }
  return [...signedTerms(e.a, negative), ...signedTerms(e.b, negative !== (e.op === "sub"))];
}

function sumOf(terms: readonly SignedTerm[]): Expr {
  const [first, ...others] = [...terms.filter((t) => !t.negative), ...terms.filter((t) => t.negative)];
  if (first === undefined) throw new TypeError("a sum has terms");
  return others.reduce<Expr>(
    (sum, t) => binary(t.negative ? "sub" : "add", sum, t.e),
    first.negative ? unary("neg", first.e) : first.e,
  );
}

function emitNode(ctx: Context, e: Exclude<Expr, { kind: "const" | "var" }>): void {
  const inner = (x: Expr): void => emit(ctx, x);
  switch (e.kind) {
    case "load":
      return emitLoad(ctx, e.buffer, e.indices);
    case "unary":
      return unaryOp(ctx, e, inner);
    case "binary":
      return binaryOp(ctx, e, inner, {
        natural: e.a.dtype === "i32" && ctx.facts.rangeOf(e.a).min >= 0 && ctx.facts.rangeOf(e.b).min >= 1,
        divisor: e.b.kind === "const" ? e.b.value : undefined,
      });
    case "select":
      return emitSelect(ctx, e.cond, e.then, e.otherwise);
    case "cast":
      inner(e.x);
      return castOp(ctx, e.x.dtype, e.dtype);
    case "reduce":
      throw new TypeError("Cannot generate code: a reduction was not lowered to a block");
    default:
      return e satisfies never;
  }
}

/** Only the chosen side is computed, unless both are at hand: the other may load out of bounds. */
function emitSelect(ctx: Context, cond: Expr, then: Expr, otherwise: Expr): void {
  if (atHand(ctx, then) && atHand(ctx, otherwise)) {
    emit(ctx, then);
    emit(ctx, otherwise);
    emit(ctx, cond);
    ctx.out.push(["select"]);
    return;
  }
  emit(ctx, cond);
  ctx.out.push(["if", valType(then.dtype)]);
  emit({ ...ctx, cache: new Cache(ctx.cache), facts: ctx.facts.assume(cond) }, then);
  ctx.out.push(["else"]);
  emit({ ...ctx, cache: new Cache(ctx.cache) }, otherwise);
  ctx.out.push(["end"]);
}

function atHand(ctx: Context, e: Expr): boolean {
  return e.kind === "const" || e.kind === "var" || isRegister(ctx, e) ||
    ctx.cache.find(e, false) !== undefined;
}

/** The place of a buffer. */
export function placeOf(ctx: Context, name: string): Place {
  const place = ctx.places.get(name);
  if (place === undefined) throw new TypeError(`Cannot generate code: there is no buffer ${name}`);
  return place;
}

/**
 * Leaves the address of an element on the stack, and gives the offset that the access adds to it. The offset is no
 * larger than what lies before every buffer, so that an address without it is never below 0.
 */
export function emitAddress(ctx: Context, name: string, bytes: number, { terms, constant }: Linear): number {
  const fixed = constant * bytes;
  const offset = fixed >= 0 && fixed < MAX_OFFSET ? fixed : 0;
  const scaled = terms.map(({ coef, factors }) => {
    const product = factors.reduce((a, b) => mul(a, b));
    const factor = Math.imul(coef, bytes);
    return factor === 1 ? product : mul(product, int(factor));
  });
  const parts = fixed === offset ? scaled : [...scaled, int(fixed | 0)];
  const address = parts.reduce<Expr>((sum, part) => add(sum, part), variable(pointerName(name)));
  if (isIndex(address)) emitIndex(ctx, address);
  else emitIndexNode(ctx, address);
  return offset;
}

/** The flat index of an element, simplified by what holds here. */
export function flatOf(ctx: Context, buffer: Buffer, indices: readonly Expr[]): Linear {
  return linearOf(ctx.facts.simplify(flatIndex(buffer, indices)));
}

const LOADS: Readonly<Record<DType, Op>> = {
  f32: "f32.load",
  f16: "i32.load16_u",
  bf16: "i32.load16_u",
  i32: "i32.load",
  u32: "i32.load",
  i8: "i32.load8_s",
  u8: "i32.load8_u",
  bool: "i32.load8_u",
};

/** A finite 16-bit float, with its sign through the upper half, to f32: see `finiteF16Lanes`. */
const FINITE_F16: readonly Instr[] = [
  ["i32.const", 13],
  ["i32.shl"],
  ["i32.const", 0x8fffe000 | 0],
  ["i32.and"],
  ["f32.reinterpret_i32"],
  ["f32.const", 2 ** 112],
  ["f32.mul"],
];

function emitLoad(ctx: Context, name: string, indices: readonly Expr[]): void {
  const { out } = ctx;
  const place = placeOf(ctx, name);
  const { buffer } = place;
  switch (place.kind) {
    case "scalars":
      out.push(["local.get", place.locals[knownElement(buffer, indices, undefined)] ?? -1]);
      return;
    case "vectors": {
      const element = knownElement(buffer, indices, undefined);
      out.push(["local.get", place.locals[Math.floor(element / LANES)] ?? -1]);
      out.push([
        `${DTYPES[buffer.dtype].family === "float" ? "f32x4" : "i32x4"}.extract_lane`,
        element % LANES,
      ]);
      return;
    }
    case "lanes":
      throw new TypeError(`Cannot generate code: ${name} holds vectors`);
    case "memory": {
      const offset = emitAddress(ctx, name, place.bytes, flatOf(ctx, buffer, indices));
      if (buffer.dtype === "f16" && ctx.finite.has(name)) {
        out.push(["i32.load16_s", offset], ...FINITE_F16);
        return;
      }
      out.push([LOADS[buffer.dtype], offset]);
      if (buffer.dtype === "f16") out.push(["call", ctx.use("f16_value")]);
      if (buffer.dtype === "bf16") out.push(["i32.const", 16], ["i32.shl"], ["f32.reinterpret_i32"]);
      if (buffer.dtype === "bool") out.push(["i32.const", 0], ["i32.ne"]);
      return;
    }
    default:
      return place satisfies never;
  }
}
