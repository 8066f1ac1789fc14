/**
 * Lesson 4: tracing and printing.
 *
 *     deno run -A docs/lessons/04_tracing_and_printing.ts
 *
 * `trace` calls a model once with tensors that stand for its inputs, and writes down what is done with them. Everything
 * after that is data, which can be printed, parsed and compared.
 */
import { assertEquals } from "@std/assert";
import {
  compile,
  exp,
  jsDevice,
  lower,
  method,
  module,
  named,
  nn,
  parseGraph,
  printFunc,
  printGraph,
  softmax,
  spec,
  trace,
} from "@weft/weft";

// 1. An entry point names its inputs. A model has as many as it likes.
const classifier = module({ head: nn.head("n", 3) }, ({ head }) => ({
  classify: method(
    { x: spec(["b", "n"], "f32") },
    ({ x }) => ({ p: softmax(named("logits", head(x)), -1) }),
  ),
  grow: method({ x: spec(["b"], "f32") }, ({ x }) => ({ y: exp(x) })),
}));

// 2. Dims with a value are put in; `b` stays a name, with a bound to plan memory for.
const program = trace(classifier, { dims: { n: 4 }, bounds: { b: 16 } });
const graph = program.graphs["classify"]!;
console.log(printGraph(graph));
assertEquals(graph.inputs.map((i) => [i.name, i.role]), [["x", "input"], ["head.weight", "param"]]);

// 3. What is printed can be read again.
assertEquals(printGraph(parseGraph(printGraph(graph))), printGraph(graph));

// 4. The same model for one row only: a further dim gets a value, and a graph of its own.
const one = trace(classifier, { dims: { n: 4 }, methods: { classify: { b: 1 } } });
assertEquals(one.graphs["classify"]!.inputs[0]?.shape, [1, 4]);

// 5. A named tensor inside can be tapped: it becomes a further output, at its path.
const tapped = trace(classifier, {
  dims: { n: 4 },
  bounds: { b: 16 },
  methods: ["classify"],
  taps: ["logits"],
});
assertEquals(tapped.graphs["classify"]!.outputs.map((o) => o.name), ["p", "logits"]);

// 6. Lowering needs no device: kernels are loop nests, before and after their schedule.
const device = jsDevice();
const grow = trace(classifier, { bounds: { b: 16 }, methods: ["grow"] });
for (const { func, scheduled } of lower(grow, device.target).kernels.values()) {
  console.log(printFunc(func));
  console.log(printFunc(scheduled));
}

// 7. One compiled program serves every length up to the bound.
using executable = await compile(grow, { device });
for (const data of [Float32Array.of(0), Float32Array.of(0, 1, 2)]) {
  const { y } = executable.run("grow", { x: { dtype: "f32", shape: [data.length], data } });
  const result = await y!.read();
  console.log(result.data);
  assertEquals(result.shape, [data.length]);
  assertEquals(result.data[0], 1);
}
