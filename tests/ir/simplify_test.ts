import fc from "fast-check";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { evalExpr } from "../../ir/eval.ts";
import {
  add,
  and,
  binary,
  bool,
  cast,
  ceildiv,
  constant,
  div,
  type Expr,
  f32,
  floordiv,
  int,
  load,
  lt,
  max,
  min,
  mod,
  mul,
  select,
  sub,
  unary,
  variable,
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
    { numRuns: 8000 },
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

const indexValues = fc.oneof(fc.integer({ min: 1, max: 7 }), fc.constantFrom(64, 768, 50257, 2147483647))
  .chain((n) =>
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
  const size = fc.constantFrom<Expr>(
    n,
    m,
    int(2),
    int(3),
    int(4),
    int(8),
    int(12),
    int(64),
    mul(n, m),
    mul(n, int(4)),
  );
  return {
    e: fc.oneof(
      { maxDepth: 6, depthIdentifier: "index", withCrossShrink: true },
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
  const some = fc.oneof(
    index,
    index,
    fc.tuple(index, index).map(([a, b]) => lt(a, b)),
    mixed.i32,
    mixed.bool,
    mixed.f32,
  );
  fc.assert(
    fc.property(some, fc.array(indexValues, { minLength: 4, maxLength: 4 }), fc.nat(1), (e, envs, least) => {
      const ranges = indexRanges(least);
      const result = simplify(e, ranges);
      checkForm(e, result, ranges);
      for (const vars of envs) {
        const env = { vars, load: pseudoLoad };
        // What was loaded may have been folded away: then the rest is index arithmetic too.
        if (overflows(e, env, (node) => isIndex(simplify(node, ranges)))) continue;
        assert(Object.is(evalExpr(result, env), evalExpr(e, env)), `${JSON.stringify(vars)}`);
      }
    }),
    { numRuns: 8000 },
  );
});

const x = variable("x");
const y = variable("y");
const [fx, fy] = [load("bf", "f32", [x]), load("bf", "f32", [y])];
const cond = load("bb", "bool", [x]);
const small = new Map([["y", { min: 0, max: 3 }], ["x", { min: 0, max: 100 }]]);
const neg = (e: Expr): Expr => unary("neg", e);
const not = (e: Expr): Expr => unary("not", e);
const le = (a: Expr, b: Expr): Expr => binary("le", a, b);
const eq = (a: Expr, b: Expr): Expr => binary("eq", a, b);
const four = (e: Expr): Expr => mul(e, int(4));

/** For each rule, an expression at which it fires, and what comes out in the end. */
const EXAMPLES: Readonly<Record<string, readonly (readonly [Expr, Expr, Ranges?])[]>> = {
  "fold-unary": [[unary("sqrt", f32(2)), f32(Math.SQRT2)], [neg(int(-2147483648)), int(-2147483648)]],
  "fold-binary": [
    [add(int(2147483647), int(1)), int(-2147483648)],
    [lt(f32(NaN), f32(1)), bool(false)],
    [floordiv(int(-7), int(0)), int(-7)],
  ],
  "fold-cast": [[cast("i32", f32(-1e20)), int(-2147483648)], [cast("bool", f32(NaN)), bool(true)]],
  "float-times-times": [
    [mul(mul(fx, f32(2)), f32(-4)), mul(fx, f32(-8))],
    [mul(f32(-1), mul(f32(0.3), fx)), mul(fx, f32(-0.3))],
    [mul(mul(fx, f32(-1)), f32(0.3)), mul(fx, f32(-0.3))],
  ],
  "fold-interval": [[variable("one"), int(1), new Map([["one", { min: 1, max: 1 }]])]],
  "cast-cast": [
    [cast("i32", cast("u32", x)), x],
    [cast("i32", cast("f32", cond)), cast("i32", cond)],
    [cast("f32", cast("u32", x)), cast("f32", cast("u32", x))],
  ],
  "float-times-one": [[mul(fx, f32(1)), fx], [mul(f32(1), fx), fx], [mul(fx, f32(0)), mul(fx, f32(0))]],
  "float-over-one": [[div(fx, f32(1)), fx], [div(f32(1), fx), div(f32(1), fx)]],
  "float-minus-zero": [[sub(fx, f32(0)), fx], [add(fx, f32(-0)), fx], [add(fx, f32(0)), add(fx, f32(0))]],
  "float-neg-neg": [[neg(neg(fx)), fx]],
  "abs-of-sign": [[unary("abs", neg(fx)), unary("abs", fx)], [
    unary("abs", unary("abs", x)),
    unary("abs", x),
  ]],
  "and-or-constant": [[and(cond, bool(true)), cond], [and(bool(false), cond), bool(false)]],
  "and-or-same": [[and(and(cond, lt(x, y)), cond), and(cond, lt(x, y))]],
  "and-or-not": [[and(cond, not(cond)), bool(false)], [binary("or", not(cond), cond), bool(true)]],
  "not-not": [[not(not(cond)), cond]],
  "not-compare": [[not(lt(x, y)), le(y, x)], [not(eq(fx, fy)), binary("ne", fx, fy)], [
    not(lt(fx, fy)),
    not(lt(fx, fy)),
  ]],
  "compare-bool": [[eq(cond, bool(false)), not(cond)], [binary("ne", bool(false), cond), cond]],
  "select-constant": [[select(bool(false), fx, fy), fy]],
  "select-same": [[select(cond, fx, fx), fx]],
  "select-bool": [[select(cond, bool(false), bool(true)), not(cond)]],
  "select-not": [[select(not(cond), fx, fy), select(cond, fy, fx)]],
  "select-select": [[select(cond, fx, select(cond, f32(0), fy)), select(cond, fx, fy)]],
  "div-one": [[floordiv(x, int(1)), x], [mod(x, int(1)), int(0)], [div(x, int(1)), x]],
  "div-zero": [[mod(x, x), int(0)], [floordiv(int(0), x), int(0)]],
  "div-small": [
    [floordiv(y, int(4)), int(0), small],
    [mod(add(mul(i, m), j), mul(n, m)), add(mul(i, m), j), indexRanges(0)],
    [mod(x, int(4)), mod(x, int(4)), small],
  ],
  "div-split": [
    [floordiv(add(four(x), y), int(4)), x, small],
    [mod(add(mul(i, m), j), m), j, indexRanges(1)],
    [floordiv(add(mul(n, int(64)), int(63)), int(64)), n, indexRanges(0)],
    // Without ranges, x * 4 may wrap around.
    [floordiv(add(four(x), y), int(4)), floordiv(add(four(x), y), int(4))],
  ],
  "div-common": [
    [floordiv(add(four(x), y), int(12)), floordiv(x, int(3)), small],
    [mod(add(four(x), y), int(12)), add(four(mod(x, int(3))), y), small],
  ],
  "div-div": [[floordiv(floordiv(x, int(3)), int(4)), floordiv(x, int(12))]],
  "mod-div": [[floordiv(mod(x, int(12)), int(4)), mod(floordiv(x, int(4)), int(3))]],
  "mod-mod": [[mod(mod(x, int(12)), int(4)), mod(x, int(4))], [
    mod(mod(k, mul(n, m)), m),
    mod(k, m),
    indexRanges(1),
  ]],
  sum: [
    [sub(add(add(x, int(2)), mul(x, int(3))), int(1)), add(four(x), int(1))],
    [sub(x, x), int(0)],
    [add(int(1), mul(int(65536), mul(x, int(-3)))), sub(int(1), mul(x, int(196608)))],
    [mul(x, int(0)), int(0)],
  ],
  rejoin: [
    [add(mul(floordiv(k, m), m), mod(k, m)), k, indexRanges(1)],
    [
      add(
        add(mul(floordiv(x, int(12)), int(12)), mul(mod(floordiv(x, int(4)), int(3)), int(4))),
        mod(x, int(4)),
      ),
      x,
    ],
    [
      add(mul(add(mul(floordiv(k, mul(n, m)), n), mod(floordiv(k, m), n)), m), mod(k, m)),
      k,
      indexRanges(1),
    ],
  ],
  commute: [[min(int(3), x), min(x, int(3))], [eq(y, x), eq(x, y)]],
  "min-max-same": [[max(fx, fx), fx]],
  "min-max-known": [[min(y, int(3)), y, small], [max(j, m), m, indexRanges(0)]],
  "min-min": [[min(min(x, int(3)), int(5)), min(x, int(3))], [max(max(x, y), y), max(x, y)]],
  "abs-known": [[unary("abs", y), y, small], [unary("abs", cast("u32", x)), cast("u32", x)]],
  "div-to-floordiv": [[div(x, y), floordiv(x, y), small], [
    div(cast("u32", x), cast("u32", y)),
    floordiv(cast("u32", x), cast("u32", y)),
  ]],
  flip: [[binary("gt", fx, fy), lt(fy, fx)], [binary("ge", x, y), le(y, x)]],
  "less-known": [
    [lt(add(mul(i, m), j), mul(n, m)), bool(true), indexRanges(0)],
    [lt(floordiv(k, m), n), bool(true), indexRanges(1)],
    [lt(x, y), lt(x, y), small],
    [le(int(4), y), bool(false), small],
  ],
  "equal-known": [[eq(add(x, int(1)), x), bool(false)], [binary("ne", j, m), bool(true), indexRanges(0)]],
  "at-most-to-less": [[le(x, int(7)), lt(x, int(8))]],
  "less-linear": [
    [lt(add(four(x), y), int(12)), lt(x, int(3)), small],
    [lt(add(x, int(1)), add(n, int(1))), lt(x, n), new Map([...small, ["n", DIM]])],
    [lt(four(x), add(four(n), int(1))), le(x, n), new Map([...small, ["n", { min: 0, max: 1000 }]])],
  ],
  "equal-linear": [[eq(add(x, int(1)), add(y, int(1))), eq(x, y)]],
};

for (const { name, law } of SIMPLIFY_RULES) {
  Deno.test(`rule ${name}: ${law}`, () => {
    const examples = EXAMPLES[name] ?? [];
    const fired = new Set<string>();
    for (const [e, expected, ranges] of examples) {
      assertEquals(simplify(e, ranges, { onRewrite: (rule) => fired.add(rule) }), simplify(expected, ranges));
    }
    assert(fired.has(name), `did not fire, but ${[...fired].join(", ")}`);
    // Switched off, it does not fire.
    for (const [e, , ranges] of examples) {
      simplify(e, ranges, { without: [name], onRewrite: (rule) => assert(rule !== name) });
    }
  });
}

Deno.test("names of rules are distinct, and every example is one of a rule", () => {
  const names = SIMPLIFY_RULES.map((r) => r.name);
  assertEquals([...new Set(names)], names);
  assertEquals(Object.keys(EXAMPLES).sort(), [...names].sort());
});

Deno.test("index arithmetic of a fused, split and reshaped loop comes back to its flat index", () => {
  // f = (outer * 64 + inner) runs over [n, 12, 64]; the element is read at [f // 768, f // 64 % 12, f % 64].
  const [outer, inner] = [variable("outer"), variable("inner")];
  const ranges: Ranges = new Map<string, VarRange>([
    ["n", DIM],
    ["outer", { ...DIM, below: ceildiv(mul(n, int(768)), int(64)) }],
    ["inner", { min: 0, max: 63 }],
  ]);
  const f = add(mul(outer, int(64)), inner);
  const flat = add(
    mul(add(mul(floordiv(f, int(768)), int(12)), mod(floordiv(f, int(64)), int(12))), int(64)),
    mod(f, int(64)),
  );
  assertStrictEquals(simplify(flat, ranges), f);
  assertStrictEquals(simplify(lt(f, mul(n, int(768))), ranges), bool(true));
});

Deno.test("a part of a dividend that could overflow on its own is not divided alone", () => {
  const vars = { i: 2147483647, j: 2147483647, k: -536870912 };
  const dividend = add(add(i, mul(k, int(4))), j); // no sum on the way overflows, but i + j would
  for (const e of [floordiv(dividend, int(4)), mod(dividend, int(4))]) {
    assertEquals(evalExpr(simplify(e, new Map()), { vars }), evalExpr(e, { vars }));
  }
});

Deno.test("constants of an expression keep their type", () => {
  assertStrictEquals(simplify(add(constant("u32", 4294967295), constant("u32", 2))), constant("u32", 1));
});

Deno.test("factors are put together where that is exact, and only there", () => {
  const bits = new Float32Array(1);
  const anyFloat = fc.integer({ min: 0, max: 0xffffffff }).map((n) => {
    new Uint32Array(bits.buffer)[0] = n;
    return bits[0]!;
  });
  const powers = fc.tuple(fc.integer({ min: -126, max: 127 }), fc.constantFrom(1, -1)).map(([n, sign]) =>
    sign * 2 ** n
  );
  const factor = fc.oneof(
    powers,
    fc.integer({ min: -4, max: 4 }).map((n) => 2 ** n),
    fc.constantFrom(1, -1),
    anyFloat,
  );
  fc.assert(
    fc.property(factor, factor, fc.array(anyFloat, { minLength: 20, maxLength: 20 }), (a, b, xs) => {
      const e = mul(mul(fx, f32(a)), f32(b));
      const result = simplify(e);
      for (const value of xs) {
        const env = { vars: { x: 0 }, load: () => value };
        assert(Object.is(evalExpr(result, env), evalExpr(e, env)), `${value} * ${a} * ${b}`);
      }
    }),
    { numRuns: 2000 },
  );
  for (const [a, b] of [[0.5, 0.5], [2, 0.5], [0.125, 3], [2 ** 127, 2]] as const) {
    const e = mul(mul(fx, f32(a)), f32(b));
    assertStrictEquals(simplify(e), e);
  }
});
