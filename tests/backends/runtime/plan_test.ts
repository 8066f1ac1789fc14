import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type LoweredFunc, lowerFunc } from "../../../backends/lower.ts";
import {
  type BufferRef,
  type EntryPlan,
  type LoweredCall,
  planEntry,
} from "../../../backends/runtime/plan.ts";
import * as w from "../../../dsl/mod.ts";
import { ShapeError } from "../../../ir/errors.ts";
import { int } from "../../../ir/expr.ts";
import { type Graph, graph, type GraphNode } from "../../../ir/graph.ts";
import { seq } from "../../../ir/stmt.ts";
import { cse, deadCode } from "../../../schedule/graph/cleanup.ts";
import { legalize, type LegalizedGraph } from "../../../schedule/graph/legalize.ts";
import { arbProgram } from "../../support/arbitrary_graph.ts";

function planOf(g: Graph, fuse = true): { readonly plan: EntryPlan; readonly legalized: LegalizedGraph } {
  const legalized = legalize(g, { fuse, maxBuffers: 64 });
  const calls = legalized.calls.map((c) => ({ lowered: lowerFunc(c.func), args: c.args }));
  const { aliases, capacities } = legalized;
  return { plan: planEntry({ graph: legalized.graph, calls, aliases, capacities }), legalized };
}

function traced<I extends w.InputTree>(
  inputs: I,
  f: (inputs: I) => unknown,
  options: w.TraceOptions = {},
): Graph {
  return w.trace({ main: w.method(inputs, f) }, options).graphs["main"]!;
}

const refKey = (ref: BufferRef): string => JSON.stringify(ref);

/** Goes through a plan and checks that every buffer still holds what a launch reads from it. */
function checkContents(
  plan: EntryPlan,
  calls: readonly LoweredCall[],
  aliases: ReadonlyMap<string, string>,
  text: string,
): void {
  const holds = new Map<string, string>();
  let step = 0;
  calls.forEach(({ lowered, args }, c) => {
    const values = new Map(lowered.func.params.map((p, i) => [p.buffer.name, args[i]!]));
    for (const launch of lowered.launches) {
      const { buffers, launch: planned } = plan.steps[step++]!;
      assertEquals(planned, launch);
      const bound = launch.buffers.map(({ buffer, access }, i) => {
        const value = values.get(buffer.name);
        const key = value === undefined ? `scratch ${c} ${buffer.name}` : aliases.get(value) ?? value;
        return { key, access, ref: refKey(buffers[i]!) };
      });
      // No buffer twice in a launch that writes it.
      for (const b of bound) {
        if (b.access !== "read") assertEquals(bound.filter((other) => other.ref === b.ref).length, 1, text);
      }
      for (const { key, access, ref } of bound) {
        const isOwn = ref.includes(`"input"`) || ref.includes(`"param"`) || ref.includes(`"state"`);
        if (access === "read" && !isOwn) assertEquals(holds.get(ref), key, `step ${step} of\n${text}`);
      }
      for (const { key, access, ref } of bound) if (access !== "read") holds.set(ref, key);
    }
  });
  assertEquals(step, plan.steps.length);
}

Deno.test("property: every launch of a random program finds what it reads where the plan says", () => {
  fc.assert(
    fc.property(arbProgram(9), fc.boolean(), ({ program, text }, fuse) => {
      const g = deadCode(cse(program.graphs["main"]!));
      const { plan, legalized } = planOf(g, fuse);
      const calls = legalized.calls.map((c) => ({ lowered: lowerFunc(c.func), args: c.args }));
      checkContents(plan, calls, legalized.aliases, text);
    }),
    { numRuns: 80 },
  );
});

/** A call that reads some values and writes one, and may pass something on between two launches. */
interface Step {
  readonly reads: readonly number[];
  readonly elements: number;
  readonly scratch: number;
}

/** A plan of calls that only say which buffers they use. */
function synthetic(steps: readonly Step[], outputs: readonly number[]) {
  const nodes = steps.map(({ reads, elements }, i): GraphNode => ({
    kind: "node",
    name: `v${i}`,
    op: "any",
    inputs: reads.map((r) => `v${r}`),
    attrs: {},
    shape: [elements],
    dtype: "f32",
  }));
  const g = graph({
    name: "main",
    bounds: {},
    inputs: [],
    nodes,
    outputs: outputs.map((o) => ({ name: `out${o}`, value: `v${o}` })),
  });
  const buffer = (name: string, elements: number) =>
    ({ name, dtype: "f32", shape: [int(elements)], scope: "global" }) as const;
  const calls = steps.map(({ reads, elements, scratch }, i): LoweredCall => {
    const inputs = reads.map((r, n) => buffer(`in${n}`, steps[r]!.elements));
    const out = buffer("out", elements);
    const acc = buffer("acc", scratch);
    const launch = (read: readonly ReturnType<typeof buffer>[], write: ReturnType<typeof buffer>) => ({
      name: `k${i}`,
      buffers: [
        ...read.map((b) => ({ buffer: b, access: "read" }) as const),
        { buffer: write, access: "write" } as const,
      ],
      dims: [],
      grid: [int(1), int(1), int(1)] as const,
      workgroup: [1, 1, 1] as const,
      body: seq([]),
    });
    const lowered: LoweredFunc = {
      func: {
        kind: "prim_func",
        name: `k${i}`,
        params: [...inputs, out].map((b) => ({ buffer: b, access: b === out ? "write" : "read" })),
        dims: [],
        body: seq([]),
      },
      scratch: scratch > 0 ? [acc] : [],
      launches: scratch > 0 ? [launch(inputs, acc), launch([acc], out)] : [launch(inputs, out)],
    };
    return { lowered, args: [...reads.map((r) => `v${r}`), `v${i}`] };
  });
  return { calls, plan: planEntry({ graph: g, calls, aliases: new Map(), capacities: new Map() }) };
}

