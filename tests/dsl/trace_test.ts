import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import * as w from "../../dsl/mod.ts";
import { firstFrameOutside } from "../../dsl/call_site.ts";
import { evalDim } from "../../ir/dim.ts";
import { ConfigError, ShapeError } from "../../ir/errors.ts";
import { type Graph, valueTypes } from "../../ir/graph.ts";

const graphOf = (program: w.Program, name: string = "main"): Graph => program.graphs[name]!;

/** Traces one function of one input. */
function traced(
  shape: readonly w.Dim[],
  f: (x: w.Tensor<w.Shape, "f32">) => unknown,
  options: w.TraceOptions = {},
): Graph {
  const x = w.spec([...shape], "f32") as w.Tensor<w.Shape, "f32">;
  return graphOf(w.trace({ main: w.method({ x }, ({ x }) => f(x)) }, options));
}

/** The text of an error without the line and column, which move with this file. */
const stable = (error: Error): string => error.message.replace(/(trace_test\.ts):\d+:\d+/, "$1:LINE:COLUMN");

Deno.test("dims that are bound are put in everywhere, the others stay", () => {
  const program = (dims: Readonly<Record<string, number>>) =>
    traced(["b", "3*n"], (x) => w.reshape(w.broadcastTo(x, ["h", "b", "3*n"]), ["b*h", 3, "n"]), { dims });
  const free = program({});
  assertEquals(free.inputs[0]?.shape, ["b", "3*n"]);
  assertEquals(free.nodes.map((n) => n.shape), [["h", "b", "3*n"], ["b*h", 3, "n"]]);
  const half = program({ n: 4, h: 2 });
  assertEquals(half.inputs[0]?.shape, ["b", 12]);
  assertEquals(half.nodes.map((n) => n.shape), [[2, "b", 12], ["2*b", 3, 4]]);
  assertEquals(half.nodes.map((n) => n.attrs["shape"]), [[2, "b", 12], ["2*b", 3, 4]]);
});

Deno.test("property: binding dims before or after tracing gives the same shapes", () => {
  const name = fc.constantFrom("b", "s", "n");
  const dims = fc.dictionary(name, fc.integer({ min: 1, max: 9 }), { noNullPrototype: true });
  const build = (x: w.Tensor<w.Shape, "f32">) => {
    const y = w.softmax(x, -1);
    return w.matmul(w.concat([y, y], 0), w.transpose(y) as never);
  };
  fc.assert(fc.property(dims, (values) => {
    const free = traced(["b", "n"], build);
    const bound = traced(["b", "n"], build, { dims: values });
    const all = { b: 2, s: 3, n: 4, ...values };
    assertEquals(
      bound.nodes.map((n) => n.shape.map((d) => evalDim(d, all))),
      free.nodes.map((n) => n.shape.map((d) => evalDim(d, all))),
    );
  }));
});

Deno.test("bounds are written canonically, with bound dims put in; those of numbers are gone", () => {
  const bounds = { "s+past": 1024, s: 512, n: 9, "n+past": 7, past: 1000 };
  assertEquals(traced(["s"], (x) => x, { bounds, dims: { n: 3 } }).bounds, {
    "past+3": 7,
    "past+s": 1024,
    past: 1000,
    s: 512,
  });
});

Deno.test("a method of several inputs and outputs keeps their paths and order", () => {
  const program = w.trace({
    main: w.method({
      ids: w.spec(["b"], "i32"),
      past: [{ k: w.state(["t"], "f32"), v: w.state(["t"], "f32") }, {
        k: w.state(["t"], "f32"),
        v: w.state(["t"], "f32"),
      }],
    }, ({ ids, past }) => ({ next: [ids, ids], past: past.map(({ k, v }) => ({ k: v, v: k })) })),
  });
  const g = graphOf(program);
  assertEquals(g.inputs.map((i) => [i.name, i.role]), [
    ["ids", "input"],
    ["past.0.k", "state"],
    ["past.0.v", "state"],
    ["past.1.k", "state"],
    ["past.1.v", "state"],
  ]);
  assertEquals(g.outputs.map((o) => [o.name, o.value]), [
    ["next.0", "ids"],
    ["next.1", "ids"],
    ["past.0.k", "past.0.v"],
    ["past.0.v", "past.0.k"],
    ["past.1.k", "past.1.v"],
    ["past.1.v", "past.1.k"],
  ]);
});

