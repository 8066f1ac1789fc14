/** Dependences between blocks: known answers for GPT-2, and all that runs show. @module */
import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { WeftError } from "../../../ir/errors.ts";
import type { PrimFunc } from "../../../ir/prim_func.ts";
import { printFunc } from "../../../ir/print.ts";
import { allBlocks } from "../../../ir/reduction.ts";
import { type Dependence, dependencesOf } from "../../../schedule/mod.ts";
import { forkOf, loopsAt } from "../../../schedule/analysis/order.ts";
import { arbOddNest } from "../../support/arbitrary/odd_nest.ts";
import { float64, type Float64Run } from "../../support/float64.ts";
import { kernelsOf, smallGPT2 } from "../../support/model_kernels.ts";

const text = (d: Dependence): string =>
  `${d.from} ${d.kind} ${d.to} of ${d.buffer}${d.carried.map((l) => ` ${l}`)}`;

Deno.test("the dependences of GPT-2's softmax: its sum needs its maximum, its result both", () => {
  const softmax = kernelsOf(smallGPT2()).find((f) => f.name === "softmax" && f.dims.length === 2)!;
  const found = dependencesOf(softmax);
  assertEquals(found.filter((d) => d.from !== d.to).map(text), [
    "acc_max flow acc_1_sum of acc",
    "acc_max flow softmax of acc",
    "acc_1_sum flow softmax of acc_1",
  ]);
  assertEquals(found.filter((d) => d.from === "acc_max" && d.to === "acc_max").map((d) => d.kind), [
    "flow",
    "anti",
    "output",
  ]);
  // Only the reductions carry anything: rows are independent.
  assertEquals(new Set(found.flatMap((d) => d.carried)).size, 2);
});

interface Event {
  readonly block: string;
  readonly init: boolean;
  readonly loops: Readonly<Record<string, number>>;
}

/** Every pair of accesses of one element, one of them a write, that a run shows: earlier, later and what they do. */
function shown(
  func: PrimFunc,
  run: Float64Run,
  report: (from: Event, to: Event, kind: string, buffer: string) => void,
): void {
  const last = new Map<string, { write: Event | undefined; reads: Event[] }>();
  const loops: Record<string, number> = {};
  const arrays = Object.fromEntries(
    func.params.map(({ buffer }) => [buffer.name, new Float64Array(64).fill(1)]),
  );
  const inits = new Set(allBlocks(func.body).map((s) => `${s.block.name}_init`));
  const touch = (
    block: string,
    buffer: string,
    allocation: number,
    element: number,
    write: boolean,
  ): void => {
    const init = inits.has(block);
    const event = { block: init ? block.slice(0, -"_init".length) : block, init, loops: { ...loops } };
    const key = `${buffer} ${allocation} ${element}`;
    const at = last.get(key) ?? { write: undefined, reads: [] };
    last.set(key, at);
    if (!write) {
      if (at.write !== undefined) report(at.write, event, "flow", buffer);
      at.reads.push(event);
      return;
    }
    if (at.write !== undefined) report(at.write, event, "output", buffer);
    for (const r of at.reads) report(r, event, "anti", buffer);
    last.set(key, { write: event, reads: [] });
  };
  run(arrays, {}, touch, loops);
}

Deno.test("300 random odd nests: no run shows a dependence that is not listed", () => {
  let seen = 0;
  fc.assert(
    fc.property(arbOddNest(), (func) => {
      let run;
      try {
        run = float64(func, true);
      } catch (error) {
        assert(error instanceof WeftError, String(error)); // an init that cannot be told from its update
        return;
      }
      const listed = dependencesOf(func);
      const sites = new Map(allBlocks(func.body).map((s) => [s.block.name, s]));
      shown(func, run, (from, to, kind, buffer) => {
        const [a, b] = [sites.get(from.block)!, sites.get(to.block)!];
        const around = loopsAt(forkOf([...a.path, a.block], [...b.path, b.block]).common).map((l) => l.var);
        // An init is before the loops that reduce: their values say nothing of it.
        const init = from.init || to.init;
        if (a === b && init) return;
        const carrier = init ? undefined : around.find((l) => from.loops[l] !== to.loops[l]);
        if (a === b && carrier === undefined) return; // one execution: it reads before it writes
        seen++;
        const found = listed.find((d) =>
          d.from === from.block && d.to === to.block && d.kind === kind && d.buffer === buffer
        );
        const what = `${from.block} ${kind} ${to.block} of ${buffer}, ${carrier ?? "within"}\n${
          printFunc(func)
        }`;
        assert(found !== undefined, what);
        if (!init) assert(carrier === undefined ? found.within : found.carried.includes(carrier), what);
      });
    }),
    { numRuns: 300 },
  );
  assertGreater(seen, 1000);
});
