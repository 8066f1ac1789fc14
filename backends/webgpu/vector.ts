/**
 * Vectorized loops as WGSL vectors.
 *
 * A vectorized loop comes here as four lanes of one store (see `expand.ts`). What does not depend on the lane is computed
 * once; neighbouring elements are loaded and stored as one `vec4`; operators that WGSL has for vectors are used on them,
 * all others are written out a lane at a time. So every loop has a text, and the common ones a short one.
 *
 * @module
 */
import { flatIndex } from "../../ir/address.ts";
import { type Binary, type Cast, type Expr, int, type Load, type Select, type Unary } from "../../ir/expr.ts";
import type { ScalarType } from "../../ir/scalar_ops.ts";
import type { For, Store } from "../../ir/stmt.ts";
import { substitute } from "../../ir/traverse.ts";
import { exprChildren, freeVars } from "../../ir/visit.ts";
import { laneIndices, VECTOR_LANES } from "../expand.ts";
import { bindLet, type Context, placeOf, write, type Writer } from "./context.ts";
import { emitExprs, emitPieces } from "./expr.ts";
import { wholeVector } from "./lanes.ts";
import { infix, type Piece, primary, STRENGTH, wrap } from "./piece.ts";
import { isFloatScalar, wgslType } from "./types.ts";
import { unaryPiece } from "./unary.ts";

/** A piece of text, and whether it is a vector or the same scalar in all lanes. */
interface Wide {
  readonly piece: Piece;
  readonly wide: boolean;
}

interface Emitter {
  readonly ctx: Context;
  readonly out: Writer;
  readonly lane: string;
  readonly uses: Map<Expr, number>;
  readonly bound: Map<Expr, Wide>;
  readonly varies: (e: Expr) => boolean;
}

const COMPONENTS = "xyzw";

/** Writes a vectorized loop around a store. */
export function emitVectorStore(ctx: Context, out: Writer, loop: For, s: Store): void {
  const value = ctx.scope.simplify(s.value);
  const uses = new Map<Expr, number>();
  const count = (e: Expr): void => {
    const n = uses.get(e) ?? 0;
    uses.set(e, n + 1);
    if (n === 0 && e.kind !== "load") exprChildren(e).forEach(count);
  };
  count(value);
  const known = new Map<Expr, boolean>();
  const varies = (e: Expr): boolean => {
    const found = known.get(e);
    if (found !== undefined) return found;
    const result = freeVars(e).has(loop.var);
    known.set(e, result);
    return result;
  };
  const emitter: Emitter = { ctx, out, lane: loop.var, uses, bound: new Map(), varies };
  const place = placeOf(ctx, s.buffer);
  const lanes = laneIndices(flatIndex(place.buffer, s.indices), loop.var, ctx.scope.simplify);
  const vector = place.vector === undefined ? undefined : wholeVector(lanes);
  const result = emit(emitter, value);
  if (place.vector !== undefined && vector !== undefined) {
    const [at = ""] = emitExprs(ctx, out, [vector]);
    write(out, place.vector.store(at, widened(emitter, result, value.dtype)));
    return;
  }
  const name = result.wide ? bindLet(ctx, out, result.piece.text) : result.piece.text;
  const places = emitExprs(ctx, out, lanes);
  places.forEach((at, i) => write(out, place.store(at, result.wide ? `${name}.${COMPONENTS[i]}` : name)));
}

function typeOf({ ctx }: Emitter, dtype: ScalarType): string {
  return `vec${VECTOR_LANES}<${wgslType(dtype, ctx.target.f16)}>`;
}

/** The text as a vector. */
function widened(emitter: Emitter, { piece, wide }: Wide, dtype: ScalarType): string {
  return wide ? piece.text : `${typeOf(emitter, dtype)}(${piece.text})`;
}

function emit(emitter: Emitter, e: Expr): Wide {
  const known = emitter.bound.get(e);
  if (known !== undefined) return known;
  const result = emitNode(emitter, e);
  if ((emitter.uses.get(e) ?? 0) <= 1 || e.kind === "const" || e.kind === "var") return result;
  const name = bindLet(emitter.ctx, emitter.out, result.piece.text);
  const named: Wide = { piece: primary(name), wide: result.wide };
  emitter.bound.set(e, named);
  return named;
}

function emitNode(emitter: Emitter, e: Expr): Wide {
  if (!emitter.varies(e)) {
    const [piece = primary("")] = emitPieces(emitter.ctx, emitter.out, [e]);
    return { piece, wide: false };
  }
  switch (e.kind) {
    case "load":
      return wide(loadText(emitter, e));
    case "unary":
      return unaryWide(emitter, e);
    case "binary":
      return binaryWide(emitter, e);
    case "select":
      return selectWide(emitter, e);
    case "cast":
      return castWide(emitter, e);
    case "const":
    case "var":
    case "reduce":
      return byLane(emitter, e);
    default:
      return e satisfies never;
  }
}

function wide(text: string): Wide {
  return { piece: primary(text), wide: true };
}

