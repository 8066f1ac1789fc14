/**
 * Applying an operator of the table: the one place where tensors of operators are made.
 *
 * @module
 */
import { ShapeError } from "../ir/errors.ts";
import type { Attrs } from "../ir/graph.ts";
import { opDef } from "../ir/ops/mod.ts";
import { callSite } from "./call_site.ts";
import { bindAttrs, checkShape, scope } from "./scope.ts";
import { makeTensor, type Tensor } from "./tensor.ts";

/**
 * The tensor that `op` gives for these inputs and attributes. Throws {@linkcode ShapeError} with the path of the
 * module and the line of the call where they do not fit.
 */
export function apply(op: string, inputs: readonly Tensor[], attrs: Attrs = {}): Tensor {
  const def = opDef(op);
  const { path } = scope();
  return located(path, () => {
    const bound = bindAttrs(op, attrs, def.dimAttrs ?? []);
    const type = def.infer(inputs, bound);
    return makeTensor(checkShape(op, type.shape), type.dtype, { kind: "op", op, inputs, attrs: bound, path });
  });
}

/** The error of an operator that refuses before the table's rules apply, with its place: throw it. */
export function refusal(op: string, reason: string): ShapeError {
  return new ShapeError(op, reason, { path: scope().path, at: callSite() });
}

/** Tells shape errors of `f` where they happened: in which module, and on which line of the program. */
export function located<R>(path: string, f: () => R): R {
  try {
    return f();
  } catch (error) {
    throw withPlace(error, path, callSite);
  }
}

/** The error with its place, if it is a shape error that has none yet. */
export function withPlace(
  error: unknown,
  path: string,
  site: (error: ShapeError) => string | undefined,
): unknown {
  if (!(error instanceof ShapeError) || error.path !== "" || error.at !== undefined) return error;
  const at = site(error);
  return path === "" && at === undefined ? error : new ShapeError(error.op, error.reason, { path, at });
}
