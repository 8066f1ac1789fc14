/**
 * The devices that model tests run on.
 *
 * @module
 */
import type { Device } from "../../backends/backend.ts";
import { jsDevice } from "../../backends/js/mod.ts";
import { wasmDevice } from "../../backends/wasm/mod.ts";
import { dataDir } from "./data.ts";
import { webgpuTest } from "./webgpu.ts";

/** Registers a test for every backend: js, Wasm, and WebGPU where there is an adapter. */
export function deviceTest(name: string, fn: (device: Device) => Promise<void>): void {
  Deno.test(`js: ${name}`, async () => {
    const device = jsDevice();
    try {
      await fn(device);
    } finally {
      device.dispose();
    }
  });
  Deno.test(`wasm: ${name}`, async () => {
    const device = wasmDevice();
    try {
      await fn(device);
    } finally {
      device.dispose();
    }
  });
  webgpuTest(`webgpu: ${name}`, fn);
}

/** The same for tests that need a folder of the shared data; ignored, and said so, where it is absent. */
export function deviceDataTest(
  name: string,
  folder: string,
  fn: (device: Device, dir: string) => Promise<void>,
): void {
  const dir = dataDir(folder);
  if (dir === undefined) Deno.test({ name: `${name} (skipped: no data/${folder})`, ignore: true, fn() {} });
  else deviceTest(name, (device) => fn(device, dir));
}
