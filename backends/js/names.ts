/**
 * Names of the IR as JavaScript identifiers.
 *
 * @module
 */

/** Words that generated code must not declare: reserved ones and globals that it uses. */
const TAKEN =
  ("break case catch class const continue debugger default delete do else enum export extends false " +
    "finally for function if import in instanceof new null return super switch this throw true try typeof var void " +
    "while with yield let static implements interface package private protected public await async eval arguments " +
    "undefined NaN Infinity Math Float32Array Int32Array Uint32Array Int8Array Uint8Array Uint16Array library")
    .split(" ");

/** Gives distinct identifiers within one function. */
export class Names {
  readonly #taken: Set<string>;

  /** `taken` are further words not to use. */
  constructor(taken: Iterable<string>) {
    this.#taken = new Set([...TAKEN, ...taken]);
  }

  /** An identifier like `name` that nothing else has. */
  fresh(name: string): string {
    const plain = name.replaceAll(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d|$)/, "_");
    let candidate = plain;
    for (let n = 1; this.#taken.has(candidate); n++) candidate = `${plain}_${n}`;
    this.#taken.add(candidate);
    return candidate;
  }
}
