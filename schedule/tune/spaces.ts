/**
 * The spaces of the rules' parameters, within the limits of a target.
 *
 * @module
 */
import type { Target } from "../../ir/target.ts";
import type { RuleParams } from "../schedule.ts";
import { sharedBytes } from "../rules/params.ts";
import { type Constraint, type Space, space } from "./space.ts";

/** The powers of two from `least` to `most`. */
export function powersOfTwo(least: number, most: number): readonly number[] {
  const values: number[] = [];
  for (let v = least; v <= most; v *= 2) values.push(v);
  return values;
}

const of = (point: RuleParams, name: string): number => point[name] ?? 1;

/** Results of a thread, in vectors of four, that compile in bearable time and leave registers for the rest. */
const MOST_RESULTS = 128;

/** Instructions that the innermost step of a thread may come to: it is written out, and drivers take long for more. */
const MOST_UNROLLED = 256;

function threadLimit(target: Target, text: string, threads: (p: RuleParams) => number): Constraint {
  return { text: `${text} <= ${target.maxThreads} threads`, holds: (p) => threads(p) <= target.maxThreads };
}

function gemvLimits(target: Target): readonly Constraint[] {
  return [
    {
      text: "SCH 1: TILE_S is a multiple of VEC",
      holds: (p) => p["SCH"] !== 1 || of(p, "TILE_S") % of(p, "VEC") === 0,
    },
    {
      text: "SCH 2: TILE_R is a multiple of VEC",
      holds: (p) => p["SCH"] !== 2 || of(p, "TILE_R") % of(p, "VEC") === 0,
    },
    threadLimit(target, "TS * TR", (p) => of(p, "TS") * of(p, "TR")),
    { text: "SCH 1: TR is 1", holds: (p) => p["SCH"] !== 1 || p["TR"] === 1 },
    {
      text: `TILE_S * TILE_R <= ${MOST_UNROLLED}`,
      holds: (p) => of(p, "TILE_S") * of(p, "TILE_R") <= MOST_UNROLLED,
    },
  ];
}

/**
 * What a thread of `gemv` does: elements at once, loads for each of them (its part of the vector is loaded once for
 * `TILE_S` results), numbers kept in registers.
 */
function gemvFeatures(p: RuleParams): readonly number[] {
  const [S, R, V] = [of(p, "TILE_S"), of(p, "TILE_R"), of(p, "VEC")];
  const sums = p["SCH"] === 2 ? S * V : S;
  return [S * R, (1 / V) * (1 + 1 / S), sums + S * R + R, of(p, "TS") * S].map((x) => Math.log2(x));
}

/**
 * The space of the study "Accelerating GPT-2 Inference with TVM": `TILE_R` multiples of 8; schedule 1 with
 * `TILE_R` = 8 and all `TILE_S`, schedule 2 with `TILE_S` = 1 and all `TILE_R`; `TS` and `TR` all powers of two. In
 * schedule 1 a thread of Weft's rule reduces alone, so `TR` is 1 there; and so it is on targets without workgroups
 * (Wasm, JS).
 */
export function studyGemvSpace(target: Target): Space {
  return space({
    rule: "gemv",
    axes: [
      { name: "SCH", values: [1, 2] },
      { name: "TS", values: powersOfTwo(1, Math.min(256, target.maxThreads)) },
      {
        name: "TR",
        values: target.kind === "webgpu" ? powersOfTwo(1, Math.min(64, target.maxThreads)) : [1],
      },
      { name: "TILE_S", values: [1, 4, 8, 16, 32] },
      { name: "TILE_R", values: [8, 16, 32, 64] },
      { name: "VEC", values: [4] },
    ],
    constraints: [
      { text: "SCH 1: TILE_R is 8", holds: (p) => p["SCH"] !== 1 || p["TILE_R"] === 8 },
      { text: "SCH 2: TILE_S is 1", holds: (p) => p["SCH"] !== 2 || p["TILE_S"] === 1 },
      ...gemvLimits(target),
    ],
    features: gemvFeatures,
  });
}

/**
 * The study's space and what lies between: shorter steps, narrower vectors, several rows in schedule 2. On a software
 * adapter, whose threads are lanes of one vector and wait long at barriers, `TR` is 1: to search it would take time only.
 */
export function gemvSpace(target: Target): Space {
  return space({
    rule: "gemv",
    axes: [
      { name: "SCH", values: [1, 2] },
      { name: "TS", values: powersOfTwo(1, Math.min(256, target.maxThreads)) },
      { name: "TR", values: target.software ? [1] : powersOfTwo(1, Math.min(64, target.maxThreads)) },
      { name: "TILE_S", values: [1, 2, 4, 8, 16, 32] },
      { name: "TILE_R", values: [1, 2, 4, 8, 16, 32, 64] },
      { name: "VEC", values: [1, 2, 4] },
    ],
    constraints: gemvLimits(target),
    features: gemvFeatures,
  });
}

