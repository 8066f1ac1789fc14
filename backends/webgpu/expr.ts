/**
 * Expressions as WGSL text.
 *
 * They are simplified first, with the ranges of the variables in scope; so no operator is left with literals only, which
 * WGSL would evaluate itself, refusing overflow, infinities and NaN.
 *
 * A value that a statement uses more than once is bound by `let` before it. That may take a load out of the branch of
 * a select: harmless, as WGSL reads some value of the buffer, or 0, where an index is out of bounds.
 *
 * @module
 */
import { flatIndex } from "../../ir/address.ts";
import { UnsupportedError } from "../../ir/errors.ts";
import {
  type Binary,
  binary,
  type Cast,
  type Const,
  constant,
  type Expr,
  type Load,
  type Select,
} from "../../ir/expr.ts";
import { rewriteExpr } from "../../ir/traverse.ts";
import { exprChildren } from "../../ir/visit.ts";
import { bindLet, type Context, helper, placeOf, variableText, type Writer } from "./context.ts";
import { asF32, fromF32, infix, logical, type Piece, primary, STRENGTH, wrap } from "./piece.ts";
import { isFloatScalar, literal, wgslType } from "./types.ts";
import { unaryPiece } from "./unary.ts";

/** Writes the shared parts of `roots` to `out` and gives the text of each root. */
export function emitExprs(ctx: Context, out: Writer, roots: readonly Expr[]): readonly string[] {
  return emitPieces(ctx, out, roots).map((piece) => piece.text);
}

/** Like {@linkcode emitExprs}, for roots that become operands. */
export function emitPieces(ctx: Context, out: Writer, roots: readonly Expr[]): readonly Piece[] {
  const lowered = roots.map((root) => lowerPowers(ctx.scope.simplify(root)));
  const emitter: Emitter = { ctx, out, uses: countUses(ctx, lowered), bound: new Map() };
  return lowered.map((root) => emit(emitter, root));
}

/** The text of one expression by itself, shared parts repeated. */
export function plainText(ctx: Context, e: Expr): string {
  return emit({ ctx, out: { lines: [], depth: 0 }, uses: new Map(), bound: new Map() }, e).text;
}

/** The flat index of a load or store, `undefined` for a scalar variable. */
export function placeIndex(ctx: Context, name: string, indices: readonly Expr[]): Expr | undefined {
  const place = placeOf(ctx, name);
  return place.scalar ? undefined : ctx.scope.simplify(flatIndex(place.buffer, indices));
}

/** What the generation of one statement's expressions shares. */
interface Emitter {
  readonly ctx: Context;
  readonly out: Writer;
  readonly uses: ReadonlyMap<Expr, number>;
  readonly bound: Map<Expr, string>;
}

/** Powers of small constant exponents as products: exact for any sign, and much faster. */
function lowerPowers(root: Expr): Expr {
  return rewriteExpr(root, (e) => {
    if (e.kind !== "binary" || e.op !== "pow" || e.b.kind !== "const") return e;
    const square = binary("mul", e.a, e.a);
    switch (e.b.value) {
      case 1:
        return e.a;
      case 2:
        return square;
      case 3:
        return binary("mul", square, e.a);
      case 4:
        return binary("mul", square, square);
      default:
        return e;
    }
  });
}

function operands(ctx: Context, e: Expr): readonly Expr[] {
  if (e.kind !== "load") return exprChildren(e);
  const index = placeIndex(ctx, e.buffer, e.indices);
  return index === undefined ? [] : [index];
}

function countUses(ctx: Context, roots: readonly Expr[]): ReadonlyMap<Expr, number> {
  const uses = new Map<Expr, number>();
  const visit = (e: Expr): void => {
    const n = uses.get(e) ?? 0;
    uses.set(e, n + 1);
    if (n === 0) operands(ctx, e).forEach(visit);
  };
  roots.forEach(visit);
  return uses;
}

/** The text of an expression; values used more than once are bound first. */
function emit(emitter: Emitter, e: Expr): Piece {
  const { ctx, out, bound } = emitter;
  const name = bound.get(e);
  if (name !== undefined) return primary(name);
  const piece = emitNode(emitter, e);
  if ((emitter.uses.get(e) ?? 0) <= 1 || isCheap(ctx, e)) return piece;
  const fresh = bindLet(ctx, out, piece.text);
  bound.set(e, fresh);
  return primary(fresh);
}

