/**
 * The language: tensors, operators, kernels, modules and tracing.
 *
 * @module
 */
export type { Dim, Shape } from "../ir/dim.ts";
export type { DType } from "../ir/dtype.ts";
export { type InputSource, isTensor, type OpSource, type Source, type Tensor } from "./tensor.ts";
export * from "./ops/mod.ts";
export {
  type AnyModule,
  type Child,
  type Children,
  instantiate,
  isModule,
  list,
  type MODULE,
  type Module,
  module,
  type ModuleOf,
  type ModuleParts,
  named,
  type NamedParam,
  type Param,
  param,
  parameters,
} from "./module.ts";
export { type StateDict, stateDict, type WeightProblems, withParams } from "./state_dict.ts";
export { describe, type Description, type ModuleInfo } from "./describe.ts";
export * as nn from "./nn.ts";
export type { Embedding, Head, LayerNorm, Linear, RMSNorm } from "./nn.ts";
export { type InputTree, type Method, method, spec, state } from "./spec.ts";
export type { EntriesOf, TraceProblem } from "./entries.ts";
export type { Entries, EntryTypes } from "../ir/graph.ts";
export { type Methods, type Program, trace, type TraceOptions } from "./trace.ts";
export * from "./compute.ts";
export type { Operand, Scalar } from "./scalar.ts";
export type * from "./types/mod.ts";
