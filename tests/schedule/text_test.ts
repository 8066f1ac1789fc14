/** Schedules as text and as JSON. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ParseError } from "../../ir/errors.ts";
import type { ThreadAxis } from "../../ir/stmt.ts";
import {
  type Fact,
  parseSchedule,
  printSchedule,
  type Schedule,
  scheduleFromJson,
} from "../../schedule/mod.ts";
import { ODD_NAMES } from "../support/arbitrary.ts";
import { record } from "../support/arbitrary/record.ts";

const AXES: readonly ThreadAxis[] = [
  "blockIdx.x",
  "blockIdx.y",
  "blockIdx.z",
  "threadIdx.x",
  "threadIdx.y",
  "threadIdx.z",
];
const FACTS: readonly Fact[] = ["reduction", "scheduled", "dynamic"];

const name = fc.oneof(
  fc.constantFrom("i", "i_0", "out_sum", ".", ".0", ".-1", "h.0.attn", "_", "-1", "7", "1e3", "NaN", "", " "),
  fc.constantFrom(...ODD_NAMES),
  fc.constantFrom('"', "\\", "a\nb", "a,b", "a)", "[", "names=", "__proto__", "seq", "\u2028", "é", "\ud800"),
  fc.string({ unit: "binary", maxLength: 6 }),
);
// Once V8 15 has read {"": 0, "\\\\": 0}, it reads {"": 0, "\\"": 0} as the same: JSON.parse takes the escape for the key.
const key = name.filter((n) => !n.startsWith("\\"));
const names = fc.array(name, { maxLength: 3 });
const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
).map((n) => (n === 0 ? 0 : n)); // JSON has no -0
const factors = fc.array(fc.option(number), { maxLength: 3 });

/** Objects with `name` where it is given. */
const maybe = <T extends object, K extends string, V>(base: T, key: K, value: V | null): T =>
  value === null ? base : { ...base, [key]: value };

const { schedule: arbSchedule } = fc.letrec<{ schedule: Schedule }>((tie) => {
  const step = tie("schedule");
  const kinds = <K extends string>(...list: K[]): fc.Arbitrary<K> => fc.constantFrom(...list);
  return {
    schedule: fc.oneof(
      { depthSize: "small", withCrossShrink: true, maxDepth: 4 },
      fc.tuple(name, factors, fc.option(names)).map(([loop, f, n]): Schedule =>
        maybe({ kind: "split", loop, factors: f }, "names", n)
      ),
      fc.tuple(names, fc.option(name)).map(([loops, n]): Schedule =>
        maybe({ kind: "fuse", loops }, "name", n)
      ),
      record<Schedule & { kind: "reorder" }>({ kind: fc.constant("reorder"), loops: names }),
      record<Schedule & { kind: "bind" }>({
        kind: fc.constant("bind"),
        loop: name,
        axis: fc.constantFrom(...AXES),
      }),
      fc.tuple(kinds("parallel", "vectorize", "unroll"), name).map(([kind, loop]): Schedule => ({
        kind,
        loop,
      })),
      fc.tuple(
        kinds("computeAt", "reverseComputeAt", "decomposeReduction", "crossThreadReduce", "rollingUpdate"),
        name,
        name,
      )
        .map((
          [kind, block, loop],
        ): Schedule => ({
          kind,
          block,
          loop,
        })),
      fc.tuple(names, fc.array(number, { maxLength: 3 }), fc.option(names)).map((
        [loops, sizes, n],
      ): Schedule => maybe({ kind: "tile", loops, sizes }, "names", n)),
      fc.tuple(name, name).map(([block, loop]): Schedule => ({
        kind: "rfactor",
        block,
        loop,
        scope: "global",
      })),
      name.map((block): Schedule => ({ kind: "pad", block })),
      fc.tuple(name, name).map(([block, reader]): Schedule => ({ kind: "cacheTerm", block, reader })),
      fc.tuple(name, name).map((loops): Schedule => ({ kind: "computeWith", loops })),
      fc.tuple(name, kinds("local", "workgroup")).map(([buffer, scope]): Schedule => ({
        kind: "setScope",
        buffer,
        scope,
      })),
      fc.tuple(name, number, number, number).map(([buffer, axis, factor, offset]): Schedule => ({
        kind: "storageAlign",
        buffer,
        axis,
        factor,
        offset,
      })),
      fc.tuple(name, name).map(([buffer, loop]): Schedule => ({ kind: "doubleBuffer", buffer, loop })),
      fc.tuple(
        name,
        name,
        name,
        fc.option(fc.array(number, { maxLength: 3 })),
        kinds("local", "workgroup"),
        fc.option(number),
      )
        .map(
          ([block, buffer, loop, order, scope, vector]): Schedule =>
            maybe(maybe({ kind: "cacheRead", block, buffer, scope, loop }, "order", order), "vector", vector),
        ),
      fc.tuple(kinds("computeInline", "reverseComputeInline", "postponeDivision"), name).map((
        [kind, block],
      ): Schedule => ({
        kind,
        block,
      })),
      name.map((block): Schedule => ({ kind: "cacheWrite", block, scope: "local" })),
      fc.tuple(kinds("seq", "choose"), fc.array(step, { maxLength: 3 })).map(([kind, steps]): Schedule => ({
        kind,
        steps,
      })),
      fc.tuple(kinds("attempt", "everywhere", "topDown", "bottomUp"), step).map(([kind, s]): Schedule => ({
        kind,
        step: s,
      })),
      fc.tuple(step, number).map(([s, limit]): Schedule => ({ kind: "repeat", step: s, limit })),
      fc.tuple(fc.constantFrom(...FACTS), step).map(([fact, s]): Schedule => ({
        kind: "when",
        fact,
        step: s,
      })),
      fc.tuple(name, step).map(([block, s]): Schedule => ({ kind: "at", block, step: s })),
      fc.tuple(name, number, step, step).map(([dim, most, few, many]): Schedule => ({
        kind: "specialize",
        dim,
        most,
        few,
        many,
      })),
      name.map((label): Schedule => ({ kind: "peek", label })),
      fc.tuple(name, step).map(([n, s]): Schedule => ({ kind: "named", name: n, step: s })),
      fc.tuple(name, fc.array(fc.tuple(key, number), { maxLength: 3 })).map(([n, params]): Schedule => ({
        kind: "rule",
        name: n,
        params: Object.fromEntries(params),
      })),
    ),
  };
});