/** Whether an expression is as short as a name. */
function isCheap(ctx: Context, e: Expr): boolean {
  return e.kind === "const" || e.kind === "var" || (e.kind === "load" && placeOf(ctx, e.buffer).scalar);
}

function emitNode(emitter: Emitter, e: Expr): Piece {
  const { ctx } = emitter;
  switch (e.kind) {
    case "const":
      return constPiece(ctx, e);
    case "var":
      return primary(variableText(ctx, e.name));
    case "load":
      return loadPiece(emitter, e);
    case "unary":
      return unaryPiece(ctx, e, emit(emitter, e.x));
    case "binary":
      return binaryPiece(emitter, e);
    case "select":
      return selectPiece(emitter, e);
    case "cast":
      return castPiece(emitter, e);
    case "reduce":
      throw new UnsupportedError(
        `Cannot generate WGSL of ${ctx.launch.name}: a reduction is left in an expression; lower it first`,
      );
    default:
      return e satisfies never;
  }
}

function constPiece(ctx: Context, c: Const): Piece {
  const text = literal(c, ctx.target.f16);
  if (text !== undefined) return primary(text);
  const name = Number.isNaN(c.value) ? "nan" : "inf";
  const call = `${c.value < 0 ? "-" : ""}${helper(ctx, name)}()`;
  return primary(wgslType(c.dtype, ctx.target.f16) === "f16" ? `f16(${call})` : call);
}

function loadPiece(emitter: Emitter, e: Load): Piece {
  const place = placeOf(emitter.ctx, e.buffer);
  const index = placeIndex(emitter.ctx, e.buffer, e.indices);
  return primary(place.load(index === undefined ? "" : emit(emitter, index).text));
}

function selectPiece(emitter: Emitter, e: Select): Piece {
  const cond = emit(emitter, e.cond).text;
  const then = emit(emitter, e.then).text;
  return primary(`select(${emit(emitter, e.otherwise).text}, ${then}, ${cond})`);
}

const INFIX: Readonly<Partial<Record<Binary["op"], readonly [symbol: string, strength: number]>>> = {
  add: ["+", STRENGTH.sum],
  sub: ["-", STRENGTH.sum],
  mul: ["*", STRENGTH.product],
  div: ["/", STRENGTH.product],
  eq: ["==", STRENGTH.compare],
  ne: ["!=", STRENGTH.compare],
  lt: ["<", STRENGTH.compare],
  le: ["<=", STRENGTH.compare],
  gt: [">", STRENGTH.compare],
  ge: [">=", STRENGTH.compare],
};

const BITS = { bitand: "&", bitor: "|", bitxor: "^", shl: "<<", shr: ">>" } as const;

/** Bit operators stand beside no other without parentheses. */
function bits(symbol: string, a: Piece, b: Piece): Piece {
  const [left, right] = [wrap(a, STRENGTH.unary), wrap(b, STRENGTH.unary)];
  return { text: `${left} ${symbol} ${right}`, strength: STRENGTH.bits };
}

