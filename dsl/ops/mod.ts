/**
 * The operators: free functions on tensors.
 *
 * @module
 */
export * from "./binary.ts";
export * from "./index.ts";
export * from "./matmul.ts";
export * from "./einsum.ts";
export * from "./reduce.ts";
export * from "./unary.ts";
export * from "./views.ts";
export * from "./activation.ts";
export * from "./fold.ts";
export * from "./gemm.ts";
export * from "./norm.ts";
export * from "./squeeze.ts";
export * from "./attention.ts";
export * from "./conv.ts";
export * from "./gather.ts";
export * from "./pad.ts";
export * from "./random.ts";
export * from "./sort.ts";