/**
 * Tiles of `matmul`: results of a thread, threads of a workgroup, steps at once; on a GPU also steps whose operands
 * a workgroup shares, and copies of that memory.
 */
export function matmulSpace(target: Target): Space {
  return space({
    rule: "matmul",
    axes: [
      { name: "rows", values: [1, 2, 4, 8, 16] },
      { name: "columns", values: [1, 2, 4, 8, 16, 32] },
      { name: "vector", values: [1, 2, 4] },
      { name: "depth", values: [1, 2, 4, 8] },
      { name: "lanes", values: powersOfTwo(1, Math.min(64, target.maxThreads)) },
      { name: "groups", values: powersOfTwo(1, Math.min(32, target.maxThreads)) },
      { name: "shared", values: target.software ? [1] : [1, 8, 16, 32] },
      { name: "buffers", values: target.software ? [1] : [1, 2] },
    ],
    constraints: [
      {
        text: "shared is 1 or more than one step of depth",
        holds: (p) => p["shared"] === 1 || of(p, "shared") > of(p, "depth"),
      },
      { text: "buffers is 1 where nothing is shared", holds: (p) => p["shared"] !== 1 || p["buffers"] === 1 },
      {
        text: `bytes of workgroup memory <= ${target.maxWorkgroupMemory}`,
        holds: (p) =>
          sharedBytes({
            rows: of(p, "rows"),
            columns: of(p, "columns"),
            groups: of(p, "groups"),
            lanes: of(p, "lanes"),
            shared: of(p, "shared"),
            buffers: of(p, "buffers"),
          }) <= target.maxWorkgroupMemory,
      },
      {
        text: "columns is a multiple of vector",
        holds: (p) => of(p, "columns") % of(p, "vector") === 0,
      },
      threadLimit(target, "lanes * groups", (p) => of(p, "lanes") * of(p, "groups")),
      {
        text: `rows * columns <= ${MOST_RESULTS}`,
        holds: (p) => of(p, "rows") * of(p, "columns") <= MOST_RESULTS,
      },
      {
        text: `rows * columns / vector * depth <= ${MOST_UNROLLED}`,
        holds: (p) => of(p, "rows") * of(p, "columns") / of(p, "vector") * of(p, "depth") <= MOST_UNROLLED,
      },
    ],
    // Results of a thread, loads for each product, registers, threads, results of a workgroup.
    features: (p) => {
      const [m, n, k] = [of(p, "rows"), of(p, "columns"), of(p, "depth")];
      const threads = of(p, "lanes") * of(p, "groups");
      return [m * n, (m + n) / (m * n * of(p, "vector")), m * n + (m + n) * k, threads, threads * m * n].map((
        x,
      ) => Math.log2(x));
    },
  });
}

/** Threads and vectors of `reduction`, and into how many parts few results are taken apart. */
export function reductionSpace(target: Target): Space {
  return space({
    rule: "reduction",
    axes: [
      { name: "threads", values: powersOfTwo(1, Math.min(256, target.maxThreads)) },
      { name: "VEC", values: [2, 4] },
      { name: "fewest", values: [1, 8, 64, 1024] },
      { name: "parts", values: [16, 64, 256] },
    ],
    constraints: [],
  });
}

/** Threads of `generalReduction`, the longest row that is gone through, and whether the threads share a row. */
export function rowSpace(target: Target): Space {
  return space({
    rule: "generalReduction",
    axes: [
      { name: "threads", values: powersOfTwo(1, Math.min(256, target.maxThreads)) },
      { name: "longest", values: [1024, 4096, 16384, 65536] },
      { name: "together", values: [0, 1] },
    ],
    constraints: [],
  });
}

/** Threads and vectors of `elementwise`, and how many vectors a thread takes. */
export function elementwiseSpace(target: Target): Space {
  return elements("elementwise", target);
}

/** Threads and vectors of `transpose`, and how many vectors a thread takes. */
export function transposeSpace(target: Target): Space {
  return elements("transpose", target);
}

function elements(rule: string, target: Target): Space {
  return space({
    rule,
    axes: [
      { name: "threads", values: powersOfTwo(1, Math.min(256, target.maxThreads)) },
      { name: "VEC", values: [2, 4] },
      { name: "items", values: [1, 2, 4, 8] },
    ],
    constraints: [],
  });
}

/** Threads of `fallback`. */
export function fallbackSpace(target: Target): Space {
  return space({
    rule: "fallback",
    axes: [{ name: "threads", values: powersOfTwo(1, Math.min(256, target.maxThreads)) }],
    constraints: [],
  });
}

/** The spaces by the names of their rules. */
export const SPACES: ReadonlyMap<string, (target: Target) => Space> = new Map([
  ["gemv", gemvSpace],
  ["matmul", matmulSpace],
  ["reduction", reductionSpace],
  ["generalReduction", rowSpace],
  ["elementwise", elementwiseSpace],
  ["transpose", transposeSpace],
  ["fallback", fallbackSpace],
]);
