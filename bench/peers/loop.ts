/**
 * What all engines do: a prompt, then greedy tokens one by one.
 *
 * @module
 */
import process from "node:process";

/** A model that keeps what it has seen. */
export interface Engine {
  /** Forgets everything. */
  reset(): Promise<void> | void;
  /** Takes a prompt; gives the likeliest next token. */
  prefill(ids: readonly number[]): Promise<number>;
  /** Takes the token at a position; gives the likeliest next one. */
  decode(token: number, position: number): Promise<number>;
}

/** What an engine is told, as JSON in its first argument. */
export interface Task {
  /** Folder of its npm packages, with `node_modules`. */
  readonly packages: string;
  /** Folder of the checkpoint and of the files made from it. */
  readonly model: string;
  readonly dtype: "f32" | "f16";
  readonly threads: number;
  readonly prompt: readonly number[];
  /** Tokens after the first. */
  readonly steps: number;
  readonly rounds: number;
}

/** What an engine gives back, as JSON after {@linkcode MARK}. */
export interface Result {
  readonly version: string;
  /** Tokens a second, a number for each round. */
  readonly prefill: readonly number[];
  readonly decode: readonly number[];
  /** The first tokens, where the engine tells. */
  readonly tokens?: readonly number[];
}

/** Before the line with the result: engines print whatever they like. */
export const MARK = "RESULT ";

/** The task of this process. */
export function task(): Task {
  return JSON.parse(process.argv[2] ?? "{}") as Task;
}

/** Tells the result and ends the process, with whatever threads the engine has. */
export function report(result: Result): never {
  console.log(MARK + JSON.stringify(result));
  process.exit(0);
}

/** A round to warm up, then rounds. */
export async function measure(
  engine: Engine,
  { prompt, steps, rounds }: Task,
): Promise<Pick<Result, "prefill" | "decode" | "tokens">> {
  const [prefill, decode]: [number[], number[]] = [[], []];
  let tokens: number[] = [];
  for (let round = -1; round < rounds; round++) {
    await engine.reset();
    let from = performance.now();
    let token = await engine.prefill(prompt);
    const prefillMs = performance.now() - from;
    tokens = [token];
    from = performance.now();
    for (let i = 0; i < steps; i++) {
      token = await engine.decode(token, prompt.length + i);
      tokens.push(token);
    }
    const decodeMs = performance.now() - from;
    if (round < 0) continue;
    prefill.push(prompt.length / prefillMs * 1000);
    decode.push(steps / decodeMs * 1000);
  }
  return { prefill, decode, tokens: tokens.slice(0, 8) };
}

/** The place of the greatest number. */
export function argmax(numbers: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i]! > numbers[best]!) best = i;
  return best;
}
