/**
 * Which rule took which kernel, with what parameters, and why the others did not.
 *
 * @module
 */
import type { PrimFunc } from "../ir/prim_func.ts";
import type { Target } from "../ir/target.ts";
import type { Schedule } from "./schedule.ts";
import { reasons } from "./failure.ts";
import { apply } from "./strategy.ts";

/**
 * The decision for each kernel as a table in text: kernel, rule, parameters, and a line for each refusal.
 *
 * @example
 * ```ts
 * import { defaultSchedule, explain } from "@weft/weft/schedule";
 *
 * console.log(explain([], defaultSchedule())); // kernel  rule  parameters
 * ```
 */
export function explain(funcs: readonly PrimFunc[], schedule: Schedule, target?: Target): string {
  const rows: string[][] = [["kernel", "rule", "parameters"]];
  const notes = new Map<number, readonly string[]>();
  for (const func of funcs) {
    const result = apply(func, schedule, target === undefined ? {} : { target });
    if (!result.ok) {
      rows.push([func.name, "refused", ""]);
      notes.set(rows.length - 1, reasons(result.failure));
      continue;
    }
    const params = Object.entries(result.rule?.params ?? {}).map(([name, value]) => `${name}=${value}`).join(
      " ",
    );
    rows.push([func.name, result.rule?.name ?? "none", params]);
    notes.set(rows.length - 1, (result.refusals ?? []).flatMap((f) => reasons(f)));
  }
  const widths = [0, 1, 2].map((c) => Math.max(...rows.map((row) => row[c]?.length ?? 0)));
  return rows.flatMap((row, i) => [
    row.map((cell, c) => cell.padEnd(widths[c] ?? 0)).join("  ").trimEnd(),
    ...(notes.get(i) ?? []).map((note) => `    ${note}`),
  ]).join("\n");
}
