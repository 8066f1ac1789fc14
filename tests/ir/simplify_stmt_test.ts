import fc from "fast-check";
import { assert, assertEquals, assertLess } from "@std/assert";
import {
  add,
  binary,
  ceildiv,
  type Expr,
  f32,
  floordiv,
  int,
  load,
  lt,
  min,
  mod,
  mul,
  select,
  sub,
  variable,
} from "../../ir/expr.ts";
import { interpret } from "../../ir/interpret.ts";
import { primFunc } from "../../ir/prim_func.ts";
import { printStmt } from "../../ir/print.ts";
import { simplifyStmt } from "../../ir/simplify_stmt.ts";
import { block, type Buffer, forLoop, ifThen, seq, type Stmt, store } from "../../ir/stmt.ts";

const v = variable;
const x: Buffer = { name: "x", dtype: "i32", shape: [int(50)], scope: "global" };
const y: Buffer = { name: "y", dtype: "i32", shape: [int(50)], scope: "global" };

/** Nests of loops, blocks and conditions whose indices stay inside, with small numbers. */
const nests: fc.Arbitrary<Stmt> = fc.tuple(
  fc.array(
    fc.constantFrom<Expr>(
      int(0),
      int(1),
      int(3),
      int(4),
      v("n"),
      v("m"),
      mul(v("n"), v("m")),
      ceildiv(mul(v("n"), v("m")), int(4)),
      sub(v("n"), int(1)),
    ),
    { minLength: 1, maxLength: 4 },
  ),
  fc.array(fc.nat(1e6), { minLength: 40, maxLength: 40 }),
).map(([extents, random]) => {
  let next = 0;
  const pick = (bound: number): number => random[next++ % random.length]! % bound;
  let names: string[] = ["n", "m"];
  const expr = (depth: number): Expr => {
    const leaf = pick(3) === 0 ? int(pick(7)) : v(names[pick(names.length)]!);
    if (depth === 0) return leaf;
    const size = [v("n"), v("m"), int(3), int(4), mul(v("n"), v("m"))][pick(5)]!;
    switch (pick(7)) {
      case 0:
        return add(mul(expr(depth - 1), size), expr(depth - 1));
      case 1:
        return floordiv(expr(depth - 1), size);
      case 2:
        return mod(expr(depth - 1), size);
      case 3:
        return add(expr(depth - 1), leaf);
      case 4:
        return min(expr(depth - 1), leaf);
      case 5:
        return select(lt(expr(depth - 1), leaf), leaf, expr(depth - 1));
      default:
        return leaf;
    }
  };
  const at = (e: Expr): readonly Expr[] => [mod(e, int(50))];
  const write = (): Stmt => {
    const where = at(expr(3));
    return store("y", where, add(add(load("y", "i32", where), expr(3)), load("x", "i32", at(expr(2)))));
  };
  const nest = (d: number): Stmt => {
    if (d === extents.length) return pick(2) === 0 ? write() : ifThen(lt(expr(2), expr(2)), write(), write());
    const name = `l${d}`;
    const bound = names;
    names = [...names, name];
    const body = nest(d + 1);
    const guarded = pick(3) === 0 ? ifThen(lt(v(name), expr(2)), body) : body;
    names = bound;
    return pick(4) === 0
      ? seq([write(), forLoop(name, extents[d]!, guarded)])
      : forLoop(name, extents[d]!, guarded);
  };
  return nest(0);
});

function run(body: Stmt, dims: Readonly<Record<string, number>>): Int32Array {
  const result = Int32Array.from({ length: 50 }, (_, i) => i);
  const input = Int32Array.from({ length: 50 }, (_, i) => i * i % 17);
  const func = primFunc(
    "f",
    [{ buffer: x, access: "read" }, { buffer: y, access: "read_write" }],
    ["n", "m"],
    body,
  );
  interpret(func, { x: input, y: result }, dims);
  return result;
}

Deno.test("simplified nests compute the same, whatever the dims", () => {
  let changed = 0;
  fc.assert(
    fc.property(nests, fc.nat(4), fc.nat(4), fc.boolean(), (nest, n, m, dropLoops) => {
      const simple = simplifyStmt(nest, new Map(), { dropLoops });
      assertEquals(run(simple, { n, m }), run(nest, { n, m }));
      // A guard that has moved can let another one move: rarely, what is simple becomes simpler.
      const again = simplifyStmt(simple, new Map(), { dropLoops });
      if (printStmt(again) !== printStmt(simple)) changed++;
      assertEquals(run(again, { n, m }), run(nest, { n, m }));
    }),
    { numRuns: 1500 },
  );
  assertLess(changed, 15);
});

