/**
 * A user's own kernel: one expression for one element.
 *
 * @module
 */
import { canonicalDim, type Dim, printShape, type Shape } from "../ir/dim.ts";
import { dimExpr, shapeDims } from "../ir/dim_expr.ts";
import { type DType, DTYPES } from "../ir/dtype.ts";
import { ShapeError } from "../ir/errors.ts";
import { type Axis, load, reduce, variable } from "../ir/expr.ts";
import type { ReduceOp, ScalarType } from "../ir/scalar_ops.ts";
import { located } from "./apply.ts";
import { operand, type Scalar, scalar } from "./scalar.ts";
import { bindDim, scope } from "./scope.ts";
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
  at<T extends DType>(
    tensor: Tensor<Shape, T>,
    ...indices: readonly (Scalar<"i32"> | number)[]
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
  const { path } = scope();
  return located(path, () => {
    const builder = new KernelBuilder(name);
    const { indices, bound } = builder.axes(axes);
    const element = body(indices as Indices<A[number][0]>, builder.tools);
    const shape = axes.map(([, dim]) => bindDim(canonical(dim)));
    return makeTensor(shape, element.dtype, {
      kind: "op",
      op: "compute",
      inputs: builder.inputs,
      attrs: {},
      compute: Object.freeze({ name, axes: Object.freeze(bound), body: element.expr }),
      path,
    });
  }) as never;
}

function canonical(dim: Dim): Dim {
  return typeof dim === "string" ? canonicalDim(dim) : dim;
}

/** Collects the tensors that a kernel reads and gives its axes names that nothing else has. */
class KernelBuilder {
  readonly inputs: Tensor[] = [];
  readonly tools: KernelTools;
  readonly #name: string;
  readonly #taken = new Set<string>();
  readonly #axisNames = new Set<string>();

  constructor(name: string) {
    this.#name = name;
    const fold = (op: ReduceOp): Fold => (axes, body) => {
      const { indices, bound } = this.axes(Object.entries(axes));
      return scalar(reduce(op, bound, body(indices as Indices<keyof typeof axes & string>).expr));
    };
    this.tools = Object.freeze({
      at: (tensor: Tensor, ...indices: readonly (Scalar<"i32"> | number)[]) => this.#at(tensor, indices),
      dim: (dim: Dim) => scalar<"i32">(dimExpr(bindDim(canonical(dim)))),
      literal: <T extends ScalarType = "f32">(value: number, dtype?: T) =>
        scalar<T>(operand(value, dtype ?? "f32")),
      sum: fold("sum"),
      prod: fold("prod"),
      max: fold("max"),
      min: fold("min"),
    });
  }

  axes(list: AxisList): { readonly indices: Indices<string>; readonly bound: readonly Axis[] } {
    const bound = list.map(([name, dim]): Axis => {
      const size = bindDim(canonical(dim));
      for (const known of shapeDims([[size, canonical(dim)]])) this.#taken.add(known);
      return { name, extent: dimExpr(size) };
    });
    // A loop may be called like a dim (`n` over `n`): its variable is then `n_`.
    const named = bound.map((axis): Axis => ({ ...axis, name: this.#fresh(axis.name) }));
    const entries = list.map(([name], i) => [name, scalar<"i32">(variable(named[i]?.name ?? name))] as const);
    return { indices: Object.fromEntries(entries), bound: named };
  }

  #fresh(name: string): string {
    let candidate = name;
    while (this.#taken.has(candidate)) candidate += "_";
    this.#taken.add(candidate);
    this.#axisNames.add(candidate);
    return candidate;
  }

  #at(tensor: Tensor, indices: readonly (Scalar<"i32"> | number)[]): Scalar<never> {
    if (indices.length !== tensor.shape.length) {
      throw new ShapeError(
        "compute",
        `compute ${this.#name}: ${
          printShape(tensor.shape)
        } has ${tensor.shape.length} axes, but it is read with ` +
          `${indices.length} ${indices.length === 1 ? "index" : "indices"}`,
      );
    }
    const known = this.inputs.indexOf(tensor);
    const number = known >= 0 ? known : this.inputs.push(tensor) - 1;
    for (const name of shapeDims([tensor.shape])) {
      if (this.#axisNames.has(name)) {
        throw new ShapeError(
          "compute",
          `compute ${this.#name}: an axis is called ${name} like a dim of ${
            printShape(tensor.shape)
          }; give it another name`,
        );
      }
      this.#taken.add(name);
    }
    return scalar(load(`in${number}`, DTYPES[tensor.dtype].register, indices.map((i) => operand(i, "i32"))));
  }
}
