/**
 * The one memory of a device: buffers, scratch memory of threads, and what threads share.
 *
 * @module
 */
import { DeviceError } from "../../ir/errors.ts";
import type { DeviceBuffer } from "../backend.ts";
import { MAX_PAGES } from "./codegen.ts";
import { Heap } from "./heap.ts";

const PAGE = 65_536;

/** Memory below this belongs to the device itself; generated code counts on it being one page (see `expr.ts`). */
const RESERVED = PAGE;

/** Where the counter from which threads take items is, behind the words by which they talk: a cache line of its own. */
export const COUNTER: number = PAGE / 2;

/** A growing memory and the buffers in it. */
export class WasmMemory {
  /** The memory itself. */
  readonly memory: WebAssembly.Memory;
  readonly #heap = new Heap(RESERVED);
  readonly #addresses = new Map<DeviceBuffer, number>();
  readonly #maxPages: number;
  #words: Int32Array;
  /** Memory from here on was never given out: the engine's zeroed pages, which the system has not even made yet. */
  #fresh = RESERVED;
  #scratch: { readonly buffer: DeviceBuffer; readonly address: number } | undefined;

  /** Reserves addresses for as much as the engine allows, 4 GiB at most; memory itself is taken as it is needed. */
  constructor(shared: boolean) {
    let maximum = MAX_PAGES;
    for (;; maximum /= 2) {
      try {
        this.memory = new WebAssembly.Memory({ initial: RESERVED / PAGE, maximum, shared });
        break;
      } catch (cause) {
        if (maximum > 1024) continue;
        throw new DeviceError(
          "out-of-memory",
          "Cannot open a WebAssembly device: the engine refuses a memory that may grow to 4 GiB, and every smaller one " +
            `down to ${
              maximum * PAGE / 2 ** 20
            } MiB. Free address space (other devices, a limit such as ulimit -v), or use ` +
            "the JavaScript device (jsDevice(), or --device js on the command line)",
          { cause },
        );
      }
    }
    this.#maxPages = maximum;
    this.#words = new Int32Array(this.memory.buffer);
  }

  /** Zeroed memory. */
  allocate(bytes: number, label: string): DeviceBuffer {
    const block = this.#heap.place(bytes);
    const most = this.#maxPages * PAGE;
    if (block.end > most) {
      throw new DeviceError(
        bytes > most - RESERVED ? "limit" : "out-of-memory",
        `Cannot allocate ${label}: ${bytes} bytes do not fit beside the ${this.#heap.end} bytes in use; a WebAssembly ` +
          `memory has at most ${most} bytes here`,
      );
    }
    const pages = Math.ceil(block.end / PAGE);
    const have = this.memory.buffer.byteLength / PAGE;
    if (pages > have) {
      try {
        this.memory.grow(pages - have);
      } catch (cause) {
        throw new DeviceError(
          "out-of-memory",
          `Cannot allocate ${label}: the engine does not let the memory grow from ${have * PAGE} to ${
            pages * PAGE
          } bytes. Fewer or smaller buffers would fit: a smaller model, f16 weights, a shorter context`,
          { cause },
        );
      }
    }
    this.#heap.take(block);
    // Writing zeros over zeros would cost a pass over all weights, before they are read from their file.
    const used = Math.min(block.end, this.#fresh);
    if (used > block.start) this.bytes(block.start, used - block.start).fill(0);
    this.#fresh = Math.max(this.#fresh, block.end);
    const buffer = Object.freeze({ bytes, label });
    this.#addresses.set(buffer, block.start);
    return buffer;
  }

  /** Gives memory back to the heap. */
  free(buffer: DeviceBuffer): void {
    const address = this.#addresses.get(buffer);
    if (address === undefined) return;
    this.#addresses.delete(buffer);
    this.#heap.free(address);
  }

  /** Where a buffer is; `undefined` if there is none. */
  addressOf(buffer: DeviceBuffer): number | undefined {
    return this.#addresses.get(buffer);
  }

  /** A view of memory, valid until memory grows. */
  bytes(start: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, start, length);
  }

  /** Address of at least so much scratch memory. */
  scratch(bytes: number): number {
    if (this.#scratch === undefined || this.#scratch.buffer.bytes < bytes) {
      if (this.#scratch !== undefined) this.free(this.#scratch.buffer);
      const buffer = this.allocate(Math.max(bytes, 4096), "scratch memory of a kernel");
      this.#scratch = { buffer, address: this.#addresses.get(buffer) ?? 0 };
    }
    return this.#scratch.address;
  }

  /** The memory as words, valid until it grows. */
  words(): Int32Array {
    // A memory that is not shared gets another buffer when it grows; one that is keeps the old one, too short.
    if (this.#words.buffer !== this.memory.buffer) this.#words = new Int32Array(this.memory.buffer);
    return this.#words;
  }

  /** Forgets all buffers. */
  clear(): void {
    this.#addresses.clear();
    this.#scratch = undefined;
  }
}
