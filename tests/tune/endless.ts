/** A kernel that never ends, and a program that runs it in a process of its own. @module */
import { assert } from "@std/assert";
import type { Commands, Device, DispatchTime } from "../../backends/backend.ts";
import { type Launch, lowerFunc } from "../../backends/lower.ts";
import { f32, int, variable } from "../../ir/expr.ts";
import { forLoop, store } from "../../ir/stmt.ts";
import { apply, fallback } from "../../schedule/mod.ts";
import { processDevice } from "../../tune/mod.ts";
import { matvec } from "../schedule/tune/kernels.ts";

/** Of the parameters of `like`, but it takes centuries. */
export function endless(like: Launch): Launch {
  const [first] = like.buffers;
  const name = like.buffers.find((b) => b.access !== "read")!.buffer.name;
  const ages = (depth: number): Parameters<typeof forLoop>[2] =>
    depth === 0 ? store(name, [variable("i0")], f32(1)) : forLoop(`i${depth}`, int(1 << 30), ages(depth - 1));
  assert(first !== undefined);
  return { ...like, name: "endless", body: forLoop("i0", int(2), ages(3)) };
}

/** Starts a kernel that never ends; `profile` is what waits for it. */
export async function startEndless(
  device: Device,
): Promise<{ readonly commands: Commands; readonly profile: Promise<readonly DispatchTime[]> }> {
  const made = apply(matvec(int(64), int(8)), fallback(), { target: device.target });
  assert(made.ok);
  const launch = endless(lowerFunc(made.func).launches[0]!);
  const [kernel] = await device.prepare([device.generate(launch)]);
  const buffers = launch.buffers.map(({ buffer }) => ({
    buffer: device.allocate(2048, buffer.name),
    offset: 0,
    bytes: 2048,
  }));
  const commands = device.bind([{ kernel: kernel!, buffers }]);
  return { commands, profile: device.profile(commands, {}) };
}

if (import.meta.main) {
  const { profile } = await startEndless(processDevice(Deno.args[0] === "js" ? "js" : "wasm"));
  // Long enough for the kernel to have begun.
  setTimeout(() => console.log("under way"), 300);
  await profile;
}
