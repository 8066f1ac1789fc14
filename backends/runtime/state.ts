/**
 * What a program keeps on the device between calls: KV caches and the like.
 *
 * @module
 */
import { dimVars, evalDim, printShape } from "../../ir/dim.ts";
import { InputError } from "../../ir/errors.ts";
import type { Commands, Device, DeviceBuffer } from "../backend.ts";
import { bytesWith, firstExtent, nextExtent } from "./memory.ts";
import type { PlanBuffer } from "./plan.ts";

/** Written over what a state held, piece by piece. */
const ZEROS = new Uint8Array(65536);

/**
 * State of one conversation with a program: buffers for every state of its entry points, and how much of them is in
 * use. Starts empty: symbolic dims are 0. Made by an executable, given to its runs.
 */
export class State {
  readonly #device: Device;
  readonly #buffers: Map<string, DeviceBuffer>;
  /** Extents of the buffers that grow, along their axes. */
  readonly #extents: Map<string, number>;
  readonly #declared: ReadonlyMap<string, PlanBuffer>;
  readonly #shapes = new Map<string, readonly number[]>();
  readonly #commands = new Map<string, Commands>();
  #disposed = false;

  /** For executables only. */
  constructor(device: Device, states: readonly PlanBuffer[]) {
    this.#device = device;
    this.#declared = new Map(states.map((s) => [s.name, s]));
    this.#extents = new Map(
      states.flatMap((s) => s.growth === undefined ? [] : [[s.name, firstExtent(s)] as const]),
    );
    this.#buffers = new Map(
      states.map((s) => [s.name, device.allocate(bytesWith(s, firstExtent(s)), s.name)]),
    );
    this.#empty();
  }

  /** Bytes on the device now. */
  get bytes(): number {
    return [...this.#buffers.values()].reduce((sum, b) => sum + b.bytes, 0);
  }

  /**
   * For executables only: makes room for `length` along the axis by which a state grows. What it holds is copied on the
   * device; commands are to be bound again.
   */
  reserve(name: string, length: number): void {
    const extent = this.#extents.get(name);
    if (extent === undefined || extent >= length) return;
    const declared = this.#declared.get(name);
    const old = this.buffer(name);
    if (declared?.growth === undefined) return;
    const next = nextExtent(declared.growth, length);
    const grown = this.#device.allocate(bytesWith(declared, next), name);
    for (const commands of this.#commands.values()) commands.dispose();
    this.#commands.clear();
    this.#device.copy({ buffer: old, offset: 0, bytes: old.bytes }, grown);
    this.#buffers.set(name, grown);
    this.#extents.set(name, next);
    this.#device.free(old);
  }

  /** Forgets everything: symbolic dims are 0 again, and so is every element. */
  reset(): void {
    this.#empty();
    for (const [name, shape] of this.#shapes) {
      const buffer = this.buffer(name);
      if (shape.includes(0)) continue;
      for (let at = 0; at < buffer.bytes; at += ZEROS.length) {
        this.#device.write(buffer, at, ZEROS.subarray(0, Math.min(ZEROS.length, buffer.bytes - at)));
      }
    }
  }

  #empty(): void {
    for (const [name, s] of this.#declared) {
      const none = Object.fromEntries(s.shape.flatMap(dimVars).map((v) => [v, 0]));
      this.#shapes.set(name, s.shape.map((dim) => evalDim(dim, none)));
    }
  }

  /** For executables only: a state of its own that holds the same, copied on the device. */
  copy(): State {
    const made = new State(this.#device, [...this.#declared.values()]);
    for (const name of this.#declared.keys()) {
      const from = this.buffer(name);
      made.reserve(name, this.#extents.get(name) ?? 0);
      this.#device.copy({ buffer: from, offset: 0, bytes: from.bytes }, made.buffer(name));
      made.advance(name, this.shape(name));
    }
    return made;
  }

  /** Goes back to an earlier length of a dim: `state.rewind("past", 10)` keeps the first ten positions. */
  rewind(dim: string, length: number): void {
    const now = this.length(dim);
    if (!Number.isInteger(length) || length < 0 || length > now) {
      throw new InputError(`Cannot rewind ${dim} to ${length}: it must be an integer from 0 to ${now}`);
    }
    for (const [name, s] of this.#declared) {
      const tied = s.shape.find((d) => d !== dim && dimVars(d).includes(dim));
      if (tied !== undefined) {
        throw new InputError(
          `Cannot rewind ${dim}: ${name} is ${printShape(s.shape)}, and an axis of ${tied} cannot go back`,
        );
      }
    }
    for (const [name, s] of this.#declared) {
      this.#shapes.set(name, this.shape(name).map((size, axis) => (s.shape[axis] === dim ? length : size)));
    }
  }

  /** Length of a dim of the state, such as the number of positions in a KV cache. */
  length(dim: string): number {
    for (const [name, s] of this.#declared) {
      const axis = s.shape.indexOf(dim);
      if (axis >= 0) return this.shape(name)[axis] ?? 0;
    }
    const dims = new Set([...this.#declared.values()].flatMap((s) => s.shape.flatMap(dimVars)));
    throw new InputError(`The state has no dim ${dim}; it has ${[...dims].join(", ") || "none"}`);
  }

  /** Shape that a state has now. */
  shape(name: string): readonly number[] {
    const shape = this.#shapes.get(name);
    if (shape === undefined) throw new InputError(`The state has no ${name}`);
    return shape;
  }

  /** For executables only: the buffer of a state. */
  buffer(name: string): DeviceBuffer {
    if (this.#disposed) throw new InputError("Cannot use a state that was disposed");
    const buffer = this.#buffers.get(name);
    if (buffer === undefined) {
      throw new InputError(`The state has no ${name}: it was made by another executable`);
    }
    return buffer;
  }

  /** For executables only: commands of an entry point bound to these buffers. */
  commands(entry: string, make: () => Commands): Commands {
    if (this.#disposed) throw new InputError("Cannot use a state that was disposed");
    const known = this.#commands.get(entry);
    if (known !== undefined) return known;
    const made = make();
    this.#commands.set(entry, made);
    return made;
  }

  /** For executables only: the shape after a run. */
  advance(name: string, shape: readonly number[]): void {
    this.#shapes.set(name, shape);
  }

  /** Frees the buffers. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const commands of this.#commands.values()) commands.dispose();
    for (const buffer of this.#buffers.values()) this.#device.free(buffer);
  }

  /** Frees the buffers at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
