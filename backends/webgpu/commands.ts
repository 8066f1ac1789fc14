/**
 * Bound command lists: bind groups and uniform blocks, made once and submitted many times.
 *
 * @module
 */
import { DTYPES } from "../../ir/dtype.ts";
import { DeviceError } from "../../ir/errors.ts";
import { exprId } from "../../ir/expr.ts";
import type { Target } from "../../ir/target.ts";
import type { BufferSlice, Commands, Dispatch } from "../backend.ts";
import { byDims } from "../by_dims.ts";
import type { Binding } from "./bindings.ts";
import type { WebGPUCode } from "./codegen.ts";
import type { Faults } from "./errors.ts";
import { foldGrid } from "./grid.ts";
import { spanOf } from "./ints.ts";
import { allocatedSize, checkSlice, type WebGPUBuffer } from "./memory.ts";
import type { WebGPUKernel } from "./pipelines.ts";
import { gridOf, uniformBytes, writeUniforms } from "./uniforms.ts";

/** Alignment of uniform blocks that every WebGPU device accepts. */
const UNIFORM_ALIGNMENT = 256;

/** A dispatch with its bind group, and its grid as a function of dims, which dispatches alike share. */
interface BoundDispatch {
  readonly kernel: WebGPUKernel;
  readonly group: GPUBindGroup;
  readonly grid: Grid;
}

/** Workgroups along x, y, z; `undefined` if there are none. */
type Workgroups = readonly [number, number, number] | undefined;

/** The grid of dispatches alike, whose uniform words it writes: both are found again only when one of their dims changes. */
type Grid = (dims: Readonly<Record<string, number>>) => Workgroups;

/** A dispatch that is to run: the workgroups along x, y, z. */
export interface ReadyDispatch {
  /** Position in the command list. */
  readonly index: number;
  readonly kernel: WebGPUKernel;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** A command list of a {@linkcode WebGPUDevice}. */
export class WebGPUCommands implements Commands {
  readonly dispatches: readonly Dispatch[];
  readonly #device: GPUDevice;
  readonly #target: Target;
  readonly #bound: readonly BoundDispatch[];
  readonly #uniforms: GPUBuffer | undefined;
  readonly #words: Int32Array<ArrayBuffer>;
  /** Whether words differ from those on the device. */
  #changed = true;
  readonly #grids: readonly Grid[];
  /** What ran last, and the workgroups of every grid then. */
  #last: { readonly workgroups: readonly Workgroups[]; readonly list: readonly ReadyDispatch[] } | undefined;
  readonly #onDispose: (commands: WebGPUCommands) => void;
  #disposed = false;

  /** Checks every binding, then makes bind groups. Throws {@linkcode DeviceError}. */
  constructor(
    device: GPUDevice,
    target: Target,
    faults: Faults,
    dispatches: readonly Dispatch[],
    onDispose: (commands: WebGPUCommands) => void,
  ) {
    this.#device = device;
    this.#onDispose = onDispose;
    this.#target = target;
    this.dispatches = dispatches;
    const resolved = dispatches.map((d) => {
      const kernel = checkKernel(d);
      return { kernel, ranges: resolveBindings(kernel.code, d.buffers, target) };
    });

    // Kernels that read the same words share a block.
    const blocks = new Map<string, number>();
    let end = 0;
    const offsets = resolved.map(({ kernel: { code } }) => {
      if (code.uniforms.length === 0) return 0;
      const key = uniformKey(code);
      const known = blocks.get(key);
      if (known !== undefined) return known;
      const offset = end;
      blocks.set(key, offset);
      end += Math.ceil(uniformBytes(code.uniforms.length) / UNIFORM_ALIGNMENT) * UNIFORM_ALIGNMENT;
      return offset;
    });
    this.#words = new Int32Array(end / 4);
    device.pushErrorScope("validation");
    const uniforms = end === 0 ? undefined : device.createBuffer({
      label: "weft uniforms",
      size: end,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#uniforms = uniforms;
    const grids = new Map<string, Grid>();
    this.#bound = resolved.map(({ kernel, ranges }, i) => {
      const entries: GPUBindGroupEntry[] = ranges.map((r, n) => ({
        binding: n + 1,
        resource: { buffer: r.buffer.gpu, offset: r.offset, size: r.bytes },
      }));
      const uniformOffset = offsets[i] ?? 0;
      if (uniforms !== undefined && kernel.code.uniforms.length > 0) {
        const size = uniformBytes(kernel.code.uniforms.length);
        entries.unshift({ binding: 0, resource: { buffer: uniforms, offset: uniformOffset, size } });
      }
      const label = kernel.code.launch.name;
      const { code } = kernel;
      const alike = [uniformOffset, code.folded, ...code.launch.grid.map(exprId), ...code.launch.dims].join(
        " ",
      );
      const grid = grids.get(alike) ?? this.#gridOf(code, uniformOffset / 4);
      grids.set(alike, grid);
      return {
        kernel,
        grid,
        group: device.createBindGroup({ label, layout: kernel.layout, entries }),
      };
    });
    this.#grids = [...grids.values()];
    const names = [...new Set(resolved.map((r) => r.kernel.code.launch.name))];
    faults.watch(device.popErrorScope(), `while binding ${names.slice(0, 8).join(", ")}`);
  }

