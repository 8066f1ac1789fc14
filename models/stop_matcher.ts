/**
 * Stop strings in text that arrives in pieces: the text before the first of them, without showing any part of it.
 *
 * @module
 */

import { InputError } from "../ir/errors.ts";

/** What a piece of text made certain. */
export interface StopResult {
  /** Text that belongs to the output and is no part of a stop string. */
  readonly text: string;
  /** The stop string that ended the text, if one did. */
  readonly stop?: string;
}

/** Looks for stop strings in streamed text. */
export interface StopMatcher {
  /**
   * Takes the next piece. Text that may be the start of a stop string is held back. After a stop, nothing more
   * comes out.
   */
  push(text: string): StopResult;
  /** What is held back when the text ends without a stop. */
  end(): string;
}

/** State of the search: how much of which stop strings the text ends with. */
interface Node {
  /** Characters of the stop string that are matched, which is what must be held back. */
  readonly depth: number;
  readonly next: Map<string, Node>;
  /** The state of the longest proper suffix. */
  fail: Node;
  /** The longest stop string that ends here. */
  stop: string | undefined;
}

/**
 * A matcher that stops where the first stop string is complete; of several that end there, it is the longest. The
 * result does not depend on how the text is cut into pieces. It takes one step of an automaton for each character
 * (A. Aho, M. Corasick, "Efficient string matching", 1975).
 *
 * @throws {InputError} if a stop string is empty or has half a character
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { stopMatcher } from "./stop_matcher.ts";
 *
 * const matcher = stopMatcher(["\n\n", "User:"]);
 * assertEquals(matcher.push("Hello.\nUs"), { text: "Hello.\n" });
 * assertEquals(matcher.push("er: hi"), { text: "", stop: "User:" });
 * ```
 */
export function stopMatcher(stops: readonly string[]): StopMatcher {
  for (const stop of stops) {
    if (stop === "" || !stop.isWellFormed()) {
      throw new InputError(
        `A stop string must be text of at least one character, got ${JSON.stringify(stop)}.`,
      );
    }
  }
  const root = build(stops);
  let node = root;
  let held = "";
  let isDone = false;
  return {
    push(text) {
      if (isDone) return { text: "" };
      for (let i = 0; i < text.length; i++) {
        node = step(node, text[i]!);
        if (node.stop === undefined) continue;
        isDone = true;
        const all = held + text.slice(0, i + 1);
        return { text: all.slice(0, all.length - node.stop.length), stop: node.stop };
      }
      const all = held + text;
      held = all.slice(all.length - node.depth);
      return { text: all.slice(0, all.length - node.depth) };
    },
    end() {
      const rest = isDone ? "" : held;
      isDone = true;
      return rest;
    },
  };
}

function build(stops: readonly string[]): Node {
  const root = makeNode(0);
  for (const stop of stops) {
    let node = root;
    for (const char of stop.split("")) {
      let next = node.next.get(char);
      if (next === undefined) node.next.set(char, next = makeNode(node.depth + 1));
      node = next;
    }
    node.stop = stop;
  }
  // breadth first: a node's suffix is shorter, so its own links are ready
  const queue = [root];
  for (const node of queue) {
    for (const [char, child] of node.next) {
      child.fail = node === root ? root : step(node.fail, char);
      child.stop ??= child.fail.stop;
      queue.push(child);
    }
  }
  return root;
}

function makeNode(depth: number): Node {
  const node: Node = { depth, next: new Map(), stop: undefined, fail: undefined! };
  node.fail = node;
  return node;
}

/** The state after one more character. */
function step(node: Node, char: string): Node {
  for (;; node = node.fail) {
    const next = node.next.get(char);
    if (next !== undefined) return next;
    if (node.depth === 0) return node;
  }
}
