/**
 * Buffers on the device and the way back to the host.
 *
 * @module
 */
import { DeviceError } from "../../ir/errors.ts";
import type { BufferSlice, DeviceBuffer } from "../backend.ts";

/** Memory of a {@linkcode WebGPUDevice}. */
export class WebGPUBuffer implements DeviceBuffer {
  /** The size that was asked for; the buffer itself is {@linkcode allocatedSize} bytes long. */
  readonly bytes: number;
  /** What it is for. */
  readonly label: string;
  /** WebGPU's own buffer. */
  readonly gpu: GPUBuffer;
  #freed = false;

  /** Takes over a WebGPU buffer. */
  constructor(gpu: GPUBuffer, bytes: number, label: string) {
    this.gpu = gpu;
    this.bytes = bytes;
    this.label = label;
  }

  /** Whether {@linkcode destroy} was called. */
  get freed(): boolean {
    return this.#freed;
  }

  /** Gives the memory back. */
  destroy(): void {
    this.#freed = true;
    this.gpu.destroy();
  }
}

/** `bytes` rounded up to whole vectors of 16 bytes, at least one, so that kernels can bind any buffer as vectors. */
export function allocatedSize(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}

/** `bytes` rounded up to what WebGPU copies: a multiple of 4, at least 4. */
export function paddedSize(bytes: number): number {
  return Math.max(4, Math.ceil(bytes / 4) * 4);
}

/** The buffer of a slice, after checking that it is one of this backend's, still there, and large enough. */
export function checkSlice(doing: string, slice: BufferSlice): WebGPUBuffer {
  const { buffer, offset, bytes } = slice;
  const refuse = (why: string): never => {
    throw new DeviceError("validation", `Cannot ${doing} buffer ${buffer.label}: ${why}`);
  };
  if (!(buffer instanceof WebGPUBuffer)) return refuse("it does not belong to a WebGPU device");
  if (buffer.freed) return refuse("it was freed");
  if (!(Number.isInteger(offset) && Number.isInteger(bytes) && offset >= 0 && bytes >= 0)) {
    return refuse(`offset ${offset} and length ${bytes} must be integers from 0 on`);
  }
  if (offset + bytes > allocatedSize(buffer.bytes)) {
    return refuse(`bytes ${offset} to ${offset + bytes} are outside it, it has ${buffer.bytes}`);
  }
  return buffer;
}

/** Buffers for reading back, used again once they are free. */
export class StagingPool {
  readonly #device: GPUDevice;
  readonly #free: GPUBuffer[] = [];
  #freeBytes = 0;

  /** Bytes of free buffers that are kept. */
  static readonly KEEP: number = 64 * 1024 * 1024;

  readonly #onMade: () => void;

  /** A pool on a device; `onMade` is told of every buffer that had to be made. */
  constructor(device: GPUDevice, onMade: () => void) {
    this.#device = device;
    this.#onMade = onMade;
  }

  /** A buffer of at least `bytes`: the smallest free one that is not wastefully large, or a new one. */
  take(bytes: number): GPUBuffer {
    const size = Math.max(256, 2 ** Math.ceil(Math.log2(bytes)));
    const at = this.#free.findIndex((b) => b.size >= bytes && b.size <= size * 4);
    const [found] = at < 0 ? [] : this.#free.splice(at, 1);
    if (found !== undefined) {
      this.#freeBytes -= found.size;
      return found;
    }
    this.#onMade();
    return this.#device.createBuffer({
      label: "weft staging",
      // Large ones as they are: doubling them could exceed the device's limit.
      size: bytes > StagingPool.KEEP / 2 ? bytes : size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  /** Takes an unmapped buffer back. */
  give(buffer: GPUBuffer): void {
    if (this.#freeBytes + buffer.size > StagingPool.KEEP) {
      buffer.destroy();
      return;
    }
    this.#freeBytes += buffer.size;
    this.#free.push(buffer);
    this.#free.sort((a, b) => a.size - b.size);
  }

  /** Frees all free buffers. */
  dispose(): void {
    for (const buffer of this.#free.splice(0)) buffer.destroy();
    this.#freeBytes = 0;
  }
}