  /** Buffers that were made for these commands alone. */
  get buffersMade(): number {
    return this.#uniforms === undefined ? 0 : 1;
  }

  /** Whether these were bound on `device`. */
  isOf(device: GPUDevice): boolean {
    return this.#device === device;
  }

  /**
   * Writes the uniforms for these dim values, where they changed, and gives the dispatches to run: the same list as
   * before where all grids are as before.
   */
  ready(dims: Readonly<Record<string, number>>, wrote: (bytes: number) => void): readonly ReadyDispatch[] {
    if (this.#disposed) throw new DeviceError("validation", "Cannot submit commands that were disposed");
    const workgroups = this.#grids.map((grid) => grid(dims));
    if (this.#uniforms !== undefined && this.#changed) {
      this.#device.queue.writeBuffer(this.#uniforms, 0, this.#words);
      this.#changed = false;
      wrote(this.#words.byteLength);
    }
    if (this.#last !== undefined && workgroups.every((w, i) => w === this.#last?.workgroups[i])) {
      return this.#last.list;
    }
    const list: ReadyDispatch[] = [];
    this.#bound.forEach(({ kernel, group, grid }, index) => {
      const workgroups = grid(dims);
      if (workgroups !== undefined) list.push({ index, kernel, group, workgroups });
    });
    this.#last = { workgroups, list };
    return list;
  }

