/** Getting a device where there is none, or none that computes: with made-up implementations of WebGPU. @module */
import { webgpuDevice } from "../../../backends/webgpu/mod.ts";
import { DeviceError } from "../../../ir/errors.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";

/** What the made-up implementation does. */
interface Fake {
  readonly adapter?: "none" | "throws";
  /** Whether a request for a device is granted. */
  readonly grants?: (descriptor: GPUDeviceDescriptor) => boolean;
  /** What mapped memory holds. */
  readonly memory?: (bytes: number) => ArrayBuffer;
}

const LIMITS = {
  maxBufferSize: 1 << 28,
  maxStorageBufferBindingSize: 1 << 27,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeWorkgroupsPerDimension: 65535,
  minStorageBufferOffsetAlignment: 256,
};

/** A WebGPU that accepts everything and computes nothing. */
function fakeGpu(fake: Fake, asked: GPUDeviceDescriptor[] = []): GPU {
  const nothing = (): object => ({});
  const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups() {}, end() {} };
  const device = {
    limits: LIMITS,
    features: new Set(),
    lost: new Promise(() => {}),
    addEventListener() {},
    pushErrorScope() {},
    popErrorScope: () => Promise.resolve(null),
    destroy() {},
    createBuffer: ({ size }: GPUBufferDescriptor) => ({
      size,
      destroy() {},
      unmap() {},
      mapAsync: () => Promise.resolve(),
      getMappedRange: (_: number, bytes: number) => (fake.memory ?? ((n) => new ArrayBuffer(n)))(bytes),
    }),
    createShaderModule: nothing,
    createBindGroupLayout: nothing,
    createPipelineLayout: nothing,
    createComputePipelineAsync: () => Promise.resolve({}),
    createBindGroup: nothing,
    createCommandEncoder: () => ({ beginComputePass: () => pass, copyBufferToBuffer() {}, finish: nothing }),
    queue: { writeBuffer() {}, submit() {}, onSubmittedWorkDone: () => Promise.resolve() },
  };
  const adapter = {
    limits: LIMITS,
    features: new Set(["timestamp-query", "depth-clip-control"]),
    info: { vendor: "nobody", architecture: "null", device: "", description: "" },
    requestDevice(descriptor: GPUDeviceDescriptor) {
      asked.push(descriptor);
      return fake.grants?.(descriptor) ?? true
        ? Promise.resolve(device)
        : Promise.reject(new TypeError("Value must be between 0 and 0, got 8"));
    },
  };
  return {
    requestAdapter() {
      if (fake.adapter === "throws") return Promise.reject(new Error("driver crashed"));
      return Promise.resolve(fake.adapter === "none" ? null : adapter);
    },
  } as unknown as GPU;
}

async function unavailable(fake: Fake, text: string, asked?: GPUDeviceDescriptor[]): Promise<DeviceError> {
  const error = await assertRejects(() => webgpuDevice({ gpu: fakeGpu(fake, asked) }), DeviceError, text);
  assertEquals(error.reason, "unavailable");
  for (const hint of ["mesa-vulkan-drivers", "--device js"]) assertStringIncludes(error.message, hint);
  return error;
}

Deno.test("without an adapter the error says what would work", async (t) => {
  const error = await unavailable({ adapter: "none" }, "Cannot use WebGPU: there is no adapter");
  await t.assertSnapshot(error.message);
});

Deno.test("an adapter that cannot even be asked for", async () => {
  const error = await unavailable({ adapter: "throws" }, "looking for an adapter failed: driver crashed");
  assertEquals((error.cause as Error).message, "driver crashed");
});

Deno.test("where the limits are refused, less is asked for", async () => {
  const asked: GPUDeviceDescriptor[] = [];
  await unavailable(
    { grants: () => false },
    "the adapter gives no device: Value must be between 0 and 0",
    asked,
  );
  assertEquals(asked.map((d) => Object.keys(d).sort().join(" ")), [
    "label requiredFeatures requiredLimits",
    "label requiredFeatures",
    "label",
  ]);
  assertEquals(asked[0]?.requiredFeatures, ["timestamp-query"]);
  assertEquals(asked[0]?.requiredLimits?.["maxStorageBufferBindingSize"], 1 << 27);
});

Deno.test("a device that computes nothing is not handed out: zeros", async () => {
  await unavailable(
    {},
    "the device nobody null does not work: its first kernel gave 0 for 31 * 0 + 0 + 123457",
  );
});

Deno.test("a device that computes nothing is not handed out: garbage, after limits were refused", async () => {
  const memory = (bytes: number): ArrayBuffer => new Uint8Array(bytes).fill(0xa5).buffer;
  await unavailable(
    { memory, grants: (d) => d.requiredLimits === undefined },
    "its first kernel gave -1515870811",
  );
});

Deno.test("a device that fails at its first kernel is not handed out", async () => {
  const memory = (): ArrayBuffer => {
    throw new Error("range is not mapped");
  };
  await unavailable({ memory }, "its first kernel failed: range is not mapped");
});
