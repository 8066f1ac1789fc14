/**
 * What to ask of an adapter, and the target record of the device that it gives.
 *
 * @module
 */
import type { Target } from "../../ir/target.ts";

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
] as const;

const FEATURES = ["shader-f16", "timestamp-query"] as const;

/**
 * What every WebGPU implementation grants: the target to generate code for where there is no device.
 */
export const WEBGPU_BASELINE: Target = {
  kind: "webgpu",
  name: "WebGPU baseline",
  software: false,
  f16: false,
  timestamps: false,
  maxBufferSize: 268435456,
  maxBindingSize: 134217728,
  maxBindings: 8,
  bindingAlignment: 256,
  maxWorkgroups: 65535,
  maxThreads: 256,
  maxThreadsPerAxis: [256, 256, 64],
  maxWorkgroupMemory: 16384,
  registers: 64,
  vectorSums: false,
  costlyLaunches: true,
};

/** All that the adapter offers of what kernels can use: WebGPU gives only what is asked for. */
export function wantedLimits(adapter: GPUAdapter): Record<string, number> {
  return Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
}

/** The features among those that Weft uses that the adapter offers. */
export function wantedFeatures(adapter: GPUAdapter): GPUFeatureName[] {
  return FEATURES.filter((name) => adapter.features.has(name));
}

/** Describes a device for code generators and rules. */
export function targetOf(info: GPUAdapterInfo, device: GPUDevice): Target {
  const { limits } = device;
  const name = [info.description, info.device, `${info.vendor} ${info.architecture}`]
    .map((text) => text?.trim() ?? "").find((text) => text !== "") ?? "unknown adapter";
  const said = (info as { readonly isFallbackAdapter?: boolean }).isFallbackAdapter === true;
  return {
    kind: "webgpu",
    name,
    software: said || /llvmpipe|swiftshader|software|basic render/i.test(name),
    f16: device.features.has("shader-f16"),
    timestamps: device.features.has("timestamp-query"),
    maxBufferSize: floor4(limits.maxBufferSize),
    maxBindingSize: floor4(Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize)),
    maxBindings: limits.maxStorageBuffersPerShaderStage,
    bindingAlignment: limits.minStorageBufferOffsetAlignment,
    maxWorkgroups: limits.maxComputeWorkgroupsPerDimension,
    maxThreads: limits.maxComputeInvocationsPerWorkgroup,
    maxThreadsPerAxis: [
      limits.maxComputeWorkgroupSizeX,
      limits.maxComputeWorkgroupSizeY,
      limits.maxComputeWorkgroupSizeZ,
    ],
    maxWorkgroupMemory: limits.maxComputeWorkgroupStorageSize,
    registers: WEBGPU_BASELINE.registers,
    vectorSums: WEBGPU_BASELINE.vectorSums,
    costlyLaunches: WEBGPU_BASELINE.costlyLaunches,
  };
}

function floor4(bytes: number): number {
  return Math.floor(bytes / 4) * 4;
}