Deno.test("a single tensor in or out is called input and output", () => {
  const g = graphOf(w.trace({ main: w.method(w.spec([2], "f32"), (x) => w.neg(x)) }));
  assertEquals([g.inputs[0]?.name, g.outputs[0]?.name], ["input", "output"]);
});

Deno.test("inputs that nothing reads stay: they are the interface", () => {
  const program = w.trace({
    main: w.method({ a: w.spec([1], "f32"), b: w.spec([2], "f32") }, ({ a }) => ({ y: a })),
  });
  assertEquals(graphOf(program).inputs.map((i) => i.name), ["a", "b"]);
});

Deno.test("values are shared, not computed again, and come before what reads them", () => {
  const g = traced(["n"], (x) => {
    const y = w.exp(x);
    return w.add(w.mul(y, y), y);
  });
  assertEquals(g.nodes.map((n) => n.op), ["exp", "mul", "add"]);
  const known = new Set(g.inputs.map((i) => i.name));
  for (const node of g.nodes) {
    assert(node.inputs.every((i) => known.has(i)));
    known.add(node.name);
  }
});

Deno.test("chains of 5,000 operators, and as many operands, do not overflow the stack", () => {
  const chain = traced(["n"], (x) => {
    let y = x;
    for (let i = 0; i < 5000; i++) y = w.add(y, x) as never;
    return y;
  });
  assertEquals(chain.nodes.length, 5000);
  const nested = traced(["n"], (x) => {
    let y = x;
    for (let i = 0; i < 5000; i++) y = w.add(x, y) as never;
    return y;
  });
  assertEquals(nested.nodes.length, 5000);
  assertEquals(valueTypes(nested).get(nested.outputs[0]!.value)?.shape, ["n"]);
});

Deno.test("methods: all, some by name, or with dims of their own", () => {
  const m = w.module({ scale: w.param(["n"], "f32") }, ({ scale }) => ({
    one: w.method({ x: w.spec(["s", "n"], "f32") }, ({ x }) => ({ y: w.mul(x, scale) })),
    two: w.method({ x: w.spec(["n"], "f32") }, ({ x }) => ({ y: w.add(x, scale) })),
    helper: (x: w.Tensor<["n"], "f32">) => x,
  }));
  assertEquals(Object.keys(w.trace(m).graphs), ["one", "two"]);
  assertEquals(Object.keys(w.trace(m, { methods: ["two"] }).graphs), ["two"]);
  const program = w.trace(m, { dims: { n: 8 }, methods: { one: { s: 1 } }, bounds: { s: 4 } });
  assertEquals(graphOf(program, "one").inputs.map((i) => i.shape), [[1, 8], [8]]);
  assertEquals(graphOf(program, "one").bounds, {});
});

Deno.test("taps are outputs behind those of the method, each value once", () => {
  const build = (x: w.Tensor<w.Shape, "f32">) => {
    const a = w.named("a", w.exp(x));
    return { y: w.named("y", w.neg(w.named("b", w.log(a)))) };
  };
  const outputs = (taps: w.TraceOptions["taps"]) =>
    traced(["n"], build, taps === undefined ? {} : { taps }).outputs.map((o) => o.name);
  assertEquals(outputs(undefined), ["y"]);
  assertEquals(outputs(["b"]), ["y", "b"]);
  assertEquals(outputs("all"), ["y", "a", "b"]);
});

Deno.test("what does not exist is refused with what does", async (t) => {
  const trace = (options: w.TraceOptions) => () => traced(["n"], (x) => w.named("hidden", w.exp(x)), options);
  const messages = [
    trace({ taps: ["hiden"] }),
    trace({ taps: ["logits"] }),
    trace({ methods: ["mian"] }),
    trace({ methods: { forward: {} } }),
    () => w.trace({}, { methods: ["main" as string] }),
    () => w.trace({}),
  ].map((f) => assertThrows(f, ConfigError).message);
  await t.assertSnapshot(messages);
});

Deno.test("methods that give nothing, or take what is no input, are refused", async (t) => {
  const shaped = assertThrows(() => traced(["n"], () => ({})), ShapeError).message;
  const computed = w.method({ x: w.neg(w.spec([2], "f32")) }, ({ x }) => x);
  const typed = assertThrows(() => w.trace({ main: computed }), ConfigError).message;
  await t.assertSnapshot([shaped, typed]);
});