/** `out[i] = sum of x[i, k]` over a split spatial loop, with the extent of the reduction symbolic. */
function rowSums(guard: Expr): Stmt {
  const [io, ii, k, vi, vk] = [v("io"), v("ii"), v("k"), v("vi"), v("vk")];
  const body = block({
    name: "sum",
    iters: [
      { var: "vi", role: "spatial", extent: v("n"), binding: add(mul(io, int(4)), ii) },
      { var: "vk", role: "reduce", extent: v("m"), binding: k },
    ],
    predicate: guard,
    init: store("out", [vi], f32(0)),
    body: store("out", [vi], add(load("out", "f32", [vi]), load("a", "f32", [vi, vk]))),
  });
  return forLoop("io", ceildiv(v("n"), int(4)), forLoop("ii", int(4), forLoop("k", v("m"), body)));
}

function runSums(body: Stmt, n: number, m: number): Float32Array {
  const a: Buffer = { name: "a", dtype: "f32", shape: [v("n"), v("m")], scope: "global" };
  const out: Buffer = { name: "out", dtype: "f32", shape: [v("n")], scope: "global" };
  const func = primFunc(
    "sums",
    [{ buffer: a, access: "read" }, { buffer: out, access: "write" }],
    ["n", "m"],
    body,
  );
  const result = new Float32Array(n).fill(7);
  interpret(func, { a: Float32Array.from({ length: n * m }, (_, i) => i), out: result }, { n, m });
  return result;
}

Deno.test("the init of a reduction that never runs is kept", () => {
  const inside = lt(add(mul(v("io"), int(4)), v("ii")), v("n"));
  for (const guard of [inside, binary("and", inside, lt(v("k"), v("m")))]) {
    const simple = simplifyStmt(rowSums(guard), new Map(), { dropLoops: true });
    for (const [n, m] of [[3, 0], [5, 1], [0, 2], [6, 3]] as const) {
      assertEquals(runSums(simple, n, m), runSums(rowSums(guard), n, m));
    }
  }
  // A predicate that is false because of the reduction alone leaves the init, too.
  const never = binary("and", inside, lt(v("k"), int(0)));
  assertEquals(runSums(simplifyStmt(rowSums(never)), 5, 2), new Float32Array(5));
});

Deno.test("predicates that always hold and branches that never run are dropped", () => {
  const copy = store("y", [v("i")], load("x", "i32", [v("i")]));
  const nest = (inner: Stmt): Stmt => forLoop("i", int(50), inner);
  assertEquals(simplifyStmt(nest(ifThen(lt(v("i"), int(50)), copy))), nest(copy));
  assertEquals(simplifyStmt(nest(ifThen(lt(v("i"), int(0)), copy))), seq([]));
  assertEquals(simplifyStmt(nest(ifThen(lt(v("i"), int(0)), copy, copy))), nest(copy));
  // Inside of a condition, it holds.
  const half = lt(v("i"), int(25));
  assertEquals(simplifyStmt(nest(ifThen(half, ifThen(lt(v("i"), int(30)), copy)))), nest(ifThen(half, copy)));
});

Deno.test("a condition on what was loaded says nothing once memory has changed", () => {
  const limit = load("y", "i32", [int(0)]);
  const body = forLoop(
    "i",
    int(9),
    ifThen(
      lt(v("i"), limit),
      seq([
        store("y", [int(0)], int(2)),
        ifThen(lt(v("i"), limit), store("y", [add(v("i"), int(1))], int(-1))),
      ]),
    ),
  );
  const start = seq([store("y", [int(0)], int(8)), body]);
  assertEquals(run(simplifyStmt(start), { n: 1, m: 1 }), run(start, { n: 1, m: 1 }));
});

Deno.test("loops of one iteration stay unless asked", () => {
  const copy = store("y", [v("i")], load("x", "i32", [v("i")]));
  const once = forLoop("i", int(1), copy);
  const at0 = store("y", [int(0)], load("x", "i32", [int(0)]));
  assertEquals(simplifyStmt(once), forLoop("i", int(1), at0));
  assertEquals(simplifyStmt(once, new Map(), { dropLoops: true }), at0);
  const never = forLoop("i", int(0), copy);
  assert(simplifyStmt(never).kind === "for");
  assertEquals(simplifyStmt(never, new Map(), { dropLoops: true }), seq([]));
});

Deno.test("dims of a loop that runs are positive", () => {
  // f runs over [n, m]: inside, neither is 0, so the quotient and the remainder make f again.
  const [f, n, m] = [v("f"), v("n"), v("m")];
  const flat = add(mul(floordiv(f, m), m), mod(f, m));
  const nest = (index: Expr): Stmt => forLoop("f", mul(m, n), store("y", [index], int(1)));
  assertEquals(simplifyStmt(nest(flat)), nest(f));
});
