/**
 * Planning one entry point: which launches run in which order, on which buffers, and how much memory that takes at
 * most. Everything here is a pure function of the graph and its bounds, known before anything runs.
 *
 * @module
 */
import { type Shape, upperBound } from "../../ir/dim.ts";
import { exprBound } from "../../ir/dim_expr.ts";
import { type DType, DTYPES } from "../../ir/dtype.ts";
import { ShapeError } from "../../ir/errors.ts";
import { printExpr } from "../../ir/print.ts";
import { type Graph, type TensorType, valueTypes } from "../../ir/graph.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import type { Launch, LoweredFunc } from "../lower.ts";

/** A kernel call, lowered. */
export interface LoweredCall {
  readonly lowered: LoweredFunc;
  /** Value bound to each parameter of the function. */
  readonly args: readonly string[];
  /** Module path, for profiles. */
  readonly path?: string;
  /** The launches that its one launch was put together from; by default its launches are those of `lowered.func`. */
  readonly parts?: PlanStep["from"];
}

/** What an entry point is planned from. */
export interface EntrySource {
  readonly graph: Graph;
  readonly calls: readonly LoweredCall[];
  /** Values that live in the buffer of another. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Extents that buffers of states are laid out for. */
  readonly capacities: ReadonlyMap<string, Shape>;
  /** Axes along which states grow, which lie outermost in memory, and the extent with which they begin. */
  readonly growth?: { readonly axes: ReadonlyMap<string, number>; readonly block: number };
}

/** The buffer of a launch: one with a name and an owner, or a slot that several intermediates share. */
export type BufferRef =
  | { readonly kind: "input" | "param" | "state" | "output"; readonly name: string }
  | { readonly kind: "slot"; readonly index: number };

/** A launch with its buffers. */
export interface PlanStep {
  readonly launch: Launch;
  /**
   * The scheduled function that the launch is a part of, and its position among the launches of it: several where
   * launches were joined.
   */
  readonly from: readonly { readonly func: PrimFunc; readonly position: number }[];
  readonly buffers: readonly BufferRef[];
  readonly path?: string;
}

/** A buffer that the plan needs, with its size in bytes at the bounds of all dims. */
export interface PlanBuffer extends TensorType {
  readonly name: string;
  readonly bytes: number;
  /** Of a state that grows: its axis, the extents that it begins and ends with, and the bytes of one step along it. */
  readonly growth?: {
    readonly axis: number;
    readonly block: number;
    readonly extent: number;
    readonly bytes: number;
  };
}

/** The plan of one entry point. */
export interface EntryPlan {
  readonly name: string;
  readonly graph: Graph;
  readonly steps: readonly PlanStep[];
  readonly inputs: readonly PlanBuffer[];
  readonly params: readonly PlanBuffer[];
  readonly states: readonly PlanBuffer[];
  /** Results; those whose buffer is another's (a state's next value) have a `ref` to it. */
  readonly outputs: readonly (PlanBuffer & { readonly ref: BufferRef })[];
  /** Bytes of each slot. */
  readonly slots: readonly number[];
}

