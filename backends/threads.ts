/**
 * Whether the threads of a launch get along: every store is done by the thread that it belongs to.
 *
 * @module
 */
import { UnsupportedError } from "../ir/errors.ts";
import type { Stmt, ThreadAxis } from "../ir/stmt.ts";
import { visitStmt } from "../ir/visit.ts";

/**
 * Refuses a nest where a store to memory that threads share is outside of a loop over an axis that has more than one
 * iteration: then every thread of that axis would do it.
 */
export function requireAxes(name: string, nest: Stmt, axes: ReadonlySet<ThreadAxis>): void {
  const own = localBuffers(nest);
  visitStmt(nest, (s, path) => {
    if (s.kind !== "store" || own.has(s.buffer)) return;
    const around = new Set(path.flatMap((p) => (p.kind === "for" ? [p.loop as string] : [])));
    const missing = [...axes].find((a) => !around.has(a));
    if (missing === undefined) return;
    throw new UnsupportedError(
      `Cannot launch ${name}: a store to ${s.buffer} is outside of the loop bound to ${missing}, so every one of its ` +
        "threads would do it; bind a loop around all of the nest, or decompose it into nests of their own",
    );
  });
}

function localBuffers(s: Stmt): ReadonlySet<string> {
  const names = new Set<string>();
  visitStmt(s, (node) => {
    if (node.kind === "alloc" && node.buffer.scope === "local") names.add(node.buffer.name);
  });
  return names;
}
