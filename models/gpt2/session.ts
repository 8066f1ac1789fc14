/**
 * What was computed of a text, kept from one generation to the next.
 *
 * @module
 */
import type { State } from "../../backends/runtime/state.ts";
import { InputError } from "../../ir/errors.ts";
import type { LoadedGPT2 } from "./load.ts";

/**
 * Keys and values of a text, and its tokens. A generation that is given one computes only what its prompt does not have in
 * common with them: the next turn of a conversation, or another question about the same document.
 */
export class Session {
  readonly #model: LoadedGPT2;
  readonly #state: State;
  #ids: readonly number[];
  #busy = false;

  /** For {@linkcode createSession} and {@linkcode Session.fork}. */
  constructor(model: LoadedGPT2, state: State, ids: readonly number[]) {
    this.#model = model;
    this.#state = state;
    this.#ids = ids;
  }

  /** Tokens whose keys and values it holds. */
  get ids(): readonly number[] {
    return this.#ids;
  }

  /** A session that goes on from here on its own: several endings of one text, beams of a search. */
  fork(): Session {
    this.#requireFree("fork");
    return new Session(this.#model, this.#model.executable.forkState(this.#state), this.#ids);
  }

  /** For generations only: goes back to what a prompt begins with, all but its last token at most. */
  begin(prompt: readonly number[]): { readonly state: State; readonly reused: number } {
    this.#requireFree("generate with");
    let reused = 0;
    while (reused < prompt.length - 1 && prompt[reused] === this.#ids[reused]) reused++;
    this.#state.rewind("past", reused);
    this.#ids = this.#ids.slice(0, reused);
    this.#busy = true;
    return { state: this.#state, reused };
  }

  /** For generations only: which tokens there were; positions of others are given up. */
  end(ids: readonly number[]): void {
    const known = Math.min(ids.length, this.#state.length("past"));
    this.#state.rewind("past", known);
    this.#ids = ids.slice(0, known);
    this.#busy = false;
  }

  #requireFree(doing: string): void {
    if (this.#busy) {
      throw new InputError(`Cannot ${doing} a session while a generation uses it; fork it before`);
    }
  }

  /** Frees the keys and values. */
  [Symbol.dispose](): void {
    this.#state.dispose();
  }
}

/**
 * A session that holds nothing yet.
 *
 * @example
 * ```ts
 * import { jsDevice } from "@weft/weft/backends/js";
 * import { collect, createSession, generate, loadGPT2 } from "@weft/weft/models/gpt2";
 *
 * using model = await loadGPT2(new URL("../weights/stories/", import.meta.url), { device: jsDevice() });
 * using session = createSession(model);
 * await collect(generate(model, { session, prompt: "Once upon a time", maxTokens: 2, temperature: 0 }));
 * const again = await collect(generate(model, { session, prompt: "Once upon a day", maxTokens: 1, temperature: 0 }));
 * console.log(again.reusedTokens); // 3
 * ```
 */
export function createSession(model: LoadedGPT2): Session {
  return new Session(model, model.executable.createState(), []);
}