/** Plans an entry point. Throws {@linkcode ShapeError} where a dim has no bound. */
export function planEntry(source: EntrySource): EntryPlan {
  const { graph: g } = source;
  const types = valueTypes(g);
  const size = (what: string, dtype: DType, shape: Shape): number => {
    const elements = boundElements(g, what, shape);
    return Math.max(4, Math.ceil(elements * DTYPES[dtype].bytes / 4) * 4);
  };
  const describe = (name: string): PlanBuffer => {
    const type = types.get(name);
    if (type === undefined) throw new ShapeError(g.name, `Cannot plan ${g.name}: there is no value ${name}`);
    const shape = source.capacities.get(name) ?? type.shape;
    const { axes, block } = source.growth ?? { axes: new Map<string, number>(), block: 0 };
    const axis = axes.get(name);
    const extent = axis === undefined ? 0 : boundElements(g, name, [shape[axis] ?? 0]);
    const rest = boundElements(g, name, shape.filter((_, d) => d !== axis));
    return {
      name,
      shape: type.shape,
      dtype: type.dtype,
      bytes: size(name, type.dtype, shape),
      ...(axis === undefined
        ? {}
        : { growth: { axis, block, extent, bytes: rest * DTYPES[type.dtype].bytes } }),
    };
  };

  const roots = (value: string): string => source.aliases.get(value) ?? value;
  const inputRole = new Map(g.inputs.map((i) => [i.name, i.role]));
  const outputOf = new Map<string, string>();
  for (const o of g.outputs) if (!outputOf.has(roots(o.value))) outputOf.set(roots(o.value), o.name);
  const fixedRef = (value: string): BufferRef | undefined => {
    const root = roots(value);
    const role = inputRole.get(root);
    if (role !== undefined) return { kind: role, name: root };
    const output = outputOf.get(root);
    return output === undefined ? undefined : { kind: "output", name: output };
  };

  // Intermediates: values without an owner, and scratch between the launches of one call.
  const temps = new Map<string, Temp>();
  const touched: (Omit<PlanStep, "buffers" | "path"> & {
    readonly keys: readonly string[];
    readonly path: string | undefined;
  })[] = [];
  source.calls.forEach((call, c) => {
    const names = new Map(call.lowered.func.params.map((p, i) => [p.buffer.name, call.args[i] ?? ""]));
    const scratch = new Map(call.lowered.scratch.map((b) => [b.name, b]));
    for (const [position, launch] of call.lowered.launches.entries()) {
      const step = touched.length;
      const keys = launch.buffers.map(({ buffer }) => {
        const value = names.get(buffer.name);
        const key = value === undefined ? `${c}/${buffer.name}` : roots(value);
        if (value === undefined || fixedRef(value) === undefined) {
          const bytes = value === undefined
            ? scratchBytes(g, scratch.get(buffer.name) ?? buffer)
            : describe(value).bytes;
          const known = temps.get(key);
          temps.set(key, { bytes, first: known?.first ?? step, last: step });
        }
        return key;
      });
      const from = call.parts ?? [{ func: call.lowered.func, position }];
      touched.push({ launch, from, keys, path: call.path });
    }
  });
  const { slots, slotOf } = assignSlots(temps);
  const steps = touched.map(({ launch, from, keys, path }): PlanStep => ({
    launch,
    from,
    buffers: keys.map((key): BufferRef => {
      const index = slotOf.get(key);
      const ref: BufferRef | undefined = index === undefined ? fixedRef(key) : { kind: "slot", index };
      if (ref === undefined) throw new ShapeError(g.name, `Cannot plan ${g.name}: ${key} has no buffer`);
      return ref;
    }),
    ...(path === undefined ? {} : { path }),
  }));
  const byRole = (role: string): readonly PlanBuffer[] =>
    g.inputs.filter((i) => i.role === role).map((i) => describe(i.name));
  return {
    name: g.name,
    graph: g,
    steps,
    inputs: byRole("input"),
    params: byRole("param"),
    states: byRole("state"),
    outputs: g.outputs.map((o) => {
      const ref = fixedRef(o.value);
      if (ref === undefined) {
        throw new ShapeError(g.name, `Cannot plan ${g.name}: output ${o.name} has no buffer`);
      }
      return { ...describe(roots(o.value)), ...types.get(o.value), name: o.name, ref };
    }),
    slots,
  };
}

interface Temp {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Gives intermediates that are never alive together the same slot: best fit, in order of first use. */
function assignSlots(temps: ReadonlyMap<string, Temp>): {
  readonly slots: readonly number[];
  readonly slotOf: ReadonlyMap<string, number>;
} {
  const slots: { bytes: number; freeFrom: number }[] = [];
  const slotOf = new Map<string, number>();
  for (const [key, temp] of [...temps].sort(([, a], [, b]) => a.first - b.first)) {
    const free = slots.map((slot, index) => ({ slot, index })).filter(({ slot }) =>
      slot.freeFrom <= temp.first
    );
    const fitting = free.filter(({ slot }) =>
      slot.bytes >= temp.bytes
    ).sort((a, b) => a.slot.bytes - b.slot.bytes)[0];
    const largest = free.sort((a, b) => b.slot.bytes - a.slot.bytes)[0];
    const chosen = fitting ?? largest;
    if (chosen === undefined) {
      slotOf.set(key, slots.push({ bytes: temp.bytes, freeFrom: temp.last + 1 }) - 1);
      continue;
    }
    chosen.slot.bytes = Math.max(chosen.slot.bytes, temp.bytes);
    chosen.slot.freeFrom = temp.last + 1;
    slotOf.set(key, chosen.index);
  }
  return { slots: slots.map((s) => s.bytes), slotOf };
}

/** Elements at most, axis by axis; names the dim that has no bound. */
function boundElements(g: Graph, what: string, shape: Shape): number {
  return shape.reduce<number>((all, dim) => {
    const bound = upperBound(dim, g.bounds);
    if (bound === undefined) {
      throw new ShapeError(
        g.name,
        `Cannot plan ${g.name}: dim ${dim} of ${what} has no upper bound; give trace() bounds: { "${dim}": ... }`,
      );
    }
    return all * bound;
  }, 1);
}

function scratchBytes(g: Graph, buffer: Launch["buffers"][number]["buffer"]): number {
  const elements = buffer.shape.reduce((all, extent) => {
    const bound = exprBound(extent, g.bounds);
    if (bound === undefined) {
      throw new ShapeError(
        g.name,
        `Cannot plan ${g.name}: size ${printExpr(extent)} of scratch ${buffer.name} has no upper bound; ` +
          `give trace() bounds for its dims`,
      );
    }
    return all * bound;
  }, 1);
  return Math.max(4, Math.ceil(elements * DTYPES[buffer.dtype].bytes / 4) * 4);
}
