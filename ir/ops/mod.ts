/**
 * The operator table.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import { suggest } from "../suggest.ts";
import { ACTIVATION_OPS } from "./activation.ts";
import { EINSUM_OPS } from "./einsum.ts";
import { ELEMENTWISE_OPS } from "./elementwise.ts";
import { GELU_OPS } from "./gelu.ts";
import { GEMM_OPS } from "./gemm.ts";
import { INDEX_OPS } from "./index.ts";
import { MATMUL_OPS } from "./matmul.ts";
import { NORM_OPS } from "./norm.ts";
import type { OpDef } from "./op.ts";
import { REDUCE_OPS_TABLE } from "./reduce.ts";
import { SCAN_OPS } from "./scan.ts";
import { VIEW_OPS } from "./views.ts";
import { CONV_OPS } from "./conv.ts";
import { GATHER_OPS } from "./gather.ts";
import { PAD_OPS } from "./pad.ts";
import { POOL_OPS } from "./pool.ts";
import { RANDOM_OPS } from "./random.ts";
import { SAMPLE_OPS } from "./sample.ts";
import { SORT_OPS } from "./sort.ts";

/** Every operator, by name. */
export const OPS: ReadonlyMap<string, OpDef> = new Map(
  [
    ELEMENTWISE_OPS,
    ACTIVATION_OPS,
    GELU_OPS,
    GEMM_OPS,
    SCAN_OPS,
    REDUCE_OPS_TABLE,
    MATMUL_OPS,
    EINSUM_OPS,
    NORM_OPS,
    VIEW_OPS,
    INDEX_OPS,
    CONV_OPS,
    POOL_OPS,
    GATHER_OPS,
    PAD_OPS,
    SORT_OPS,
    RANDOM_OPS,
    SAMPLE_OPS,
  ].flat().map((
    op,
  ) => [op.name, op]),
);

/** The row of an operator; throws {@linkcode ShapeError} for a name that is not in the table. */
export function opDef(name: string): OpDef {
  const def = OPS.get(name);
  if (def === undefined) {
    const near = suggest(name, OPS.keys());
    throw new ShapeError(
      name,
      `Unknown operator ${name}${near === undefined ? "" : `: did you mean ${near}?`}`,
    );
  }
  return def;
}

export type { LowerContext, OpDef, Operand, OpPattern } from "./op.ts";
export { spellNumber } from "./op.ts";
