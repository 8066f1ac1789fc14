/**
 * The text form of schedules, and their JSON: both ways, nothing lost.
 *
 * @module
 */
import { ParseError } from "../ir/errors.ts";
import type { ThreadAxis } from "../ir/stmt.ts";
import { suggest } from "../ir/suggest.ts";
import type { Fact, Schedule } from "./schedule.ts";

/**
 * A schedule as text: `seq(split(i, [_, 64]), bind(i_0, blockIdx.x))`.
 *
 * @example
 * ```ts
 * import { bind, parseSchedule, printSchedule, seq, split } from "@weft/weft/schedule";
 *
 * const text = printSchedule(seq(split("i", [null, 64]), bind("i_0", "blockIdx.x")));
 * console.log(text, printSchedule(parseSchedule(text)) === text);
 * ```
 */
export function printSchedule(s: Schedule): string {
  switch (s.kind) {
    case "split":
      return call(s.kind, [
        word(s.loop),
        list(s.factors.map((f) => (f === null ? "_" : String(f)))),
        ...extra("names", s.names),
      ]);
    case "fuse":
      return call(s.kind, [
        list(s.loops.map(word)),
        ...(s.name === undefined ? [] : [`name=${word(s.name)}`]),
      ]);
    case "reorder":
      return call(s.kind, s.loops.map(word));
    case "tile":
      return call(s.kind, [
        list(s.loops.map(word)),
        list(s.sizes.map(String)),
        ...extra("names", s.names),
      ]);
    case "bind":
      return call(s.kind, [word(s.loop), s.axis]);
    case "parallel":
    case "vectorize":
    case "unroll":
      return call(s.kind, [word(s.loop)]);
    case "computeAt":
    case "reverseComputeAt":
    case "decomposeReduction":
    case "crossThreadReduce":
    case "rollingUpdate":
      return call(s.kind, [word(s.block), word(s.loop)]);
    case "cacheTerm":
      return call(s.kind, [word(s.block), word(s.reader)]);
    case "computeWith":
      return call(s.kind, s.loops.map(word));
    case "rfactor":
      return call(s.kind, [word(s.block), word(s.loop), s.scope]);
    case "computeInline":
    case "reverseComputeInline":
    case "postponeDivision":
      return call(s.kind, [word(s.block)]);
    case "cacheWrite":
      return call(s.kind, [word(s.block), s.scope]);
    case "cacheRead":
      return call(s.kind, [
        word(s.block),
        word(s.buffer),
        s.scope,
        word(s.loop),
        ...(s.order === undefined ? [] : [`order=${list(s.order.map(String))}`]),
        ...(s.vector === undefined ? [] : [`vector=${s.vector}`]),
      ]);
    case "pad":
      return call(s.kind, [word(s.block)]);
    case "setScope":
      return call(s.kind, [word(s.buffer), s.scope]);
    case "storageAlign":
      return call(s.kind, [word(s.buffer), String(s.axis), String(s.factor), String(s.offset)]);
    case "doubleBuffer":
      return call(s.kind, [word(s.buffer), word(s.loop)]);
    case "seq":
    case "choose":
      return call(s.kind, s.steps.map(printSchedule));
    case "attempt":
    case "everywhere":
    case "topDown":
    case "bottomUp":
      return call(s.kind, [printSchedule(s.step)]);
    case "repeat":
      return call(s.kind, [printSchedule(s.step), String(s.limit)]);
    case "when":
      return call(s.kind, [s.fact, printSchedule(s.step)]);
    case "at":
      return call(s.kind, [word(s.block), printSchedule(s.step)]);
    case "specialize":
      return call(s.kind, [word(s.dim), String(s.most), printSchedule(s.few), printSchedule(s.many)]);
    case "peek":
      return call(s.kind, [word(s.label)]);
    case "named":
      return call(s.kind, [word(s.name), printSchedule(s.step)]);
    case "rule":
      return call(s.kind, [
        word(s.name),
        ...Object.entries(s.params).map(([k, v]) => `${word(k)}=${v}`),
      ]);
    default:
      return s satisfies never;
  }
}

