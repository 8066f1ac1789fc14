/**
 * The command line: `deno run -A cli/main.ts COMMAND ...`, or `deno task COMMAND ...`.
 *
 * @module
 */
import process from "node:process";
import { WeftError } from "../ir/errors.ts";
import { suggest } from "../ir/suggest.ts";
import type { Command } from "./command.ts";
import { UsageError } from "./flags.ts";
import { generateCommand } from "./generate.ts";
import { inspectCommand } from "./inspect.ts";
import { type Io, isBrokenPipe, processIo } from "./io.ts";

/** The subcommands. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  generate: generateCommand(),
  inspect: inspectCommand(),
};

/** Exit codes besides 0 and what a command gives. */
const FAILED = 1;
const MISUSED = 2;
const NO_READER = 141;

/** Runs a command line and gives the exit code: 1 after an error, 2 where it cannot be understood. */
export async function main(
  args: readonly string[],
  io: Io,
  commands: Readonly<Record<string, Command>> = COMMANDS,
): Promise<number> {
  const [name, ...rest] = args;
  const overview = `Usage: deno task COMMAND [FLAGS]\n\nCommands (each with --help):\n${
    Object.entries(commands).map(([key, { summary }]) => `  ${key.padEnd(10)}${summary}\n`).join("")
  }`;
  if (name === "--help") {
    await io.out(overview);
    return 0;
  }
  const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const near = name === undefined ? undefined : suggest(name, Object.keys(commands));
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    io.err(name === undefined ? overview : `unknown command ${name}${hint}\n\n${overview}`);
    return MISUSED;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    if (error instanceof UsageError) {
      error.problems.forEach((problem) => io.err(`${problem}\n`));
      io.err(`Run \`deno task ${name} --help\` for the flags.\n`);
      return MISUSED;
    }
    if (isBrokenPipe(error)) return NO_READER;
    io.err(`${describeError(error, rest.includes("--verbose"))}\n`);
    return FAILED;
  }
}

/** An error for people: its message; the stack where it is asked for, or where the fault is our own. */
function describeError(error: unknown, verbose: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if (verbose) return error.stack ?? error.message;
  return error instanceof WeftError
    ? error.message
    : `${error.name}: ${error.message} (--verbose shows where)`;
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2), processIo());
}
