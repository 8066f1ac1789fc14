/**
 * The order in which weights lie in memory.
 *
 * A checkpoint may keep the weight of a linear layer as [in, out] (GPT-2's Conv1D does): the elements that one output
 * sums are then a row apart. Where a target reads neighbours much faster, such a weight is laid out transposed: the
 * program keeps its indices, only the buffer's strides change, and the upload brings the bytes into that order.
 *
 * @module
 */
import { int } from "../../ir/expr.ts";
import { type PrimFunc, primFunc } from "../../ir/prim_func.ts";
import { allBlocks } from "../../ir/reduction.ts";
import type { Block, Buffer } from "../../ir/stmt.ts";
import { bufferAccesses, freeVars } from "../../ir/visit.ts";
import type { KernelCall, LegalizedGraph } from "./legalize.ts";

/**
 * Weights of two axes that every kernel reads as the matrix of a product that is summed over the first axis: the first
 * index is over reduce iterators only, the second over spatial ones only.
 */
export function summedOverRows(graphs: readonly LegalizedGraph[]): ReadonlySet<string> {
  const found = new Set<string>();
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
        (isSummedOverRows(call.func, buffer) ? found : other).add(value);
      });
    }
  }
  return new Set([...found].filter((name) => !other.has(name)));
}

function isSummedOverRows(func: PrimFunc, buffer: Buffer): boolean {
  let reads = 0;
  for (const { block } of allBlocks(func.body)) {
    const roles = rolesOf(block);
    for (const access of bufferAccesses(block.body)) {
      if (access.buffer !== buffer.name) continue;
      const [row, column] = access.indices.map((e) =>
        new Set([...freeVars(e)].map((name) => roles.get(name)))
      );
      if (access.write || row === undefined || column === undefined) return false;
      if (!row.has("reduce") || row.size !== 1 || !column.has("spatial") || column.size !== 1) return false;
      reads++;
    }
  }
  return reads > 0;
}

const ONE = int(1);

function rolesOf(b: Block): ReadonlyMap<string, "spatial" | "reduce"> {
  return new Map(b.iters.map((i) => [i.var, i.role]));
}

/** The graph with these values laid out column by column in every kernel. */
export function transposeWeights(g: LegalizedGraph, names: ReadonlySet<string>): LegalizedGraph {
  if (!g.calls.some((c) => c.args.some((a) => names.has(a)))) return g;
  return { ...g, calls: g.calls.map((c) => transposeIn(c, names)) };
}

function transposeIn(call: KernelCall, names: ReadonlySet<string>): KernelCall {
  if (!call.args.some((a) => names.has(a))) return call;
  const { name, params, dims, body } = call.func;
  const changed = params.map((p, i) => {
    const [rows] = p.buffer.shape;
    if (!names.has(call.args[i] ?? "") || rows === undefined) return p;
    return { ...p, buffer: { ...p.buffer, strides: [ONE, rows] } };
  });
  return { ...call, func: primFunc(name, changed, dims, body) };
}
