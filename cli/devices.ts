/**
 * Which device a command runs on.
 *
 * @module
 */
import { tmpdir } from "node:os";
import process from "node:process";
import type { Device } from "../backends/backend.ts";
import { jsDevice } from "../backends/js/mod.ts";
import { wasmDevice } from "../backends/wasm/mod.ts";
import { webgpuDevice } from "../backends/webgpu/mod.ts";
import { DeviceError } from "../ir/errors.ts";

/** Names of devices, the preferred one first. */
export const DEVICES = ["webgpu", "wasm", "js"] as const;

/** Name of a device. */
export type DeviceName = typeof DEVICES[number];

/** Makes the device of each name. */
export type DeviceMakers = Readonly<Record<DeviceName, (options: DeviceOptions) => Promise<Device>>>;

/** What a command says of its device. */
export interface DeviceOptions {
  /** Threads of a WebAssembly device. */
  readonly threads?: number;
}

/** The devices of this runtime. */
export const REAL_DEVICES: DeviceMakers = {
  webgpu: () => {
    // Mesa complains on stderr where it is not set, as in containers, and uses it for nothing that matters here.
    if (process.platform === "linux") process.env["XDG_RUNTIME_DIR"] ||= tmpdir();
    return webgpuDevice();
  },
  wasm: ({ threads }) => Promise.resolve(wasmDevice(threads === undefined ? {} : { threads })),
  js: () => Promise.resolve(jsDevice()),
};

/**
 * The device of a name; without one, the first that there is and that is not a WebGPU adapter on the CPU: `say` gets one
 * line for each that it passes over.
 *
 * @throws {DeviceError} if the device that was asked for is not there
 */
export async function openDevice(
  name: DeviceName | undefined,
  makers: DeviceMakers,
  say: (line: string) => void,
  options: DeviceOptions = {},
): Promise<Device> {
  if (name !== undefined) return await makers[name](options);
  for (const [i, candidate] of DEVICES.entries()) {
    const next = DEVICES[i + 1];
    try {
      const device = await makers[candidate](options);
      if (candidate !== "webgpu" || !device.target.software || next === undefined) return device;
      device.dispose();
      say(
        `The only WebGPU adapter, ${device.target.name}, runs on the CPU. Running on ${next}, which is faster there ` +
          `(--device ${candidate} takes it nevertheless).`,
      );
    } catch (error) {
      if (next === undefined || !(error instanceof DeviceError) || error.reason !== "unavailable") {
        throw error;
      }
      say(`${firstSentence(error.message)} Running on ${next} (--device ${candidate} says more).`);
    }
  }
  throw new DeviceError("unavailable", "Cannot run: there is no device");
}

function firstSentence(message: string): string {
  return message.replace(/\s+/g, " ").trim().split(/(?<=\.) /)[0] ?? "";
}
