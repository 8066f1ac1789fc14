/**
 * Failures of WebGPU as {@linkcode DeviceError}s: their texts, and the record of those that arrive on their own.
 *
 * @module
 */
import { DeviceError } from "../../ir/errors.ts";

const ALTERNATIVES =
  "Weft's JavaScript device works everywhere (jsDevice(), or --device js on the command line)";

/** There is no usable device. */
export function unavailable(what: string, options?: ErrorOptions): DeviceError {
  return new DeviceError(
    "unavailable",
    `Cannot use WebGPU: ${what}. A recent Deno has WebGPU built in (older ones behind --unstable-webgpu); it needs a Vulkan, Metal or DirectX 12 ` +
      `driver (on Linux without a GPU, Mesa's software driver: Debian's package mesa-vulkan-drivers). ${ALTERNATIVES}.`,
    options,
  );
}

/** Text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : typeof error === "string" ? error : String(error);
}

/** A position in a shader, counted from 1. */
export interface ShaderPosition {
  readonly line: number;
  readonly column: number;
}

/** A kernel's shader was refused: the compiler's words, and the lines around the fault. */
export function compileError(
  kernel: string,
  source: string,
  message: string,
  at?: ShaderPosition,
): DeviceError {
  const position = at ?? positionIn(message);
  const excerpt = position === undefined ? "" : `\n${excerptOf(source, position)}`;
  return new DeviceError(
    "validation",
    `Cannot compile kernel ${kernel}: the WebGPU implementation refused its WGSL: ${message.trim()}${excerpt}`,
  );
}

/** The position that a compiler's message names, as `wgsl:LINE:COLUMN` or `LINE:COLUMN`. */
function positionIn(message: string): ShaderPosition | undefined {
  const found = /:(\d+):(\d+)/.exec(message);
  return found === null ? undefined : { line: Number(found[1]), column: Number(found[2]) };
}

/** Two lines before to two after the fault, numbered, with a caret under it. */
function excerptOf(source: string, { line, column }: ShaderPosition): string {
  const lines = source.split("\n");
  const first = Math.max(1, line - 2);
  const width = String(Math.min(lines.length, line + 2)).length;
  return lines.slice(first - 1, line + 2).flatMap((text, i) => {
    const n = first + i;
    const row = `${n === line ? ">" : " "} ${String(n).padStart(width)} | ${text}`;
    return n === line ? [row, `  ${" ".repeat(width)} | ${" ".repeat(Math.max(0, column - 1))}^`] : [row];
  }).join("\n");
}

/**
 * Errors that WebGPU reports by events instead of exceptions. They are kept until the next call that can throw; once
 * the device is lost, every call throws.
 */
export class Faults {
  #pending: DeviceError[] = [];
  #lost: DeviceError | undefined;
  /** What ends each wait under way, should the device be lost. */
  readonly #waits = new Set<(error: DeviceError) => void>();
  #recent = "";

  /** Listens to a device. */
  constructor(device: GPUDevice, name: string) {
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.add((event as GPUUncapturedErrorEvent).error);
    });
    device.lost.then((info) => {
      const why = info.message === "" ? "" : `: ${info.message}`;
      this.lose(`the WebGPU device ${name} was lost (${info.reason ?? "unknown"}${why})`);
    });
  }

  /** Notes what runs now, to name it with errors that come later. */
  running(what: string): void {
    this.#recent = what;
  }

  /** Keeps an error for the next call. */
  add(error: { readonly message: string }, doing?: string): void {
    if (error instanceof DeviceError) {
      this.#pending.push(error);
      return;
    }
    const memory = typeof GPUOutOfMemoryError !== "undefined" && error instanceof GPUOutOfMemoryError;
    const what = doing ?? (this.#recent === "" ? "" : `while ${this.#recent}`);
    this.#pending.push(
      new DeviceError(
        memory ? "out-of-memory" : "validation",
        `WebGPU reported an error${what === "" ? "" : ` ${what}`}: ${error.message.trim()}`,
      ),
    );
  }

  /** Keeps what an error scope caught, once it is known. */
  watch(scope: Promise<GPUError | null>, doing: string): void {
    scope.then((error) => {
      if (error !== null) this.add(error, doing);
    }, () => {}); // only a lost device rejects, which is noted by itself
  }

  /** From now on every call throws. */
  lose(message: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = new DeviceError("lost", `Cannot use this device any more: ${message}`);
    for (const end of this.#waits) end(this.#lost);
  }

  /** Throws what went wrong since the last call. */
  check(): void {
    if (this.#lost !== undefined) throw this.#lost;
    const [first] = this.#pending;
    this.#pending = [];
    if (first !== undefined) throw first;
  }

  /** Waits for `work`, or rejects as soon as the device is lost. */
  async wait<T>(work: Promise<T>, doing: string): Promise<T> {
    // A promise of its own: one for all waits, which never settles, would keep what each of them came to.
    const { promise: whenLost, reject: end } = Promise.withResolvers<never>();
    this.#waits.add(end);
    if (this.#lost !== undefined) end(this.#lost);
    try {
      return await Promise.race([work, whenLost]);
    } catch (error) {
      work.catch(() => {}); // lost: whatever becomes of it says nothing more
      // The reason may be on its way: that the device was lost, or an uncaptured error.
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.check();
      if (error instanceof DeviceError) throw error;
      throw new DeviceError("internal", `Cannot finish ${doing}: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#waits.delete(end);
    }
  }
}
