/**
 * Tables in plain text.
 *
 * @module
 */

/** Rows under a heading, in columns two spaces apart; each line ends with a line break. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((title, c) => Math.max(title.length, ...rows.map((row) => row[c]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `${cells.map((cell, c) => cell.padEnd(widths[c] ?? 0)).join("  ").trimEnd()}\n`;
  return [heading, ...rows].map(line).join("");
}
