/** Grids of any size and shape. @module */
import fc from "fast-check";
import { foldGrid } from "../../../backends/webgpu/grid.ts";
import { generateWgsl } from "../../../backends/webgpu/mod.ts";
import type { Launch } from "../../../backends/lower.ts";
import { DeviceError } from "../../../ir/errors.ts";
import { add, type Expr, int, load, lt, mul, variable } from "../../../ir/expr.ts";
import { ifThen, store } from "../../../ir/stmt.ts";
import { assert, assertEquals, assertLess, assertThrows } from "../../support/assert.ts";
import { runLaunches, webgpuTest } from "../../support/webgpu.ts";
import { buf, bx, ceil64, gemv, launch, TARGET, tx } from "./launches.ts";

const [by, bz] = [variable("blockIdx.y"), variable("blockIdx.z")];
const EMPTY = launch("f", [], ifThen(lt(bx, int(0)), store("y", [], int(0))));

Deno.test("a folded grid has enough workgroups, each side within the limit, and few in excess", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1 << 30 }),
      fc.integer({ min: 1 << 11, max: 65535 }),
      (total, limit) => {
        const [x, y, z] = foldGrid(EMPTY, total, limit);
        assert([x, y, z].every((n) => Number.isInteger(n) && n >= 1 && n <= limit), `${x} ${y} ${z}`);
        assert(x * y * z >= total);
        assertLess(x * y * z - total, y * z + x * z + x * y);
      },
    ),
  );
  assertEquals(foldGrid(EMPTY, 65535, 65535), [65535, 1, 1]);
  assertEquals(foldGrid(EMPTY, 65536, 65535), [32768, 2, 1]);
  assertThrows(() => foldGrid(EMPTY, 2 ** 31, 65535), DeviceError, "more than 2^31 - 1");
});

/** `y[bz, by, bx] += 1 + 2 bx + 3 by + 5 bz` in a grid of these extents. */
function box(grid: readonly [Expr, Expr, Expr], dims: readonly string[] = []): Launch {
  const at = [bz, by, bx];
  const value = add(add(int(1), mul(bx, int(2))), add(mul(by, int(3)), mul(bz, int(5))));
  return launch(
    "box",
    [[buf("y", "i32", [grid[2], grid[1], grid[0]]), "read_write"]],
    store("y", at, add(load("y", "i32", at), value)),
    { grid, dims },
  );
}

function boxed([x, y, z]: readonly [number, number, number]): number[] {
  const values: number[] = [];
  for (let k = 0; k < z; k++) {
    for (let j = 0; j < y; j++) for (let i = 0; i < x; i++) values.push(1 + 2 * i + 3 * j + 5 * k);
  }
  return values;
}

webgpuTest("every workgroup of a grid runs exactly once, however it is folded", async (device) => {
  const extents = [[5, 1, 1], [7, 3, 1], [3, 4, 5], [1, 1, 9], [1, 6, 1]] as const;
  for (const [x, y, z] of extents) {
    // Constant within the limit; constant beyond it; symbolic.
    for (const maxWorkgroups of [device.target.maxWorkgroups, 4]) {
      const { y: bytes } = await runLaunches(
        device,
        [box([int(x), int(y), int(z)])],
        { y: 4 * x * y * z },
        {},
        (l) => generateWgsl(l, { ...device.target, maxWorkgroups }),
      );
      assertEquals([...new Int32Array(bytes!)], boxed([x, y, z]), `${x} ${y} ${z} of ${maxWorkgroups}`);
    }
  }
  const symbolic = box([variable("p"), add(variable("q"), int(1)), variable("r")], ["p", "q", "r"]);
  for (const [p, q, r] of [[4, 2, 3], [1, 0, 1], [2, 6, 1]] as const) {
    const { y: bytes } = await runLaunches(device, [symbolic], { y: 4 * p * (q + 1) * r }, { p, q, r });
    assertEquals([...new Int32Array(bytes!)], boxed([p, q + 1, r]));
  }
});

webgpuTest("more than 65535 workgroups along an axis", async (device) => {
  const blocks = 70_000;
  const count = blocks * 64;
  const at = add(mul(bx, int(64)), tx);
  const fill = (grid: Expr, dims: readonly string[]): Launch =>
    launch("fill", [[buf("y", "i32", [mul(grid, int(64))]), "write"]], store("y", [at], add(at, int(1))), {
      grid: [grid, int(1), int(1)],
      workgroup: [64, 1, 1],
      dims,
    });
  for (
    const [l, dims] of [[fill(int(blocks), []), {}], [fill(variable("n"), ["n"]), { n: blocks }]] as const
  ) {
    const { y: bytes } = await runLaunches(device, [l], { y: 4 * count }, dims);
    const wrong = new Int32Array(bytes!).findIndex((v, i) => v !== i + 1);
    assertEquals(wrong, -1);
  }
});

webgpuTest("an empty grid is skipped, whatever it is empty by", async (device) => {
  const [kernel] = await device.prepare([device.generate(gemv(4))]);
  const buffers = [64, 16, 16].map((bytes, i) => device.allocate(bytes, `b${i}`));
  const commands = device.bind([{
    kernel: kernel!,
    buffers: buffers.map((b) => ({ buffer: b, offset: 0, bytes: b.bytes })),
  }]);
  const before = { ...device.counters };
  device.submit(commands, { n: 0 });
  assertEquals(device.counters.dispatches, before.dispatches);
  assertEquals(device.counters.submits, before.submits);
  device.submit(commands, { n: 4 });
  assertEquals(device.counters.dispatches, before.dispatches + 1);
  assertEquals(await device.profile(commands, { n: 0 }), []);
  commands.dispose();
  buffers.forEach((b) => device.free(b));
});

Deno.test("only grids that may exceed the limit are folded", () => {
  const folded = (grid: Launch["grid"]): boolean => generateWgsl(box(grid, ["n"]), TARGET).folded;
  assertEquals(folded([int(65535), int(3), int(1)]), false);
  assertEquals(folded([int(65536), int(1), int(1)]), true);
  assertEquals(folded([ceil64(variable("n")), int(1), int(1)]), true);
});
