/** Conditions moved out of loops and joined. @module */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { hoistGuards } from "../../backends/guards.ts";
import { add, and, type Expr, int, load, lt, mul, variable } from "../../ir/expr.ts";
import { interpret } from "../../ir/interpret.ts";
import { primFunc } from "../../ir/prim_func.ts";
import { printStmt } from "../../ir/print.ts";
import { alloc, barrier, type Buffer, forLoop, ifThen, seq, type Stmt, store } from "../../ir/stmt.ts";

const [i, n] = [variable("i"), variable("n")];
const [c, d] = [lt(n, int(3)), lt(i, n)];
const put = (value: number): Stmt => store("y", [int(0)], int(value));
const [s, t, u] = [put(1), put(2), put(3)];
const memory: Buffer = { name: "m", dtype: "i32", shape: [], scope: "local" };
const loop = (body: Stmt, name = "i"): Stmt => forLoop(name, int(4), body);

const rewrites: Readonly<Record<string, readonly [before: Stmt, after: Stmt]>> = {
  "out of a loop": [loop(ifThen(c, s)), ifThen(c, loop(s))],
  "out of several loops": [loop(loop(ifThen(c, s), "j")), ifThen(c, loop(loop(s, "j")))],
  "out of the loops that do not change it": [loop(loop(ifThen(d, s), "j")), loop(ifThen(d, loop(s, "j")))],
  "out of an allocation": [alloc(memory, ifThen(c, s)), ifThen(c, alloc(memory, s))],
  "out of a loop with its kind": [
    forLoop("i", n, ifThen(c, s), "unrolled"),
    ifThen(c, forLoop("i", n, s, "unrolled")),
  ],
  "one for neighbours": [seq([ifThen(c, s), ifThen(c, t)]), ifThen(c, seq([s, t]))],
  "one for three neighbours": [seq([ifThen(c, s), ifThen(c, t), ifThen(c, u)]), ifThen(c, seq([s, t, u]))],
  "one for neighbours that come out of loops": [
    loop(seq([loop(ifThen(d, s), "j"), ifThen(d, t), u])),
    loop(seq([ifThen(d, seq([loop(s, "j"), t])), u])),
  ],
  "joined and then out of the loop": [loop(seq([ifThen(c, s), ifThen(c, t)])), ifThen(c, loop(seq([s, t])))],
};
for (const [what, [before, after]] of Object.entries(rewrites)) {
  Deno.test(`guards: ${what}`, () => assertEquals(printStmt(hoistGuards(before)), printStmt(after)));
}

const kept: Readonly<Record<string, Stmt>> = {
  "what reads the loop": loop(ifThen(d, s)),
  "what has an alternative": loop(ifThen(c, s, t)),
  "what reads memory": loop(ifThen(lt(load("y", "i32", [int(0)]), int(3)), s)),
  "what is around a barrier": loop(ifThen(c, seq([s, barrier()]))),
  "what is around a barrier in a loop": loop(ifThen(c, forLoop("j", n, barrier()))),
  "what is not alone in the loop": loop(seq([ifThen(c, s), t])),
  "neighbours of different conditions": seq([ifThen(c, s), ifThen(d, t)]),
  "those with something between": seq([ifThen(c, s), u, ifThen(c, t)]),
  "neighbours that read memory": seq([
    ifThen(lt(load("y", "i32", [int(0)]), int(3)), s),
    ifThen(lt(load("y", "i32", [int(0)]), int(3)), t),
  ]),
  "neighbours, one with an alternative": seq([ifThen(c, s, u), ifThen(c, t)]),
};
for (const [what, stmt] of Object.entries(kept)) {
  Deno.test(`guards stay: ${what}`, () => assertEquals(printStmt(hoistGuards(stmt)), printStmt(stmt)));
}

/** Random loops and conditions around stores whose order shows in the result. */
function arbStmt(vars: readonly string[], depth: number): fc.Arbitrary<Stmt> {
  const scope = ["n", ...vars].map((v) => variable(v));
  const place = scope.reduce<Expr>((a, b) => add(mul(a, int(3)), b), int(0));
  const leaf = fc.nat({ max: 3 }).map((k): Stmt =>
    store("y", [int(k)], add(mul(load("y", "i32", [int((k + 1) % 4)]), int(3)), add(place, int(k + 1))))
  );
  if (depth === 0) return leaf;
  const least = fc.tuple(fc.constantFrom(...scope), fc.constantFrom(1, 2)).map(([v, k]) => lt(v, int(k)));
  const cond = fc.oneof(
    fc.constantFrom<Expr>(c, lt(n, int(2))),
    least,
    fc.tuple(least, least).map(([a, b]) => and(a, b)),
  );
  const name = `l${depth}`;
  const one = fc.oneof(
    leaf,
    arbStmt([...vars, name], depth - 1).map((body) => forLoop(name, int(2), body)),
    fc.tuple(cond, arbStmt(vars, depth - 1), fc.option(leaf, { nil: undefined, freq: 1 })).map((
      [e, then, otherwise],
    ) => ifThen(e, then, otherwise)),
  );
  return fc.oneof(one, fc.array(one, { minLength: 1, maxLength: 3 }).map(seq));
}

Deno.test("guards move without a change of what is stored", () => {
  let moved = 0;
  fc.assert(
    fc.property(arbStmt([], 4), fc.nat({ max: 3 }), (stmt, size) => {
      const hoisted = hoistGuards(stmt);
      const run = (body: Stmt): Int32Array => {
        const y = new Int32Array([5, 7, 11, 13]);
        const buffer: Buffer = { name: "y", dtype: "i32", shape: [int(4)], scope: "global" };
        interpret(primFunc("f", [{ buffer, access: "read_write" }], ["n"], body), { y }, { n: size });
        return y;
      };
      assertEquals(run(hoisted), run(stmt), printStmt(stmt, { y: "i32" }));
      if (printStmt(hoisted) !== printStmt(stmt)) moved++;
    }),
    { numRuns: 500 },
  );
  assert(moved > 50, `${moved}`);
});
