/**
 * Lines of the text form.
 *
 * @module
 */

/** Columns that a line with a list may have before the list is broken up. */
const WIDTH = 110;

/** Lines two columns further in. */
export function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

/**
 * `open`, items, `close`: on one line if it fits at this depth, else with a line for each item. The last item has a
 * comma only where `close` says that the list ends.
 */
export function listLines(
  depth: number,
  open: string,
  items: readonly string[],
  close: string,
): readonly string[] {
  const line = `${open}${items.join(", ")}${close}`;
  if (items.length < 2 || line.length + 2 * depth <= WIDTH) return [line];
  const ended = close !== "";
  const lines = items.map((item, i) => (ended || i < items.length - 1 ? `${item},` : item));
  return [open.trimEnd(), ...indent(lines), ...(ended ? [close.trimStart()] : [])];
}