const call = (name: string, args: readonly string[]): string => `${name}(${args.join(", ")})`;
const list = (items: readonly string[]): string => `[${items.join(", ")}]`;
const extra = (key: string, names: readonly string[] | undefined): readonly string[] =>
  names === undefined ? [] : [`${key}=${list(names.map(word))}`];
/** A name as it is, or quoted where it is no plain word. */
const word = (name: string): string => {
  if (typeof name !== "string") throw new TypeError("a name is no string");
  return /^[A-Za-z_.][\w.-]*$/.test(name) && name !== "_" ? name : JSON.stringify(name);
};

/** Reads the text of {@linkcode printSchedule}. Throws {@linkcode ParseError} with the place of a fault. */
export function parseSchedule(text: string): Schedule {
  const parser = new Parser(text);
  const tree = parser.value();
  parser.end();
  return fromTree(tree, parser);
}

/** What a call, a list, a word or a number reads as. */
type Tree =
  | {
    readonly kind: "call";
    readonly name: string;
    readonly args: readonly Tree[];
    readonly options: ReadonlyMap<string, Tree>;
    readonly at: number;
  }
  | { readonly kind: "list"; readonly items: readonly Tree[]; readonly at: number }
  | { readonly kind: "word"; readonly text: string; readonly at: number }
  | { readonly kind: "number"; readonly value: number; readonly at: number };

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  fail(wanted: string, at: number = this.#at): never {
    const before = this.#text.slice(0, at).split("\n");
    const found = this.#text.slice(at).match(/^[\w.-]+|^\S/)?.[0] ?? "the end";
    throw new ParseError(
      `expected ${wanted}, found ${found}`,
      before.length,
      (before.at(-1) ?? "").length + 1,
    );
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #take(pattern: RegExp): string | undefined {
    this.#space();
    const match = this.#text.slice(this.#at).match(pattern)?.[0];
    if (match !== undefined) this.#at += match.length;
    return match;
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) this.fail("the end");
  }

  value(): Tree {
    this.#space();
    const at = this.#at;
    const number = this.#take(/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])/);
    if (number !== undefined) return { kind: "number", value: Number(number) + 0, at }; // -0 prints as 0
    if (this.#take(/^\[/) !== undefined) return { kind: "list", items: this.#items(/^\]/, "]"), at };
    const name = this.#name();
    if (name === undefined) this.fail("a step, a name, a number or a list");
    if (this.#take(/^\(/) === undefined) return { kind: "word", text: name, at };
    const options = new Map<string, Tree>();
    const args = this.#items(/^\)/, ")", options);
    return { kind: "call", name, args, options, at };
  }

  #name(): string | undefined {
    const quoted = this.#take(/^"(?:[^"\\]|\\.)*"/);
    if (quoted !== undefined) return this.#unquote(quoted);
    return this.#take(/^[A-Za-z_.][\w.-]*/);
  }

  #unquote(quoted: string): string {
    try {
      return JSON.parse(quoted) as string;
    } catch {
      return this.fail("a name quoted as in JSON", this.#at - quoted.length);
    }
  }

  #items(close: RegExp, closing: string, options?: Map<string, Tree>): readonly Tree[] {
    const items: Tree[] = [];
    if (this.#take(close) !== undefined) return items;
    for (;;) {
      this.#space();
      const start = this.#at;
      const key = options === undefined ? undefined : this.#name();
      if (key !== undefined && options !== undefined && this.#take(/^=/) !== undefined) {
        if (options.has(key)) this.fail(`${key} once`, start);
        options.set(key, this.value());
      } else {
        this.#at = start;
        items.push(this.value());
      }
      if (this.#take(close) !== undefined) return items;
      if (this.#take(/^,/) === undefined) this.fail(`, or ${closing}`);
    }
  }
}

const AXES: readonly string[] = [
  "blockIdx.x",
  "blockIdx.y",
  "blockIdx.z",
  "threadIdx.x",
  "threadIdx.y",
  "threadIdx.z",
];
const KINDS: readonly string[] = [
  "split",
  "fuse",
  "reorder",
  "tile",
  "bind",
  "parallel",
  "vectorize",
  "unroll",
  "decomposeReduction",
  "computeAt",
  "reverseComputeAt",
  "rfactor",
  "crossThreadReduce",
  "computeWith",
  "cacheTerm",
  "postponeDivision",
  "rollingUpdate",
  "computeInline",
  "reverseComputeInline",
  "cacheWrite",
  "cacheRead",
  "pad",
  "setScope",
  "storageAlign",
  "doubleBuffer",
  "seq",
  "choose",
  "attempt",
  "everywhere",
  "topDown",
  "bottomUp",
  "repeat",
  "when",
  "at",
  "specialize",
  "peek",
  "named",
  "rule",
] satisfies readonly Schedule["kind"][];
const FACTS: readonly string[] = ["reduction", "scheduled", "dynamic"];

function fromTree(tree: Tree, parser: Parser): Schedule {
  if (tree.kind !== "call") return parser.fail("a step such as split(i, [_, 64])", tree.at);
  const { name, args, options } = tree;
  const count = (n: number): void => {
    if (args.length !== n) parser.fail(`${n} arguments of ${name}, it has ${args.length}`, tree.at);
  };
  const allowed = name === "split" || name === "tile"
    ? ["names"]
    : name === "fuse"
    ? ["name"]
    : name === "cacheRead"
    ? ["order", "vector"]
    : name === "rule"
    ? undefined
    : [];
  const unknown = allowed && [...options.keys()].find((key) => !allowed.includes(key));
  if (unknown !== undefined) {
    const known = allowed?.length ? `the option ${allowed.join(", ")}` : "no options";
    parser.fail(`${known} of ${name}, it has ${unknown}`, tree.at);
  }
  const arg = (i: number): Tree => args[i] ?? parser.fail(`argument ${i + 1} of ${name}`, tree.at);
  const text = (t: Tree): string => (t.kind === "word" ? t.text : parser.fail("a name", t.at));
  const number = (t: Tree): number => (t.kind === "number" ? t.value : parser.fail("a number", t.at));
  const items = (t: Tree): readonly Tree[] => (t.kind === "list" ? t.items : parser.fail("a list", t.at));
  const among = (t: Tree, allowed: readonly string[]): string =>
    allowed.includes(text(t)) ? text(t) : parser.fail(`one of ${allowed.join(", ")}`, t.at);
  const step = (t: Tree): Schedule => fromTree(t, parser);
  switch (name) {
    case "split": {
      count(2);
      const factors = items(arg(1)).map((t) => (t.kind === "word" && t.text === "_" ? null : number(t)));
      const names = options.get("names");
      return {
        kind: name,
        loop: text(arg(0)),
        factors,
        ...(names === undefined ? {} : { names: items(names).map(text) }),
      };
    }
    case "fuse": {
      count(1);
      const fused = options.get("name");
      return {
        kind: name,
        loops: items(arg(0)).map(text),
        ...(fused === undefined ? {} : { name: text(fused) }),
      };
    }
    case "reorder":
      return { kind: name, loops: args.map(text) };
    case "tile": {
      count(2);
      const names = options.get("names");
      return {
        kind: name,
        loops: items(arg(0)).map(text),
        sizes: items(arg(1)).map(number),
        ...(names === undefined ? {} : { names: items(names).map(text) }),
      };
    }
    case "bind":
      count(2);
      return { kind: name, loop: text(arg(0)), axis: among(arg(1), AXES) as ThreadAxis };
    case "parallel":
    case "vectorize":
    case "unroll":
      count(1);
      return { kind: name, loop: text(arg(0)) };
    case "computeAt":
    case "reverseComputeAt":
    case "decomposeReduction":
    case "crossThreadReduce":
    case "rollingUpdate":
      count(2);
      return { kind: name, block: text(arg(0)), loop: text(arg(1)) };
    case "cacheTerm":
      count(2);
      return { kind: name, block: text(arg(0)), reader: text(arg(1)) };
    case "computeWith":
      count(2);
      return { kind: name, loops: [text(arg(0)), text(arg(1))] };
    case "rfactor":
      count(3);
      among(arg(2), ["global"]);
      return { kind: name, block: text(arg(0)), loop: text(arg(1)), scope: "global" };
    case "computeInline":
    case "reverseComputeInline":
    case "postponeDivision":
      count(1);
      return { kind: name, block: text(arg(0)) };
    case "cacheWrite":
      count(2);
      among(arg(1), ["local"]);
      return { kind: name, block: text(arg(0)), scope: "local" };
    case "cacheRead": {
      count(4);
      const scope = among(arg(2), ["local", "workgroup"]) as "local" | "workgroup";
      const [order, vector] = [options.get("order"), options.get("vector")];
      return {
        kind: name,
        block: text(arg(0)),
        buffer: text(arg(1)),
        scope,
        loop: text(arg(3)),
        ...(order === undefined ? {} : { order: items(order).map(number) }),
        ...(vector === undefined ? {} : { vector: number(vector) }),
      };
    }
    case "pad":
      count(1);
      return { kind: name, block: text(arg(0)) };
    case "setScope":
      count(2);
      return {
        kind: name,
        buffer: text(arg(0)),
        scope: among(arg(1), ["local", "workgroup"]) as "local" | "workgroup",
      };
    case "storageAlign":
      count(4);
      return {
        kind: name,
        buffer: text(arg(0)),
        axis: number(arg(1)),
        factor: number(arg(2)),
        offset: number(arg(3)),
      };
    case "doubleBuffer":
      count(2);
      return { kind: name, buffer: text(arg(0)), loop: text(arg(1)) };
    case "seq":
    case "choose":
      return { kind: name, steps: args.map(step) };
    case "attempt":
    case "everywhere":
    case "topDown":
    case "bottomUp":
      count(1);
      return { kind: name, step: step(arg(0)) };
    case "repeat":
      count(2);
      return { kind: name, step: step(arg(0)), limit: number(arg(1)) };
    case "when":
      count(2);
      return { kind: name, fact: among(arg(0), FACTS) as Fact, step: step(arg(1)) };
    case "at":
      count(2);
      return { kind: name, block: text(arg(0)), step: step(arg(1)) };
    case "specialize":
      count(4);
      return { kind: name, dim: text(arg(0)), most: number(arg(1)), few: step(arg(2)), many: step(arg(3)) };
    case "peek":
      count(1);
      return { kind: name, label: text(arg(0)) };
    case "named":
      count(2);
      return { kind: name, name: text(arg(0)), step: step(arg(1)) };
    case "rule":
      count(1);
      return {
        kind: name,
        name: text(arg(0)),
        params: Object.fromEntries([...options].map(([key, value]) => [key, number(value)])),
      };
    default: {
      const near = suggest(name, KINDS);
      return parser.fail(`the name of a step${near === undefined ? "" : ` such as ${near}`}`, tree.at);
    }
  }
}

/**
 * Reads a schedule from parsed JSON. Throws {@linkcode ParseError} where it is none: what a schedule is, is decided by
 * its text form.
 */
export function scheduleFromJson(json: unknown): Schedule {
  const wrong = (why: string): never => {
    throw new ParseError(`expected a schedule: ${why}`, 1, 1);
  };
  const visit = (step: unknown): void => {
    const { kind, step: inner, steps = [], few, many } = (step ?? {}) as Record<string, unknown>;
    if (typeof kind !== "string" || !KINDS.includes(kind)) wrong(`there is no step ${shown(step)}`);
    for (const one of [inner, few, many]) if (one !== undefined) visit(one);
    if (!Array.isArray(steps)) return wrong(`the steps of ${shown(step)} are no list`);
    steps.forEach(visit);
  };
  visit(json);
  let text = "";
  try {
    text = printSchedule(json as Schedule);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return wrong(`${shown(json)} lacks a field, or has one of another type`);
  }
  return parseSchedule(text);
}

function shown(json: unknown): string {
  const text = JSON.stringify(json) ?? String(json);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
