/**
 * Random nests that can be run and are odd on purpose: blocks that update in place, write one element at many points,
 * read their neighbours, are bound by no loop or by several, stand beside each other. What is legal on a tidy
 * nest is mostly not legal here.
 *
 * @module
 */
import fc from "fast-check";
import { add, binary, type Expr, floordiv, int, load, mod, mul, variable } from "../../../ir/expr.ts";
import { evalExpr } from "../../../ir/eval.ts";
import { type Param, type PrimFunc, primFunc } from "../../../ir/prim_func.ts";
import { block, type BlockIter, type Buffer, forLoop, seq, type Stmt, store } from "../../../ir/stmt.ts";
import { freeVars } from "../../../ir/visit.ts";

const SIZE = 64;
const BUFFERS = ["x", "y", "z"] as const;

/** Numbers that a nest is made of. */
type Choices = readonly number[];

/** Random odd nests over `x`, `y` and `z`, each `i32[64]`. All extents are small constants. */
export function arbOddNest(): fc.Arbitrary<PrimFunc> {
  const choices = fc.array(fc.nat({ max: 999 }), { minLength: 14, maxLength: 14 });
  return fc.noBias(
    fc.tuple(
      fc.array(fc.constantFrom(1, 2, 3, 4), { minLength: 1, maxLength: 3 }),
      fc.array(choices, { minLength: 1, maxLength: 2 }),
      fc.nat({ max: 2 }),
    ),
  ).map(([extents, blocks, depth]) => build(extents, blocks, depth));
}

function build(extents: readonly number[], blocks: readonly Choices[], depth: number): PrimFunc {
  const shared = extents.slice(0, blocks.length === 1 ? extents.length : Math.min(depth, extents.length));
  const rest = extents.slice(shared.length);
  const loopsAround = (n: number): Record<string, number> =>
    Object.fromEntries([
      ...shared.map((e, d) => [`i${d}`, e]),
      ...rest.map((e, d) => [`${"jk"[n]}${d}`, e]),
    ]);
  const nests = blocks.map((c, n) => {
    const loops = loopsAround(n);
    const inner = Object.entries(loops).slice(shared.length);
    return inner.reduceRight<Stmt>((s, [name, e]) => forLoop(name, int(e), s), oddBlock(`b${n}`, loops, c));
  });
  const body = shared.reduceRight<Stmt>((s, e, d) => forLoop(`i${d}`, int(e), s), seq(nests));
  const written = new Set(blocks.map((c) => BUFFERS[c[6]! % 3]!));
  const params = BUFFERS.map((name): Param => ({
    buffer: buffer(name),
    access: written.has(name) ? "read_write" : "read",
  }));
  return primFunc("odd", params, [], body);
}

function buffer(name: string): Buffer {
  return { name, dtype: "i32", shape: [int(SIZE)], scope: "global" };
}

function oddBlock(name: string, loops: Readonly<Record<string, number>>, c: Choices): Stmt {
  const at = (n: number): number => c[n % c.length]!;
  const names = Object.keys(loops);
  const loop = (n: number): Expr => variable(names[n % names.length]!);
  // Mostly one iterator a loop, now and then something else.
  const iters = names.flatMap((own, d): BlockIter[] => {
    const odd = at(d) % 12;
    const binding = odd < 7
      ? variable(own)
      : odd === 7
      ? floordiv(variable(own), int(2))
      : odd === 8
      ? mod(variable(own), int(2))
      : odd === 9
      ? add(variable(own), loop(at(d + 1)))
      : odd === 10
      ? add(mul(variable(own), int(2)), loop(at(d + 1)))
      : undefined;
    if (binding === undefined) return [];
    const extent = int(most(binding, loops) + 1);
    return [{ var: `v${name}${d}`, role: at(d + 3) % 3 === 0 ? "reduce" : "spatial", extent, binding }];
  });
  const [spatial, reduce] = (["spatial", "reduce"] as const).map((role) =>
    iters.filter((i) => i.role === role)
  );
  const place = (n: number): Expr => {
    const vars = spatial!.map((i) => variable(i.var));
    const step = [1, 4, 4, 4, 2][at(n) % 5]!;
    const flat = vars.reduce<Expr>((sum, v) => add(mul(sum, int(step)), v), int(0));
    return mod(add(flat, int(at(n + 1) % 7 === 0 ? 1 : 0)), int(SIZE));
  };
  const [to, from] = [BUFFERS[at(6) % 3]!, BUFFERS[at(7) % 3]!];
  const target = plain(place(8), loops, iters);
  const source = plain(place(9), loops, iters);
  const own = load(to, "i32", [target]);
  const term = reduce!.reduce<Expr>(
    (e, i) => add(e, mul(variable(i.var), int(3))),
    load(from, "i32", [source]),
  );
  const sum = add(own, term);
  const kind = at(10) % 6;
  const value = kind < 3
    ? sum
    : kind === 3
    ? add(mul(own, int(3)), term)
    : kind === 4
    ? binary("max", own, term)
    : term;
  const init = kind < 3 && reduce!.length > 0 && at(11) % 3 > 0 ? { init: store(to, [target], int(1)) } : {};
  return block({ name, iters, ...init, body: store(to, [target], value) });
}

/** The index without its modulo where it stays inside the buffer anyway. */
function plain(e: Expr, loops: Readonly<Record<string, number>>, iters: readonly BlockIter[]): Expr {
  if (e.kind !== "binary") return e;
  const extents = Object.fromEntries(
    iters.map((i) => [i.var, i.extent.kind === "const" ? i.extent.value : 1]),
  );
  return most(e.a, { ...loops, ...extents }) < SIZE ? e.a : e;
}

/** The greatest value of an expression that grows with its variables. */
function most(e: Expr, extents: Readonly<Record<string, number>>): number {
  const names = [...freeVars(e)];
  const values = (n: number): number[] => Array.from({ length: extents[names[n]!]! }, (_, i) => i);
  let greatest = 0;
  const visit = (n: number, vars: Record<string, number>): void => {
    if (n === names.length) greatest = Math.max(greatest, evalExpr(e, { vars }));
    else for (const v of values(n)) visit(n + 1, { ...vars, [names[n]!]: v });
  };
  visit(0, {});
  return greatest;
}
