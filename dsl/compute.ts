/**
 * A user's own kernel: one expression for one element.
 *
 * @module
 */
import { type Dim, isDimName, printShape, type Shape } from "../ir/dim.ts";
import { dimExpr, shapeDims } from "../ir/dim_expr.ts";
import { type DType, DTYPES } from "../ir/dtype.ts";
import { ShapeError } from "../ir/errors.ts";
import { type Axis, type Expr, load, reduce, variable } from "../ir/expr.ts";
import type { ReduceOp, ScalarType } from "../ir/scalar_ops.ts";
import { renameVars } from "../ir/traverse.ts";
import { callSite, siteOf } from "./call_site.ts";
import { isScalar, operand, type Scalar, scalar } from "./scalar.ts";
import { bindDim, checkShape, scope } from "./scope.ts";
import { makeTensor, type Tensor } from "./tensor.ts";

/** The type that elements of a tensor have inside a kernel. */
export type RegisterType<T extends DType> = T extends "bf16" ? "f32"
  : T extends "i8" ? "i32"
  : T extends "u8" ? "u32"
  : Extract<T, ScalarType>;

/** Axes of a result: name and dim, in order. */
export type AxisList = readonly (readonly [name: string, dim: Dim])[];

/** The shape that a list of axes makes. */
export type AxesShape<A extends AxisList> = { -readonly [I in keyof A]: A[I][1] };

/** Index of each axis, by name. */
export type Indices<Names extends string> = Readonly<Record<Names, Scalar<"i32">>>;

/** Folds over axes: `sum({ k: K }, ({ k }) => ...)`. */
export type Fold = <const K extends Readonly<Record<string, Dim>>, T extends ScalarType>(
  axes: K,
  body: (indices: Indices<keyof K & string>) => Scalar<T>,
) => Scalar<T>;

/** What the body of a kernel is written with. */
export interface KernelTools {
  /** The element of a tensor at an index, one a axis. */
  at<S extends Shape, T extends DType>(
    tensor: Tensor<S, T>,
    ...indices: { readonly [I in keyof S]: Scalar<"i32"> | number }
  ): Scalar<RegisterType<T>>;
  /** The size of a dim. */
  dim(dim: Dim): Scalar<"i32">;
  /** A literal of a type, `f32` if none is given. */
  literal<T extends ScalarType = "f32">(value: number, dtype?: T): Scalar<T>;
  /** Sum over axes. */
  readonly sum: Fold;
  /** Product over axes. */
  readonly prod: Fold;
  /** Maximum over axes. */
  readonly max: Fold;
  /** Minimum over axes. */
  readonly min: Fold;
}

/**
 * A tensor defined by its element: `axes` are the axes of the result and the names of its loops, `body` gives the
 * element at an index. The kernel gets its schedule by the same rules as every operator.
 *
 * Throws {@linkcode ShapeError} for an index of the wrong rank or operands of different types.
 *
 * @example
 * ```ts
 * import { compute, spec } from "@weft/weft";
 *
 * const A = spec(["n", 64], "f32");
 * const v = spec([64], "f32");
 * const y = compute("gemv", [["i", "n"]], ({ i }, { at, sum }) =>
 *   sum({ k: 64 }, ({ k }) => at(A, i, k).mul(at(v, k))));
 * console.log(y.shape, y.dtype); // ["n"] f32
 * ```
 */
export function compute<const A extends AxisList, T extends ScalarType>(
  name: string,
  axes: A,
  body: (indices: Indices<A[number][0]>, tools: KernelTools) => Scalar<T>,
): Tensor<AxesShape<A>, T> {
  return inKernel(name, () => {
    const builder = new KernelBuilder();
    const { indices, bound } = builder.axes(axes);
    const element: unknown = body(indices as Indices<A[number][0]>, builder.tools);
    if (!isScalar(element)) {
      throw new ShapeError("compute", `compute: the body gave ${typeof element}, expected a scalar`);
    }
    const shape = axes.map(([, dim]) => bindDim(dim));
    return makeTensor(checkShape("compute", shape), element.dtype, {
      kind: "op",
      op: "compute",
      inputs: builder.inputs,
      attrs: {},
      compute: Object.freeze({ name, ...builder.finish(bound, element.expr) }),
      path: scope().path,
    });
  }) as never;
}

