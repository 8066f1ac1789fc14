/**
 * The process of `process_device.ts`: a device whose calls come as messages, in order.
 *
 * @module
 */
import process from "node:process";
import type { BufferSlice, Commands, Device, DeviceBuffer, Kernel } from "../backends/backend.ts";
import { jsDevice } from "../backends/js/mod.ts";
import type { Launch } from "../backends/lower.ts";
import { wasmDevice } from "../backends/wasm/mod.ts";
import { DeviceError } from "../ir/errors.ts";
import { frame, frameReader } from "./frames.ts";
import { endWithParent } from "./parent_watch.ts";
import { reviveLaunch } from "./revive.ts";

/** A part of a buffer, which is told by its number. */
export interface SliceOf {
  readonly buffer: number;
  readonly offset: number;
  readonly bytes: number;
}

/** A call of a device; buffers, kernels and commands are numbers that the caller gave them. */
export type Call =
  | { readonly kind: "open"; readonly device: "wasm" | "js" }
  | { readonly kind: "allocate"; readonly buffer: number; readonly bytes: number; readonly label: string }
  | { readonly kind: "free"; readonly buffer: number }
  | { readonly kind: "write"; readonly buffer: number; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: "copy"; readonly from: SliceOf; readonly to: number }
  | { readonly kind: "read"; readonly call: number; readonly slice: SliceOf }
  | {
    readonly kind: "prepare";
    readonly call: number;
    readonly launches: readonly Launch[];
    readonly kernels: readonly number[];
  }
  | {
    readonly kind: "bind";
    readonly commands: number;
    readonly dispatches: readonly { readonly kernel: number; readonly buffers: readonly SliceOf[] }[];
  }
  | { readonly kind: "unbind"; readonly commands: number }
  | { readonly kind: "submit"; readonly commands: number; readonly dims: Readonly<Record<string, number>> }
  | {
    readonly kind: "profile";
    readonly call: number;
    readonly commands: number;
    readonly dims: Readonly<Record<string, number>>;
  }
  | { readonly kind: "sync"; readonly call: number };

/** What a call with a number came to. */
export interface Reply {
  readonly call: number;
  readonly value?: unknown;
  readonly error?: { readonly reason: DeviceError["reason"]; readonly message: string };
}

let device: Device | undefined;
const buffers = new Map<number, DeviceBuffer>();
const kernels = new Map<number, Kernel>();
const commands = new Map<number, Commands>();

function of<T>(map: ReadonlyMap<number, T>, number: number): T {
  const found = map.get(number);
  // What did not come to be was told already, or will be by the next call that is answered.
  if (found === undefined) {
    throw new DeviceError("internal", `The process of the device has nothing of number ${number}`);
  }
  return found;
}

const sliceOf = ({ buffer, offset, bytes }: SliceOf): BufferSlice => ({
  buffer: of(buffers, buffer),
  offset,
  bytes,
});

async function run(call: Call): Promise<unknown> {
  if (call.kind === "open") {
    device = call.device === "wasm" ? wasmDevice() : jsDevice();
    return;
  }
  if (device === undefined) throw new DeviceError("unavailable", "The process has no device");
  switch (call.kind) {
    case "allocate":
      return void buffers.set(call.buffer, device.allocate(call.bytes, call.label));
    case "free":
      device.free(of(buffers, call.buffer));
      return void buffers.delete(call.buffer);
    case "write":
      return device.write(of(buffers, call.buffer), call.offset, call.data);
    case "copy":
      return device.copy(sliceOf(call.from), of(buffers, call.to));
    case "read":
      return await device.read(sliceOf(call.slice));
    case "prepare": {
      const there = device;
      const made = await there.prepare(call.launches.map((l) => there.generate(reviveLaunch(l))));
      made.forEach((kernel, i) => kernels.set(call.kernels[i] ?? -1, kernel));
      return;
    }
    case "bind":
      return void commands.set(
        call.commands,
        device.bind(call.dispatches.map((d) => ({
          kernel: of(kernels, d.kernel),
          buffers: d.buffers.map(sliceOf),
        }))),
      );
    case "unbind":
      commands.get(call.commands)?.dispose();
      return void commands.delete(call.commands);
    case "submit":
      return device.submit(of(commands, call.commands), call.dims);
    case "profile":
      return await device.profile(of(commands, call.commands), call.dims);
    case "sync":
      return await device.sync();
    default:
      return call satisfies never;
  }
}

const told = (error: unknown): NonNullable<Reply["error"]> => ({
  reason: error instanceof DeviceError ? error.reason : "internal",
  message: error instanceof Error ? error.message : String(error),
});

let failed: Reply["error"];
let last: Promise<void> = Promise.resolve();

const reply = (value: Reply): void => void process.stdout.write(frame(value));

const answer = async (call: Call): Promise<void> => {
  let value: unknown;
  try {
    value = await run(call);
  } catch (error) {
    failed ??= told(error);
  }
  if (!("call" in call)) return;
  reply(failed === undefined ? { call: call.call, value } : { call: call.call, error: failed });
  failed = undefined;
};

endWithParent();
process.stdin.on("data", frameReader((call) => void (last = last.then(() => answer(call as Call)))));
process.stdin.on("end", () => process.exit(0));
