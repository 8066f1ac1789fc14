/**
 * Random graphs: any operator names, attributes and definitions. Their text and structure mean something, their shapes
 * do not fit; random programs that can be run are in `arbitrary_graph.ts`.
 *
 * @module
 */
import fc from "fast-check";
import { record } from "./record.ts";
import { canonicalDim, type Dim } from "../../../ir/dim.ts";
import type { Attr, Compute, Graph, GraphInput, GraphNode, TensorType } from "../../../ir/graph.ts";
import { graph } from "../../../ir/graph.ts";
import { arbExpr, arbName } from "./expr.ts";
import { DTYPE_NAMES } from "./nest.ts";

const DIMS: readonly Dim[] = [0, 1, 7, 768, ...["n", "past+seq", "2*n+1", "n*m"].map(canonicalDim)];

const arbType: fc.Arbitrary<TensorType> = record({
  dtype: fc.constantFrom(...DTYPE_NAMES),
  shape: fc.array(fc.constantFrom(...DIMS), { maxLength: 3 }),
});

const { attr: arbAttr } = fc.letrec<{ attr: Attr }>((tie) => ({
  attr: fc.oneof(
    { maxDepth: 2 },
    fc.oneof(fc.integer(), fc.double(), fc.constantFrom(-0, Infinity, -Infinity, NaN)),
    fc.boolean(),
    fc.constant(null),
    fc.string({ maxLength: 4 }),
    fc.array(tie("attr"), { maxLength: 3 }),
  ),
}));

const OPS = ["add", "softmax", "matmul", "sum", "reshape", "my op", "null", "h.0"];

/** Random graphs of up to `most` operators over odd names. Every value is defined before it is used. */
export function arbGraph(most = 5): fc.Arbitrary<Graph> {
  const names = fc.uniqueArray(
    fc.oneof(arbName, fc.constantFrom("input", "output", "state", "with", "bound", "%0")),
    {
      minLength: 2 + most,
      maxLength: 2 + most,
    },
  );
  const node = record({
    type: arbType,
    op: fc.constantFrom(...OPS),
    inputs: fc.array(fc.nat(), { maxLength: 3 }),
    attrs: fc.dictionary(arbName, arbAttr, { maxKeys: 2 }),
    path: fc.option(arbName, { nil: undefined }),
    compute: fc.option(fc.tuple(arbName, fc.nat(), fc.nat()), { nil: undefined }),
  });
  const definition = fc.oneof(...Object.values(arbExpr({ buffers: ["in0", "in1"], maxDepth: 3 })));
  const extent = arbExpr({ buffers: [], maxDepth: 1 }).i32;
  return record({
    names,
    inputs: fc.array(fc.tuple(arbType, fc.constantFrom("input", "param", "state")), {
      minLength: 1,
      maxLength: 2,
    }),
    nodes: fc.array(node, { maxLength: most }),
    bodies: fc.array(definition, { minLength: 2, maxLength: 2 }),
    extents: fc.array(extent, { maxLength: 2 }),
    outputs: fc.array(fc.tuple(arbName, fc.nat()), { maxLength: 2 }),
  }).map(({ names, inputs, nodes, bodies, extents, outputs }) => {
    const given = inputs.map(([type, role], i): GraphInput => ({
      kind: "input",
      name: names[i]!,
      role,
      ...type,
    }));
    const pick = (n: number, among: number): string => names[n % among]!;
    const made = nodes.map(({ type, op, inputs, attrs, path, compute }, i): GraphNode => {
      const known = given.length + i;
      const definition: Compute | undefined = compute && {
        name: compute[0],
        axes: extents.map((extent, d) => ({ name: `i${d}`, extent })),
        body: bodies[compute[1] % bodies.length]!,
      };
      return {
        kind: "node",
        name: names[known]!,
        op: definition === undefined ? op : "compute",
        inputs: inputs.map((n) => pick(n, known)),
        attrs: { ...attrs },
        ...type,
        ...(definition === undefined ? {} : { compute: definition }),
        ...(path === undefined ? {} : { path }),
      };
    });
    return graph({
      name: names.at(-1)!,
      bounds: { n: 8, "past+seq": 1024 },
      inputs: given,
      nodes: made,
      outputs: outputs.map(([name, n]) => ({ name, value: pick(n, given.length + made.length) })),
    });
  });
}
