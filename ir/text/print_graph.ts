/**
 * Graphs as text, a line a value.
 *
 * @module
 */
import type { Attr, Compute, Graph, GraphNode, TensorType } from "../graph.ts";
import { printDim, printNumber, printTensorType } from "./dims.ts";
import { indent } from "./layout.ts";
import { printName, printValueName } from "./names.ts";
import { exprText, EXTENT, type LoadTypes, loadTypes, printExprIn } from "./print_expr.ts";

/** Lines of a graph. */
export function graphLines(g: Graph): readonly string[] {
  const types = new Map<string, TensorType>();
  const bounds = Object.entries(g.bounds).map(([dim, bound]) =>
    `bound ${printDim(dim)} <= ${printNumber(bound)}`
  );
  const inputs = g.inputs.map((i) => {
    types.set(i.name, i);
    return `${i.role} ${printValueName(i.name)}: ${printTensorType(i)}`;
  });
  const nodes = g.nodes.flatMap((n) => {
    const lines = nodeLines(n, computeTypes(n.inputs, types));
    types.set(n.name, n);
    return lines;
  });
  const outputs = g.outputs.map((o) => `output ${printValueName(o.name)} = ${printValueName(o.value)}`);
  return [`graph ${printName(g.name)} {`, ...indent([...bounds, ...inputs, ...nodes, ...outputs]), "}"];
}

/** What loads from `in0`, `in1`, ... give in a definition, as far as the inputs were defined before. */
export function computeTypes(inputs: readonly string[], types: ReadonlyMap<string, TensorType>): LoadTypes {
  return loadTypes(inputs.flatMap((value, i) => {
    const type = types.get(value);
    return type === undefined ? [] : [[`in${i}`, type.dtype] as const];
  }));
}

function nodeLines(n: GraphNode, types: LoadTypes): readonly string[] {
  const attrs = Object.entries(n.attrs).map(([name, value]) => `${printName(name)}: ${printAttr(value)}`);
  const attrText = attrs.length === 0 ? "" : ` {${attrs.join(", ")}}`;
  const path = n.path === undefined ? "" : ` @${JSON.stringify(n.path)}`;
  const definition = n.compute === undefined ? "" : ` ${computeHead(n.compute, types)} {`;
  const call = `${printName(n.op)}(${n.inputs.map(printValueName).join(", ")})`;
  return [
    `${printValueName(n.name)}: ${printTensorType(n)} = ${call}${attrText}${path}${definition}`,
    ...(n.compute === undefined ? [] : [...indent(bodyLines(n.compute, types)), "}"]),
  ];
}

/** `with softmax[i < n]`. */
function computeHead({ name, axes }: Compute, types: LoadTypes): string {
  const list = axes.map((a) => `${printName(a.name)} < ${printExprIn(a.extent, types, EXTENT)}`);
  return `with ${printName(name)}[${list.join(", ")}]`;
}

function bodyLines({ body }: Compute, types: LoadTypes): readonly string[] {
  const { lets, text } = exprText(body, types);
  if (lets.length === 0) return [text];
  return ["let", ...indent(lets.map((l, i) => (i < lets.length - 1 ? `${l},` : l))), `in ${text}`];
}

/** An attribute, so that it can be read again. */
export function printAttr(value: Attr): string {
  if (typeof value === "number") return printNumber(value);
  if (Array.isArray(value)) return `[${value.map(printAttr).join(", ")}]`;
  return JSON.stringify(value);
}
