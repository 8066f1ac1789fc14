/**
 * Operators as instructions for one number, with the semantics of `ir/scalar_eval.ts`. Booleans are 0 or 1; an f16 is an
 * f32 that is rounded after every operation.
 *
 * @module
 */
import type { Binary, Expr, Unary } from "../../ir/expr.ts";
import { isExactFloatOp } from "../../ir/scalar_eval.ts";
import type { BinaryOp, ScalarType } from "../../ir/scalar_ops.ts";
import type { FunctionBuilder } from "./builder.ts";
import type { Instr } from "./encoder/instructions.ts";

/** What operators need of their surroundings. */
export interface Operators {
  readonly fn: FunctionBuilder;
  readonly out: Instr[];
  /** Notes that a function of the library is used, and gives its name. */
  readonly use: (name: string) => string;
}

/** What is known of the operands of an integer operator. */
export interface IntFacts {
  /** Neither operand is negative and the second is not 0. */
  readonly natural: boolean;
  /** The second operand, where it is a constant. */
  readonly divisor: number | undefined;
}

const isFloat = (dtype: ScalarType): boolean => dtype === "f32" || dtype === "f16";

/** A unary operator; `inner` leaves an operand on the stack. */
export function unaryOp(to: Operators, e: Unary, inner: (x: Expr) => void): void {
  const { out } = to;
  if (isFloat(e.dtype)) {
    floatUnary(to, e, inner);
    if (e.dtype === "f16" && !isExactFloatOp(e.op)) out.push(["call", to.use("round_f16")]);
    return;
  }
  switch (e.op) {
    case "not":
      inner(e.x);
      out.push(["i32.eqz"]);
      return;
    case "neg":
      out.push(["i32.const", 0]);
      inner(e.x);
      out.push(["i32.sub"]);
      return;
    case "abs":
      inner(e.x);
      if (e.dtype === "u32") return;
      return absolute(to);
    case "sign": {
      inner(e.x);
      if (e.dtype === "u32") out.push(["i32.const", 0], ["i32.ne"]);
      else signOfInt(to);
      return;
    }
    default:
      throw new TypeError(`Cannot generate code: ${e.op} does not apply to ${e.dtype}`);
  }
}

/** `(x ^ s) - s` with `s = x >> 31`. */
function absolute({ fn, out }: Operators): void {
  const x = fn.local("x", "i32");
  out.push(["local.tee", x], ["local.get", x], ["i32.const", 31], ["i32.shr_s"], ["i32.xor"]);
  out.push(["local.get", x], ["i32.const", 31], ["i32.shr_s"], ["i32.sub"]);
}

function signOfInt({ fn, out }: Operators): void {
  const x = fn.local("x", "i32");
  out.push(["local.tee", x], ["i32.const", 0], ["i32.gt_s"]);
  out.push(["local.get", x], ["i32.const", 0], ["i32.lt_s"], ["i32.sub"]);
}

function floatUnary({ out, use }: Operators, { op, x }: Unary, inner: (x: Expr) => void): void {
  if (op === "rsqrt") {
    // In double precision, so that it is rounded once.
    out.push(["f64.const", 1]);
    inner(x);
    out.push(["f64.promote_f32"], ["f64.sqrt"], ["f64.div"], ["f32.demote_f64"]);
    return;
  }
  inner(x);
  switch (op) {
    case "neg":
    case "abs":
    case "ceil":
    case "floor":
    case "sqrt":
      out.push([`f32.${op}`]);
      return;
    case "round":
      out.push(["f32.nearest"]);
      return;
    case "exp":
    case "log":
    case "sin":
    case "cos":
    case "tan":
    case "tanh":
    case "erf":
    case "sign":
      out.push(["call", use(`${op}_f32`)]);
      return;
    case "not":
      throw new TypeError("Cannot generate code: not does not apply to floats");
    default:
      return op satisfies never;
  }
}

