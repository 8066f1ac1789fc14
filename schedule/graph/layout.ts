/**
 * The order in which weights lie in memory.
 *
 * A checkpoint may keep the weight of a linear layer as [in, out] (GPT-2's Conv1D does): the elements that one output
 * sums are then a row apart. Where a target reads neighbours much faster, such a weight is laid out transposed: the
 * program keeps its indices, only the buffer's strides change. Where a target takes vectors along results best, weights
 * are laid out in panels: one stream of memory for several results. The upload brings the bytes into that order.
 *
 * @module
 */
import { add, floordiv, int, load, mod } from "../../ir/expr.ts";
import { type PrimFunc, primFunc } from "../../ir/prim_func.ts";
import { allBlocks } from "../../ir/reduction.ts";
import { simplify } from "../../ir/simplify.ts";
import { type Block, block, type Buffer, type Stmt } from "../../ir/stmt.ts";
import { mapStmtExprs, rewriteExpr, rewriteStmt } from "../../ir/traverse.ts";
import { bufferAccesses, freeVars } from "../../ir/visit.ts";
import type { KernelCall, LegalizedGraph } from "./legalize.ts";

/** How a weight of two axes lies in memory. */
export type WeightLayout =
  /** Column by column. */
  | { readonly kind: "transposed" }
  /**
   * In panels of so many results: of each step of the reduction, along axis `summed`, the elements of all results of a
   * panel are neighbours. Stored as [results / width, steps, width], with the last panel filled up.
   */
  | { readonly kind: "panels"; readonly summed: 0 | 1; readonly width: number };

/** Layouts by weight; the others stay as they come. */
export type WeightLayouts = ReadonlyMap<string, WeightLayout>;

/** Fewer panels than that are whole, or the last one would be too much of all. */
const FEW_PANELS = 16;

/**
 * Layouts for weights that kernels multiply with: in panels of `width` results, from which rows may also be taken (as
 * embeddings that are the output layer, too, are); column by column where they are only summed over rows. No `width` is
 * for none in panels.
 */
export function weightLayouts(graphs: readonly LegalizedGraph[], width?: number): WeightLayouts {
  const layouts = new Map<string, WeightLayout>();
  for (const [name, { summed, results, taken }] of multiplied(graphs)) {
    const fits = width !== undefined && results !== undefined &&
      (results % width === 0 || results >= width * FEW_PANELS);
    if (fits) layouts.set(name, { kind: "panels", summed, width });
    else if (summed === 0 && !taken) layouts.set(name, { kind: "transposed" });
  }
  return layouts;
}

/** The shape that a weight of a known shape is stored in. */
export function storedShape(
  layout: WeightLayout,
  [rows = 1, columns = 1]: readonly number[],
): readonly number[] {
  if (layout.kind === "transposed") return [columns, rows];
  const [steps, results] = layout.summed === 0 ? [rows, columns] : [columns, rows];
  return [Math.ceil(results / layout.width), steps, layout.width];
}

interface Multiplied {
  /** The axis that products are summed over. */
  readonly summed: 0 | 1;
  /** The size of the other, where it is known. */
  readonly results: number | undefined;
  /** Whether rows or elements are read by themselves, too. */
  readonly taken: boolean;
}

/**
 * Weights of two axes that kernels read as the matrix of a product that is summed over one of them (that index is over
 * reduce iterators only, the other over spatial ones only) and that are not reduced in any other way.
 */
function multiplied(graphs: readonly LegalizedGraph[]): ReadonlyMap<string, Multiplied> {
  const found = new Map<string, Omit<Multiplied, "taken">>();
  const taken = new Set<string>();
  const other = new Set<string>();
  for (const { graph, calls } of graphs) {
    const params = new Set(
      graph.inputs.filter((i) => i.role === "param" && i.shape.length === 2).map((i) => i.name),
    );
    // What is returned or kept as it is needs the order that it came in.
    for (const o of graph.outputs) other.add(o.value);
    for (const call of calls) {
      call.args.forEach((value, i) => {
        const buffer = call.func.params[i]?.buffer;
        if (buffer === undefined || !params.has(value)) return;
        for (const use of usesOf(call.func, buffer)) {
          const known = found.get(value);
          if (use === "taken") taken.add(value);
          else if (use === "other" || (known?.summed ?? use) !== use) other.add(value);
          else {
            const size = buffer.shape[1 - use];
            found.set(value, { summed: use, results: size?.kind === "const" ? size.value : undefined });
          }
        }
      });
    }
  }
  return new Map(
    [...found].filter(([name]) => !other.has(name)).map((
      [name, m],
    ) => [name, { ...m, taken: taken.has(name) }]),
  );
}

