/**
 * Choosing the next token on the device, in the language: temperature, top-k, top-p, min-p and a penalty on repetition
 * make a distribution of the logits, a number from 0 to 1 draws from it. Only the token's id need leave the device.
 *
 * Nothing is sorted. The smallest logit that is kept is found by dividing a range of logits into sixteen parts, eight
 * times: how many logits (or how much probability) lie above each cut is one sum over the vocabulary.
 *
 * @module
 */
import { method, spec, state, type Tensor } from "../dsl/mod.ts";
import * as op from "../dsl/ops/mod.ts";
import { type Program, trace } from "../dsl/trace.ts";
import type { SamplerOptions } from "./sampler.ts";

type Row = Tensor<["b", "v"], "f32">;
type One = Tensor<["b", 1], "f32">;
type Scalar = Tensor<[1], "f32">;
type Ids = Tensor<["b", 1], "i32">;

/** Which steps a program for sampling has; what is left out does nothing. */
export interface SamplingSteps {
  readonly topK: boolean;
  readonly topP: boolean;
  readonly repetitionPenalty: boolean;
}

/** Parts that a pass divides a range into, and passes: the range comes down to a part of 2^32. */
const PARTS = 16;
const PASSES = 8;

/** Logits further below the largest than that, in units of the temperature, have probability 0 in f32. */
const RANGE = 104;

const literal = (value: number): Scalar => op.full([1], value);

/**
 * The program that samples: entry point `sample` takes the logits of a step and gives the id of a token, -1 where the
 * logits make no distribution (NaN, Infinity, all -Infinity); with a penalty on repetition, the state `seen` holds
 * which tokens there were, and entry point `mark` adds those of a prompt.
 *
 * Inputs of `sample`: `logits` f32[b, 1, vocabulary]; `options` f32[6] as {@linkcode samplingInputs} gives them; `u`
 * f32[b], numbers from 0 up to, not including, 1.
 *
 * @example
 * ```ts
 * import { compile, jsDevice } from "@weft/weft";
 * import { samplingInputs, traceSampling } from "@weft/weft/models/gpt2";
 *
 * const steps = { topK: true, topP: false, repetitionPenalty: false };
 * using sampling = await compile(traceSampling(4, 1, steps), { device: jsDevice() });
 * const logits = { dtype: "f32", shape: [1, 1, 4], data: Float32Array.of(1, 4, 2, 3) } as const;
 * const { next } = sampling.run("sample", { logits, ...samplingInputs({ topK: 2 }, [0.99]) });
 * console.log((await next!.read()).data[0]); // 3
 * ```
 */
export function traceSampling(vocabulary: number, longest: number, steps: SamplingSteps): Program {
  const inputs = {
    logits: spec(["b", 1, "v"], "f32"),
    options: spec([6], "f32"),
    u: spec(["b"], "f32"),
  };
  const seen = state(["b", "v"], "f32");
  const dims = { b: 1, v: vocabulary };
  if (!steps.repetitionPenalty) {
    return trace({
      sample: method(inputs, ({ logits, options, u }) => ({
        next: tokenOf(op.reshape(logits, ["b", "v"]), optionsOf(options), u, steps),
      })),
    }, { dims });
  }
  return trace({
    sample: method({ ...inputs, seen }, ({ logits, options, u, seen }) => {
      const given = optionsOf(options);
      const x = penalized(op.reshape(logits, ["b", "v"]), seen, given.repetitionPenalty);
      const next = tokenOf(x, given, u, steps);
      return { next, seen: op.maximum(seen, marks(next)) };
    }),
    mark: method({ ids: spec(["b", "s"], "i32"), seen }, ({ ids, seen }) => ({
      seen: op.maximum(seen, marks(ids)),
    })),
  }, { dims, bounds: { s: longest } });
}

/** {@linkcode SamplerOptions} on the device, and a power of two over {@linkcode RANGE} times the temperature. */
interface Options {
  readonly temperature: Scalar;
  readonly topK: Scalar;
  readonly topP: Scalar;
  readonly minP: Scalar;
  readonly repetitionPenalty: Scalar;
  readonly range: Scalar;
}

function optionsOf(list: Tensor<[6], "f32">): Options {
  const at = (index: number): Scalar => op.slice(list, 0, index, 1);
  return {
    temperature: at(0),
    topK: at(1),
    topP: at(2),
    minP: at(3),
    repetitionPenalty: at(4),
    range: at(5),
  };
}

