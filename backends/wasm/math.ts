/**
 * Functions of floats that Wasm has no instruction for, for one number and for four.
 *
 * Errors are stated in units in the last place of an f32; `tests/backends/wasm/math_test.ts` measures them over the whole
 * range. Both widths do the same operations, so they give the same numbers.
 *
 * @module
 */
import { erf } from "../../ir/erf.ts";
import { chebyshevFit } from "./fit.ts";
import type { WasmFunction } from "./encoder/module.ts";
import type { Instr } from "./encoder/instructions.ts";
import { floatBits, type FunctionBuilder } from "./builder.ts";
import { type Code, get, horner, type Lanes, set, VECTOR } from "./lanes.ts";

/** Functions with code of their own, and how far each may be from the exact result, in ulp. */
export const MATH_ULP: Readonly<Record<MathFunction, number>> = {
  exp: 2,
  log: 2,
  tanh: 4,
  erf: 4,
  sign: 0,
};

/** Name of a function of this module. */
export type MathFunction = "exp" | "log" | "tanh" | "erf" | "sign";

const LN2 = Math.LN2;
/** ln 2 with so few bits that its product with an exponent is exact, and the rest of it. */
const LN2_HIGH = 355 / 512;
const LN2_LOW = LN2 - LN2_HIGH;

/** Floats of this size are integers apart. */
const LARGE = 1.5 * 2 ** 23;

const LOCALS = 6;

/** The function of a name in a width; it may call those of {@linkcode mathNeeds}. */
export function mathFunction(name: MathFunction, lanes: Lanes): WasmFunction {
  const { floats, ints } = lanes;
  const floatLocals = ["a", "b", "c"].map((local) => ({ name: local, type: floats }));
  const intLocals = ["i", "j", "k"].map((local) => ({ name: local, type: ints }));
  return {
    name: mathName(name, lanes),
    params: [{ name: "x", type: floats }],
    results: [floats],
    locals: [...floatLocals, ...intLocals].slice(0, LOCALS),
    body: BODIES[name](lanes),
  };
}

/** Name of a function in a width. */
export function mathName(name: MathFunction, { width }: Lanes): string {
  return width === 1 ? `${name}_f32` : `${name}_f32x4`;
}

/**
 * The code of a function of four numbers, which are on the stack, in the middle of another: a call costs as much as a
 * third of it, and engines make its constants anew in every one.
 */
export function inlineMath(name: MathFunction, fn: FunctionBuilder): readonly Instr[] {
  const { params, locals, body } = mathFunction(name, VECTOR);
  const own = [...params, ...locals].map((l) => fn.scratch(`${name}.${l.name}`, l.type));
  const out: Instr[] = [["local.set", own[0] ?? -1]];
  for (const [i, instr] of body.entries()) {
    const [op, value] = instr;
    if (op === "local.get" || op === "local.set") out.push([op, own[Number(value)] ?? -1]);
    else if (op === "call") {
      const callee = mathNeeds(name).find((needed) => mathName(needed, VECTOR) === value);
      if (callee === undefined) throw new TypeError(`Cannot inline ${name}: it calls ${value}`);
      out.push(...inlineMath(callee, fn));
    } else if (op === "f32x4.splat" || op === "i32x4.splat") {
      const constant = body[i - 1];
      const known = constant?.[0] === "f32.const" || constant?.[0] === "i32.const";
      if (!known) throw new TypeError(`Cannot inline ${name}: it copies what is not known`);
      out.pop();
      const number = Number(constant[1]);
      out.push(fn.splat(constant[0] === "i32.const" ? number : floatBits(number)));
    } else out.push(instr);
  }
  return out;
}

/** The functions that a function calls. */
export function mathNeeds(name: MathFunction): readonly MathFunction[] {
  return name === "tanh" ? ["exp"] : [];
}

const [X, A, B, C, I, J] = [0, 1, 2, 3, 4, 5];

const BODIES: Readonly<Record<MathFunction, (lanes: Lanes) => readonly Instr[]>> = {
  exp,
  log,
  tanh,
  erf: erfBody,
  sign,
};

/**
 * `exp(x) = 2^n exp(r)` with `n` the integer nearest to `x / ln 2` and `|r| <= ln 2 / 2`, where Taylor's series to the
 * seventh power is exact to 2^-27. The power of 2 is applied in two steps, so that results may be subnormal.
 */
function exp(l: Lanes): readonly Instr[] {
  const taylor = [1, 1, 2, 6, 24, 120, 720, 5040].map((factorial) => 1 / factorial);
  const n = get(A);
  const power = (exponent: Code): Code => l.fromBits(l.i("shl", l.i("add", exponent, l.int(127)), 23));
  return [
    // Beyond these the result is infinite, or rounds to 0.
    ...set(X, l.clamp("max", l.clamp("min", get(X), 89), -104)),
    // Added to so large a number, another is rounded to an integer, which is then in the last bits.
    ...set(C, l.f("add", l.f("mul", get(X), l.float(1 / LN2)), l.float(LARGE))),
    ...set(A, l.f("sub", get(C), l.float(LARGE))),
    ...set(
      B,
      l.f("sub", l.f("sub", get(X), l.f("mul", n, l.float(LN2_HIGH))), l.f("mul", n, l.float(LN2_LOW))),
    ),
    ...set(I, l.i("sub", l.toBits(get(C)), l.toBits(l.float(LARGE)))),
    ...set(J, l.i("shr_s", get(I), 1)),
    ...l.f(
      "mul",
      l.f("mul", horner(l, taylor, get(B)), power(get(J))),
      power(l.i("sub", get(I), get(J))),
    ),
  ];
}

