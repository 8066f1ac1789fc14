/**
 * Random scalar expressions of every operator and type.
 *
 * @module
 */
import fc from "fast-check";
import { record } from "./record.ts";
import {
  binary,
  cast,
  constant,
  type Expr,
  int,
  load,
  reduce,
  select,
  unary,
  variable,
} from "../../../ir/expr.ts";
import {
  acceptsOperand,
  BINARY_OPS,
  type BinaryOp,
  type ReduceOp,
  type ScalarType,
  UNARY_OPS,
  type UnaryOp,
} from "../../../ir/scalar_ops.ts";

/** What expressions may mention. */
export interface ExprOptions {
  /** Names of variables (default `i`, `j`, `n`). */
  readonly vars?: readonly string[];
  /** Names of buffers to load from; loads are of any type and rank (default `x`, `y`). */
  readonly buffers?: readonly string[];
  /** Names of reduction axes; none means no reductions (default `k`, `l`). */
  readonly axes?: readonly string[];
  readonly maxDepth?: number;
}

/** The types of scalars. */
export const SCALARS: readonly ScalarType[] = ["f32", "f16", "i32", "u32", "bool"];
const REDUCTIONS: readonly ReduceOp[] = ["sum", "prod", "max", "min"];

/** Random literals: any value of the type, often one at an edge. */
export function arbConst(dtype: ScalarType): fc.Arbitrary<Expr> {
  const value = (): fc.Arbitrary<number> => {
    switch (dtype) {
      case "bool":
        return fc.nat({ max: 1 });
      case "f32":
      case "f16":
        return fc.oneof(
          fc.constantFrom(
            0,
            -0,
            1,
            -1,
            0.1,
            1e-45,
            6e-8,
            65504,
            3.4028234663852886e38,
            Infinity,
            -Infinity,
            NaN,
          ),
          fc.integer({ min: -1000, max: 1000 }).map((n) => n / 8),
          fc.float(),
        );
      case "i32":
        return fc.oneof(
          fc.integer({ min: -9, max: 99 }),
          fc.constantFrom(-2147483648, 2147483647),
          fc.integer(),
        );
      case "u32":
        return fc.oneof(fc.nat({ max: 99 }), fc.constantFrom(4294967295, 2147483648));
    }
  };
  return value().map((v) => constant(dtype, v));
}

/** Random well-typed expressions of each type, as a table. Indices may be out of any bounds. */
export function arbExpr(options: ExprOptions = {}): Readonly<Record<ScalarType, fc.Arbitrary<Expr>>> {
  const { vars = ["i", "j", "n"], buffers = ["x", "y"], axes = ["k", "l"], maxDepth = 4 } = options;
  const unaries = Object.keys(UNARY_OPS) as UnaryOp[];
  const binaries = Object.keys(BINARY_OPS) as BinaryOp[];
  const isPredicate = (op: BinaryOp): boolean => BINARY_OPS[op].result === "bool";
  const names = [...vars, ...axes];
  return fc.letrec<Record<ScalarType, Expr>>((tie) => {
    const of = (t: ScalarType): fc.Arbitrary<Expr> => tie(t) as fc.Arbitrary<Expr>;
    const any = fc.oneof(...SCALARS.map(of));
    const grown = (t: ScalarType): fc.Arbitrary<Expr> => {
      const unaryOps = unaries.filter((op) => acceptsOperand(UNARY_OPS[op].operands, t));
      const binaryOps = binaries.filter((op) =>
        !isPredicate(op) && acceptsOperand(BINARY_OPS[op].operands, t)
      );
      const choices: fc.Arbitrary<Expr>[] = [
        fc.tuple(fc.constantFrom(...unaryOps), of(t)).map(([op, x]) => unary(op, x)),
        fc.tuple(of("bool"), of(t), of(t)).map(([c, a, b]) => select(c, a, b)),
        any.map((x) => cast(t, x)),
      ];
      if (binaryOps.length > 0) {
        const op = fc.constantFrom(...binaryOps);
        choices.push(fc.tuple(op, of(t), of(t)).map(([op, a, b]) => binary(op, a, b)));
        // Shared operands: the text must not write them out twice.
        choices.push(
          fc.tuple(op, of(t), of(t)).map(([op, a, b]) => binary(op, binary(op, a, b), binary(op, a, b))),
        );
      }
      if (t === "bool") {
        for (const operands of SCALARS) {
          const ops = binaries.filter((op) =>
            isPredicate(op) && acceptsOperand(BINARY_OPS[op].operands, operands)
          );
          choices.push(
            fc.tuple(fc.constantFrom(...ops), of(operands), of(operands)).map(([op, a, b]) =>
              binary(op, a, b)
            ),
          );
        }
      }
      if (buffers.length > 0) {
        const indices = fc.array(of("i32"), { maxLength: 3 });
        choices.push(fc.tuple(fc.constantFrom(...buffers), indices).map(([b, i]) => load(b, t, i)));
      }
      if (axes.length > 0 && t !== "bool") {
        const axis = record({ name: fc.constantFrom(...axes), extent: of("i32") });
        choices.push(
          fc.tuple(fc.constantFrom(...REDUCTIONS), fc.array(axis, { maxLength: 2 }), of(t))
            .map(([op, axes, body]) => reduce(op, axes, body)),
        );
      }
      const leaf = t === "i32" && names.length > 0
        ? fc.oneof(
          fc.constantFrom(...names).map((n): Expr => variable(n)),
          fc.integer({ min: 0, max: 9 }).map(int),
        )
        : arbConst(t);
      return fc.oneof({ maxDepth, depthIdentifier: "arbExpr" }, leaf, arbConst(t), ...choices);
    };
    return {
      f32: grown("f32"),
      f16: grown("f16"),
      i32: grown("i32"),
      u32: grown("u32"),
      bool: grown("bool"),
    };
  });
}

/** Random expressions of any type. */
export function arbAnyExpr(options: ExprOptions = {}): fc.Arbitrary<Expr> {
  const table = arbExpr(options);
  return fc.oneof(...SCALARS.map((t) => table[t]));
}

/** Names that the text form must quote, or that look like something else. */
export const ODD_NAMES: readonly string[] = [
  "",
  "for",
  "inf",
  "let",
  "true",
  "$0",
  "%1",
  "h.0.attn",
  "blockIdx.x",
  "sum",
  "f32",
  "a b",
  'say "hi"',
  "line\nbreak",
  "\u00e9t\u00e9",
  "3d",
  "x.",
  "__proto__",
];

/** Random names, plain and odd. */
export const arbName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom("x", "y", "acc", "vi", "i_0"),
  fc.constantFrom(...ODD_NAMES),
  fc.string({ maxLength: 5 }),
);
