/**
 * The WGSL functions that generated kernels call where WGSL has no builtin, or one whose edge cases differ from
 * the IR's. A kernel contains only those that it uses.
 *
 * NaN is recognised by its bits: shader compilers may assume that floats are no NaN, and naga's `!=` is false for it.
 *
 * @module
 */

/** Names of the functions, in the order in which a kernel declares them. */
export const HELPERS = [
  "inf",
  "nan",
  "is_nan",
  "floordiv_i32",
  "mod_i32",
  "f32_to_i32",
  "f32_to_u32",
  "round_f16",
  "round_bf16",
  "erf_f32",
  "tanh_f32",
  "pow_f32",
  "f16_from_bits",
  "f16_to_bits",
  "bf16_from_bits",
  "bf16_to_bits",
  "i8_from_bits",
] as const;

/** Name of a function of the table. */
export type Helper = (typeof HELPERS)[number];

/** A helper function: its text and the others that it calls. */
export interface HelperSource {
  readonly text: string;
  readonly needs: readonly Helper[];
}

/**
 * `erf(x) = x P(x^2)` for `|x| < 1`, and `sign(x) (1 - Q(t))` beyond with `t = (min(|x|, 4) - 2.5) / 1.5`, both found by
 * interpolation at Chebyshev nodes: `tools/fit_erf.ts` derives them. The absolute error in f32 is at most 1.2e-7.
 */
export const ERF_P: readonly number[] = [
  1.12837911,
  -0.376123428,
  0.112803169,
  -0.0267150551,
  0.00492176181,
  -0.000564805989,
];

/** The polynomial of `erfc` on [1, 4] (see {@linkcode ERF_P}). */
export const ERF_Q: readonly number[] = [
  0.000406952022,
  -0.0032668612,
  0.0122536393,
  -0.0281979721,
  0.0436287336,
  -0.0463102832,
  0.0320509225,
  -0.00983752031,
  -0.00726467557,
  0.0108242286,
  -0.00362087693,
  -0.00186118204,
  0.00119498232,
];

function horner(coefficients: readonly number[], x: string): string {
  const [last, ...rest] = [...coefficients].reverse();
  return rest.reduce((sum, c) => `(${sum}) * ${x} ${c < 0 ? "-" : "+"} ${Math.abs(c)}f`, `${last}f`)
    .replace(/\((-?[\d.e-]+f)\)/, "$1");
}