/** What a kernel does with a weight: sums products over an axis, or takes elements one by one. */
function usesOf(func: PrimFunc, buffer: Buffer): ReadonlySet<0 | 1 | "taken" | "other"> {
  const uses = new Set<0 | 1 | "taken" | "other">();
  for (const { block } of allBlocks(func.body)) {
    const roles = rolesOf(block);
    for (const access of bufferAccesses(block.body)) {
      if (access.buffer !== buffer.name) continue;
      const over = access.indices.map((e) => new Set([...freeVars(e)].map((name) => roles.get(name))));
      const [row, column] = over.map((found) => (found.size === 1 ? [...found][0] : undefined));
      if (access.write) uses.add("other");
      else if (row === "reduce" && column === "spatial") uses.add(0);
      else if (row === "spatial" && column === "reduce") uses.add(1);
      else uses.add(over.some((found) => found.has("reduce")) ? "other" : "taken");
    }
  }
  return uses;
}

const ONE = int(1);

function rolesOf(b: Block): ReadonlyMap<string, "spatial" | "reduce"> {
  return new Map(b.iters.map((i) => [i.var, i.role]));
}

/** The graph with weights in these layouts in every kernel. */
export function layWeightsOut(g: LegalizedGraph, layouts: WeightLayouts): LegalizedGraph {
  if (!g.calls.some((c) => c.args.some((a) => layouts.has(a)))) return g;
  return { ...g, calls: g.calls.map((c) => layOutIn(c, layouts)) };
}

function layOutIn(call: KernelCall, layouts: WeightLayouts): KernelCall {
  const panels = new Map<string, Panels>();
  const changed = call.func.params.map((p, i) => {
    const layout = layouts.get(call.args[i] ?? "");
    const { shape, name } = p.buffer;
    const [rows, columns] = shape;
    if (layout === undefined || rows === undefined || columns === undefined) return p;
    switch (layout.kind) {
      case "transposed":
        return { ...p, buffer: { ...p.buffer, strides: [ONE, rows] } };
      case "panels": {
        const { summed, width } = layout;
        panels.set(name, layout);
        const [steps, results] = summed === 0 ? [rows, columns] : [columns, rows];
        return {
          ...p,
          buffer: {
            ...p.buffer,
            shape: [simplify(floordiv(add(results, int(width - 1)), int(width))), steps, int(width)],
          },
        };
      }
      default:
        return layout satisfies never;
    }
  });
  const { name, dims, body } = call.func;
  return { ...call, func: primFunc(name, changed, dims, panels.size === 0 ? body : inPanels(body, panels)) };
}

type Panels = Extract<WeightLayout, { kind: "panels" }>;

/** The nests with indices of weights that lie in panels. */
function inPanels(body: Stmt, panels: ReadonlyMap<string, Panels>): Stmt {
  const loads = mapStmtExprs(body, (e) =>
    rewriteExpr(e, (x) => {
      const layout = x.kind === "load" ? panels.get(x.buffer) : undefined;
      if (x.kind !== "load" || layout === undefined) return x;
      const { summed, width } = layout;
      const [step, result] = [x.indices[summed], x.indices[1 - summed]];
      if (step === undefined || result === undefined) return x;
      return load(x.buffer, x.dtype, [floordiv(result, int(width)), step, mod(result, int(width))]);
    }));
  return rewriteStmt(loads, (s) => {
    if (s.kind !== "block" || !s.reads.some((r) => panels.has(r.buffer))) return s;
    // Regions are worked out again.
    const { reads: _reads, writes: _writes, ...parts } = s;
    return block(parts);
  });
}