  #gridOf({ launch, uniforms, folded }: WebGPUCode, at: number): Grid {
    const words = new Int32Array(uniforms.length);
    let last: Workgroups;
    return byDims(launch.dims, (dims) => {
      const grid = gridOf(launch, dims);
      writeUniforms(uniforms, grid, dims, words, 0);
      words.forEach((word, i) => {
        if (this.#words[at + i] === word) return;
        this.#words[at + i] = word;
        this.#changed = true;
      });
      const found = grid.some((n) => n <= 0)
        ? undefined
        : folded
        ? foldGrid(launch, grid[0] * grid[1] * grid[2], this.#target.maxWorkgroups)
        : grid;
      // The same object, if the workgroups are the same.
      if (found === undefined || last === undefined || found.some((n, d) => n !== last?.[d])) last = found;
      return last;
    });
  }

  /** Frees the uniform buffer. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#uniforms?.destroy();
    this.#onDispose(this);
  }
}

/** Records a dispatch in a pass. */
export function encode(pass: GPUComputePassEncoder, d: ReadyDispatch, before?: ReadyDispatch): void {
  if (d.kernel.pipeline !== before?.kernel.pipeline) pass.setPipeline(d.kernel.pipeline);
  pass.setBindGroup(0, d.group);
  pass.dispatchWorkgroups(...d.workgroups);
}

function checkKernel(d: Dispatch): WebGPUKernel {
  const { kernel } = d;
  if (!("pipeline" in kernel)) {
    throw new DeviceError(
      "validation",
      `Cannot bind ${kernel.code.launch.name}: it was prepared by another backend's device`,
    );
  }
  return kernel as WebGPUKernel;
}

/** Tells apart uniform blocks whose words differ for some dims. */
function uniformKey({ uniforms, launch }: WebGPUCode): string {
  return uniforms.map((word) => {
    switch (word.kind) {
      case "grid":
        return word.axes.map((d) => exprId(launch.grid[d as 0 | 1 | 2])).join("*");
      case "bits":
        return word.of;
      case "dim":
        return `dim ${word.name}`;
      default:
        return word satisfies never;
    }
  }).join(";");
}

interface Range {
  readonly buffer: WebGPUBuffer;
  readonly offset: number;
  readonly bytes: number;
  readonly writable: boolean;
  readonly name: string;
}

/** The byte range of every binding; throws where a slice cannot be bound as the kernel wants it. */
function resolveBindings(
  code: WebGPUCode,
  slices: readonly BufferSlice[],
  target: Target,
): readonly Range[] {
  const { launch, bindings } = code;
  if (slices.length !== launch.buffers.length) {
    throw new DeviceError(
      "validation",
      `Cannot bind ${launch.name}: it has ${launch.buffers.length} buffers, got ${slices.length}`,
    );
  }
  const ranges = bindings.map((binding) => resolveBinding(code, binding, slices, target));
  checkConflicts(launch.name, ranges);
  return ranges;
}

function resolveBinding(
  { launch }: WebGPUCode,
  binding: Binding,
  slices: readonly BufferSlice[],
  target: Target,
): Range {
  const slice = slices[binding.buffer];
  const declared = launch.buffers[binding.buffer]?.buffer;
  if (slice === undefined || declared === undefined) throw new TypeError("a binding without a buffer");
  const doing = `bind ${declared.name} of ${launch.name} to`;
  const buffer = checkSlice(doing, slice);
  const refuse = (reason: "validation" | "limit", why: string): never => {
    throw new DeviceError(reason, `Cannot ${doing} buffer ${slice.buffer.label}: ${why}`);
  };
  if (slice.offset % target.bindingAlignment !== 0) {
    refuse("validation", `offset ${slice.offset} is not a multiple of ${target.bindingAlignment}`);
  }
  const span = spanOf(declared);
  const needed = span === undefined ? undefined : span * DTYPES[declared.dtype].bytes;
  if (needed !== undefined && needed > slice.bytes) {
    refuse("validation", `it needs ${needed} bytes, the slice has ${slice.bytes}`);
  }
  // A shared buffer may be much larger than what this kernel touches of it.
  const bytes = allocatedSize(needed ?? slice.bytes) - binding.offset;
  const size = Math.min(bytes, binding.maxBytes ?? bytes);
  if (size > target.maxBindingSize) {
    refuse(
      "limit",
      `its ${size} bytes are more than the ${target.maxBindingSize} that one binding may have on ${target.name}; ` +
        "lower the bounds of its dims or store it in a smaller dtype (only buffers of constant shape are split)",
    );
  }
  return {
    buffer,
    offset: slice.offset + binding.offset,
    bytes: size,
    writable: binding.writable,
    name: declared.name,
  };
}

/** WebGPU's rules on one buffer bound twice: not both written and read-only, and no overlap where written. */
function checkConflicts(kernel: string, ranges: readonly Range[]): void {
  ranges.forEach((a, i) => {
    for (const b of ranges.slice(i + 1)) {
      if (a.buffer !== b.buffer || !(a.writable || b.writable)) continue;
      const refuse = (why: string): never => {
        throw new DeviceError(
          "validation",
          `Cannot bind ${kernel}: ${a.name} and ${b.name} are both in buffer ${a.buffer.label}, ${why}; ` +
            "give one of them a buffer of its own",
        );
      };
      if (a.writable !== b.writable) {
        refuse(`and the kernel writes ${a.writable ? a.name : b.name} but only reads the other`);
      }
      if (a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes) {
        refuse("they overlap, and the kernel writes both");
      }
    }
  });
}
