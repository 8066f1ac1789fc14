/**
 * Random functions of every kind of statement: well-typed, but with no meaning. For the text form and for walks.
 *
 * @module
 */
import fc from "fast-check";
import { record } from "./record.ts";
import { type DType, DTYPES } from "../../../ir/dtype.ts";
import { type Expr, int } from "../../../ir/expr.ts";
import { type Param, type PrimFunc, primFunc } from "../../../ir/prim_func.ts";
import {
  alloc,
  barrier,
  block,
  type BlockIter,
  type Buffer,
  forLoop,
  ifThen,
  type LoopKind,
  type Region,
  seq,
  type Stmt,
  store,
} from "../../../ir/stmt.ts";
import { arbExpr, arbName } from "./expr.ts";

/** Dtypes of buffers. */
export const DTYPE_NAMES: readonly DType[] = Object.keys(DTYPES) as DType[];

const LOOPS: readonly LoopKind[] = [
  "serial",
  "serial",
  "parallel",
  "vectorized",
  "unrolled",
  "blockIdx.x",
  "threadIdx.y",
];

/** Random functions over odd names. */
export function arbNest(): fc.Arbitrary<PrimFunc> {
  return fc.array(arbName, { minLength: 3, maxLength: 5 }).chain((names) => {
    const exprs = arbExpr({ vars: names, buffers: names, axes: names.slice(0, 2), maxDepth: 2 });
    const small = fc.oneof(fc.nat({ max: 9 }).map((n): Expr => int(n)), exprs.i32);
    const indices = fc.array(exprs.i32, { maxLength: 2 });
    const value = fc.oneof(exprs.f32, exprs.f16, exprs.i32, exprs.u32, exprs.bool);
    const name = fc.constantFrom(...names);
    const buffer: fc.Arbitrary<Buffer> = fc.tuple(
      name,
      fc.constantFrom(...DTYPE_NAMES),
      fc.array(small, { maxLength: 3 }),
      fc.constantFrom("global", "workgroup", "local"),
      fc.boolean(),
    ).map(([name, dtype, shape, scope, strided]) => ({
      name,
      dtype,
      shape,
      scope,
      ...(strided ? { strides: shape } : {}),
    }));
    const region: fc.Arbitrary<Region> = fc.tuple(
      name,
      fc.array(fc.tuple(exprs.i32, small), { maxLength: 2 }),
    )
      .map(([buffer, ranges]) => ({ buffer, min: ranges.map((r) => r[0]), extent: ranges.map((r) => r[1]) }));
    const iter: fc.Arbitrary<BlockIter> = record({
      var: name,
      role: fc.constantFrom("spatial", "reduce"),
      extent: small,
      binding: exprs.i32,
    });
    const regions = fc.array(region, { maxLength: 2 });
    const { stmt } = fc.letrec<{ stmt: Stmt }>((tie) => {
      const inner = fc.array(tie("stmt"), { maxLength: 2 }).map(seq);
      return {
        stmt: fc.oneof(
          { maxDepth: 3, depthIdentifier: "arbNest" },
          fc.tuple(name, indices, value).map(([b, i, v]) => store(b, i, v)),
          fc.constant(barrier()),
          fc.tuple(name, small, inner, fc.constantFrom(...LOOPS)).map(([v, n, s, how]) =>
            forLoop(v, n, s, how)
          ),
          fc.tuple(exprs.bool, inner, fc.option(inner, { nil: undefined })).map(([c, a, b]) =>
            ifThen(c, a, b)
          ),
          fc.tuple(buffer, inner).map(([b, s]) => alloc(b, s)),
          fc.tuple(
            name,
            fc.array(iter, { maxLength: 3 }),
            exprs.bool,
            regions,
            regions,
            inner,
            fc.option(inner, { nil: undefined }),
          ).map(([name, iters, predicate, reads, writes, body, init]) =>
            block({ name, iters, predicate, reads, writes, body, ...(init === undefined ? {} : { init }) })
          ),
        ),
      };
    });
    const param: fc.Arbitrary<Param> = record({
      buffer,
      access: fc.constantFrom("read", "write", "read_write"),
    });
    return fc.tuple(name, fc.array(param, { maxLength: 3 }), fc.array(name, { maxLength: 2 }), stmt)
      .map(([name, params, dims, body]) => primFunc(name, params, dims, body));
  });
}
