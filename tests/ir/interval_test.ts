import fc from "fast-check";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { evalExpr } from "../../ir/eval.ts";
import { add, type Expr, floordiv, int, load, mod, mul, sub, variable } from "../../ir/expr.ts";
import { factsOf, isIndex, rangeOf, type Ranges, type VarRange } from "../../ir/interval.ts";
import { linearExpr, linearOf } from "../../ir/linear.ts";
import { provesAtMost, provesLess } from "../../ir/prove.ts";
import { simplify } from "../../ir/simplify.ts";
import { arbExprs, arbInt, overflows, pseudoLoad } from "../support/random_expr.ts";

const NAMES = ["a", "b", "c"] as const;
const exprs = arbExprs(NAMES).i32;
const [a, b, c] = NAMES.map((name) => variable(name)) as [Expr, Expr, Expr];

/** Ranges of the variables, and values in them. */
const situation = fc.tuple(...NAMES.map(() => fc.tuple(arbInt, arbInt, fc.nat()))).map((all) => {
  const ranges = new Map<string, VarRange>();
  const vars: Record<string, number> = {};
  for (const [i, [x, y, pick]] of all.entries()) {
    const [low, high] = [Math.min(x, y), Math.max(x, y)];
    ranges.set(NAMES[i]!, { min: low, max: high });
    vars[NAMES[i]!] = low + pick % (high - low + 1);
  }
  return { ranges, vars };
});

Deno.test("values are inside of their bounds", () => {
  fc.assert(
    fc.property(exprs, situation, (e, { ranges, vars }) => {
      const env = { vars, load: pseudoLoad };
      const value = evalExpr(e, env);
      const known = rangeOf(e);
      assert(known.min <= value && value <= known.max, `${value} is not in ${known.min} to ${known.max}`);
      if (overflows(e, env, isIndex)) return;
      const { min, max } = rangeOf(e, ranges);
      assert(min <= value && value <= max, `${value} is not in ${min} to ${max}`);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("bounds are as narrow as operators allow", () => {
  const ranges: Ranges = new Map<string, VarRange>([
    ["a", { min: 0, max: 99 }],
    ["b", { min: -3, max: 5 }],
    ["c", { min: 0, max: 2147483647, below: a }],
  ]);
  const cases: readonly (readonly [Expr, number, number])[] = [
    [add(a, b), -3, 104],
    [mul(a, b), -297, 495],
    [floordiv(b, int(2)), -2, 2],
    [mod(b, int(4)), 0, 3],
    [mod(a, int(400)), 0, 99],
    [floordiv(a, b), -99, 99],
    [c, 0, 98],
    [floordiv(a, c), 0, 99],
    [sub(load("x", "i32", [a]), int(1)), -2147483648, 2147483647],
  ];
  for (const [e, min, max] of cases) assertEquals(rangeOf(e, ranges), { min, max });
  assertEquals(rangeOf(add(variable("unknown"), int(1))), { min: -2147483648, max: 2147483647 });
});

Deno.test("a linear form has the value of its expression, and is its own linear form", () => {
  fc.assert(
    fc.property(
      exprs,
      fc.record(Object.fromEntries(NAMES.map((n) => [n, arbInt]))),
      fc.boolean(),
      (e, vars, shallow) => {
        const form = linearOf(e, shallow);
        const again = linearExpr(form, "i32");
        const env = { vars, load: pseudoLoad };
        assertEquals(evalExpr(again, env), evalExpr(e, env));
        assertStrictEquals(linearExpr(linearOf(again, shallow), "i32"), again);
      },
    ),
    { numRuns: 5000 },
  );
});

Deno.test("what is proved of an order is true", () => {
  let proofs = 0;
  fc.assert(
    fc.property(exprs, exprs, fc.nat(9), situation, (x, y, shift, { ranges, vars }) => {
      // Close expressions, so that some proofs succeed.
      for (
        const [low, high] of [[x, y], [x, add(x, int(shift))], [mod(x, y), y], [simplify(x), x]] as const
      ) {
        const env = { vars, load: pseudoLoad };
        const index = (e: Expr): boolean => isIndex(e);
        for (const facts of [factsOf(), factsOf(ranges)]) {
          if (facts.noOverflow && (overflows(low, env, index) || overflows(high, env, index))) continue;
          const [l, h] = [evalExpr(low, env), evalExpr(high, env)];
          if (provesLess(low, high, facts)) assert(l < h, `${l} < ${h}`);
          if (provesAtMost(low, high, facts)) {
            proofs++;
            assert(l <= h, `${l} <= ${h}`);
          }
        }
      }
    }),
    { numRuns: 3000 },
  );
  assert(proofs > 1000, `only ${proofs} proofs`);
});

Deno.test("orders of row-major indices are proved from symbolic bounds", () => {
  const [n, m] = [variable("n"), variable("m")];
  const dim: VarRange = { min: 0, max: 2147483647 };
  const facts = factsOf(
    new Map<string, VarRange>([
      ["n", dim],
      ["m", { ...dim, min: 1 }],
      ["a", { ...dim, below: n }],
      ["b", { ...dim, below: m }],
      ["c", { ...dim, below: mul(n, m) }],
    ]),
  );
  const flat = add(mul(a, m), b);
  assert(provesLess(flat, mul(n, m), facts));
  assert(provesLess(add(mul(flat, int(4)), int(3)), mul(mul(n, m), int(4)), facts));
  assert(provesLess(floordiv(c, m), n, facts));
  assert(provesLess(mod(c, m), m, facts));
  assert(provesAtMost(add(a, int(1)), n, facts));
  assert(!provesLess(add(a, int(1)), n, facts));
  assert(!provesLess(add(flat, int(1)), mul(n, m), facts));
  assert(!provesLess(mod(c, n), n, facts)); // n may be 0
  // A factor that may be negative turns the order around.
  const [d, last] = [variable("d"), sub(n, int(1))];
  const signed = factsOf(new Map([...facts.ranges, ["d", { min: -3, max: 3 }]]));
  assert(provesAtMost(a, last, signed));
  assert(!provesAtMost(mul(a, d), mul(last, d), signed));
});
