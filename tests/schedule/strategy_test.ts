/** Combinators, focus, traces and failures of the evaluator. @module */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import type { PrimFunc } from "../../ir/prim_func.ts";
import { interpret } from "../../ir/interpret.ts";
import { parseFunc } from "../../ir/parse.ts";
import { printFunc } from "../../ir/print.ts";
import { verifyFunc } from "../../ir/verify.ts";
import {
  type Applied,
  apply,
  type ApplyResult,
  at,
  attempt,
  bind,
  bottomUp,
  cacheRead,
  cacheTerm,
  cacheWrite,
  choose,
  computeWith,
  crossThreadReduce,
  decomposeReduction,
  doubleBuffer,
  everywhere,
  type Failure,
  fallback,
  fuse,
  named,
  pad,
  parallel,
  peek,
  postponeDivision,
  type Primitive,
  printFailure,
  printSchedule,
  reorder,
  repeat,
  rollingUpdate,
  rule,
  type Schedule,
  seq,
  setScope,
  specialize,
  split,
  storageAlign,
  topDown,
  unroll,
  vectorize,
  when,
} from "../../schedule/mod.ts";
import { allLoops } from "../../schedule/loop/site.ts";
import { matmul, softmax, square } from "./kernels.ts";

const KERNELS: readonly (() => PrimFunc)[] = [matmul, softmax, () => square()];
const LEGAL = unroll("i");
const WRONG = unroll("nowhere");

function applied(func: PrimFunc, schedule: Schedule): Applied {
  const result = apply(func, schedule);
  assert(result.ok, result.ok ? "" : printFailure(result.failure, func));
  return result;
}

function refusal(func: PrimFunc, schedule: Schedule): Failure {
  const result = apply(func, schedule);
  assert(!result.ok, `${printSchedule(schedule)} should be refused`);
  return result.failure;
}

/** A result as text: equal for schedules that do the same. */
function outcome(result: ApplyResult): string {
  return result.ok
    ? `${printFunc(result.func)}\n${result.trace.map(printSchedule).join("\n")}`
    : `refused: ${result.failure.reason}`;
}

const names = fc.constantFrom("i", "j", "k", "i_0", "i_1", ".0", ".-1", ".1", ".7", "c_sum", ".", "nowhere");
const arbPrimitive: fc.Arbitrary<Primitive> = fc.oneof(
  fc.tuple(names, fc.constantFrom<(number | null)[]>([null, 2], [3, null], [8, 8])).map(([l, f]) =>
    split(l, f)
  ),
  fc.array(names, { minLength: 1, maxLength: 3 }).map((l) => fuse(l)),
  fc.array(names, { minLength: 1, maxLength: 3 }).map((l) => reorder(...l)),
  fc.tuple(names, fc.constantFrom("blockIdx.x", "threadIdx.x")).map(([l, a]) => bind(l, a)),
  names.map(unroll),
  names.map(parallel),
  names.map(vectorize),
  fc.tuple(names, names).map(([b, l]) => decomposeReduction(b, l)),
  names.map((b) => cacheWrite(b)),
  fc.tuple(names, fc.constantFrom("a", "b", "c"), names).map(([b, x, l]) => cacheRead(b, x, l)),
  fc.tuple(names, names).map(([b, l]) => crossThreadReduce(b, l)),
  fc.tuple(names, names).map(([b, l]) => cacheRead(b, "a", l, { scope: "workgroup" })),
  names.map(pad),
  fc.tuple(fc.constantFrom("a", "c", "c_local", "a_shared"), fc.constantFrom("local", "workgroup"))
    .map(([b, scope]) => setScope(b, scope)),
  fc.constantFrom("a", "c_local", "a_shared").map((b) => storageAlign(b, 0, 4, 1)),
  fc.tuple(fc.constantFrom("c_local", "a_shared"), names).map(([b, l]) => doubleBuffer(b, l)),
  fc.tuple(names, names).map(([a, b]) => computeWith(a, b)),
  fc.tuple(names, names).map(([b, l]) => rollingUpdate(b, l)),
  fc.tuple(names, names).map(([b, r]) => cacheTerm(b, r)),
  names.map(postponeDivision),
);
const { schedule: arbSchedule } = fc.letrec<{ schedule: Schedule }>((tie) => {
  const step = tie("schedule");
  const steps = fc.array(step, { maxLength: 3 });
  return {
    schedule: fc.oneof(
      { maxDepth: 4, depthSize: "small" },
      arbPrimitive,
      steps.map((s) => seq(...s)),
      steps.map((s) => choose(...s)),
      step.map(attempt),
      step.map((s) => repeat(s, 3)),
      fc.tuple(fc.constantFrom("reduction", "scheduled", "dynamic"), step).map(([f, s]) => when(f, s)),
      fc.tuple(names, step).map(([b, s]) => at(b, s)),
      step.map(everywhere),
      step.map(topDown),
      step.map(bottomUp),
      step.map((s) => named("name", s)),
      fc.tuple(fc.constantFrom("n", "m"), fc.nat({ max: 4 }), step, step).map(([d, n, a, b]) =>
        specialize(d, n, a, b)
      ),
      fc.constant(peek("here")),
      fc.constant(fallback()),
    ),
  };
});
const arbKernel = fc.constantFrom(...KERNELS).map((make) => make());

