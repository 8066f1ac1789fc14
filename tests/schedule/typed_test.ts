/** Loop names in types: what is no loop does not compile. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { apply, computeAt, fallback, printSchedule, scheduleFor } from "../../schedule/mod.ts";
import { matmul } from "./kernels.ts";

Deno.test("a schedule with names in its type is the same data, and applies", () => {
  const { schedule } = scheduleFor("i", "j", "k")
    .split("i", [null, 4], ["io", "ii"])
    .split("j", [null, 2], ["jo", "ji"])
    .reorder("io", "jo", "ii", "ji", "k")
    .fuse(["io", "jo"], "tile")
    .bind("tile", "blockIdx.x")
    .unroll("k");
  assertEquals(
    printSchedule(schedule),
    "seq(split(i, [_, 4], names=[io, ii]), split(j, [_, 2], names=[jo, ji]), reorder(io, jo, ii, ji, k), " +
      "fuse([io, jo], name=tile), bind(tile, blockIdx.x), unroll(k))",
  );
  assert(apply(matmul(), schedule).ok);
});

Deno.test("names of loops that are not there do not compile, and are refused at run time", () => {
  const s = scheduleFor("n", "k");
  // @ts-expect-error there is no loop nn
  const result = apply(matmul(), s.bind("nn", "blockIdx.x").schedule);
  assert(!result.ok);
  assertStringIncludes(result.failure.reason, "there is no loop nn");
  const split = s.split("n", [null, 4], ["no", "ni"]);
  split.bind("no", "blockIdx.x");
  // @ts-expect-error n was split
  split.bind("n", "blockIdx.x");
  // @ts-expect-error two factors, three names
  s.split("n", [null, 4], ["a", "b", "c"]);
  // @ts-expect-error nothing to fuse with
  s.fuse(["n", "m"], "nm");
  const fused = s.fuse(["n", "k"], "nk");
  fused.parallel("nk");
  // @ts-expect-error k was fused
  fused.vectorize("k");
  // @ts-expect-error no axis of a GPU
  s.bind("n", "blockIdx.w");
});

Deno.test("other steps go between, with the names that they make", () => {
  const { schedule } = scheduleFor("i").step(computeAt("b", "i"), "j").unroll("j").step(fallback());
  assertEquals(printSchedule(schedule), "seq(computeAt(b, i), unroll(j), rule(fallback))");
});
