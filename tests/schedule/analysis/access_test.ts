/** Where blocks read and write: strides, regions, roles, kinds and orders of GPT-2's kernels. @module */
import { read } from "../../support/nests.ts";
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { flatIndex } from "../../../ir/address.ts";
import { ScheduleError } from "../../../ir/errors.ts";
import { evalInt } from "../../../ir/eval.ts";
import type { PrimFunc } from "../../../ir/prim_func.ts";
import { printExpr } from "../../../ir/print.ts";
import { allBlocks } from "../../../ir/reduction.ts";
import type { For } from "../../../ir/stmt.ts";
import {
  accessesOf,
  apply,
  blockKind,
  coalescing,
  contractionOf,
  defaultSchedule,
  fallback,
  iterRoles,
  overLimits,
  reductionOrder,
  regionsOf,
  resourcesOf,
} from "../../../schedule/mod.ts";
import { readsMemory } from "../../../schedule/analysis/elements.ts";
import { WEBGPU_BASELINE as GPU_TARGET } from "../../../backends/webgpu/limits.ts";
import { kernelsOf, smallGPT2, smallLlama } from "../../support/model_kernels.ts";

const gpt2 = kernelsOf(smallGPT2(), GPU_TARGET);
const kernel = (name: string, dims: string): PrimFunc =>
  gpt2.find((f) => f.name === name && f.dims.join() === dims) ?? gpt2[0]!;
const blocks = (f: PrimFunc): readonly string[] => allBlocks(f.body).map((s) => s.block.name);

Deno.test("kinds of the blocks of GPT-2's kernels", () => {
  const kinds = (name: string, dims: string): string =>
    blocks(kernel(name, dims)).map((b) => blockKind(kernel(name, dims), b)).join(" ");
  assertEquals(kinds("linear", "s"), "contraction broadcast");
  assertEquals(kinds("matmul_mul_where", "past,s"), "contraction broadcast");
  assertEquals(kinds("softmax", "past,s"), "reduction reduction broadcast");
  assertEquals(kinds("layerNorm", "s"), "reduction reduction broadcast");
  assertEquals(kinds("take_add", "past,s"), "injective");
  assertEquals(kinds("append", "past,s"), "injective");
});

Deno.test("what contractionOf finds is of the kind contraction, and the other way round", () => {
  for (const func of [...gpt2, ...kernelsOf(smallLlama())]) {
    for (const b of blocks(func)) {
      const found = contractionOf(func, b);
      if (typeof found !== "string") assertEquals(blockKind(func, b), "contraction", `${func.name} ${b}`);
    }
  }
});

Deno.test("kinds of contractions and reductions survive schedules", () => {
  for (const func of gpt2) {
    const result = apply(func, fallback(), { target: GPU_TARGET });
    assert(result.ok);
    for (const b of blocks(func)) {
      const kind = blockKind(func, b);
      if (kind !== "contraction" && kind !== "reduction") continue;
      assertEquals(blockKind(result.func, b), kind, `${func.name} ${b}`);
    }
  }
});

Deno.test("orders of GPT-2's reductions: weights are [in, out], the tied head is [out, in]", () => {
  const order = (name: string, dims: string): string =>
    reductionOrder(kernel(name, dims), blocks(kernel(name, dims))[0]!).map((r) => r.order).join(" ");
  assertEquals(order("linear", "s"), "inner outer");
  assertEquals(order("matmul_mul_where", "past,s"), "inner inner");
  assertEquals(order("softmax", "past,s"), "inner");
  assertEquals(order("take_add", "past,s"), "");
  const head = gpt2.find((f) => f.name === "matmul" && f.dims.join() === "s")!;
  assertEquals(reductionOrder(head, blocks(head)[0]!).map((r) => r.order), ["inner", "inner"]);
});

Deno.test("roles of a linear layer's iterators", () => {
  const func = kernel("linear", "s");
  const roles = iterRoles(func, blocks(func)[0]!).map((i) =>
    `${i.role} ${printExpr(i.extent)} reads ${i.reads} writes ${i.writes}`
  );
  assertEquals(roles, [
    "spatial 1 reads in0 writes acc",
    "spatial s reads in0 writes acc",
    "spatial 72 reads in1 writes acc",
    "reduce 24 reads in0,in1 writes ",
  ]);
});

Deno.test("regions of a linear layer: one result takes a row and a column", () => {
  const func = kernel("linear", "s");
  const name = blocks(func)[0]!;
  const [, m, n] = iterRoles(func, name).flatMap((i) => i.loops);
  const boxes = regionsOf(func, name, n).map(({ buffer, write, box }) =>
    `${write ? "write" : "read"} ${buffer.name}[${
      box.map((r) => `${printExpr(r.min)}:+${printExpr(r.extent)}`).join(", ")
    }]`
  );
  assertEquals(boxes, [
    `read acc[0:+1, ${m}:+1, ${n}:+1]`,
    `read in0[0:+1, ${m}:+1, 0:+24]`,
    `read in1[0:+24, ${n}:+1]`,
    `write acc[0:+1, ${m}:+1, ${n}:+1]`,
  ]);
  assertThrows(() => regionsOf(func, name, "nowhere"), ScheduleError, "no loop nowhere");
  assertThrows(() => regionsOf(func, "nothing"), ScheduleError, "no block nothing");
});

