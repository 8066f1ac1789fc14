/** Which loops an element's place determines: what is claimed holds at every point, and what is needed is found. @module */
import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { evalExpr } from "../../ir/eval.ts";
import { add, binary, type Expr, floordiv, int, mod, mul, variable } from "../../ir/expr.ts";
import { parseExpr } from "../../ir/parse.ts";
import { printExpr } from "../../ir/print.ts";
import { type For, forLoop, seq } from "../../ir/stmt.ts";
import { determinedLoops } from "../../ir/determine.ts";

/** Loops with nothing in them, by name and extent. */
const loopsOf = (extents: Readonly<Record<string, string>>): readonly For[] =>
  Object.entries(extents).map(([name, extent]) => forLoop(name, parseExpr(extent), seq([])));

const known = (exprs: readonly string[], extents: Readonly<Record<string, string>>, given: string[] = []) =>
  [...determinedLoops(exprs.map((e) => parseExpr(e)), given, loopsOf(extents))].sort().join(" ");

Deno.test("a loop is determined by itself, times and plus what is the same everywhere", () => {
  assertEquals(known(["i"], { i: "n", j: "m" }), "i");
  assertEquals(known(["past - i"], { i: "n" }), "i");
  assertEquals(known(["i * 3 + past"], { i: "n" }), "i");
  assertEquals(known(["i + j"], { i: "n", j: "m" }, ["j"]), "i j");
  // m may be 0, and then every i gives 0.
  assertEquals(known(["i * m"], { i: "n" }), "");
  assertEquals(known(["i + j"], { i: "n", j: "m" }), "");
  assertEquals(known(["i // 2"], { i: "n" }), "");
  assertEquals(known(["i % 4"], { i: "4" }), "i");
  assertEquals(known(["i % 4"], { i: "5" }), "");
  assertEquals(known(["x[i]"], { i: "n" }), "");
});

Deno.test("a loop of one iteration is determined by nothing", () => {
  assertEquals(known(["0"], { i: "1", j: "0", k: "n" }), "i j");
});

Deno.test("a sum comes apart where its smaller terms stay below the step of the larger", () => {
  assertEquals(known(["i * m + j"], { i: "n", j: "m" }), "i j");
  assertEquals(known(["i * m + j"], { i: "n", j: "m + 1" }), "");
  assertEquals(known(["(a * 4 + b) * 8 + c"], { a: "n", b: "4", c: "8" }), "a b c");
  assertEquals(known(["(a * 4 + b) * 8 + c"], { a: "n", b: "5", c: "8" }), "c");
  assertEquals(known(["i * ((n + 3) // 4) + j"], { i: "4", j: "(n + 3) // 4" }), "i j");
});

Deno.test("quotients and remainders give what fused and split loops were", () => {
  const split = { b: "(n * m + 63) // 64", t: "64" };
  assertEquals(known(["(b * 64 + t) // m", "(b * 64 + t) % m"], split), "b t");
  assertEquals(known(["(b * 64 + t) // m"], split), "");
  assertEquals(known(["(b * 64 + t) % m"], split), "");
  assertEquals(known(["f // (n * m)", "f // m % n", "f % m"], { f: "k * m * n" }), "f");
  assertEquals(known(["f // (n * m)", "f % m"], { f: "k * m * n" }), "");
  assertEquals(known(["(b * 64 + t) // 128", "(b * 64 + t) % 128"], { b: "n", t: "64" }), "b t");
});

const LOOPS = ["a", "b", "c"] as const;
const arbIndex: fc.Arbitrary<Expr> = fc.letrec<{ e: Expr }>((tie) => {
  const e = tie("e");
  const small = fc.integer({ min: 0, max: 5 }).map((n): Expr => int(n));
  return {
    e: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom<Expr>(...LOOPS.map(variable), ...LOOPS.map(variable), variable("n")),
      fc.tuple(e, e).map(([x, y]) => add(x, y)),
      fc.tuple(e, e).map(([x, y]) => binary("sub", x, y)),
      fc.tuple(e, fc.oneof(small, fc.constant<Expr>(variable("n")))).map(([x, y]) => mul(x, y)),
      fc.tuple(e, fc.oneof(small, fc.constant<Expr>(variable("n")))).map(([x, y]) => floordiv(x, y)),
      fc.tuple(e, fc.oneof(small, fc.constant<Expr>(variable("n")))).map(([x, y]) => mod(x, y)),
    ),
  };
}).e;

Deno.test("random indices: loops that are called determined have one value wherever the indices agree", () => {
  const extents = fc.tuple(
    ...LOOPS.map(() =>
      fc.oneof(
        fc.integer({ min: 0, max: 5 }).map((n): Expr => int(n)),
        fc.constantFrom<Expr>(variable("n"), mul(variable("n"), int(2))),
      )
    ),
  );
  let claims = 0;
  fc.assert(
    fc.property(
      fc.array(arbIndex, { minLength: 1, maxLength: 3 }),
      extents,
      fc.boolean(),
      (exprs, sizes, isGiven) => {
        const loops = LOOPS.map((name, i) => forLoop(name, sizes[i]!, seq([])));
        const given = isGiven ? ["c"] : [];
        const found = [...determinedLoops(exprs, given, loops)].filter((name) => !given.includes(name));
        claims += found.length;
        for (const n of [0, 1, 2, 3]) {
          const [an, bn, cn] = sizes.map((e) => evalExpr(e, { vars: { n } })) as [number, number, number];
          const seen = new Map<string, Record<string, number>>();
          for (let a = 0; a < an; a++) {
            for (let b = 0; b < bn; b++) {
              for (let c = 0; c < cn; c++) {
                const vars: Record<string, number> = { a, b, c, n };
                const key = [...exprs.map((e) => evalExpr(e, { vars })), ...given.map((g) => vars[g])].join();
                const other = seen.get(key) ?? vars;
                seen.set(key, other);
                for (const name of found) {
                  assert(
                    vars[name] === other[name],
                    `${name} at ${JSON.stringify(vars)} and ${JSON.stringify(other)}: ${
                      exprs.map((e) => printExpr(e))
                    }`,
                  );
                }
              }
            }
          }
        }
      },
    ),
    { numRuns: 3000 },
  );
  assertGreater(claims, 1500);
});