function binaryPiece(emitter: Emitter, e: Binary): Piece {
  const { ctx } = emitter;
  const float = isFloatScalar(e.a.dtype);
  if (float && e.a === e.b && (e.op === "eq" || e.op === "ne")) {
    const x = emit(emitter, e.a).text;
    const test = `${helper(ctx, "is_nan")}(${asF32(e.a.dtype, ctx.target.f16, x)})`;
    return e.op === "ne" ? primary(test) : { text: `!${test}`, strength: STRENGTH.unary };
  }
  if (!float && e.a.dtype !== "bool" && e.b.kind === "const") {
    const special = divideByConst(emitter, e, e.b);
    if (special !== undefined) return special;
  }
  const a = emit(emitter, e.a);
  const b = emit(emitter, e.b);
  switch (e.op) {
    case "floordiv":
    case "mod": {
      const plain = e.a.dtype === "u32" ||
        (emitter.ctx.scope.isNonNegative(e.a) && emitter.ctx.scope.isNonNegative(e.b));
      if (plain) return infix(e.op === "mod" ? "%" : "/", STRENGTH.product, a, b);
      const name = helper(ctx, e.op === "mod" ? "mod_i32" : "floordiv_i32");
      return primary(`${name}(${a.text}, ${b.text})`);
    }
    case "min":
    case "max":
      return primary(`${e.op}(${a.text}, ${b.text})`);
    case "pow": {
      const [x, y] = [a, b].map((p) => asF32(e.dtype, ctx.target.f16, p.text));
      return primary(fromF32(e.dtype, ctx.target.f16, `${helper(ctx, "pow_f32")}(${x}, ${y})`));
    }
    case "and":
    case "or":
      return logical(e.op, a, b);
    case "bitand":
    case "bitor":
    case "bitxor":
      return bits(BITS[e.op], a, b);
    case "shl":
    case "shr": {
      // WGSL takes u32 counts and refuses literals from 32 on.
      const count = e.b.kind === "const" ? `${e.b.value & 31}u` : `u32(${b.text}) & 31u`;
      return bits(BITS[e.op], a, {
        text: count,
        strength: e.b.kind === "const" ? STRENGTH.primary : STRENGTH.bits,
      });
    }
    case "ne":
      // naga's != is false where an operand is NaN.
      if (float) return { text: `!(${infix("==", STRENGTH.compare, a, b).text})`, strength: STRENGTH.unary };
      return infix("!=", STRENGTH.compare, a, b);
    default: {
      const [symbol, strength] = INFIX[e.op] ?? ["?", STRENGTH.bits];
      return infix(symbol, strength, a, b);
    }
  }
}

/** Integer division by a literal: by 0 as the IR has it, by powers of two as shifts, which floor for any sign. */
function divideByConst(emitter: Emitter, e: Binary, divisor: Const): Piece | undefined {
  if (e.op !== "div" && e.op !== "floordiv" && e.op !== "mod") return undefined;
  const { value } = divisor;
  if (value === 0) {
    return e.op === "mod" ? constPiece(emitter.ctx, constant(e.dtype, 0)) : emit(emitter, e.a);
  }
  const shift = Math.log2(value);
  const floors = e.op !== "div" || e.dtype === "u32" || emitter.ctx.scope.isNonNegative(e.a);
  if (!floors || !Number.isInteger(shift)) return undefined;
  const a = emit(emitter, e.a);
  if (value === 1) return e.op === "mod" ? constPiece(emitter.ctx, constant(e.dtype, 0)) : a;
  const left = wrap(a, STRENGTH.primary);
  const text = e.op === "mod"
    ? `${left} & ${value - 1}${e.dtype === "u32" ? "u" : ""}`
    : `${left} >> ${shift}u`;
  return { text, strength: STRENGTH.bits };
}

function castPiece(emitter: Emitter, e: Cast): Piece {
  const { ctx } = emitter;
  const x = emit(emitter, e.x);
  const from = e.x.dtype;
  const native = ctx.target.f16;
  if (e.dtype === "bool") {
    if (isFloatScalar(from)) {
      return {
        text: `!(${wrap(x, STRENGTH.sum)} == ${native && from === "f16" ? "0.0h" : "0.0f"})`,
        strength: STRENGTH.unary,
      };
    }
    return { text: `${wrap(x, STRENGTH.sum)} != ${from === "u32" ? "0u" : "0"}`, strength: STRENGTH.compare };
  }
  if (isFloatScalar(from) && (e.dtype === "i32" || e.dtype === "u32")) {
    const name = helper(ctx, e.dtype === "i32" ? "f32_to_i32" : "f32_to_u32");
    return primary(`${name}(${asF32(from, native, x.text)})`);
  }
  if (e.dtype === "f16") {
    const wide = from === "f32" ? x.text : `f32(${x.text})`;
    return primary(native ? `f16(${wide})` : `${helper(ctx, "round_f16")}(${wide})`);
  }
  // Without 16-bit arithmetic an f16 is an f32 already.
  if (e.dtype === "f32" && from === "f16" && !native) return x;
  return primary(`${e.dtype}(${x.text})`);
}
