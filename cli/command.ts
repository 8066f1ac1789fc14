/**
 * What a subcommand is.
 *
 * @module
 */
import type { Io } from "./io.ts";

/** A subcommand of the command line. */
export interface Command {
  /** What it does, in a few words. */
  readonly summary: string;
  /**
   * Runs it and gives the exit code.
   *
   * @throws {UsageError} if the arguments cannot be understood
   */
  run(args: readonly string[], io: Io): Promise<number>;
}
