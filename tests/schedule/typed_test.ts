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

Deno.test("every step has its names checked, and those that it makes can be used", () => {
  const s = scheduleFor("i", "j", "k")
    .tile(["i", "j"], [4, 8], ["io", "jo", "ii", "ji"])
    .split("k", [null, 4], ["ko", "ki"])
    .reorder("io", "jo", "ko", "ki", "ii", "ji")
    .bind("jo", "blockIdx.x")
    .cacheWrite("c_sum")
    .decomposeReduction("c_sum", "ko")
    .cacheRead("c_sum", "a", "ko")
    .unroll("a_local_1")
    .pad("c_sum")
    .vectorize("ii_init");
  assert(printSchedule(s.schedule).includes("decomposeReduction(c_sum, ko), cacheRead(c_sum, a, local, ko)"));
  // @ts-expect-error i is a tile now
  s.rfactor("c_sum", "i");
  // @ts-expect-error nor is it there to be gone with
  s.computeWith("i", "ko");
  // @ts-expect-error no loop is its own neighbour
  s.computeWith("ko", "ko");
  // @ts-expect-error only copies of a are there
  s.unroll("b_local_0");
  // @ts-expect-error one size for two loops
  scheduleFor("i", "j").tile(["i", "j"], [4], ["io", "jo"]);
  const joined = s.computeWith("ki", "ko");
  // @ts-expect-error ki is gone
  joined.rollingUpdate("max", "ki");
  const steps = scheduleFor("i").crossThreadReduce("b", "i").rollingUpdate("m", "i").cacheTerm("s", "p")
    .postponeDivision("p").computeAt("b", "i").reverseComputeAt("b", "i").computeInline("b")
    .reverseComputeInline("b").setScope("t", "workgroup").storageAlign("t", 0, 32, 1).doubleBuffer("t", "i")
    .rfactor("b", "i").computeWith("i", "j" as never);
  assertEquals(
    printSchedule(steps.schedule),
    "seq(crossThreadReduce(b, i), rollingUpdate(m, i), cacheTerm(s, p), postponeDivision(p), computeAt(b, i), " +
      "reverseComputeAt(b, i), computeInline(b), reverseComputeInline(b), setScope(t, workgroup), " +
      "storageAlign(t, 0, 32, 1), doubleBuffer(t, i), rfactor(b, i, global), computeWith(i, j))",
  );
});