Deno.test("random schedules: the trace gives the same function, and a failure has a reason for everything", () => {
  let ok = 0;
  const wellFormed = (f: Failure): void => {
    assert(f.step.length > 0 && f.reason.length > 0 && !f.reason.includes("undefined"), JSON.stringify(f));
    f.causes.forEach(wellFormed);
  };
  fc.assert(
    fc.property(arbKernel, arbSchedule, (func, schedule) => {
      const before = printFunc(func);
      const result = apply(func, schedule);
      assertEquals(printFunc(func), before, "what it was applied to changed");
      if (!result.ok) {
        wellFormed(result.failure);
        assert(printFailure(result.failure, func).includes(result.failure.reason));
        return;
      }
      ok++;
      const replayed = applied(func, seq(...result.trace));
      assertEquals(printFunc(replayed.func), printFunc(result.func), printSchedule(schedule));
      assertEquals(replayed.trace, result.trace);
      if (result.trace.length === 0) assertStrictEquals(result.func, func);
    }),
    { numRuns: 1500 },
  );
  assert(ok > 300, `${ok}`);
});

/** Checks that two schedules always do the same, up to what is tried and refused. */
function sameMeaning(
  law: string,
  make: (a: Schedule, b: Schedule, c: Schedule) => readonly [Schedule, Schedule],
): void {
  Deno.test(`law: ${law}`, () => {
    fc.assert(
      fc.property(arbKernel, arbSchedule, arbSchedule, arbSchedule, (func, a, b, c) => {
        const [left, right] = make(a, b, c);
        assertEquals(outcome(apply(func, left)), outcome(apply(func, right)), printSchedule(left));
      }),
      { numRuns: 150 },
    );
  });
}

sameMeaning("seq of one is it", (a) => [seq(a), a]);
sameMeaning("seq of none does nothing", (a) => [seq(seq(), a, seq()), a]);
sameMeaning("seq is associative", (a, b, c) => [seq(a, seq(b, c)), seq(seq(a, b), c)]);
sameMeaning("attempt is choose with nothing as last", (a) => [attempt(a), choose(a, seq())]);
sameMeaning("attempt of attempt is attempt", (a) => [attempt(attempt(a)), attempt(a)]);
sameMeaning("choose takes the first that succeeds", (a, b) => [choose(attempt(a), b), attempt(a)]);
sameMeaning("choose after a failure takes the second", (_, b) => [attempt(choose(WRONG, b)), attempt(b)]);
sameMeaning(
  "choose is associative",
  (a, b, c) => [attempt(choose(a, choose(b, c))), attempt(choose(choose(a, b), c))],
);
sameMeaning("repeat of 0 does nothing", (a) => [repeat(a, 0), seq()]);
sameMeaning("repeat of 1 is attempt", (a) => [repeat(a, 1), attempt(a)]);
sameMeaning("repeat is attempt of itself and again", (a) => [repeat(a, 3), attempt(seq(a, repeat(a, 2)))]);
sameMeaning("a name changes nothing", (a) => [attempt(named("n", a)), attempt(a)]);
sameMeaning("a peek changes nothing", (a) => [seq(peek("before"), a, peek("after")), a]);
sameMeaning("everywhere tries", (a) => [everywhere(attempt(a)), everywhere(a)]);
sameMeaning("nothing of a seq that fails stays", (a) => [attempt(seq(attempt(a), WRONG)), seq()]);

Deno.test("seq stops at the first failure", () => {
  const failure = refusal(square(), seq(split("i", [null, 4]), WRONG, unroll("nobody")));
  assertEquals([failure.step, failure.at], ["unroll", ["nowhere"]]);
});

