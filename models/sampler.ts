/**
 * Choosing the next token from logits: greedy, or drawn at random after temperature, top-k, top-p and min-p, with
 * a penalty on repetition. The meaning and the order of the steps are those of transformers.
 *
 * @module
 */

import { InputError } from "../ir/errors.ts";
import { uniform } from "./random.ts";
import { type Selector, selector } from "./select.ts";

/** How tokens are chosen. What is left out does nothing; with nothing at all, tokens are drawn from the softmax. */
export interface SamplerOptions {
  /** Logits are divided by it: below 1 the likely tokens become likelier. 0 takes the likeliest always. Default 1. */
  readonly temperature?: number;
  /** Only the `topK` likeliest tokens, and those as likely as the last of them. 0: all. */
  readonly topK?: number;
  /** Only the likeliest tokens that together have at least this probability, and those as likely as the last of them. 1: all. */
  readonly topP?: number;
  /** Only tokens with at least this share of the likeliest token's probability. 0 to 1, 0: all. */
  readonly minP?: number;
  /** Positive logits of earlier tokens are divided by it, negative ones multiplied. Above 0, 1: no penalty. */
  readonly repetitionPenalty?: number;
  /** Same seed, same logits: same tokens. An integer from 0 to 2^53 - 1; drawn at random if absent. */
  readonly seed?: number;
}

/** Chooses tokens. It keeps scratch memory, but nothing that later choices depend on. */
export interface Sampler {
  /** The options in use, defaults and seed filled in. */
  readonly options: Required<SamplerOptions>;
  /**
   * The id of the next token.
   *
   * @param logits one for each token of the vocabulary; not changed
   * @param history ids so far, prompt included; only the repetition penalty looks at them
   * @param step which random number to use: the number of tokens generated before
   * @throws {InputError} if a logit is NaN or Infinity, or all of them are -Infinity
   */
  next(logits: Float32Array, history: readonly number[], step: number): number;
}

/**
 * A sampler with these options. Greedy choice takes the lowest id among equals, and the tokens depend on seed and step only, not on what was asked before.
 *
 * @throws {InputError} if an option is out of its range; all at once
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { sampler } from "./sampler.ts";
 *
 * const logits = Float32Array.of(1, 3, 2);
 * assertEquals(sampler({ temperature: 0 }).next(logits, [], 0), 1);
 * const { next } = sampler({ temperature: 0.8, topK: 2, seed: 1 });
 * assertEquals(next(logits, [], 0), next(logits, [], 0));
 * ```
 */
export function sampler(options: SamplerOptions = {}): Sampler {
  const checked = checkOptions(options);
  let scratch = makeScratch(0);
  return {
    options: checked,
    next(logits, history, step) {
      if (!Number.isSafeInteger(step) || step < 0) {
        throw new InputError(`step must be an integer from 0, got ${step}`);
      }
      if (scratch.logits.length < logits.length) scratch = makeScratch(logits.length);
      return choose(checked, scratch, logits, history, step);
    },
  };
}

/** Rule of each option: whether a value obeys it, in words. */
const RULES: {
  readonly [K in keyof SamplerOptions]-?: readonly [valid: (v: number) => boolean, words: string];
} = {
  temperature: [(v) => v >= 0, "a finite number >= 0"],
  topK: [(v) => Number.isSafeInteger(v) && v >= 0, "an integer >= 0 (0 keeps all)"],
  topP: [(v) => v > 0 && v <= 1, "a number > 0 and <= 1 (1 keeps all)"],
  minP: [(v) => v >= 0 && v <= 1, "a number from 0 to 1 (0 keeps all)"],
  repetitionPenalty: [(v) => v > 0, "a finite number > 0 (1 changes nothing)"],
  seed: [(v) => Number.isSafeInteger(v) && v >= 0, "an integer from 0 to 2^53 - 1"],
};

function checkOptions(options: SamplerOptions): Required<SamplerOptions> {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof SamplerOptions] : undefined;
    if (rule === undefined) {
      problems.push(`unknown option ${name}, known are ${Object.keys(RULES).join(", ")}`);
    } else if (value !== undefined && !(Number.isFinite(value) && rule[0](value))) {
      problems.push(
        `${name} must be ${rule[1]}, got ${typeof value === "string" ? JSON.stringify(value) : value}`,
      );
    }
  }
  if (problems.length > 0) throw new InputError(`Cannot sample with these options: ${problems.join("; ")}`);
  const { temperature = 1, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1, seed = randomSeed() } =
    options;
  return { temperature, topK, topP, minP, repetitionPenalty, seed };
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