Deno.test("strides are the steps of addresses, before and after schedules", () => {
  let [known, open] = [0, 0];
  for (const naive of [...gpt2, ...kernelsOf(smallLlama())]) {
    const result = apply(naive, defaultSchedule(), { target: GPU_TARGET });
    assert(result.ok);
    for (const func of [naive, result.func]) {
      const dims = Object.fromEntries(func.dims.map((d) => [d, 5]));
      for (const { block, path } of allBlocks(func.body)) {
        const loops = path.filter((s): s is For => s.kind === "for");
        for (const { buffer, indices, strides } of accessesOf(func, block.name)) {
          const flat = flatIndex(buffer, indices);
          if (readsMemory(flat)) continue;
          for (const l of loops) {
            const stride = strides.get(l.var);
            if (stride === undefined) open++;
            for (let round = 0; round < 4 && stride !== undefined; round++) {
              const at: Record<string, number> = { ...dims };
              for (const [i, x] of loops.entries()) {
                // The last iteration has no next one.
                const count = evalInt(x.extent, dims) - (x === l ? 1 : 0);
                at[x.var] = (round * 7 + i * 3) % Math.max(1, count);
              }
              if (at[l.var]! + 1 >= evalInt(l.extent, dims)) continue;
              known++;
              const step = evalInt(flat, { ...at, [l.var]: at[l.var]! + 1 }) - evalInt(flat, at);
              assertEquals(evalInt(stride, dims), step, `${func.name} ${block.name} ${buffer.name} ${l.var}`);
            }
          }
        }
      }
    }
  }
  assertGreater(known, 2000);
  assertGreater(known, 4 * open);
});

Deno.test("the default rules read weights together along threadIdx.x", () => {
  for (const [name, dims] of [["linear", ""], ["linear_geluTanh", ""], ["linear", "s"]] as const) {
    const result = apply(kernel(name, dims), defaultSchedule(), { target: GPU_TARGET });
    assert(result.ok);
    const strides = coalescing(result.func).filter((s) => s.buffer === "in1" && s.axis === "threadIdx.x");
    assertGreater(strides.length, 0);
    assert(strides.every((s) => s.spread === "together"), JSON.stringify(strides));
  }
});

Deno.test("a transposed read is apart, and a limit that is passed is named", () => {
  const head = gpt2.find((f) =>
    f.name === "matmul" && f.dims.length === 0 && blockKind(f, blocks(f)[0]!) === "contraction"
  )!;
  const result = apply(head, fallback(), { target: GPU_TARGET });
  assert(result.ok);
  const strides = coalescing(result.func).filter((s) => s.axis === "threadIdx.x" && s.buffer === "in1");
  assertEquals(strides.map((s) => s.spread), ["apart"]);
  const [nest] = resourcesOf(result.func);
  assertEquals(overLimits(nest!, GPU_TARGET), []);
  const [x] = nest!.threads;
  assertEquals(overLimits(nest!, { ...GPU_TARGET, maxThreads: x - 1 }), [
    `${nest!.blocks.join(", ")}: ${x} threads in a workgroup, ${GPU_TARGET.name} has ${x - 1}`,
  ]);
});

Deno.test("registers of a matmul's tile: its accumulators and what it reads, at one time", () => {
  const result = apply(kernel("linear", "s"), defaultSchedule(), { target: GPU_TARGET });
  assert(result.ok);
  const [nest] = resourcesOf(result.func);
  assertGreater(nest!.registers, 4);
  assert(nest!.registers <= GPU_TARGET.registers, String(nest!.registers));
  assertEquals(nest!.workgroupBytes, 0);
  for (const func of gpt2) {
    const scheduled = apply(func, defaultSchedule(), { target: GPU_TARGET });
    assert(scheduled.ok);
    assertEquals(resourcesOf(scheduled.func).flatMap((n) => overLimits(n, GPU_TARGET)), [], func.name);
  }
});

Deno.test("memory of a workgroup counts what strides leave between rows", () => {
  const func = read(
    `fn f(x: read f32[8, 8], y: write f32[8, 8]) { for i in 0..8 { alloc t: workgroup f32[8, 8] strides [20, 1] {
    for j in 0..8 { for k in 0..8 { block a(vj: spatial 0..8 = j, vk: spatial 0..8 = k) { t[vj, vk] = x[vj, vk] } } }
    for l in 0..8 { block b(vi: spatial 0..8 = i, vl: spatial 0..8 = l) { y[vi, vl] = t[vl, vi] } } } } }`,
  );
  assertEquals(resourcesOf(func)[0]?.workgroupBytes, (7 * 20 + 8) * 4);
});
