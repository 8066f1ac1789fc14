/**
 * One line on stderr that says how far loading is; nothing where stderr is no terminal.
 *
 * @module
 */
import type { CompileProgress } from "../compile.ts";
import type { Io } from "./io.ts";

/** A line that is overwritten by the next. */
export interface ProgressLine {
  update(progress: CompileProgress): void;
  /** Removes the line. */
  clear(): void;
}

/** Milliseconds between two updates of the line. */
const EVERY_MS = 80;

/** A progress line on the stderr of `io`. */
export function progressLine(io: Io): ProgressLine {
  if (!io.terminal.err) return { update: () => {}, clear: () => {} };
  let stage = "";
  let at = -Infinity;
  return {
    update(progress) {
      const now = performance.now();
      if (progress.stage === stage && now - at < EVERY_MS) return;
      stage = progress.stage;
      at = now;
      io.err(`\r\x1b[K${progressText(progress)}`);
    },
    clear() {
      if (stage !== "") io.err("\r\x1b[K");
      stage = "";
    },
  };
}

/** A step of a compilation in words. */
export function progressText({ stage, done, total }: CompileProgress): string {
  switch (stage) {
    case "kernels":
      return `making kernels ${done}/${total}`;
    case "prepare":
      return done < total ? `compiling ${total} kernels` : `compiled ${total} kernels`;
    case "weights":
      return `loading weights ${megabytes(done)}/${megabytes(total)} MB`;
    default:
      return stage satisfies never;
  }
}

/** Millions of bytes, to a tenth. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
