/**
 * How much memory a program takes: known before anything is allocated.
 *
 * @module
 */
import { dimVars } from "../../ir/dim.ts";
import type { EntryPlan, PlanBuffer } from "./plan.ts";

/** Bytes that a program takes on a device, at the bounds of its dims. */
export interface MemoryPlan {
  readonly weights: number;
  /** Slots of intermediates, inputs and outputs of all entry points. */
  readonly work: number;
  /** One state, as large as it may grow to. */
  readonly state: number;
  /** One state when it is made. */
  readonly stateAtFirst: number;
  /** The most at any time, with one state: all of the above, and what is copied from when a state grows. */
  readonly peak: number;
  /** Slots of intermediates. Entry points never run at the same time, so they share them: the largest first. */
  readonly slots: readonly number[];
  /** States of all entry points; where they share one, the largest, with most of its dims symbolic. */
  readonly states: readonly PlanBuffer[];
}

/**
 * The memory of a program with these entry points: what is allocated for it when it is compiled and given a state.
 *
 * @example
 * ```ts
 * import { jsDevice, lower, method, mul, spec, trace } from "@weft/weft";
 * import { planMemory } from "./memory.ts";
 *
 * const device = jsDevice();
 * const program = trace({ square: method({ x: spec([3], "f32") }, ({ x }) => ({ y: mul(x, x) })) });
 * console.log(planMemory(lower(program, device.target).plans).peak); // 24
 * ```
 */
export function planMemory(entries: readonly EntryPlan[]): MemoryPlan {
  const wanted = entries.map((e) => [...e.slots].sort((a, b) => b - a));
  const slots = Array.from(
    { length: Math.max(0, ...wanted.map((w) => w.length)) },
    (_, i) => Math.max(...wanted.map((w) => w[i] ?? 0)),
  );
  const sum = (bytes: readonly number[]): number => bytes.reduce((a, b) => a + b, 0);
  const params = new Map(entries.flatMap((e) => e.params.map((p) => [p.name, p.bytes] as const)));
  const weights = sum([...params.values()]);
  const work = sum(slots) + sum(entries.flatMap((e) => ownBuffers(e).map((b) => b.buffer.bytes)));
  const states = statesOf(entries);
  const state = sum(states.map((s) => s.bytes));
  return {
    weights,
    work,
    state,
    stateAtFirst: sum(states.map((s) => bytesWith(s, firstExtent(s)))),
    peak: weights + work + growthPeak(states),
    slots,
    states,
  };
}

/** Buffers that an entry point has for itself: its inputs, and results that are no part of another's buffer. */
export function ownBuffers(
  { inputs, outputs }: EntryPlan,
): readonly { readonly kind: "input" | "output"; readonly buffer: PlanBuffer }[] {
  return [
    ...inputs.map((buffer) => ({ kind: "input", buffer } as const)),
    ...outputs.filter(({ ref, name }) => ref.kind === "output" && ref.name === name)
      .map((buffer) => ({ kind: "output", buffer } as const)),
  ];
}

function statesOf(entries: readonly EntryPlan[]): readonly PlanBuffer[] {
  const states = new Map<string, PlanBuffer>();
  const symbolic = (b: PlanBuffer): number => b.shape.filter((dim) => dimVars(dim).length > 0).length;
  for (const plan of entries) {
    for (const s of plan.states) {
      const known = states.get(s.name);
      if (known === undefined) states.set(s.name, s);
      else {
        const shape = symbolic(s) > symbolic(known) ? s.shape : known.shape;
        states.set(s.name, { ...known, shape, bytes: Math.max(known.bytes, s.bytes) });
      }
    }
  }
  return [...states.values()];
}

/** Extent with which the buffer of a state begins, along the axis by which it grows; 1 where it does not grow. */
export function firstExtent({ growth }: PlanBuffer): number {
  return growth === undefined ? 1 : Math.min(growth.block, growth.extent);
}

/** Extent of a growing buffer with room for `needed`: the first block, doubled as often as it takes. */
export function nextExtent(growth: NonNullable<PlanBuffer["growth"]>, needed: number): number {
  let extent = growth.block;
  while (extent < needed) extent *= 2;
  return Math.min(extent, growth.extent);
}

/** Bytes of a buffer that has grown to this extent: what lies outermost can be cut. */
export function bytesWith({ bytes, growth }: PlanBuffer, extent: number): number {
  if (growth === undefined) return bytes;
  return Math.max(4, Math.ceil(extent * growth.bytes / 4) * 4);
}

/** The most bytes of states at any time: one after the other grows, the old buffer is there until the new one is filled. */
function growthPeak(states: readonly PlanBuffer[]): number {
  const before = states.map((s) => {
    if (s.growth === undefined) return s.bytes;
    let extent = firstExtent(s);
    while (extent * 2 < s.growth.extent) extent *= 2;
    return bytesWith(s, extent);
  });
  let now = before.reduce((a, b) => a + b, 0);
  let most = 0;
  states.forEach((s, i) => {
    const old = before[i] ?? 0;
    if (s.bytes > old) most = Math.max(most, now + s.bytes);
    now += s.bytes - old;
  });
  return Math.max(most, now);
}
