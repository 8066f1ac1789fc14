/**
 * Lesson 6: your own operator.
 *
 *     deno run -A docs/lessons/06_your_own_operator.ts
 *
 * An operator is a function from tensors to a tensor. Yours has what those of the language have: a type, a rule for
 * shapes, a kernel that you can print, and a schedule.
 */
import { assertEquals, assertThrows } from "@std/assert";
import {
  compile,
  compute,
  type Dim,
  jsDevice,
  method,
  mul,
  ShapeError,
  spec,
  type Tensor,
  trace,
} from "@weft/weft";
import { lower } from "@weft/weft/compile";
import { apply, bind, cacheWrite, printSchedule, seq, split } from "@weft/weft/schedule";
import { printFunc } from "@weft/weft/ir";

// 1. The type is the rule for shapes: any number of rows of any length, and one number a row. `compute` defines the
//    element at an index; loops are called as you call them.
function rowRange<N extends Dim, K extends Dim>(x: Tensor<[N, K], "f32">): Tensor<[N], "f32"> {
  const [n, k] = x.shape as [N, K];
  return compute(
    "rowRange",
    [["row", n]],
    ({ row }, { at, max, min }) =>
      max({ i: k }, ({ i }) => at(x, row, i)).sub(min({ i: k }, ({ i }) => at(x, row, i))),
  );
}

// 2. An operator may just as well be made of others; it then costs no kernel more than they do.
const square = <N extends Dim>(x: Tensor<[N], "f32">): Tensor<[N], "f32"> => mul(x, x);

const spread = method({ x: spec(["n", 64], "f32") }, ({ x }) => ({ y: square(rowRange(x)) }));
const program = trace({ spread }, { bounds: { n: 1024 } });

// 3. What does not fit is refused by the compiler, and when it runs.
const cube = spec(["n", 2, 3], "f32");
// @ts-expect-error three axes
assertThrows(() => rowRange(cube), ShapeError);
// @ts-expect-error rows of another dtype
const wrong = () => rowRange(spec(["n", 64], "i32"));
console.log(typeof wrong);

// 4. The kernel, as it comes from the definition.
const [kernel] = [...lower(program, jsDevice().target).kernels.values()];
console.log(printFunc(kernel!.func));

// 5. The default schedule took it already. Yours is data, too, and each step says why where it is not legal.
const schedule = seq(
  split("row", [null, 64], ["rows", "lane"]),
  bind("rows", "blockIdx.x"),
  bind("lane", "threadIdx.x"),
  cacheWrite("acc_max"),
);
const result = apply(kernel!.func, schedule);
console.log(result.ok ? result.trace.map(printSchedule).join("\n") : result.failure.reason);
assertEquals(result.ok, true);

// 6. It runs on every device, with other operators put into its kernel where that saves a pass over memory. A test
//    compares it with its definition, for every size.
using executable = await compile(program, { device: jsDevice() });
for (const n of [0, 1, 3]) {
  const data = Float32Array.from({ length: n * 64 }, (_, i) => (i * 37) % 101);
  const { y } = executable.run("spread", { x: { dtype: "f32", shape: [n, 64], data } });
  const expected = Array.from({ length: n }, (_, row) => {
    const values = data.slice(row * 64, (row + 1) * 64);
    return (Math.max(...values) - Math.min(...values)) ** 2;
  });
  const values = (await y!.read()).data;
  console.log(values);
  assertEquals([...values], expected);
}
