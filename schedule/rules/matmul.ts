/**
 * `matmul` and `gemv`: contractions in tiles of registers.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { Target } from "../../ir/target.ts";
import { type Contraction, contractionOf } from "../analysis/contraction.ts";
import { isScheduled, nestsOf, outerBlocks } from "../analysis/nests.ts";
import {
  attempt,
  choose,
  type Primitive,
  reorder,
  reverseComputeInline,
  rfactor,
  rule as ruleStep,
  type RuleParams,
  type Schedule,
  seq,
  specialize,
  split as splitLoop,
} from "../schedule.ts";
import { countOf, tiles } from "./contract.ts";
import { alongReduction, byThreads } from "./gemv.ts";
import { type GemvParams, gemvParams, type MatmulParams, matmulParams, sharedBytes } from "./params.ts";
import { theRest } from "./rows.ts";
import type { Rule, RuleResult } from "./rule.ts";
import { Work } from "./work.ts";
import { tooManyThreads, wrongParams } from "./wrong_params.ts";

/**
 * For products of matrices, in whatever order their axes lie and for all sizes: tiles of registers, elementwise
 * blocks that use the result put behind the sum. Where a dim says how many rows there are, a family: for at most `few`
 * of them a kernel whose tiles have just so many. Other nests of the function go to the fallback.
 */
export const matmulRule: Rule = {
  name: "matmul",
  schedule: (func, params, target) => contract(MATMUL, func, params, target),
};

/** The same for products of a matrix and a vector, by either schedule of the study: see {@linkcode GemvParams}. */
export const gemvRule: Rule = {
  name: "gemv",
  schedule: (func, params, target) => contract(GEMV, func, params, target),
};

/** What one of the two rules does. */
interface Kind<P extends object> {
  readonly name: "matmul" | "gemv";
  readonly params: (target: Target | undefined, c: Contraction) => P | string;
  readonly wrong: (params: P, target: Target | undefined) => string | undefined;
  /** The parameter that is the number of steps of the reduction at once. */
  readonly depth: keyof P & string;
  readonly schedule: (func: PrimFunc, c: Contraction, params: P) => Schedule | string;
  /** The same for few rows, where there may be few. */
  readonly few?: (params: P) => P;
}

const MATMUL: Kind<MatmulParams> = {
  name: "matmul",
  params: matmulParams,
  few: (params) => ({
    ...params,
    rows: params.few,
    sweep: 1,
    // All threads along columns: b is read once.
    lanes: params.lanes * params.groups > 64 ? 64 : params.lanes * params.groups,
    groups: 1,
    shared: 1,
    buffers: 1,
  }),
  wrong: (params, target) => {
    const { columns, vector, lanes, groups } = params;
    return wrongVector("columns", columns, "vector", vector) ?? tooManyThreads(target, lanes, groups) ??
      wrongShared(params, target);
  },
  depth: "depth",
  schedule: tiles,
};

const GEMV: Kind<GemvParams> = {
  name: "gemv",
  params: gemvParams,
  wrong: ({ SCH, TS, TR, TILE_S, TILE_R, VEC }, target) => {
    if (SCH !== 1 && SCH !== 2) return `SCH is 1 or 2, got ${SCH}`;
    if (SCH === 1 && TR > 1) return `TR=${TR} needs SCH=2: in schedule 1 a thread reduces alone`;
    const [along, count] = SCH === 1 ? ["TILE_S", TILE_S] as const : ["TILE_R", TILE_R] as const;
    return wrongVector(along, count, "VEC", VEC) ?? tooManyThreads(target, TS, TR);
  },
  depth: "TILE_R",
  schedule: (func, c, params) => {
    const { SCH, TS, TR, TILE_S, TILE_R, VEC } = params;
    if (TR > 1) return byThreads(func, c, params);
    if (SCH === 2) return alongReduction(func, c, params);
    return tiles(func, c, {
      rows: 1,
      columns: TILE_S,
      vector: VEC,
      depth: TILE_R,
      sweep: 1,
      lanes: TS,
      groups: 1,
    });
  },
};

