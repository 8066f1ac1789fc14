/**
 * Lesson 7: reading errors.
 *
 *     deno run -A docs/lessons/07_reading_errors.ts
 *
 * A mistake is told as early as it can be known: in the editor, when a model is traced, when weights are read, when a
 * program runs. The message says what was asked, of what, and what would do.
 */
import { assertEquals, assertThrows } from "@std/assert";
import {
  compile,
  ConfigError,
  type Dim,
  InputError,
  jsDevice,
  matmul,
  method,
  module,
  nn,
  parseSchedule,
  reshape,
  ShapeError,
  spec,
  type Tensor,
  trace,
} from "@weft/weft";
import { apply, printFailure } from "@weft/weft/schedule";
import { lower } from "@weft/weft/compile";

const message = (
  f: () => unknown,
  kind: typeof ShapeError | typeof ConfigError | typeof InputError,
): string => {
  const { message } = assertThrows(f, kind);
  console.log(message);
  return message;
};

// 1. In the editor: one line, which ends in the message. Operands are shown as they are.
const x = spec(["b", "s", 768], "f32");
// @ts-expect-error matmul: inner dims 768 and 3072 differ: [b, s, 768] x [3072, 768]
const one = () => matmul(x, spec([3072, 768], "f32"));

// 2. Where types do not know (sizes from a file, say), the same words come when the model is traced.
const sizes: Dim[] = [3072, 768];
const said = message(() => matmul(x, spec(sizes, "f32")), ShapeError);
assertEquals(said.includes("inner dims 768 and 3072 differ"), true);
assertEquals(message(one, ShapeError).includes("inner dims 768 and 3072 differ"), true);

// 3. Inside of a model the message has the path of the module, as weights have.
const broken = module({ h: nn.linear(4, 4) }, ({ h }) => (x: Tensor<["b", 4], "f32">) => {
  const y = h(x);
  return reshape(y as Tensor<Dim[], "f32">, ["b", 5]);
});
const model = module({ transformer: broken }, ({ transformer }) => ({
  run: method({ x: spec(["b", 4], "f32") }, ({ x }) => ({ y: transformer(x) })),
}));
assertEquals(message(() => trace(model), ShapeError).includes("transformer"), true);

// 4. A name that is nearly right is answered with the right one.
message(() => trace(model, { methods: { rum: {} } as never }), ConfigError);

// 5. When a program runs, its inputs are checked before anything else is done.
const good = method({ x: spec(["n", 2], "f32") }, ({ x }) => ({ y: matmul(x, x as Tensor<Dim[], "f32">) }));
const program = trace({ good }, { dims: { n: 2 } });
using executable = await compile(program, { device: jsDevice() });
message(
  () => executable.run("good", { x: { dtype: "f32", shape: [3, 2], data: new Float32Array(6) } } as never),
  InputError,
);

// 6. Schedules do not throw: a step that is not legal is a result, which shows the nest and what is at fault in it.
const [kernel] = [...lower(program, jsDevice().target).kernels.values()];
const result = apply(kernel!.func, parseSchedule("bind(k, threadIdx.x)"));
if (!result.ok) console.log(printFailure(result.failure, kernel!.func));
assertEquals(result.ok, false);