/** The functions. `inf` and `nan` are not here: their bits come from the uniforms (see `uniforms.ts`). */
export const HELPER_SOURCES: Readonly<Record<Exclude<Helper, "inf" | "nan">, HelperSource>> = {
  is_nan: {
    needs: [],
    text: `fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}`,
  },
  // WGSL's own x / 0 = x and x % 0 = 0 give what the IR wants for a divisor of 0.
  floordiv_i32: {
    needs: [],
    text: `fn floordiv_i32(a: i32, b: i32) -> i32 {
  let r = a % b;
  return a / b - select(0, 1, r != 0 && (r < 0) != (b < 0));
}`,
  },
  mod_i32: {
    needs: [],
    text: `fn mod_i32(a: i32, b: i32) -> i32 {
  let r = a % b;
  return r + select(0, b, r != 0 && (r < 0) != (b < 0));
}`,
  },
  f32_to_i32: {
    needs: ["is_nan"],
    text: `fn f32_to_i32(x: f32) -> i32 {
  let inside = i32(clamp(x, -2147483648.0f, 2147483520.0f));
  return select(select(inside, 2147483647, x >= 2147483648.0f), 0, is_nan(x));
}`,
  },
  f32_to_u32: {
    needs: ["is_nan"],
    text: `fn f32_to_u32(x: f32) -> u32 {
  let inside = u32(clamp(x, 0.0f, 4294967040.0f));
  return select(select(inside, 4294967295u, x >= 4294967296.0f), 0u, is_nan(x));
}`,
  },
  // quantizeToF16 flushes subnormals; packing does not.
  round_f16: {
    needs: [],
    text: `fn round_f16(x: f32) -> f32 {
  return unpack2x16float(pack2x16float(vec2<f32>(x, 0.0f))).x;
}`,
  },
  round_bf16: {
    needs: ["bf16_from_bits", "bf16_to_bits"],
    text: `fn round_bf16(x: f32) -> f32 {
  return bf16_from_bits(bf16_to_bits(x));
}`,
  },
  erf_f32: {
    needs: ["is_nan"],
    text: `fn erf_f32(x: f32) -> f32 {
  let z = x * x;
  let inner = x * (${horner(ERF_P, "z")});
  let t = (min(abs(x), 4.0f) - 2.5f) * 0.6666667f;
  let tail = 1.0f - (${horner(ERF_Q, "t")});
  let r = select(sign(x) * tail, inner, abs(x) < 1.0f);
  return select(r, x, is_nan(x));
}`,
  },
  // The builtin loses small arguments (1 - 2 / (exp(2 x) + 1) does), and on some drivers gives NaN for large ones. Near
  // 0 this is Lambert's continued fraction to its fifth level; in f32, tanh is 1 from 9.02 on.
  tanh_f32: {
    needs: ["is_nan"],
    text: `fn tanh_f32(x: f32) -> f32 {
  let z = x * x;
  let inner = x * (945.0f + z * (105.0f + z)) / (945.0f + z * (420.0f + z * 15.0f));
  let outer = sign(x) * (1.0f - 2.0f / (exp(2.0f * min(abs(x), 10.0f)) + 1.0f));
  return select(select(outer, inner, abs(x) < 0.75f), x, is_nan(x));
}`,
  },
  // WGSL's pow is only for positive bases.
  pow_f32: {
    needs: ["is_nan", "nan"],
    text: `fn pow_f32(x: f32, y: f32) -> f32 {
  if (y == 0.0f) { return 1.0f; }
  if (is_nan(x) || is_nan(y)) { return nan(); }
  if (x == 0.0f && y < 0.0f) { return 1.0f / select(abs(x), x, floor(y * 0.5f) * 2.0f != y && floor(y) == y); }
  let magnitude = pow(abs(x), y);
  if (x >= 0.0f) { return magnitude; }
  if (floor(y) != y) { return select(magnitude, nan(), x >= -3.4028234663852886e38f); }
  return select(magnitude, -magnitude, floor(y * 0.5f) * 2.0f != y);
}`,
  },
  f16_from_bits: {
    needs: [],
    text: `fn f16_from_bits(bits: u32) -> f32 {
  return unpack2x16float(bits).x;
}`,
  },
  f16_to_bits: {
    needs: [],
    text: `fn f16_to_bits(x: f32) -> u32 {
  return pack2x16float(vec2<f32>(x, 0.0f));
}`,
  },
  bf16_from_bits: {
    needs: [],
    text: `fn bf16_from_bits(bits: u32) -> f32 {
  return bitcast<f32>(bits << 16u);
}`,
  },
  // To the nearest, ties to even; NaN stays one.
  bf16_to_bits: {
    needs: ["is_nan"],
    text: `fn bf16_to_bits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select((bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u, 0x7fc0u, is_nan(x));
}`,
  },
  i8_from_bits: {
    needs: [],
    text: `fn i8_from_bits(bits: u32) -> i32 {
  return bitcast<i32>(bits << 24u) >> 24u;
}`,
  },
};

/** `used` and everything that it calls, in the order of the table. */
export function helperClosure(used: Iterable<Helper>): readonly Helper[] {
  const all = new Set<Helper>();
  const visit = (name: Helper): void => {
    if (all.has(name)) return;
    all.add(name);
    if (name !== "inf" && name !== "nan") HELPER_SOURCES[name].needs.forEach(visit);
  };
  for (const name of used) visit(name);
  return HELPERS.filter((name) => all.has(name));
}
