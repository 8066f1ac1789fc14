/**
 * Applying an operator of the table: the one place where tensors of operators are made.
 *
 * @module
 */
import { ShapeError } from "../ir/errors.ts";
import type { Attrs } from "../ir/graph.ts";
import { opDef } from "../ir/ops/mod.ts";
import { bindAttrs, scope } from "./scope.ts";
import { makeTensor, type Tensor } from "./tensor.ts";

/**
 * The tensor that `op` gives for these inputs and attributes. Throws {@linkcode ShapeError} with the path of the
 * module where they do not fit.
 */
export function apply(op: string, inputs: readonly Tensor[], attrs: Attrs = {}): Tensor {
  const def = opDef(op);
  const { path } = scope();
  return located(path, () => {
    const bound = bindAttrs(attrs, def.dimAttrs ?? []);
    const type = def.infer(inputs, bound);
    return makeTensor(type.shape, type.dtype, { kind: "op", op, inputs, attrs: bound, path });
  });
}

/** Puts the module path in front of shape errors of `f`. */
export function located<R>(path: string, f: () => R): R {
  try {
    return f();
  } catch (error) {
    if (path === "" || !(error instanceof ShapeError) || error.message.startsWith(`${path}: `)) throw error;
    throw Object.assign(new ShapeError(error.op, `${path}: ${error.message}`), { cause: error });
  }
}