/** Tells shape errors of `f` in which kernel they happened, and on which line of it. */
function inKernel<R>(name: string, f: () => R): R {
  try {
    return f();
  } catch (error) {
    if (!(error instanceof ShapeError) || error.at !== undefined) throw error;
    const reason = error.reason.replace(/^compute: /, "");
    throw new ShapeError("compute", `compute ${name}: ${reason}`, {
      path: scope().path,
      at: siteOf(error) ?? callSite(),
    });
  }
}

/**
 * Collects the tensors and dims that a kernel reads. Until all dims are known, axes have names that no dim can have;
 * then each gets the name that it was given, or, if a dim or another axis has that, one like it.
 */
class KernelBuilder {
  readonly inputs: Tensor[] = [];
  readonly tools: KernelTools;
  readonly #dims = new Set<string>();
  /** Wanted names, by provisional name. */
  readonly #wanted = new Map<string, string>();

  constructor() {
    const fold = (op: ReduceOp): Fold => (axes, body) => {
      const { indices, bound } = this.axes(Object.entries(axes));
      return scalar(reduce(op, bound, body(indices as Indices<keyof typeof axes & string>).expr));
    };
    this.tools = Object.freeze({
      at: (tensor: Tensor, ...indices: readonly (Scalar<"i32"> | number)[]) => this.#at(tensor, indices),
      dim: (dim: Dim) => scalar<"i32">(this.#size(dim)),
      literal: <T extends ScalarType = "f32">(value: number, dtype?: T) =>
        scalar<T>(operand(value, dtype ?? "f32")),
      sum: fold("sum"),
      prod: fold("prod"),
      max: fold("max"),
      min: fold("min"),
    });
  }

  axes(list: AxisList): { readonly indices: Indices<string>; readonly bound: readonly Axis[] } {
    const bound = list.map(([wanted, dim]): Axis => {
      if (!isDimName(wanted)) {
        throw new ShapeError(
          "compute",
          `compute: ${JSON.stringify(wanted)} is not a name for an axis`,
        );
      }
      const name = `%${this.#wanted.size}`;
      this.#wanted.set(name, wanted);
      return { name, extent: this.#size(dim) };
    });
    const indices = Object.fromEntries(
      bound.map(({ name }, i) => [list[i]?.[0] ?? "", scalar<"i32">(variable(name))]),
    );
    if (Object.keys(indices).length < list.length) {
      throw new ShapeError(
        "compute",
        `compute: two axes have one name: ${list.map(([n]) => n).join(", ")}`,
      );
    }
    return { indices, bound };
  }

  /** Axes and body under their final names. */
  finish(axes: readonly Axis[], body: Expr): { readonly axes: readonly Axis[]; readonly body: Expr } {
    const taken = new Set(this.#dims);
    const names = new Map<string, string>();
    for (const [provisional, wanted] of this.#wanted) {
      let name = wanted;
      while (taken.has(name)) name += "_";
      taken.add(name);
      names.set(provisional, name);
    }
    return {
      axes: Object.freeze(axes.map((a) => ({ ...a, name: names.get(a.name) ?? a.name }))),
      body: renameVars(body, names),
    };
  }

  #size(dim: Dim): Expr {
    checkShape("compute", [dim]);
    const size = bindDim(dim);
    // The names of bound dims count too, so that a kernel's loops are called the same whatever is bound.
    for (const name of shapeDims([[size, dim]])) this.#dims.add(name);
    return dimExpr(size);
  }

  #at(tensor: Tensor, indices: readonly (Scalar<"i32"> | number)[]): Scalar<never> {
    if (indices.length !== tensor.shape.length) {
      const axes = tensor.shape.length === 1 ? "1 axis" : `${tensor.shape.length} axes`;
      const given = indices.length === 1 ? "1 index" : `${indices.length} indices`;
      throw new ShapeError(
        "compute",
        `compute: ${printShape(tensor.shape)} has ${axes}, but is read with ${given}`,
      );
    }
    const known = this.inputs.indexOf(tensor);
    const number = known >= 0 ? known : this.inputs.push(tensor) - 1;
    for (const name of shapeDims([tensor.shape])) this.#dims.add(name);
    return scalar(load(`in${number}`, DTYPES[tensor.dtype].register, indices.map((i) => operand(i, "i32"))));
  }
}