Deno.test("choose of none, and of none that fits, fails with every reason", () => {
  assertEquals(refusal(square(), choose()).causes, []);
  const { step, causes } = refusal(
    square(),
    choose(WRONG, seq(LEGAL, LEGAL), named("mine", cacheWrite("square"))),
  );
  assertEquals(step, "choose");
  assertEquals(causes.map((c) => c.step), ["unroll", "unroll", "mine"]);
  assertEquals(causes[2]!.causes.map((c) => [c.step, c.at]), [["cacheWrite", ["square"]]]);
  assert(causes.every((c) => c.reason.length > 10));
});

Deno.test("what choose refused before it took one is told, also from inside a seq", () => {
  const inside = choose(WRONG, LEGAL);
  for (
    const s of [inside, seq(inside), seq(peek("a"), inside, peek("b")), attempt(inside), repeat(inside, 1)]
  ) {
    assertEquals(applied(square(), s).refusals?.map((f) => f.step), ["unroll"], printSchedule(s));
  }
  assertEquals(applied(square(), seq(LEGAL)).refusals, undefined);
});

Deno.test("when asks the block in focus, or all of them", () => {
  const took = (func: PrimFunc, s: Schedule): boolean => applied(func, s).trace.length > 0;
  const split2 = split(".0", [null, 2]);
  assert(took(matmul(), when("reduction", unroll("i"))));
  assert(!took(square(), when("reduction", unroll("i"))));
  assert(took(softmax(), at("acc_max", when("reduction", split2))));
  assert(!took(softmax(), at("softmax", when("reduction", split2))));
  assert(took(square(), when("dynamic", unroll("i"))));
  assert(!took(softmax(), at("softmax", when("scheduled", split2))));
  assert(took(softmax(), at("softmax", seq(unroll(".-1"), when("scheduled", split2)))));
});

Deno.test("repeat ends when the step fails, or at its limit", () => {
  const halves = (limit?: number): number =>
    applied(square(), repeat(split("i", [null, 2], ["i", "h"]), limit)).trace.length;
  assertEquals(halves(3), 3);
  assertEquals(applied(square(), repeat(LEGAL)).trace.length, 1);
});

Deno.test("places in focus", async (t) => {
  const kinds = (schedule: Schedule): readonly string[] =>
    allLoops(applied(matmul(), schedule).func.body).map(({ loop }) => loop.loop);
  await t.step("loops from outside and from inside", () => {
    assertEquals(kinds(at("c_sum", unroll(".0"))), ["unrolled", "serial", "serial"]);
    assertEquals(kinds(at("c_sum", unroll(".2"))), ["serial", "serial", "unrolled"]);
    assertEquals(kinds(at("c_sum", unroll(".-1"))), ["serial", "serial", "unrolled"]);
    assertEquals(kinds(at("c_sum", unroll(".-3"))), ["unrolled", "serial", "serial"]);
  });
  await t.step("the block itself, and real names", () => {
    assertEquals(
      printFunc(applied(matmul(), at("c_sum", cacheWrite("."))).func),
      printFunc(applied(matmul(), cacheWrite("c_sum")).func),
    );
    assertEquals(kinds(at("c_sum", seq(at(".", unroll("j")), unroll("i")))), [
      "unrolled",
      "unrolled",
      "serial",
    ]);
  });
  await t.step("a trace has names, not places", () => {
    const { trace } = applied(
      matmul(),
      at("c_sum", seq(reorder(".-1", ".0"), decomposeReduction(".", ".0"))),
    );
    assertEquals(trace.map(printSchedule), ["reorder(k, i)", "decomposeReduction(c_sum, k)"]);
  });
  await t.step("what is no place is refused", () => {
    const reason = (s: Schedule): string => refusal(matmul(), s).reason;
    assertEquals(reason(unroll(".0")), ".0 stands for nothing: no block is in focus");
    assertEquals(reason(at("c_sum", unroll(".3"))), "block c_sum has 3 loops, so there is no loop .3");
    assertEquals(reason(at("c_sum", unroll(".-4"))), "block c_sum has 3 loops, so there is no loop .-4");
    for (const odd of [".x", "..", ".1.5", ".-", ".0x1"]) {
      assert(reason(at("c_sum", unroll(odd))).startsWith(`${odd} is no place`));
    }
    assert(reason(at("c_summ", unroll(".0"))).includes("there is no block c_summ"));
  });
});

