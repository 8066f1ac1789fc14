/**
 * Stand-ins for the terminal, devices and models, so that the command line can be tested alone.
 *
 * @module
 */
import type { Device } from "../../backends/backend.ts";
import type { GenerateParts } from "../../cli/generate.ts";
import type { Io } from "../../cli/io.ts";
import { DeviceError } from "../../ir/errors.ts";
import {
  type FinishReason,
  type GenerateEvent,
  type GenerateOptions,
  type GenerateResult,
  type GenerationConfig,
  GPT2_CONFIGS,
  type GPT2Config,
  type LoadedGPT2,
  type LoadGPT2Options,
} from "../../models/gpt2/mod.ts";

/** A terminal that remembers what was written to it. */
export interface FakeIo extends Io {
  readonly written: { out: string; err: string };
  /** Presses Ctrl-C. */
  interrupt(): void;
}

/** Makes a {@linkcode FakeIo}; `input` undefined is a terminal on stdin. */
export function fakeIo(
  options: { readonly input?: string | Uint8Array; readonly terminal?: boolean } = {},
): FakeIo {
  const { input, terminal = false } = options;
  const written = { out: "", err: "" };
  const handlers = new Set<() => void>();
  return {
    written,
    terminal: { in: input === undefined, out: terminal, err: terminal },
    out(text) {
      written.out += text;
      return Promise.resolve();
    },
    err: (text) => void (written.err += text),
    input: () =>
      Promise.resolve(
        typeof input === "string" ? new TextEncoder().encode(input) : input ?? new Uint8Array(),
      ),
    onInterrupt(handler) {
      handlers.add(handler);
      return () => void handlers.delete(handler);
    },
    interrupt: () => handlers.forEach((handler) => handler()),
    turn: () => new Promise((resolve) => setTimeout(resolve, 0)),
    exit: (code) => {
      throw new Error(`exit ${code}`);
    },
  };
}

/** What the fakes saw. */
export interface Seen {
  readonly opened: string[];
  readonly disposed: string[];
  dir?: string | URL;
  load?: LoadGPT2Options;
  options?: GenerateOptions;
}

/** What the fakes do. */
export interface FakeSetup {
  /** Pieces of text to generate, one a token. */
  readonly pieces?: readonly string[];
  readonly finishReason?: FinishReason;
  readonly config?: Partial<GPT2Config>;
  readonly generationConfig?: Partial<GenerationConfig>;
  /** A model without tokenizer. */
  readonly noTokenizer?: boolean;
  /** Without an adapter. */
  readonly noAdapter?: boolean;
  /** The WebGPU adapter runs on the CPU. */
  readonly software?: boolean;
  /** Called with the number of tokens so far, before each. */
  readonly onToken?: (n: number) => void;
  /** Called while the model loads. */
  readonly onLoad?: (options: LoadGPT2Options) => void;
}

/** Parts of the `generate` command that need neither a device nor a model. */
export function fakeParts(setup: FakeSetup = {}): { readonly parts: GenerateParts; readonly seen: Seen } {
  const { pieces = ["Hello", ",", " world"], finishReason = "length" } = setup;
  const seen: Seen = { opened: [], disposed: [] };
  const device = (kind: "webgpu" | "wasm" | "js"): Device => {
    seen.opened.push(kind);
    // Only these two are touched by the command line.
    return {
      target: { kind, name: `fake ${kind}`, software: setup.software === true },
      dispose: () => void seen.disposed.push(kind),
    } as Device;
  };
  const model = {
    config: { ...GPT2_CONFIGS["gpt2"], ...setup.config },
    generationConfig: { sampler: { temperature: 0 }, notes: [], ...setup.generationConfig },
    tokenizer: setup.noTokenizer === true ? undefined : {},
    loadMs: 20,
    compileMs: 1500,
    checkpointBytes: 1_000_000,
    executable: {
      info: {
        weightBytes: 2e6,
        workBytes: 3e6,
        stateBytes: 4e6,
        stateBytesAtFirst: 1e6,
        peakBytes: 9.5e6,
        kernels: 5,
        dispatches: { decode: 6 },
      },
    },
    [Symbol.dispose]: () => void seen.disposed.push("model"),
  } as unknown as LoadedGPT2;
  const generate = async function* (
    _: LoadedGPT2,
    options: GenerateOptions,
  ): AsyncGenerator<GenerateEvent, GenerateResult, void> {
    seen.options = options;
    const ids: number[] = [];
    const taken: string[] = [];
    for (const [id, text] of pieces.entries()) {
      setup.onToken?.(id);
      await Promise.resolve();
      if (options.signal?.aborted) break;
      ids.push(id);
      taken.push(text);
      yield { id, text };
    }
    return {
      text: taken.join(""),
      ids,
      promptIds: options.promptIds ?? [7, 8],
      finishReason: options.signal?.aborted ? "aborted" : finishReason,
      reusedTokens: 0,
      promptTokens: 2,
      generatedTokens: ids.length,
      prefillTokensPerSecond: 40,
      decodeTokensPerSecond: 12.5,
      timeToFirstTokenMs: 50,
    };
  };
  return {
    seen,
    parts: {
      devices: {
        webgpu: () =>
          setup.noAdapter === true
            ? Promise.reject(
              new DeviceError("unavailable", "There is no WebGPU\nadapter. Install a driver."),
            )
            : Promise.resolve(device("webgpu")),
        wasm: () => Promise.resolve(device("wasm")),
        js: () => Promise.resolve(device("js")),
      },
      load: (dir, options) => {
        seen.dir = dir;
        seen.load = options;
        setup.onLoad?.(options);
        options.signal?.throwIfAborted();
        return Promise.resolve(model);
      },
      generate,
    },
  };
}
