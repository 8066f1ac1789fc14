/**
 * A first kernel with a known result: some implementations hand out devices that compute nothing.
 *
 * @module
 */
import { add, int, load, mul, variable } from "../../ir/expr.ts";
import { type Buffer, store } from "../../ir/stmt.ts";
import type { Device } from "../backend.ts";
import type { Launch } from "../lower.ts";

const COUNT = 256;
const THREADS = 64;

const x: Buffer = { name: "x", dtype: "i32", shape: [int(COUNT)], scope: "global" };
const y: Buffer = { name: "y", dtype: "i32", shape: [int(COUNT)], scope: "global" };
const at = add(mul(variable("blockIdx.x"), int(THREADS)), variable("threadIdx.x"));

/** `y[i] = 31 x[i] + i + n`. */
const LAUNCH: Launch = {
  name: "selftest",
  buffers: [{ buffer: x, access: "read" }, { buffer: y, access: "write" }],
  dims: ["n"],
  grid: [int(COUNT / THREADS), int(1), int(1)],
  workgroup: [THREADS, 1, 1],
  body: store("y", [at], add(add(mul(load("x", "i32", [at]), int(31)), at), variable("n"))),
};

/** Runs the kernel; gives `undefined`, or what was wrong with the result. */
export async function selfTest(device: Device): Promise<string | undefined> {
  const n = 123_457;
  const input = Int32Array.from({ length: COUNT }, (_, i) => (i * 2_654_435) % 1_000_003);
  const [kernel] = await device.prepare([device.generate(LAUNCH)]);
  if (kernel === undefined) return "it prepared no kernel";
  const buffers = [x, y].map((b) => device.allocate(4 * COUNT, `selftest ${b.name}`));
  try {
    const slices = buffers.map((buffer) => ({ buffer, offset: 0, bytes: 4 * COUNT }));
    const [from, to] = slices;
    if (from === undefined || to === undefined) return "it allocated no buffers";
    device.write(from.buffer, 0, new Uint8Array(input.buffer));
    const commands = device.bind([{ kernel, buffers: slices }]);
    device.submit(commands, { n });
    const result = new Int32Array((await device.read(to)).buffer);
    commands.dispose();
    const wrong = input.findIndex((v, i) => result[i] !== 31 * v + i + n);
    return wrong < 0
      ? undefined
      : `its first kernel gave ${result[wrong]} for 31 * ${input[wrong]} + ${wrong} + ${n}`;
  } finally {
    for (const buffer of buffers) device.free(buffer);
  }
}
