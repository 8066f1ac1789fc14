/**
 * Where in a program an operator was applied, read from the text of a stack. Only errors ask for it.
 *
 * @module
 */

/** A line of a stack: `at f (LOCATION:7:9)` or `at LOCATION:7:9` (V8, Bun), `f@LOCATION:7:9` (Safari, Firefox). */
const FRAME = /^(?:at (?:.* \()?|[^@]*@)(.+):(\d+):(\d+)\)?$/;

/** Frames of the engine itself, such as `node:internal/...` and `ext:core/...`. */
const INTERNAL = /^(?:async )?(?:node|ext|bun|native|internal|wasm):/;

/**
 * The place of the first frame that does not lie in one of the folders `own`, as `LOCATION:LINE:COLUMN`; `undefined` if
 * there is none. Locations are paths, without the scheme of `file:` URLs.
 */
export function firstFrameOutside(stack: string, own: readonly string[]): string | undefined {
  const folders = own.map(locationPath);
  for (const line of stack.split("\n")) {
    const [, found, row, column] = FRAME.exec(line.trim()) ?? [];
    if (found === undefined || INTERNAL.test(found)) continue;
    const location = locationPath(found.replace(/^async /, ""));
    if (!folders.some((folder) => location.startsWith(folder))) return `${location}:${row}:${column}`;
  }
  return undefined;
}

/** A `file:` URL as a path; anything else as it is, with `/` between its parts. */
function locationPath(location: string): string {
  const path = location.replace(/^file:\/\//, "").replaceAll("\\", "/").replace(/^\/(?=[A-Za-z]:\/)/, "");
  if (!location.startsWith("file:")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // a stray %: not from a URL after all
  }
}

/** The folders whose frames are the language's own. */
const OWN: readonly string[] = [new URL("./", import.meta.url).href, new URL("../ir/", import.meta.url).href];

/** More frames than lie between an operator and the code that applies it. */
const DEEP = 40;

/** Where the language was called from, now. */
export function callSite(): string | undefined {
  // V8 and Bun keep ten frames unless told otherwise; a runtime may forbid telling.
  const limited: ErrorConstructor & { stackTraceLimit?: number } = Error;
  const before = limited.stackTraceLimit;
  try {
    limited.stackTraceLimit = DEEP;
  } catch { /* ten must do */ }
  const { stack = "" } = new Error();
  try {
    if (before !== undefined) limited.stackTraceLimit = before;
  } catch { /* as above */ }
  return firstFrameOutside(stack, OWN);
}

/** Where the language was called from when an error was made. */
export function siteOf(error: Error): string | undefined {
  return firstFrameOutside(error.stack ?? "", OWN);
}
