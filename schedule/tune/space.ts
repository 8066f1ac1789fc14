/**
 * Spaces of parameters: what a tuner may choose from, as data with constraints.
 *
 * @module
 */
import { InputError } from "../../ir/errors.ts";
import type { RuleParams } from "../schedule.ts";

/** A parameter and the values it may take, in an order in which neighbours are alike. */
export interface Axis {
  readonly name: string;
  readonly values: readonly number[];
}

/** What points must fulfil: a condition on several parameters at once, or a limit of the target. */
export interface Constraint {
  /** What must hold, for people. */
  readonly text: string;
  readonly holds: (point: RuleParams) => boolean;
}

/** A space of points: one value for each axis, such that every constraint holds. */
export interface Space {
  /** Name of the rule that takes the parameters. */
  readonly rule: string;
  readonly axes: readonly Axis[];
  readonly constraints: readonly Constraint[];
  /** Numbers by which a cost model tells points apart, besides the parameters: work of a thread, threads and the like. */
  readonly features?: (point: RuleParams) => readonly number[];
}

/** Gives numbers in [0, 1). */
export type Random = () => number;

/**
 * A space. Throws {@linkcode InputError} where an axis has no values or a value twice, or two axes have one name.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { points, space } from "@weft/weft/schedule";
 *
 * const even = { text: "a + b is even", holds: ({ a = 0, b = 0 }) => (a + b) % 2 === 0 };
 * const s = space({
 *   rule: "gemv",
 *   axes: [{ name: "a", values: [1, 2] }, { name: "b", values: [1, 2] }],
 *   constraints: [even],
 * });
 * assertEquals([...points(s)], [{ a: 1, b: 1 }, { a: 2, b: 2 }]);
 * ```
 */
export function space(parts: Space): Space {
  const names = parts.axes.map((a) => a.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new InputError(`Cannot make a space for ${parts.rule}: two axes are ${twice}`);
  }
  for (const { name, values } of parts.axes) {
    if (values.length === 0 || new Set(values).size !== values.length) {
      throw new InputError(
        `Cannot make a space for ${parts.rule}: axis ${name} needs distinct values, got [${
          values.join(", ")
        }]`,
      );
    }
  }
  return parts;
}

/** Every point, the last axis fastest. */
export function* points(s: Space): Generator<RuleParams> {
  function* from(at: number, point: RuleParams): Generator<RuleParams> {
    const axis = s.axes[at];
    if (axis === undefined) {
      if (s.constraints.every((c) => c.holds(point))) yield point;
      return;
    }
    for (const value of axis.values) yield* from(at + 1, { ...point, [axis.name]: value });
  }
  yield* from(0, {});
}

/** How many points there are. */
export function sizeOf(s: Space): number {
  let n = 0;
  for (const _ of points(s)) n++;
  return n;
}

/** Why a point is not in the space; `undefined` if it is. */
export function outside(s: Space, point: RuleParams): string | undefined {
  for (const { name, values } of s.axes) {
    const value = point[name];
    if (value === undefined) return `${name} has no value`;
    if (!values.includes(value)) return `${name} is one of ${values.join(", ")}, got ${value}`;
  }
  const foreign = Object.keys(point).find((name) => s.axes.every((a) => a.name !== name));
  if (foreign !== undefined) {
    return `there is no ${foreign}; there are ${s.axes.map((a) => a.name).join(", ")}`;
  }
  return s.constraints.find((c) => !c.holds(point))?.text;
}

/** Draws at most this often before all points are counted. */
const DRAWS = 100;

/** A point by chance; `undefined` in an empty space. */
export function samplePoint(s: Space, random: Random): RuleParams | undefined {
  for (let n = 0; n < DRAWS; n++) {
    const point = Object.fromEntries(s.axes.map((a) => [a.name, pick(a.values, random) ?? NaN]));
    if (outside(s, point) === undefined) return point;
  }
  return pick([...points(s)], random);
}

/**
 * Points that differ in one parameter by one step, nearest first; where that leaves the space, in a second parameter as
 * well by one step.
 */
export function neighbours(s: Space, point: RuleParams): readonly RuleParams[] {
  const near = s.axes.flatMap((a) => steps(a, point));
  const legal = near.filter((p) => outside(s, p) === undefined);
  const mended = near.filter((p) => outside(s, p) !== undefined)
    .flatMap((p) => s.axes.flatMap((a) => steps(a, p)))
    .filter((p) => outside(s, p) === undefined);
  const known = new Set([pointKey(point)]);
  return [...legal, ...mended].filter((p) => {
    const key = pointKey(p);
    if (known.has(key)) return false;
    known.add(key);
    return true;
  });
}

function steps({ name, values }: Axis, point: RuleParams): readonly RuleParams[] {
  const at = values.indexOf(point[name] ?? NaN);
  return [at - 1, at + 1].flatMap((i) => {
    const value = values[i];
    return at < 0 || value === undefined ? [] : [{ ...point, [name]: value }];
  });
}

/** A point as text, the same for equal points. */
export function pointKey(point: RuleParams): string {
  return Object.entries(point).map(([name, value]) => `${name}=${value}`).sort().join(" ");
}

/** A space with some parameters held fast: a plane through it. */
export function fixed(s: Space, values: RuleParams): Space {
  const axes = s.axes.map((a) => {
    const value = values[a.name];
    return value === undefined ? a : { name: a.name, values: [value] };
  });
  return { ...s, axes };
}

/** One of several; `undefined` of none. */
export function pick<T>(list: readonly T[], random: Random): T | undefined {
  return list[Math.floor(random() * list.length)];
}

/**
 * Seeded numbers in [0, 1), by the generator mulberry32 of T. Ettinger: the same sequence in every process.
 */
export function seeded(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}