const arbSteps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    reads: fc.array(fc.nat(30), { maxLength: 3 }),
    elements: fc.integer({ min: 0, max: 50 }),
    scratch: fc.oneof(fc.constant(0), fc.nat(50)),
  }),
  { minLength: 1, maxLength: 30 },
).map((list) =>
  list.map((s, i) => ({ ...s, reads: i === 0 ? [] : [...new Set(s.reads.map((r) => r % i))] }))
);

Deno.test("property: values that are alive together share no slot, and slots are large enough", () => {
  let shared = 0;
  fc.assert(
    fc.property(arbSteps, fc.array(fc.nat(29), { maxLength: 3 }), (steps, picked) => {
      const outputs = [...new Set([...picked.map((o) => o % steps.length), steps.length - 1])];
      const { plan, calls } = synthetic(steps, outputs);
      checkContents(plan, calls, new Map(), JSON.stringify(steps));
      for (const { launch, buffers } of plan.steps) {
        buffers.forEach((ref, i) => {
          const elements = (launch.buffers[i]!.buffer.shape[0] as { value: number }).value;
          if (ref.kind === "slot") assertGreaterOrEqual(plan.slots[ref.index]!, Math.max(4, elements * 4));
        });
      }
      const kept = steps.length - outputs.length;
      assertLessOrEqual(plan.slots.length, kept + steps.filter((s) => s.scratch > 0).length);
      if (plan.slots.length < kept) shared++;
      assertEquals(
        plan.outputs.map((o) => o.ref),
        outputs.map((o): BufferRef => ({ kind: "output", name: `out${o}` })),
      );
    }),
    { numRuns: 300 },
  );
  assert(shared > 50, `only ${shared} plans had anything to share`);
});

Deno.test("a chain of any length needs two slots", () => {
  const steps = Array.from(
    { length: 50 },
    (_, i): Step => ({ reads: i === 0 ? [] : [i - 1], elements: 7, scratch: 0 }),
  );
  assertEquals(synthetic(steps, [49]).plan.slots, [28, 28]);
});

Deno.test("buffers are as large as the bounds say, and never empty", () => {
  const bounds = { s: 5, past: 6, "past+s": 8 };
  const g = traced({
    past: w.state([2, "past"], "f32"),
    x: w.spec([2, "s"], "f16"),
    none: w.spec([0], "i8"),
    flags: w.spec(["s"], "bool"),
  }, ({ past, x, none, flags }) => ({
    past: w.append(past, w.cast(x, "f32"), 1),
    n: none,
    f: w.logicalNot(flags),
    both: w.softmax(w.append(past, w.cast(x, "f32"), 1), -1),
  }), { bounds });
  const { plan } = planOf(deadCode(cse(g)));
  const bytes = (list: EntryPlan["inputs"]) => Object.fromEntries(list.map((b) => [b.name, b.bytes]));
  assertEquals(bytes(plan.inputs), { x: 2 * 5 * 2, none: 4, flags: 8 });
  assertEquals(bytes(plan.states), { past: 2 * 8 * 4 });
  assertEquals(bytes(plan.outputs), { past: 64, n: 4, f: 8, both: 64 });
  assertEquals(Object.fromEntries(plan.outputs.map((o) => [o.name, o.ref])), {
    past: { kind: "state", name: "past" },
    n: { kind: "input", name: "none" },
    f: { kind: "output", name: "f" },
    both: { kind: "output", name: "both" },
  });
});

Deno.test("two results that are one value share its buffer", () => {
  const g = traced({ x: w.spec([2], "f32") }, ({ x }) => {
    const y = w.neg(x);
    return { a: y, b: y };
  });
  assertEquals(planOf(g).plan.outputs.map((o) => o.ref), [{ kind: "output", name: "a" }, {
    kind: "output",
    name: "a",
  }]);
});

Deno.test("a dim without a bound is refused by name", async (t) => {
  const wrong: readonly (() => unknown)[] = [
    () => planOf(traced({ x: w.spec(["s"], "f32") }, ({ x }) => w.neg(x))),
    () =>
      planOf(
        traced({ x: w.spec(["s"], "f32"), y: w.spec(["t"], "f32") }, ({ x }) => x, { bounds: { s: 3 } }),
      ),
    () => planOf(traced({ x: w.spec(["a*b"], "f32") }, ({ x }) => w.neg(x), { bounds: { a: 3 } })),
  ];
  await t.assertSnapshot(wrong.map((f) => assertThrows(f, ShapeError).message));
});