interface Scratch {
  /** Logits of the candidates; candidates are in order of id. */
  readonly logits: Float32Array;
  /** Their ids. */
  readonly ids: Uint32Array;
  /** Their probabilities, up to a common factor. */
  readonly weights: Float64Array;
  readonly select: Selector;
}

function makeScratch(size: number): Scratch {
  return {
    logits: new Float32Array(size),
    ids: new Uint32Array(size),
    weights: new Float64Array(size),
    select: selector(size),
  };
}

function choose(
  options: Required<SamplerOptions>,
  scratch: Scratch,
  logits: Float32Array,
  history: readonly number[],
  step: number,
): number {
  const { temperature, topK, topP, minP, repetitionPenalty, seed } = options;
  let adjusted = logits;
  if (repetitionPenalty !== 1) {
    adjusted = scratch.logits.subarray(0, logits.length);
    adjusted.set(logits);
    penalize(adjusted, history, repetitionPenalty);
  }
  const best = argmax(adjusted);
  const max = adjusted[best]!;
  if (temperature === 0) return best;
  const threshold = topK > 0 && topK < logits.length
    ? scratch.select.kthLargest(adjusted, logits.length, topK)
    : -Infinity;
  let count = gather(scratch, adjusted, threshold, max, temperature);
  if (topP < 1) count = keepTopP(scratch, count, topP);
  if (minP > 0) count = keepMinP(scratch, count, minP);
  return draw(scratch, count, uniform(seed, step));
}

function penalize(logits: Float32Array, history: readonly number[], penalty: number): void {
  for (const id of new Set(history)) {
    const logit = logits[id];
    if (logit === undefined) {
      throw new InputError(
        `Token ${id} of the history is outside the vocabulary of ${logits.length} tokens.`,
      );
    }
    logits[id] = logit < 0 ? logit * penalty : logit / penalty;
  }
}

/** Index of the first largest logit; refuses logits from which nothing sensible can be chosen. */
function argmax(logits: Float32Array): number {
  let best = -1;
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i]!;
    if (logit <= max) continue;
    if (Number.isNaN(logit)) throw unusable(`the logit of token ${i} is NaN; the model computed garbage`);
    best = i;
    max = logit;
  }
  if (max === Infinity) throw unusable(`the logit of token ${best} is Infinity; the model overflowed`);
  if (best === -1) throw unusable(logits.length === 0 ? "there are no logits" : "all logits are -Infinity");
  return best;
}

function unusable(reason: string): InputError {
  return new InputError(`Cannot choose a token: ${reason}.`);
}

/** Makes candidates of the tokens from `threshold` up; those whose probability underflows to 0 are left out. */
function gather(
  { logits, ids, weights }: Scratch,
  all: Float32Array,
  threshold: number,
  max: number,
  temperature: number,
): number {
  let count = 0;
  for (let id = 0; id < all.length; id++) {
    const logit = all[id]!;
    if (logit < threshold) continue;
    const weight = Math.exp((logit - max) / temperature);
    if (weight === 0) continue;
    // `logits` may be `all` itself: safe, because count never overtakes id
    logits[count] = logit;
    ids[count] = id;
    weights[count++] = weight;
  }
  return count;
}

function keepTopP(scratch: Scratch, count: number, topP: number): number {
  const target = topP * sum(scratch.weights, count);
  const threshold = scratch.select.reachMass(scratch.logits, scratch.weights, count, target);
  return keepIf(scratch, count, (i) => scratch.logits[i]! >= threshold);
}

function keepMinP(scratch: Scratch, count: number, minP: number): number {
  // the likeliest token has weight exp(0) = 1
  return keepIf(scratch, count, (i) => scratch.weights[i]! >= minP);
}

function keepIf({ logits, ids, weights }: Scratch, count: number, keep: (index: number) => boolean): number {
  let kept = 0;
  for (let i = 0; i < count; i++) {
    if (!keep(i)) continue;
    logits[kept] = logits[i]!;
    ids[kept] = ids[i]!;
    weights[kept++] = weights[i]!;
  }
  return kept;
}

/** The id at which the running sum of weights passes the share `random` of the total. */
function draw({ ids, weights }: Scratch, count: number, random: number): number {
  const target = random * sum(weights, count);
  let reached = 0;
  for (let i = 0; i < count - 1; i++) {
    reached += weights[i]!;
    if (reached > target) return ids[i]!;
  }
  return ids[count - 1]!;
}

function sum(values: Float64Array, count: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += values[i]!;
  return total;
}
