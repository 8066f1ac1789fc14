/**
 * Random numbers, and drawing from distributions.
 *
 * Nothing here has a state: a random tensor is a function of a key, and the same key gives the same numbers on every
 * device. Make the key from a seed with {@linkcode randomKey}, or take it as an input of the program; get independent
 * keys from one by {@linkcode foldIn}. The generator is Threefry-2x32 with 20 rounds (Salmon et al. 2011).
 *
 * @module
 */
import type { Shape } from "../../ir/dim.ts";
import type { DType } from "../../ir/dtype.ts";
import { apply, refusal } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import type { Arg, TensorOr } from "../types/arg.ts";
import type { SameDType } from "../types/dtype.ts";
import type { SampleShape } from "../types/gather.ts";
import { add, equal, mul, where } from "./binary.ts";
import { arange, full } from "./index.ts";
import type { Float } from "./unary.ts";

/** The key of a random tensor: two words of 32 bits. */
export type RandomKey = Tensor<[2], "u32">;

/**
 * The key for a seed from 0 to 2^53 - 1.
 *
 * @example
 * ```ts
 * import { randomKey, uniform } from "@weft/weft";
 *
 * console.log(uniform(randomKey(42), ["n", 3]).shape); // ["n", 3]
 * ```
 */
export function randomKey(seed: number): RandomKey {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw refusal("randomKey", `randomKey: seed must be an integer from 0 to 2^53 - 1, got ${seed}`);
  }
  const word = (value: number): Tensor<[1], "u32"> => full([1], value, "u32");
  const isFirst = equal(arange(2, { dtype: "u32" }), word(0));
  return where(isFirst, word(Math.floor(seed / 2 ** 32)), word(seed % 2 ** 32));
}

/**
 * A key of its own for a number, such as the number of a layer or of a step.
 *
 * @example
 * ```ts
 * import { foldIn, randomKey, uniform } from "@weft/weft";
 *
 * const key = randomKey(42);
 * const [a, b] = [uniform(foldIn(key, 0), ["n"]), uniform(foldIn(key, 1), ["n"])]; // different numbers
 * console.log(a.shape, b.shape); // ["n"] ["n"]
 * ```
 */
export function foldIn(key: RandomKey, number: number | Tensor<[], "i32" | "u32">): RandomKey {
  const [inputs, attrs] = typeof number === "number" ? [[key], { number }] : [[key, number], {}];
  return apply("randomFold", inputs, attrs) as never;
}

/**
 * Random words of 32 bits.
 *
 * @example
 * ```ts
 * import { randomBits, randomKey } from "@weft/weft";
 *
 * const words = randomBits(randomKey(42), [2, "n"]);
 * console.log(words.shape, words.dtype); // [2, "n"] u32
 * ```
 */
export function randomBits<const S extends Shape>(key: RandomKey, shape: readonly [...S]): Tensor<S, "u32"> {
  return apply("randomBits", [key], { shape: [...shape] }) as never;
}

/**
 * Random numbers, each equally likely, from `low` (0) to below `high` (1); a multiple of 2^-24 of the way.
 *
 * @example
 * ```ts
 * import { foldIn, normal, randomKey, uniform } from "@weft/weft";
 *
 * const key = randomKey(42);
 * const x = uniform(foldIn(key, 0), ["n", 4], { low: -1, high: 1 });
 * const noise = normal(foldIn(key, 1), ["n", 4]);
 * console.log(x.shape, noise.dtype); // ["n", 4] f32
 * ```
 */
export function uniform<const S extends Shape>(
  key: RandomKey,
  shape: readonly [...S],
  options?: { readonly low?: number; readonly high?: number },
): Tensor<S, "f32"> {
  const { low = 0, high = 1 } = options ?? {};
  return scaled(apply("randomUniform", [key], { shape: [...shape] }), high - low, low) as never;
}

/**
 * Random numbers with a normal distribution: `mean` 0 and standard `deviation` 1 unless given.
 *
 * @example
 * ```ts
 * import { normal, randomKey } from "@weft/weft";
 *
 * const weights = normal(randomKey(42), [768, "n"], { deviation: 0.02 });
 * console.log(weights.shape); // [768, "n"]
 * ```
 */
export function normal<const S extends Shape>(
  key: RandomKey,
  shape: readonly [...S],
  options?: { readonly mean?: number; readonly deviation?: number },
): Tensor<S, "f32"> {
  const { mean = 0, deviation = 1 } = options ?? {};
  return scaled(apply("randomNormal", [key], { shape: [...shape] }), deviation, mean) as never;
}

/** `x * factor + offset`. */
function scaled(x: Tensor, factor: number, offset: number): Tensor {
  const number = (value: number): Tensor<[], "f32"> => full([], value);
  const product = factor === 1 ? x : mul(x as Tensor<Shape, "f32">, number(factor));
  return offset === 0 ? product : add(product as Tensor<Shape, "f32">, number(offset));
}

/**
 * Draws from distributions along the last axis, each by a number from 0 to 1: the first place where the sum of the
 * weights so far exceeds that part of the sum of all. Weights need not add up to 1; what has weight 0 is never drawn.
 *
 * @example
 * ```ts
 * import { sample, softmax, spec } from "@weft/weft";
 *
 * const logits = spec(["b", 50257], "f32");
 * const token = sample(softmax(logits, -1), spec(["b"], "f32"));
 * console.log(token.shape, token.dtype); // ["b"] i32
 * ```
 */
export function sample<P extends Shape, U extends Shape, T extends Float, V extends DType>(
  weights: Tensor<P, T>,
  numbers: Arg<SameDType<"sample", T, V, SampleShape<P, U>>, U, V>,
): TensorOr<SampleShape<P, U>, "i32"> {
  return apply("sample", [weights, numbers as Tensor]) as never;
}

/**
 * Draws from distributions along the last axis, with the random numbers of a key.
 *
 * @example
 * ```ts
 * import { categorical, randomKey, softmax, spec } from "@weft/weft";
 *
 * const logits = spec(["b", "vocab"], "f32");
 * console.log(categorical(randomKey(42), softmax(logits, -1)).shape); // ["b"]
 * ```
 */
export function categorical<P extends Shape>(
  key: RandomKey,
  weights: Tensor<P, "f32">,
): TensorOr<SampleShape<P, Shape>, "i32"> {
  const numbers = apply("randomUniform", [key], { shape: weights.shape.slice(0, -1) });
  return apply("sample", [weights, numbers]) as never;
}
