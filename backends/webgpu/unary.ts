/**
 * Operators of one operand as WGSL text.
 *
 * @module
 */
import type { Unary } from "../../ir/expr.ts";
import { type Context, helper } from "./context.ts";
import { asF32, fromF32, type Piece, primary, STRENGTH, wrap } from "./piece.ts";

/** The text of `e`, given that of its operand. Transcendental functions of f16 are computed in f32. */
export function unaryPiece(ctx: Context, e: Unary, x: Piece): Piece {
  const inF32 = (name: string): Piece =>
    primary(fromF32(e.dtype, ctx.target.f16, `${name}(${asF32(e.dtype, ctx.target.f16, x.text)})`));
  switch (e.op) {
    case "neg":
      if (e.dtype === "u32") return { text: `0u - ${wrap(x, STRENGTH.product)}`, strength: STRENGTH.sum };
      return { text: `-${wrap(x, STRENGTH.primary)}`, strength: STRENGTH.unary };
    case "not":
      return { text: `!${wrap(x, STRENGTH.primary)}`, strength: STRENGTH.unary };
    case "abs":
      return e.dtype === "u32" ? x : primary(`abs(${x.text})`);
    case "sign":
      return primary(e.dtype === "u32" ? `min(${x.text}, 1u)` : `sign(${x.text})`);
    case "ceil":
    case "floor":
    case "round":
      return primary(`${e.op}(${x.text})`);
    case "exp":
    case "log":
    case "sqrt":
    case "sin":
    case "cos":
    case "tan":
      return inF32(e.op);
    case "rsqrt":
      return inF32("inverseSqrt");
    case "tanh":
      return inF32(helper(ctx, "tanh_f32"));
    case "erf":
      return inF32(helper(ctx, "erf_f32"));
    default:
      return e.op satisfies never;
  }
}
