/**
 * Tests that need WebGPU: one device for each test file. Without an adapter they are skipped, and say so in their
 * name; where the environment has `WEFT_REQUIRE_WEBGPU=1` they fail instead.
 *
 * @module
 */
import { type WebGPUDevice, webgpuDevice } from "../../backends/webgpu/mod.ts";
import type { Launch } from "../../backends/lower.ts";

const opened = await open();

/** Registers a test that runs on WebGPU. */
export function webgpuTest(
  name: string,
  fn: (device: WebGPUDevice, t: Deno.TestContext) => void | Promise<void>,
): void {
  if (opened === undefined && !required()) {
    Deno.test({ name: `${name} (skipped: no WebGPU adapter)`, ignore: true, fn: () => {} });
    return;
  }
  if (opened === undefined || opened instanceof Error) {
    Deno.test(name, () => Promise.reject(opened ?? new Error("there is no WebGPU adapter")));
    return;
  }
  // The device outlives the tests that share it.
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: (t) => Promise.resolve(fn(opened, t)),
  });
}

/** Contents of buffers by name: an array to copy in, or a number of bytes. */
export type BufferContents = Readonly<Record<string, ArrayBufferView<ArrayBuffer> | number>>;

/** Runs launches once, one after the other on the same buffers, and gives what each buffer then holds. */
export async function runLaunches(
  device: WebGPUDevice,
  launches: readonly Launch[],
  contents: BufferContents,
  dims: Readonly<Record<string, number>> = {},
  code: (launch: Launch) => ReturnType<WebGPUDevice["generate"]> = (launch) => device.generate(launch),
): Promise<Readonly<Record<string, ArrayBuffer>>> {
  const kernels = await device.prepare(launches.map(code));
  const buffers = new Map(
    Object.entries(contents).map(([name, value]) => {
      const buffer = device.allocate(typeof value === "number" ? value : value.byteLength, name);
      if (typeof value !== "number") {
        device.write(buffer, 0, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      }
      return [name, buffer] as const;
    }),
  );
  const commands = device.bind(launches.map((launch, i) => ({
    kernel: kernels[i]!,
    buffers: launch.buffers.map(({ buffer: { name } }) => {
      const buffer = buffers.get(name);
      if (buffer === undefined) throw new Error(`no contents for buffer ${name}`);
      return { buffer, offset: 0, bytes: buffer.bytes };
    }),
  })));
  try {
    device.submit(commands, dims);
    const result: Record<string, ArrayBuffer> = {};
    for (const [name, buffer] of buffers) {
      result[name] = (await device.read({ buffer, offset: 0, bytes: buffer.bytes })).buffer;
    }
    return result;
  } finally {
    commands.dispose();
    for (const buffer of buffers.values()) device.free(buffer);
  }
}

/** The device; `undefined` where there is no adapter at all, the error where there is one that does not work. */
async function open(): Promise<WebGPUDevice | Error | undefined> {
  onlyVulkan();
  try {
    if (await navigator.gpu?.requestAdapter() == null) return undefined;
    const device = await webgpuDevice();
    globalThis.addEventListener("unload", () => device.dispose());
    return device;
  } catch (error) {
    return error as Error;
  }
}

/**
 * On Linux Deno would load libEGL as well to look for OpenGL adapters, and libEGL's exit handler races with the exit of
 * the thread that loaded it: about one run in a hundred of `deno test` then ended in "malloc_consolidate()" and exit
 * status 134, after all tests had passed.
 */
function onlyVulkan(): void {
  const name = "DENO_WEBGPU_BACKEND";
  try {
    if (Deno.build.os === "linux" && Deno.env.get(name) === undefined) Deno.env.set(name, "vulkan");
  } catch {
    // no permission to set it: it matters little
  }
}

function required(): boolean {
  try {
    return Deno.env.get("WEFT_REQUIRE_WEBGPU") === "1";
  } catch {
    return false; // no permission to read the environment
  }
}
