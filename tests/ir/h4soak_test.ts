import fc from "fast-check";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { evalExpr } from "../../ir/eval.ts";
import {
  type Expr, add, and, binary, bool, cast, ceildiv, constant, div, f32, floordiv, int, load, lt, max, min, mod, mul, select, sub, unary, variable,
} from "../../ir/expr.ts";
import { type Ranges, simplify, SIMPLIFY_RULES, type VarRange } from "../../ir/simplify.ts";
import { exprSize } from "../../ir/rules.ts";
import { isIndex } from "../../ir/interval.ts";
import { arbExprs, arbInt, overflows, pseudoLoad } from "../support/random_expr.ts";

const NAMES = ["a", "b", "c", "d"] as const;
const exprs = arbExprs(NAMES);
const anyExpr = fc.oneof(exprs.i32, exprs.i32, exprs.bool, exprs.f32, exprs.u32, exprs.f16);
const values = fc.record(Object.fromEntries(NAMES.map((n) => [n, arbInt])));

function checkForm(e: Expr, result: Expr, ranges?: Ranges): void {
  assert(exprSize(result) <= exprSize(e), "grew");
  assertStrictEquals(simplify(result, ranges), result, "not idempotent");
}

Deno.test("values are kept, with wrap-around, NaN and both zeros", () => {
  fc.assert(
    fc.property(anyExpr, fc.array(values, { minLength: 3, maxLength: 3 }), (e, envs) => {
      const result = simplify(e);
      checkForm(e, result);
      for (const vars of envs) {
        const env = { vars, load: pseudoLoad };
        assert(Object.is(evalExpr(result, env), evalExpr(e, env)), `${JSON.stringify(vars)}`);
      }
    }),
    { numRuns: 600000 },
  );
});

const [n, m] = [variable("n"), variable("m")];
const [i, j, k, c] = [variable("i"), variable("j"), variable("k"), variable("c")];
const FULL: VarRange = { min: -2147483648, max: 2147483647 };
const DIM: VarRange = { min: 0, max: 2147483647 };

/** `i < n`, `j < m`, `k < n * m`, `0 <= c < 8` and anything for `d`. */
function indexRanges(least: number): Ranges {
  return new Map<string, VarRange>([
    ["n", { ...DIM, min: least }],
    ["m", { ...DIM, min: least }],
    ["i", { ...DIM, below: n }],
    ["j", { ...DIM, below: m }],
    ["k", { ...DIM, below: mul(n, m) }],
    ["c", { min: 0, max: 7 }],
    ["d", FULL],
  ]);
}

const indexValues = fc.oneof(fc.integer({ min: 1, max: 7 }), fc.constantFrom(64, 768, 50257, 2147483647)).chain((n) =>
  fc.oneof(fc.integer({ min: 1, max: 7 }), fc.constantFrom(64, 1024)).chain((m) =>
    fc.record({
      n: fc.constant(n),
      m: fc.constant(m),
      i: fc.integer({ min: 0, max: n - 1 }),
      j: fc.integer({ min: 0, max: m - 1 }),
      k: fc.integer({ min: 0, max: n * m > 2147483647 ? 2147483646 : n * m - 1 }),
      c: fc.integer({ min: 0, max: 7 }),
      d: arbInt,
    })
  )
);

/** Index arithmetic as fused, split and reshaped loops give it. */
const index: fc.Arbitrary<Expr> = fc.letrec<{ e: Expr }>((tie) => {
  const e = tie("e");
  const size = fc.constantFrom<Expr>(n, m, int(2), int(3), int(4), int(8), int(12), int(64), mul(n, m), mul(n, int(4)));
  return {
    e: fc.oneof(
      { maxDepth: 8, depthIdentifier: "index", withCrossShrink: true },
      fc.constantFrom<Expr>(i, j, k, c, n, variable("d"), int(0), int(1), int(5)),
      fc.tuple(e, size, e).map(([a, s, b]) => add(mul(a, s), b)),
      fc.tuple(e, size).map(([a, s]) => floordiv(a, s)),
      fc.tuple(e, size).map(([a, s]) => mod(a, s)),
      fc.tuple(e, size).map(([a, s]) => mul(a, s)),
      fc.tuple(e, e).map(([a, b]) => add(a, b)),
      fc.tuple(e, e).map(([a, b]) => sub(a, b)),
      fc.tuple(e, size).map(([a, s]) => min(a, s)),
    ),
  };
}).e;

Deno.test("with ranges, values are kept where index arithmetic does not overflow", () => {
  const mixed = arbExprs(["n", "m", "i", "j", "k", "c", "d"]);
  const some = fc.oneof(index, index, fc.tuple(index, index).map(([a, b]) => lt(a, b)), mixed.i32, mixed.bool, mixed.f32);
  let checked = 0;
  fc.assert(
    fc.property(some, fc.array(indexValues, { minLength: 4, maxLength: 4 }), fc.nat(1), (e, envs, least) => {
      const ranges = indexRanges(least);
      const result = simplify(e, ranges);
      checkForm(e, result, ranges);
      for (const vars of envs) {
        const env = { vars, load: pseudoLoad };
        // What was loaded may have been folded away: then the rest is index arithmetic too.
        if (overflows(e, env, (node) => isIndex(simplify(node, ranges)))) continue;
        checked++;
        assert(Object.is(evalExpr(result, env), evalExpr(e, env)), `${JSON.stringify(vars)}`);
      }
    }),
    { numRuns: 600000 },
  );
  console.log(checked);
});