Deno.test("traversals take blocks in order", () => {
  const split2 = (f: string): Schedule => split(f, [null, 2]);
  const loops = (s: Schedule): readonly string[] =>
    applied(softmax(), s).trace.map((p) => (p.kind === "split" ? p.loop : p.kind));
  assertEquals(loops(topDown(split2(".0"))), ["i"]);
  assertEquals(loops(bottomUp(split2(".0"))), ["i_2"]);
  assertEquals(loops(everywhere(split2(".0"))), ["i", "i_1", "i_2"]);
  assertEquals(loops(everywhere(cacheWrite("."))), ["cacheWrite", "cacheWrite"]);
  assertEquals(loops(bottomUp(cacheWrite("."))), ["cacheWrite"]);
  assertEquals(refusal(softmax(), topDown(unroll(".5"))).causes.length, 3);
});

Deno.test("peek shows the function as it is then", () => {
  const seen: string[] = [];
  const schedule = seq(
    peek("first"),
    split("i", [null, 4]),
    peek("second"),
    choose(seq(unroll("i_0"), peek("in"), WRONG), seq()),
  );
  apply(square(), schedule, {
    onPeek: (label, f) =>
      seen.push(`${label}: ${allLoops(f.body).map(({ loop }) => `${loop.var} ${loop.loop}`).join(", ")}`),
  });
  assertEquals(seen, ["first: i serial", "second: i_0 serial, i_1 serial", "in: i_0 unrolled, i_1 serial"]);
});

Deno.test("a name and a rule show in failures", () => {
  const failure = refusal(square(), named("outer", named("inner", WRONG)));
  assertEquals([failure.step, failure.causes[0]!.step, failure.causes[0]!.causes[0]!.step], [
    "outer",
    "inner",
    "unroll",
  ]);
  assert(
    refusal(square(), rule("fallbck")).reason.includes(
      "there is no rule fallbck; there are attention, matmul, gemv, reduction, generalReduction, transpose, elementwise, fallback",
    ),
  );
});

Deno.test("printFailure shows every reason and what is at fault", async (t) => {
  const show = (func: PrimFunc, s: Schedule): string =>
    `${printSchedule(s)}\n${printFailure(refusal(func, s), func)}`;
  await t.assertSnapshot([
    show(matmul(), unroll("kk")),
    show(matmul(), cacheWrite("c_sun")),
    show(matmul(), parallel("k")),
    show(matmul(), fuse(["i", "k"])),
    show(matmul(), choose(named("wide", vectorize("i")), seq(reorder("k", "i"), cacheWrite("c_sum")))),
    show(matmul(), bind("i", "threadIdx.x")),
  ].join("\n\n"));
});

Deno.test("a family is of a dim that there is, and one in the other, not after it", () => {
  assertEquals(
    refusal(matmul(), specialize("nn", 4, seq(), seq())).reason,
    "matmul has no dim nn; it has n. Did you mean n?",
  );
  assertEquals(
    refusal(matmul(), specialize("n", 0.5, seq(), seq())).reason,
    "the most of dim n for the first kernel is a count, got 0.5",
  );
  const one = specialize("n", 4, LEGAL, fallback());
  assertEquals(
    refusal(matmul(), seq(one, specialize("n", 2, seq(), seq()))).reason,
    "matmul is a family already; put one specialize into the other",
  );
  const two = applied(matmul(), specialize("n", 2, seq(), one)).func;
  assertEquals(printFunc(parseFunc(printFunc(two))), printFunc(two));
  assertEquals(refusal(matmul(), specialize("n", 2, seq(), WRONG)).causes[0]!.step, "unroll");
});

Deno.test("both kernels of a family mean what the function does", () => {
  fc.assert(
    fc.property(
      arbKernel,
      fc.nat({ max: 3 }),
      fc.nat({ max: 4 }),
      arbPrimitive,
      arbPrimitive,
      (func, most, n, a, b) => {
        const made = applied(func, specialize("n", most, attempt(a), seq(attempt(b), fallback()))).func;
        assertEquals([...verifyFunc(made)], []);
        const given = Object.fromEntries(func.params.map(({ buffer }, at) => {
          const count = buffer.shape.reduce((p, e) => p * (e.kind === "const" ? e.value : n), 1);
          return [buffer.name, Float32Array.from({ length: count }, (_, i) => (i * 7 + at) % 5)];
        }));
        const [expected, actual] = [structuredClone(given), structuredClone(given)];
        interpret(func, expected, { n });
        interpret(made, actual, { n });
        assertEquals(actual, expected);
      },
    ),
    { numRuns: 200 },
  );
});
