/** What cannot be one launch is refused: threads that would do each other's work or wait for it. @module */
import fc from "fast-check";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { lowerFunc } from "../../backends/lower.ts";
import { UnsupportedError } from "../../ir/errors.ts";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { parseFunc } from "../../ir/parse.ts";
import {
  apply,
  bind,
  cacheWrite,
  decomposeReduction,
  printFailure,
  reorder,
  type Schedule,
  seq,
  split,
} from "../../schedule/mod.ts";
import { matmul } from "../schedule/kernels.ts";
import { assertSame, read } from "../support/nests.ts";

function scheduled(func: PrimFunc, ...steps: readonly Schedule[]): PrimFunc {
  const result = apply(func, seq(...steps));
  assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
  return result.func;
}

/** `for i { for j_init { c = 0 }; for k { for j { c += a * b } } }`. */
const apart = (): PrimFunc => scheduled(matmul(), reorder("k", "j"), decomposeReduction("c_sum", "k"));

Deno.test("an init bound like its update is one launch", () => {
  const func = scheduled(
    apart(),
    bind("i", "blockIdx.x"),
    bind("j", "threadIdx.x"),
    bind("j_init", "threadIdx.x"),
  );
  const { launches } = lowerFunc(func);
  assertEquals(launches.map((l) => l.workgroup), [[6, 1, 1]]);
});

Deno.test("a nest in which only some statements are on an axis is refused", () => {
  for (const loop of ["j", "j_init"]) {
    const func = scheduled(apart(), bind("i", "blockIdx.x"), bind(loop, "threadIdx.x"));
    assertThrows(
      () => lowerFunc(func),
      UnsupportedError,
      "Cannot launch matmul: a store to c is outside of the loop bound to threadIdx.x",
    );
  }
  // The launch's one thread of that axis does it.
  const alone = scheduled(
    apart(),
    bind("i", "blockIdx.x"),
    split("j", [6, null]),
    bind("j_1", "threadIdx.x"),
  );
  assertEquals(lowerFunc(alone).launches.length, 1);
});

Deno.test("loops inside threads may have other names, but not other extents", () => {
  const steps = [split("j", [2, null], ["jo", "ji"]), bind("i", "blockIdx.x"), bind("jo", "threadIdx.x")];
  const same = scheduled(
    apart(),
    ...steps,
    split("j_init", [2, null], ["qo", "qi"]),
    bind("qo", "threadIdx.x"),
  );
  assertEquals(lowerFunc(same).launches.length, 1);
});

Deno.test("what is in a register of the thread is its own", () => {
  const func = scheduled(matmul(), bind("i", "blockIdx.x"), bind("j", "threadIdx.x"), cacheWrite("c_sum"));
  assertEquals(lowerFunc(func).launches.length, 1);
});

Deno.test("loops of different extents on one axis are refused", () => {
  const func = scheduled(
    apart(),
    split("j", [null, 3], ["jo", "ji"]),
    bind("ji", "threadIdx.x"),
    bind("j_init", "threadIdx.x"),
  );
  assertThrows(
    () => lowerFunc(func),
    UnsupportedError,
    "loops of different extents are bound to threadIdx.x",
  );
});

Deno.test("around a barrier the author orders the threads", () => {
  const func = parseFunc(`fn turn(y: read_write f32[4]) {
    for b in 0..1 @blockIdx.x {
      alloc s: workgroup f32[4] {
        for t in 0..4 @threadIdx.x {
          s[t] = y[t]
          barrier
          y[t] = s[3 - t]
        }
      }
    }
  }`);
  assertEquals(lowerFunc(func).launches.length, 1);
});

Deno.test("a loop over threads that never runs leaves nothing to run, in a workgroup of one", () => {
  const func = parseFunc("fn none(y: write f32[4]) { for t in 0..0 @threadIdx.x { y[t] = 1.0 } }");
  const { launches: [launch] } = lowerFunc(func);
  assertEquals(launch?.workgroup, [1, 1, 1]);
  assertEquals(launch?.body, { kind: "seq", body: [] });
});

Deno.test("what is beside bound loops that never run still runs, once", () => {
  fc.assert(fc.property(
    fc.constantFrom("blockIdx.x", "blockIdx.y", "threadIdx.x"),
    fc.constantFrom(0, 1),
    fc.constantFrom(0, 1, 3),
    fc.boolean(),
    (axis, never, rows, after) => {
      const [bound, sum] = [
        `for j in 0..${never} @${axis} { block a(vj: spatial 0..${never} = j) { t[vj] = 7 } }`,
        `block c(vi: spatial 0..${rows} = i) { y[vi] = y[vi] + x[vi] }`,
      ];
      const naive = read(`fn f(x: read i32[${rows}], y: read_write i32[${rows}], t: read_write i32[1]) {
        for i in 0..${rows} { ${after ? `${sum} ${bound}` : `${bound} ${sum}`} } }`);
      assertSame(naive, naive, {}, `${axis} ${never} ${rows}`);
    },
  ));
});