Deno.test("a schedule's text and JSON read back as the same schedule", () => {
  fc.assert(
    fc.property(arbSchedule, (s) => {
      const text = printSchedule(s);
      assertEquals(parseSchedule(text), s, text);
      assertEquals(scheduleFromJson(JSON.parse(JSON.stringify(s))), s, text);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("space between the words of a schedule does not matter", () => {
  fc.assert(fc.property(arbSchedule, fc.constantFrom(" ", "\n", "\t  \n"), (s, space) => {
    // Only outside of quotes.
    const spaced = printSchedule(s).replace(
      /"(?:[^"\\]|\\.)*"|[(),[\]=]/g,
      (t) => (t[0] === '"' ? t : `${space}${t}${space}`),
    );
    assertEquals(parseSchedule(`${space}${spaced}`), s, spaced);
  }));
});

Deno.test("random schedules are of every kind", () => {
  const kinds = new Set(fc.sample(arbSchedule, { numRuns: 2000, seed: 2 }).map((s) => s.kind));
  assertEquals(kinds.size, 38, [...kinds].join(" "));
});

Deno.test("whatever text or JSON is given, the answer is a schedule or a ParseError", () => {
  const piece = fc.constantFrom(
    ...'seq( split( i , [ ] _ 64 ) bind( blockIdx.x rule( fallback threads= 1 " \\ . -1 repeat( [_, 4] "a"'
      .split(" "),
    "\n",
  );
  const garbled = fc.oneof(
    fc.array(piece, { maxLength: 9 }).map((parts) => parts.join(" ")),
    fc.tuple(arbSchedule.map(printSchedule), fc.nat(), fc.string({ maxLength: 2 })).map(([text, at, s]) =>
      text.slice(0, at % (text.length + 1)) + s + text.slice((at + 1) % (text.length + 1))
    ),
  );
  const only = (f: () => Schedule): void => {
    try {
      const s = f();
      assertEquals(parseSchedule(printSchedule(s)), s);
    } catch (error) {
      assert(error instanceof ParseError, String(error));
    }
  };
  fc.assert(fc.property(garbled, (text) => only(() => parseSchedule(text))), { numRuns: 1000 });
  fc.assert(fc.property(fc.jsonValue(), (json) => only(() => scheduleFromJson(json))), { numRuns: 300 });
  const fields = fc.dictionary(
    fc.constantFrom("loop", "loops", "factors", "steps", "step", "block", "axis", "limit", "params", "name"),
    fc.jsonValue(),
  );
  const almost = fc.tuple(arbSchedule, fields).map(([s, wrong]) => ({ ...s, ...wrong }));
  fc.assert(fc.property(almost, (json) => only(() => scheduleFromJson(json))), { numRuns: 1000 });
});

Deno.test("what is no schedule is refused with its place", async (t) => {
  const texts = [
    "",
    "i",
    "split",
    "split(i)",
    "split(i, 4)",
    "split(i, [_, x])",
    "split(i, [_, 4], nmes=[a, b])",
    "split(i, [_, 4], names=[a], names=[b])",
    "splitt(i, [_, 4])",
    "bind(i, blockIdx.w)",
    "cacheWrite(b, workgroup)",
    "when(big, seq())",
    "seq(unroll(i)",
    "seq(unroll(i),\n    unroll(j) unroll(k))",
    "seq(unroll(i)) seq()",
    "seq(depth=3)",
    "rule(fallback, 64)",
    "rule(fallback, threads=many)",
    'unroll("\\x")',
    "repeat(unroll(i))",
  ];
  const jsons: readonly unknown[] = [
    null,
    4,
    [],
    {},
    { kind: "frob" },
    { kind: "bind", loop: "i", axis: "x" },
    { kind: "split", loop: "i" },
    { kind: "seq", steps: [{ kind: "frob" }] },
    { kind: "unroll", loop: 4 },
  ];
  const message = (f: () => unknown): string => assertThrows(f, ParseError).message;
  await t.assertSnapshot([
    ...texts.map((text) => `${text}\n  ${message(() => parseSchedule(text))}`),
    ...jsons.map((json) => `${JSON.stringify(json)}\n  ${message(() => scheduleFromJson(json))}`),
  ].join("\n"));
});