/** A binary operator; `inner` leaves an operand on the stack. */
export function binaryOp(to: Operators, e: Binary, inner: (x: Expr) => void, facts: IntFacts): void {
  const { out } = to;
  const { op } = e;
  const dtype = e.a.dtype;
  const signed = dtype === "u32" ? "u" : "s";
  switch (op) {
    case "min":
    case "max":
      if (!isFloat(dtype)) return leastOrMost(to, e, inner);
      break;
    case "div":
    case "floordiv":
    case "mod":
      if (!isFloat(dtype)) return divide(to, e, inner, facts);
      break;
    default:
  }
  inner(e.a);
  inner(e.b);
  switch (op) {
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "min":
    case "max":
      if (isFloat(dtype)) {
        out.push([`f32.${op}`]);
        if (dtype === "f16" && !isExactFloatOp(op)) out.push(["call", to.use("round_f16")]);
      } else if (op === "add" || op === "sub" || op === "mul") out.push([`i32.${op}`]);
      return;
    case "pow":
      out.push(["call", to.use("pow_f32")]);
      if (dtype === "f16") out.push(["call", to.use("round_f16")]);
      return;
    case "eq":
    case "ne":
      out.push([isFloat(dtype) ? `f32.${op}` : `i32.${op}`]);
      return;
    case "lt":
    case "le":
    case "gt":
    case "ge":
      out.push([isFloat(dtype) ? `f32.${op}` : `i32.${op}_${signed}`]);
      return;
    case "and":
    case "bitand":
      out.push(["i32.and"]);
      return;
    case "or":
    case "bitor":
      out.push(["i32.or"]);
      return;
    case "bitxor":
      out.push(["i32.xor"]);
      return;
    case "shl":
      out.push(["i32.shl"]);
      return;
    case "shr":
      out.push([`i32.shr_${signed}`]);
      return;
    case "floordiv":
    case "mod":
      throw new TypeError(`Cannot generate code: ${op} does not apply to ${dtype}`);
    default:
      return op satisfies never;
  }
}

function leastOrMost({ fn, out }: Operators, { op, a, b, dtype }: Binary, inner: (x: Expr) => void): void {
  const [x, y] = [fn.local("x", "i32"), fn.local("y", "i32")];
  inner(a);
  out.push(["local.tee", x]);
  inner(b);
  out.push(["local.tee", y], ["local.get", x], ["local.get", y]);
  out.push([`i32.${op === "min" ? "lt" : "gt"}_${dtype === "u32" ? "u" : "s"}`], ["select"]);
}

const ROUNDS_DOWN: ReadonlySet<BinaryOp> = new Set<BinaryOp>(["floordiv", "mod"]);

function divide(
  to: Operators,
  e: Binary,
  inner: (x: Expr) => void,
  { natural, divisor = 0 }: IntFacts,
): void {
  const { out } = to;
  const rest = e.op === "mod";
  inner(e.a);
  if (e.dtype === "i32" && ROUNDS_DOWN.has(e.op) && isPowerOfTwo(divisor)) {
    // A shift to the right rounds to minus infinity, as floor division does.
    out.push(["i32.const", rest ? divisor - 1 : Math.log2(divisor)], [rest ? "i32.and" : "i32.shr_s"]);
    return;
  }
  inner(e.b);
  if (e.dtype === "u32") {
    if (divisor > 0) out.push([rest ? "i32.rem_u" : "i32.div_u"]);
    else out.push(["call", to.use(rest ? "mod_u32" : "div_u32")]);
    return;
  }
  if (natural) out.push([rest ? "i32.rem_u" : "i32.div_u"]);
  else if (e.op === "div" && divisor > 0) out.push(["i32.div_s"]);
  else out.push(["call", to.use(rest ? "mod_i32" : e.op === "div" ? "div_i32" : "floordiv_i32")]);
}

function isPowerOfTwo(n: number): boolean {
  return n > 0 && (n & (n - 1)) === 0;
}

/** A conversion of what is on the stack. */
export function castOp({ out, use }: Operators, from: ScalarType, to: ScalarType): void {
  switch (to) {
    case "bool":
      if (isFloat(from)) out.push(["f32.const", 0], ["f32.ne"]);
      else out.push(["i32.const", 0], ["i32.ne"]);
      return;
    case "i32":
      if (isFloat(from)) out.push(["i32.trunc_sat_f32_s"]);
      return;
    case "u32":
      if (isFloat(from)) out.push(["i32.trunc_sat_f32_u"]);
      return;
    case "f32":
    case "f16":
      if (!isFloat(from)) out.push([from === "u32" ? "f32.convert_i32_u" : "f32.convert_i32_s"]);
      if (to === "f16") out.push(["call", use("round_f16")]);
      return;
    default:
      return to satisfies never;
  }
}