Deno.test("tensors from outside are refused", async (t) => {
  const outside = w.spec([2], "f32");
  const messages = [
    () => traced([2], (x) => w.add(x, outside)),
    () => traced([2], () => outside),
    () => traced([2], (x) => w.add(x, w.state([2], "f32"))),
    () => traced([2], (x) => w.add(x, w.exp(w.param([2], "f32")))),
  ].map((f) => assertThrows(f, ShapeError).message);
  await t.assertSnapshot(messages);
});

Deno.test("two different inputs of one name are refused", async (t) => {
  const m = w.module({ x: w.param([2], "f32") }, ({ x: weight }) => ({
    main: w.method({ x: w.spec([2], "f32") }, ({ x }) => ({ y: w.mul(x, weight) })),
  }));
  const dtypes = w.module({ a: w.param([2], "f32") }, ({ a }) => ({
    main: w.method({ y: w.spec([2], "f32") }, ({ y }) => ({ z: w.add(w.mul(y, a), y) })),
  }));
  assertEquals(graphOf(w.trace(dtypes)).inputs.length, 2);
  await t.assertSnapshot(assertThrows(() => w.trace(m), ShapeError).message);
});

const block = w.module({
  attn: w.module(
    { c_attn: w.nn.linear("n", "3*n") },
    ({ c_attn }) => (x: w.Tensor<["b", "s", "n"], "f32">) => {
      const [q] = w.split(c_attn(x), 3, -1);
      return w.reshape(q, ["b", "s", "h", "d"]);
    },
  ),
}, ({ attn }) => (x: w.Tensor<["b", "s", "n"], "f32">) => attn(x));

const gpt = w.module({ h: w.list(2, () => block) }, ({ h }) => ({
  main: w.method({ x: w.spec(["b", "s", "n"], "f32") }, ({ x }) => ({ y: h.map((m) => m(x)) })),
}));

Deno.test("an error says the operator, the module's path, the values, and the line of the model", async (t) => {
  const error = assertThrows(() => w.trace(gpt, { dims: { b: 1, n: 768, h: 12, d: 60 } }), ShapeError);
  assertEquals([error.op, error.path], ["reshape", "h.0.attn"]);
  assertEquals(error.reason, "reshape: [1, s, 768] has 768*s elements, [1, s, 12, 60] has 720*s");
  assertMatch(error.at ?? "", /\/tests\/dsl\/trace_test\.ts:\d+:\d+$/);
  await t.assertSnapshot(stable(error));
});

Deno.test("the line of an error is that of the call, however deep the language's own calls are", () => {
  const lineOf = (f: () => unknown): number => {
    const error = assertThrows(f, ShapeError);
    return Number(/trace_test\.ts:(\d+):/.exec(error.message)?.[1]);
  };
  const here = (): number => Number(/trace_test\.ts:(\d+):/.exec(new Error().stack!.split("\n")[2]!)?.[1]);
  const a = w.spec([2, 3], "f32") as w.Tensor<[2, number], "f32">;
  assertEquals(lineOf(() => w.matmul(a, w.spec([4, 5], "f32"))), here());
  assertEquals(lineOf(() => w.nn.layerNorm(7)(a)), here());
  assertEquals(lineOf(() => w.instantiate(w.nn.linear(7, 8), "up")(a)), here());
  assertEquals(lineOf(() => w.spec([-1 as number], "f32")), here());
  assertEquals(lineOf(() => w.compute("k", [["i", 2]], ({ i }, { at }) => at(a as w.Tensor, i))), here());
  assertEquals(lineOf(() => w.transpose(w.spec([2], "f32") as never)), here());
});

Deno.test("an error outside of modules has no path; what is not a shape error stays what it is", () => {
  const a = w.spec([2], "f32") as w.Tensor<w.Shape, "f32">;
  const error = assertThrows(() => w.add(a, w.spec([3], "f32")), ShapeError);
  assertEquals(error.path, "");
  assertEquals(stable(error), "add: cannot broadcast [2] with [3]: 2 vs 3\n    at trace_test.ts:LINE:COLUMN");
  const thrown = new RangeError("mine");
  const m = w.module({
    inner: w.module({}, () => () => {
      throw thrown;
    }),
  }, ({ inner }) => ({
    main: w.method({ a }, () => inner()),
  }));
  assertEquals(assertThrows(() => w.trace(m)), thrown);
});

