/** Entry points that are compiled when they are wanted. @module */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Device } from "../../../backends/backend.ts";
import { memoryWeight } from "../../../backends/runtime/weights.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
import { compile } from "../../../compile.ts";
import * as w from "../../../dsl/mod.ts";
import { InputError } from "../../../ir/errors.ts";

/** One entry point, and one whose intermediates are larger, of which only the second uses `late`. */
function program(): w.Program {
  const model = w.module({ matrix: w.param([3, 4], "f32"), late: w.param([4, 64], "f32") }, (p) => {
    const own = (x: w.Tensor<readonly [2, 3], "f32">): w.Tensor<readonly [2, 4], "f32"> =>
      w.softmax(w.matmul(x, p.matrix), -1);
    return {
      first: w.method({ x: w.spec([2, 3], "f32") }, ({ x }) => ({ y: own(x) })),
      second: w.method({ x: w.spec([2, 3], "f32") }, ({ x }) => ({
        y: w.softmax(w.matmul(w.softmax(w.matmul(own(x), p.late), -1), w.transpose(p.late)), -1),
      })),
    };
  });
  return w.trace(model);
}

const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7));
const weights = new Map([
  ["matrix", memoryWeight("f32", [3, 4], numbers(12))],
  ["late", memoryWeight("f32", [4, 64], numbers(256))],
]);
const x = { dtype: "f32", shape: [2, 3], data: numbers(6) } as const;

/** A device that counts buffers that are there, and kernels that were generated. */
function counting(): {
  readonly device: Device;
  readonly live: Set<unknown>;
  readonly generated: () => number;
} {
  const device = jsDevice();
  const live = new Set<unknown>();
  let generated = 0;
  const { allocate, free, generate } = device;
  Object.assign(device, {
    allocate(...args: Parameters<Device["allocate"]>) {
      const buffer = allocate.apply(device, args);
      live.add(buffer);
      return buffer;
    },
    free(buffer: Parameters<Device["free"]>[0]) {
      live.delete(buffer);
      free.call(device, buffer);
    },
    generate(launch: Parameters<Device["generate"]>[0]) {
      generated++;
      return generate.call(device, launch);
    },
  });
  return { device, live, generated: () => generated };
}

Deno.test("a lazy entry point runs when it was prepared, as others do, and everything is freed", async () => {
  using eager = await compile(program(), { device: jsDevice(), weights });
  const expected = (await eager.run("second", { x })["y"]!.read()).data;
  const { device, live, generated } = counting();
  const executable = await compile(program(), { device, weights, lazy: ["second"] });
  const atFirst = generated();
  assertEquals(executable.info.dispatches["second"], 0);
  const before = executable.run("first", { x })["y"]!;
  assertThrows(
    () => executable.run("second", { x }),
    InputError,
    'Cannot run second: it was left for later; await prepare("second") first',
  );
  await Promise.all([executable.prepare("second"), executable.prepare("second")]);
  const made = generated() - atFirst;
  assert(0 < made && made <= eager.info.dispatches["second"]!, "each kernel once");
  assertEquals(executable.info, eager.info);
  assertEquals((await executable.run("second", { x })["y"]!.read()).data, expected);
  // What was bound before still is.
  const again = executable.run("first", { x })["y"]!;
  assertEquals((await again.read()).data, (await eager.run("first", { x })["y"]!.read()).data);
  assert(before.replaced);
  executable.dispose();
  assertEquals(live.size, 0);
});

Deno.test("prepare: says which entry points there are; ready ones take nothing; nothing is made for who is gone", async () => {
  const { device, live, generated } = counting();
  const executable = await compile(program(), { device, weights, lazy: ["second"] });
  const atFirst = generated();
  await executable.prepare("first");
  assertEquals(generated(), atFirst);
  await assertRejects(
    () => executable.prepare("third"),
    InputError,
    "Cannot prepare third: there is no such entry point, there are first, second",
  );
  const late = executable.prepare("second");
  executable.dispose();
  await assertRejects(() => late, InputError, "Cannot prepare second: the executable was disposed");
  assertEquals(live.size, 0);
});