/** Logits of tokens that there were: divided by the penalty if positive, else multiplied. */
function penalized(x: Row, seen: Row, penalty: Scalar): Row {
  const punished = op.where(op.less(x, literal(0)), op.mul(x, penalty), op.div(x, penalty));
  return op.where(op.greater(seen, literal(0)), punished, x);
}

/** 1 for every token of a list, else 0. */
function marks<S extends "s" | 1>(ids: Tensor<["b", S], "i32">): Row {
  const equal = op.equal(op.unsqueeze(ids as Tensor<["b", "s"], "i32">, -1), op.arange("v"));
  return op.max(op.where(equal, literal(1), literal(0)), 1);
}

/** The token that `u` draws of each row of logits, or the likeliest at temperature 0; -1 where there is no telling. */
function tokenOf(x: Row, options: Options, u: Tensor<["b"], "f32">, steps: SamplingSteps): Ids {
  const largest = op.max(x, -1, { keepDims: true });
  const weightsAbove = (cut: One): Row =>
    op.mul(
      op.where(op.greater(x, cut), literal(1), literal(0)),
      op.exp(op.div(op.sub(x, largest), options.temperature)),
    );
  let cut = op.sub(largest, options.range);
  if (steps.topK) cut = cutOff(x, undefined, options.topK, cut, options.range);
  let weights = weightsAbove(cut);
  if (steps.topP) {
    const target = op.mul(op.sum(weights, -1, { keepDims: true }), options.topP);
    weights = weightsAbove(cutOff(x, weights, target, cut, options.range));
  }
  // The likeliest token has weight 1.
  const likely = op.where(op.greaterEqual(weights, options.minP), weights, literal(0));
  const drawn = op.unsqueeze(op.sample(likely, u), -1);
  const isDrawn = op.greater(options.temperature, literal(0));
  const chosen = op.where(isDrawn, drawn, op.argmax(x, -1, { keepDims: true }));
  // No comparison with NaN holds.
  const ordinary = op.where(op.less(x, literal(Infinity)), literal(0), literal(1));
  const usable = op.logicalAnd(
    op.equal(op.sum(ordinary, -1, { keepDims: true }), literal(0)),
    op.greater(largest, literal(-Infinity)),
  );
  return op.where(usable, chosen, op.full([1], -1, "i32"));
}

/**
 * The highest of the cuts for which the weights of the logits above it reach `target`; `low` where none does. It is
 * within `range / 2^32` of the logit that is to be kept last. `range` is a power of two: offsets of cuts are exact.
 */
function cutOff(x: Row, weights: Row | undefined, target: One | Scalar, low: One, range: Scalar): One {
  let cut = low;
  let step = range;
  for (let pass = 0; pass < PASSES; pass++) {
    step = op.mul(step, literal(1 / PARTS));
    const cuts = op.add(cut, op.mul(op.arange(PARTS, { dtype: "f32" }), step));
    const higher = op.greater(op.unsqueeze(x, 1), op.unsqueeze(cuts, -1));
    // A factor, not a choice: so what it is for can be loaded in vectors.
    const isAbove = op.where(higher, literal(1), literal(0));
    const counted = weights === undefined ? isAbove : op.mul(isAbove, op.unsqueeze(weights, 1));
    // Sums fall from cut to cut; if the lowest does not reach the target, none does.
    const reached = op.greaterEqual(op.sum(counted, -1), target as One);
    const count = op.sum(op.where(reached, literal(1), literal(0)), -1, { keepDims: true });
    cut = op.add(cut, op.mul(op.maximum(op.sub(count, literal(1)), literal(0)), step));
  }
  return cut;
}

/** Inputs of the entry point `sample` but for the logits: options, and a number from 0 to 1 for each row. */
export function samplingInputs(options: SamplerOptions, numbers: readonly number[]): {
  readonly options: { readonly dtype: "f32"; readonly shape: readonly number[]; readonly data: Float32Array };
  readonly u: { readonly dtype: "f32"; readonly shape: readonly number[]; readonly data: Float32Array };
} {
  const { temperature = 1, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = options;
  const range = 2 ** Math.ceil(Math.log2(Math.max(RANGE * temperature, 2 ** -100)));
  return {
    options: {
      dtype: "f32",
      shape: [6],
      data: Float32Array.of(temperature, topK === 0 ? Infinity : topK, topP, minP, repetitionPenalty, range),
    },
    u: { dtype: "f32", shape: [numbers.length], data: Float32Array.from(numbers, belowOne) },
  };
}

/** The number as f32, which may round up to 1. */
function belowOne(u: number): number {
  return Math.min(Math.fround(u), 1 - 2 ** -24);
}