/**
 * `log(x) = n ln 2 + log(m)` with `m` from sqrt(1/2) to sqrt(2), and `log(m) = 2 atanh(s)`, `s = (m - 1) / (m + 1)`, whose
 * series ends at the eleventh power.
 */
function log(l: Lanes): readonly Instr[] {
  const series = [0, 1, 2, 3, 4, 5].map((k) => 2 / (2 * k + 1));
  const scaled = l.f("lt", get(X), l.float(2 ** -126));
  return [
    // Subnormals are made normal first.
    ...set(A, l.choose(l.f("mul", get(X), l.float(2 ** 23)), get(X), scaled)),
    // The exponent, counted from sqrt(1/2).
    ...set(I, l.i("sub", l.toBits(get(A)), l.int(0x3f3504f3))),
    ...set(J, l.i("shr_s", get(I), 23)),
    ...set(A, l.fromBits(l.i("sub", l.toBits(get(A)), l.i("shl", get(J), 23)))),
    ...set(B, l.f("sub", l.convert(get(J)), l.choose(l.float(23), l.float(0), scaled))),
    ...set(C, l.f("sub", get(A), l.float(1))),
    ...set(C, l.f("div", get(C), l.f("add", get(C), l.float(2)))),
    ...set(A, l.f("mul", get(C), get(C))),
    ...set(
      A,
      l.f("add", l.f("mul", get(B), l.float(LN2_LOW)), l.f("mul", get(C), horner(l, series, get(A)))),
    ),
    ...set(A, l.f("add", l.f("mul", get(B), l.float(LN2_HIGH)), get(A))),
    // log(0), of negative numbers, of infinity and NaN.
    ...set(A, l.choose(l.float(-Infinity), get(A), l.f("eq", get(X), l.float(0)))),
    ...set(A, l.choose(l.float(NaN), get(A), l.f("lt", get(X), l.float(0)))),
    ...l.choose(get(A), l.f("add", get(X), get(X)), l.f("lt", get(X), l.float(Infinity))),
  ];
}

/**
 * Near 0 Lambert's continued fraction to its sixth level, which loses no digit of small arguments; beyond,
 * `1 - 2 / (exp(2 |x|) + 1)`.
 */
function tanh(l: Lanes): readonly Instr[] {
  const z = get(A);
  const above = horner(l, [10395, 1260, 21], z);
  const below = horner(l, [10395, 4725, 210, 1], z);
  const outer = l.f(
    "sub",
    l.float(1),
    l.f("div", l.float(2), l.f("add", [...doubled(l), ["call", mathName("exp", l)]], l.float(1))),
  );
  return [
    ...set(A, l.f("mul", get(X), get(X))),
    ...set(B, l.f("div", l.f("mul", get(X), above), below)),
    ...set(C, withSign(l, outer)),
    ...l.choose(get(B), get(C), l.f("lt", l.f("abs", get(X)), l.float(0.8))),
  ];
}

function doubled(l: Lanes): Code {
  return l.f("mul", l.f("abs", get(X)), l.float(2));
}

/** A magnitude with the sign of `x`. */
function withSign(l: Lanes, magnitude: Code): Code {
  const signBit = l.bits("and", l.toBits(get(X)), l.int(-0x80000000));
  return l.fromBits(l.bits("or", l.toBits(magnitude), signBit));
}

let erfParts: { readonly inner: readonly number[]; readonly outer: readonly number[] } | undefined;

/** Where the tail of erf rounds to nothing beside 1. */
const ERF_END = 4;

/** `erf(x) / x` in `x * x` on [0, 1], and the complement on [1, 4] in a variable from -1 to 1. */
function erfBody(l: Lanes): readonly Instr[] {
  erfParts ??= {
    inner: chebyshevFit((t) => {
      const x = Math.sqrt((t + 1) / 2);
      return x === 0 ? 2 / Math.sqrt(Math.PI) : erf(x) / x;
    }, 7),
    outer: chebyshevFit((t) => 1 - erf(2.5 + 1.5 * t), 14),
  };
  const size = l.f("abs", get(X));
  return [
    ...set(A, l.f("sub", l.f("mul", l.f("mul", get(X), get(X)), l.float(2)), l.float(1))),
    ...set(B, l.f("mul", get(X), horner(l, erfParts.inner, get(A)))),
    ...set(A, l.f("mul", l.f("sub", l.f("min", size, l.float(ERF_END)), l.float(2.5)), l.float(1 / 1.5))),
    ...set(C, withSign(l, l.f("sub", l.float(1), horner(l, erfParts.outer, get(A))))),
    ...l.choose(get(B), get(C), l.f("lt", size, l.float(1))),
  ];
}

/** -1, 1, or the argument itself where it is a zero or NaN. */
function sign(l: Lanes): readonly Instr[] {
  const one = withSign(l, l.float(1));
  return l.choose(one, get(X), l.f("gt", l.f("abs", get(X)), l.float(0)));
}
