/**
 * What a target can do: the only thing about a device that rules and code generators may look at.
 *
 * @module
 */

/** Capabilities and limits of a target; sizes in bytes unless said otherwise. */
export interface Target {
  /** Which code generator. */
  readonly kind: "webgpu" | "wasm" | "js";
  /** Adapter or engine, for people. */
  readonly name: string;
  /** Whether the adapter runs on the CPU (llvmpipe, SwiftShader). */
  readonly software: boolean;
  /** 16-bit float arithmetic and storage. */
  readonly f16: boolean;
  /** Device timestamps around dispatches. */
  readonly timestamps: boolean;
  /** Largest single buffer. */
  readonly maxBufferSize: number;
  /** Largest part of a buffer that one binding may cover. */
  readonly maxBindingSize: number;
  /** Buffers that one kernel may use. */
  readonly maxBindings: number;
  /** Alignment of a binding's offset. */
  readonly bindingAlignment: number;
  /** Workgroups along each axis of a dispatch. */
  readonly maxWorkgroups: number;
  /** Threads of a workgroup, in all and along x, y, z. */
  readonly maxThreads: number;
  readonly maxThreadsPerAxis: readonly [number, number, number];
  /** Memory shared by a workgroup. */
  readonly maxWorkgroupMemory: number;
  /** Registers of four numbers that a thread's tiles can be in; 0 where generated code keeps arrays in memory. */
  readonly registers: number;
  /** Whether generated code takes sums along a row in vectors by itself, without a schedule that says so. */
  readonly vectorSums: boolean;
  /** Whether a launch costs tens of microseconds, as a dispatch does, and not as little as a call. */
  readonly costlyLaunches: boolean;
}