/** Each lane by itself: right for every expression. */
function byLane(emitter: Emitter, e: Expr): Wide {
  const lanes = Array.from(
    { length: VECTOR_LANES },
    (_, i) => substitute(e, new Map([[emitter.lane, int(i)]])),
  );
  return wide(`${typeOf(emitter, e.dtype)}(${emitExprs(emitter.ctx, emitter.out, lanes).join(", ")})`);
}

function loadText(emitter: Emitter, e: Load): string {
  const { ctx, out } = emitter;
  const place = placeOf(ctx, e.buffer);
  const lanes = laneIndices(flatIndex(place.buffer, e.indices), emitter.lane, ctx.scope.simplify);
  const vector = place.vector === undefined ? undefined : wholeVector(lanes);
  if (place.vector !== undefined && vector !== undefined) {
    const [at = ""] = emitExprs(ctx, out, [vector]);
    return place.vector.load(at);
  }
  const elements = emitExprs(ctx, out, lanes).map((at) => place.load(at));
  return `${typeOf(emitter, e.dtype)}(${elements.join(", ")})`;
}

/** Functions of f32 that WGSL applies to vectors as they are. */
const VECTOR_FUNCTIONS: Readonly<Partial<Record<Unary["op"], string>>> = {
  abs: "abs",
  ceil: "ceil",
  floor: "floor",
  round: "round",
  exp: "exp",
  log: "log",
  sqrt: "sqrt",
  rsqrt: "inverseSqrt",
  sin: "sin",
  cos: "cos",
};

function unaryWide(emitter: Emitter, e: Unary): Wide {
  const name = VECTOR_FUNCTIONS[e.op];
  const isF32 = wgslType(e.dtype, emitter.ctx.target.f16) === "f32";
  if (name !== undefined && isF32) return wide(`${name}(${emit(emitter, e.x).piece.text})`);
  if (e.op === "neg" && isFloatScalar(e.dtype)) {
    const x = emit(emitter, e.x).piece;
    return { piece: { text: `-${wrap(x, STRENGTH.primary)}`, strength: STRENGTH.unary }, wide: true };
  }
  return componentwise(emitter, e);
}

/** A function without a vector form, of a value that is computed as a vector. */
function componentwise(emitter: Emitter, e: Unary): Wide {
  const { ctx, out } = emitter;
  const x = emit(emitter, e.x);
  if (!x.wide) return byLane(emitter, e);
  const name = /^\w+$/.test(x.piece.text) ? x.piece.text : bindLet(ctx, out, x.piece.text);
  const parts = [...COMPONENTS].map((c) => unaryPiece(ctx, e, primary(`${name}.${c}`)).text);
  return wide(`${typeOf(emitter, e.dtype)}(${parts.join(", ")})`);
}

const ARITHMETIC: Readonly<Partial<Record<Binary["op"], readonly [symbol: string, strength: number]>>> = {
  add: ["+", STRENGTH.sum],
  sub: ["-", STRENGTH.sum],
  mul: ["*", STRENGTH.product],
  div: ["/", STRENGTH.product],
};

const COMPARISONS: Readonly<Partial<Record<Binary["op"], string>>> = { lt: "<", le: "<=", gt: ">", ge: ">=" };

function binaryWide(emitter: Emitter, e: Binary): Wide {
  const infixOf = ARITHMETIC[e.op];
  if (infixOf !== undefined && (isFloatScalar(e.dtype) || e.op !== "div")) {
    const [symbol, strength] = infixOf;
    return {
      piece: infix(symbol, strength, emit(emitter, e.a).piece, emit(emitter, e.b).piece),
      wide: true,
    };
  }
  const operands = (): [string, string] => [
    widened(emitter, emit(emitter, e.a), e.a.dtype),
    widened(emitter, emit(emitter, e.b), e.b.dtype),
  ];
  if (e.op === "min" || e.op === "max") return wide(`${e.op}(${operands().join(", ")})`);
  const comparison = COMPARISONS[e.op];
  if (comparison !== undefined) {
    const [a, b] = operands();
    return wide(`((${a}) ${comparison} (${b}))`);
  }
  return byLane(emitter, e);
}

function selectWide(emitter: Emitter, e: Select): Wide {
  const cond = emit(emitter, e.cond).piece.text;
  const [then, otherwise] = [e.then, e.otherwise].map((x) => widened(emitter, emit(emitter, x), e.dtype));
  return wide(`select(${otherwise}, ${then}, ${cond})`);
}

function castWide(emitter: Emitter, e: Cast): Wide {
  const { f16 } = emitter.ctx.target;
  const [from, to] = [wgslType(e.x.dtype, f16), wgslType(e.dtype, f16)];
  // Rounding to f16 without f16, and floats to integers, take a helper.
  const plain = to === "f32" && from !== "bool";
  if (!plain || (e.dtype === "f16" && !f16)) return byLane(emitter, e);
  const x = emit(emitter, e.x);
  return from === to ? x : wide(`${typeOf(emitter, e.dtype)}(${x.piece.text})`);
}