function contract<P extends object>(
  kind: Kind<P>,
  func: PrimFunc,
  params: RuleParams,
  target: Target | undefined,
): RuleResult {
  const { name } = kind;
  const found: Contraction[] = [];
  const reasons: string[] = [];
  for (const nest of nestsOf(func.body)) {
    for (const site of isScheduled(nest) ? [] : outerBlocks(nest)) {
      const c = contractionOf(func, site.block.name);
      if (typeof c === "string") reasons.push(c);
      else if ((c.m === undefined) !== (name === "gemv")) {
        reasons.push(
          name === "gemv"
            ? `block ${c.block.name} is a product of matrices`
            : `block ${c.block.name} is a product of a matrix and a vector`,
        );
      } else found.push(c);
    }
  }
  const [first] = found;
  if (first === undefined) return { refusal: reasons[0] ?? "there is nothing to schedule" };
  const all: { readonly c: Contraction; readonly chosen: P }[] = [];
  for (const c of found) {
    const own = kind.params(target, c);
    if (typeof own === "string") return { refusal: own };
    const unknown = wrongParams(Object.keys(own), params);
    if (unknown !== undefined) return { refusal: unknown };
    const chosen = { ...own, ...params };
    const wrong = kind.wrong(chosen, target);
    if (wrong !== undefined) return { refusal: wrong };
    const k = countOf(c.k);
    const depth = Number(chosen[kind.depth]);
    if (k !== undefined && k < depth) {
      return {
        refusal: `the reduction of block ${c.block.name} has ${k} steps, fewer than ${kind.depth}=${depth}`,
      };
    }
    all.push({ c, chosen });
  }
  const blocks = new Set(found.map((c) => c.block.name));
  const epilogues = nestsOf(func.body).flatMap((nest) => outerBlocks(nest)).map((s) => s.block.name)
    .filter((b) => !blocks.has(b));
  const whole = (of: (chosen: P) => P): Schedule | string => {
    const steps = all.map(({ c, chosen }) => kind.schedule(func, c, of(chosen)));
    const refused = steps.find((s) => typeof s === "string");
    if (refused !== undefined) return refused;
    const made = steps.filter((s) => typeof s !== "string");
    return seq(...made, ...epilogues.map((b) => attempt(reverseComputeInline(b))), theRest());
  };
  const used: RuleParams = { ...all.at(-1)?.chosen };
  const many = whole((chosen) => chosen);
  if (typeof many === "string") return { refusal: many };
  // What is left is a product again, with the parts as a batch, and a short sum.
  const split = inParts(func, first, used["parts"] ?? 1);
  if (split !== undefined) {
    return { schedule: choose(seq(...split, ruleStep(name, { ...params, parts: 1 })), many), params: used };
  }
  const rows = first.m?.extent;
  const most = used["few"] ?? 1;
  if (kind.few === undefined || rows?.kind !== "var" || most < 2 || !func.dims.includes(rows.name)) {
    return { schedule: many, params: used };
  }
  // Sums along rows that the target takes in vectors by itself need no tiles, until there are many of them.
  const plain = target?.vectorSums === true && found.every((c) => c.b.reduceContiguous);
  const few = plain ? theRest() : whole(kind.few);
  return {
    schedule: typeof few === "string" ? many : choose(specialize(rows.name, most, few, many), many),
    params: used,
  };
}

/** Steps that take a reduction apart into so many, or fewer that are of one length; none where that is not legal. */
function inParts(func: PrimFunc, c: Contraction, most: number): readonly Primitive[] | undefined {
  const steps = countOf(c.k) ?? 1;
  let parts = Math.min(most, Math.floor(steps / 2));
  while (parts > 1 && steps % parts !== 0) parts--;
  // Parts become one loop with the batch; of that all sizes must be known, to tell where a tile ends.
  if (parts < 2 || c.batch.some((l) => countOf(l) === undefined)) return undefined;
  const work = new Work(func);
  const [ko, ki] = [work.name(`${c.k.var}_p`), work.name(`${c.k.var}_q`)];
  const spatial = [...c.unit, ...c.batch, ...(c.m === undefined ? [] : [c.m]), c.n].map((l) => l.var);
  const done = work.try(reorder(...spatial, c.k.var)) &&
    work.try(splitLoop(c.k.var, [parts, steps / parts], [ko, ki])) &&
    work.try(rfactor(c.block.name, ko));
  return done ? work.steps : undefined;
}

function wrongShared(params: MatmulParams, target: Target | undefined): string | undefined {
  const { shared, depth, buffers } = params;
  if (buffers > 2) return `buffers is 1 or 2, got ${buffers}`;
  if (shared === 1) {
    return buffers === 1 ? undefined : "buffers=2 needs shared > 1: there is nothing to fill in turn";
  }
  if (shared % depth !== 0) return `shared must be 1 or a multiple of depth=${depth}, got ${shared}`;
  const bytes = sharedBytes(params);
  if (target === undefined || bytes <= target.maxWorkgroupMemory) return undefined;
  return `${target.name} has ${target.maxWorkgroupMemory} bytes of workgroup memory, got tiles of ${bytes}`;
}

function wrongVector(along: string, count: number, width: string, vector: number): string | undefined {
  if (![1, 2, 4].includes(vector)) return `${width} must be 1, 2 or 4, got ${vector}`;
  return count % vector === 0 ? undefined : `${along} must be a multiple of ${vector}, got ${count}`;
}
