/**
 * Random values of the IR, for property tests. They come in two kinds: those that mean something and can be run
 * ({@linkcode arbCompute}, {@linkcode arbFunc}, and programs in `arbitrary_graph.ts`), and those that are only well
 * formed, with every construct and odd names ({@linkcode arbExpr}, {@linkcode arbNest}, {@linkcode arbGraph}).
 *
 * @module
 */
export {
  arbAnyExpr,
  arbConst,
  arbExpr,
  arbName,
  type ExprOptions,
  ODD_NAMES,
  SCALARS,
} from "./arbitrary/expr.ts";
export { arbNest } from "./arbitrary/nest.ts";
export { arbGraph } from "./arbitrary/graph.ts";
export { arbCompute, type ComputeOptions, type RandomCompute } from "./arbitrary/compute.ts";
export { arbDims, arbFunc, randomInputs } from "./arbitrary/func.ts";