Deno.test("a model that throws leaves no trace of its scope behind", () => {
  assertThrows(() => w.trace(gpt, { dims: { n: 768, h: 12, d: 60 } }), ShapeError);
  assertEquals(w.spec(["n"], "f32").shape, ["n"]);
  assertEquals(w.add(w.spec(["n"], "f32"), w.full(["n"], 1)).shape, ["n"]);
});

Deno.test("dims that are not what can be one are refused where they are written", async (t) => {
  const errors = [
    () => w.spec(["n*3" as string], "f32"),
    () => w.spec(["s+past" as string], "f32"),
    () => w.spec([-1 as number], "f32"),
    () => w.spec([1.5 as number], "f32"),
    () => w.spec(["n-1" as string], "f32"),
    () => w.spec(["seq len" as string], "f32"),
    () => w.spec([1, 1, 1, 1, 1, 1, 1, 1, 1], "f32"),
    () => w.spec([2], "f64" as never),
    () => w.state([NaN], "f32"),
    () => w.param([2 ** 53], "f32"),
    () => w.full([-1], 0),
    () => w.full(["3*n*2"], 0),
    () => w.arange(-3),
    () => w.reshape(w.spec(["2*n"], "f32"), ["n*2"]),
    () => w.reshape(w.spec(["n"], "f32"), [1, 1, 1, 1, 1, 1, 1, 1, "n"]),
    () => w.nn.linear("n", "n*4"),
  ].map((f) => stable(assertThrows(f, ShapeError)));
  await t.assertSnapshot(errors);
});

Deno.test("values of dims that are no sizes are refused", () => {
  for (const n of [1.5, -1, NaN]) {
    assertThrows(() => traced(["n"], (x) => x, { dims: { n } }), ShapeError);
  }
});

Deno.test("the first frame outside is found in the stacks of Deno, Node, Bun, Firefox and Safari", () => {
  const frames = {
    deno: `ShapeError: x
    at located (file:///w%20x/dsl/apply.ts:20:3)
    at Array.map (<anonymous>)
    at add (file:///w%20x/dsl/ops/binary.ts:7:10)
    at ext:core/01_core.js:1:2
    at main (file:///home/me/my%20model.ts:7:9)
    at file:///home/me/main.ts:1:1`,
    node: `Error
    at add (file:///w%20x/dsl/ops/binary.js:7:10)
    at new Model (/home/me/my model.ts:7:9)
    at node:internal/process/task_queues:95:5`,
    bun: `Error: x
    at <anonymous> (/w x/ir/shape.ts:1:1)
    at async forward (/home/me/my model.ts:7:9)`,
    firefox: `add@file:///w%20x/dsl/ops/binary.ts:7:10
forward/<@file:///home/me/my%20model.ts:7:9
@file:///home/me/main.ts:1:1`,
    safari: `add@file:///w%20x/dsl/ops/binary.ts:7:10
module code@file:///home/me/my%20model.ts:7:9`,
  };
  for (const [runtime, stack] of Object.entries(frames)) {
    assertEquals(
      firstFrameOutside(stack, ["file:///w%20x/dsl/", "file:///w%20x/ir/"]),
      "/home/me/my model.ts:7:9",
      runtime,
    );
  }
  const windows = `Error
    at add (file:///C:/w/dsl/a.ts:1:2)
    at f (C:\\w\\dsl\\b.ts:3:4)
    at g (C:\\me\\model.ts:5:6)`;
  assertEquals(firstFrameOutside(windows, ["file:///C:/w/dsl/"]), "C:/me/model.ts:5:6");
  const remote = `Error
    at add (https://jsr.io/@weft/weft/0.1.0/dsl/a.ts:1:2)
    at g (https://example.org/model.ts:5:6)`;
  assertEquals(
    firstFrameOutside(remote, ["https://jsr.io/@weft/weft/0.1.0/dsl/"]),
    "https://example.org/model.ts:5:6",
  );
  assertEquals(firstFrameOutside("Error: nothing to see", ["file:///w/"]), undefined);
  assertEquals(firstFrameOutside("", []), undefined);
});
