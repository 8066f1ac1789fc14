/**
 * Lesson 1: tensors and dims.
 *
 *     deno run -A docs/lessons/01_tensors_and_dims.ts
 *
 * A tensor has a shape and a dtype, both in its type. A dim is a number, or a name for one that is known later.
 */
import { assertEquals } from "@std/assert";
import {
  add,
  compile,
  concat,
  full,
  jsDevice,
  matmul,
  method,
  reshape,
  spec,
  trace,
  transpose,
} from "@weft/weft";

// A spec describes a tensor. Nothing is computed: operators only work out shapes and dtypes.
const x = spec(["batch", 4], "f32");
const w = spec([4, 8], "f32");
const y = matmul(x, w);
console.log(y.shape, y.dtype); // [ "batch", 8 ] f32

// Sums and products of names have one spelling, so equal dims are equal strings.
const twice = concat([y, y], 0);
assertEquals(twice.shape, ["2*batch", 8]);
console.log(twice.shape); // [ "2*batch", 8 ]
console.log(reshape(twice, ["batch", 16]).shape); // [ "batch", 16 ]

// What cannot fit is an error in the editor. Here the compiler says:
//   matmul: inner dims 8 and 4 differ: [batch, 8] x [4, 8]
// @ts-expect-error inner dims differ
const wrong = () => matmul(y, w);
console.log(typeof wrong);

// A method names inputs and outputs; trace() makes a program of it, compile() makes it run.
const main = method(
  { a: x, b: w },
  ({ a, b }) => ({ scores: add(matmul(a, b), full([], 1, "f32")), turned: transpose(b) }),
);
const program = trace({ main }, { bounds: { batch: 16 } });
using executable = await compile(program, { device: jsDevice() });

// One compiled program serves every batch up to the bound.
for (const batch of [1, 3]) {
  const { scores } = executable.run("main", {
    a: { dtype: "f32", shape: [batch, 4], data: new Float32Array(batch * 4).fill(1) },
    b: { dtype: "f32", shape: [4, 8], data: new Float32Array(32).fill(0.5) },
  });
  const { shape, data } = await scores!.read();
  assertEquals([shape, data[0]], [[batch, 8], 3]);
  console.log(shape, data[0]); // [ 1, 8 ] 3, then [ 3, 8 ] 3
}
