/**
 * Keeps docs true: blocks of Markdown that show a command's output, or a piece of a source file.
 *
 * A fenced block marked `console` begins with `$ deno task COMMAND ...`; the rest is what the command prints on
 * stdout. A fenced block marked `ts FILE` is a piece of that file, word for word but for its indentation.
 *
 * @module
 */
import { main } from "../cli/main.ts";
import type { Io } from "../cli/io.ts";

/** A fenced block. */
export interface Block {
  /** What follows the opening fence. */
  readonly info: string;
  /** Lines between the fences; `from` is the index of the first in the document, `to` one after the last. */
  readonly lines: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** The fenced blocks of a document. */
export function blocksOf(markdown: string): readonly Block[] {
  const lines = markdown.split("\n");
  const blocks: Block[] = [];
  let open: { readonly info: string; readonly from: number } | undefined;
  for (const [i, line] of lines.entries()) {
    if (!line.startsWith("```")) continue;
    if (open === undefined) open = { info: line.slice(3).trim(), from: i + 1 };
    else {
      blocks.push({ ...open, lines: lines.slice(open.from, i), to: i });
      open = undefined;
    }
  }
  return blocks;
}

/** The command of a `console` block: its words, without `$ deno task`. */
export function commandOf(block: Block): readonly string[] | undefined {
  const line = block.info === "console" ? block.lines[0] : undefined;
  if (line === undefined || !line.startsWith("$ deno task ")) return undefined;
  return [...line.slice("$ deno task ".length).matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) =>
    quoted ?? bare ?? ""
  );
}

/**
 * What a command of the repository prints on stdout.
 *
 * @throws {Error} if it fails, with what it said on stderr
 */
export async function outputOf(args: readonly string[]): Promise<string> {
  let out = "";
  let err = "";
  const io: Io = {
    terminal: { in: true, out: false, err: false },
    out: (text) => {
      out += text;
      return Promise.resolve();
    },
    err: (text) => void (err += text),
    input: () => Promise.resolve(new Uint8Array()),
    onInterrupt: () => () => {},
    turn: () => Promise.resolve(),
    exit: (code) => {
      throw new Error(`exit ${code}`);
    },
  };
  const code = await main(args, io);
  if (code !== 0) throw new Error(`deno task ${args.join(" ")} failed with ${code}:\n${err}`);
  return out;
}

/** The document with the output of every command in it as it is now. */
export async function refreshed(
  markdown: string,
  run: (args: readonly string[]) => Promise<string> = outputOf,
): Promise<string> {
  const lines = markdown.split("\n");
  for (const block of [...blocksOf(markdown)].reverse()) {
    const command = commandOf(block);
    if (command === undefined) continue;
    const output = (await run(command)).trimEnd().split("\n");
    lines.splice(block.from + 1, block.to - block.from - 1, ...output);
  }
  return lines.join("\n");
}

/** Pieces of source in a document: the file that each names, and the text. */
export function quotesOf(markdown: string): readonly { readonly file: string; readonly text: string }[] {
  return blocksOf(markdown).flatMap((block) => {
    const file = /^ts (\S+\.ts)$/.exec(block.info)?.[1];
    return file === undefined ? [] : [{ file, text: block.lines.join("\n") }];
  });
}

/** Whether lines of a source file are this piece, wherever it is indented. */
export function contains(source: string, piece: string): boolean {
  const lines = source.split("\n");
  const wanted = dedented(piece.split("\n"));
  return lines.some((_, i) => dedented(lines.slice(i, i + wanted.length)).join("\n") === wanted.join("\n"));
}

function dedented(lines: readonly string[]): readonly string[] {
  const indents = lines.filter((line) => line !== "").map((line) => line.length - line.trimStart().length);
  const least = Math.min(...indents);
  return lines.map((line) => line.slice(least));
}
