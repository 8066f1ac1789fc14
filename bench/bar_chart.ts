/**
 * Bar charts as SVG, legible on light and dark pages.
 *
 * @module
 */

/** A bar. */
export interface Bar {
  readonly name: string;
  /** Not negative. */
  readonly value: number;
}

/** Bars on one scale, which starts at 0. */
export interface Panel {
  /** What is shown, with its unit. */
  readonly title: string;
  readonly bars: readonly Bar[];
}

const [WIDTH, BAR, GAP, LABEL] = [640, 22, 8, 120];

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? c);

/**
 * Panels of horizontal bars, one below the other.
 *
 * @example
 * ```ts
 * import { barChart } from "./bar_chart.ts";
 *
 * const svg = barChart("speeds", [{ title: "tokens/s", bars: [{ name: "naive", value: 5 }] }]);
 * console.log(svg.startsWith("<svg"));
 * ```
 */
export function barChart(title: string, panels: readonly Panel[]): string {
  const lines: string[] = [];
  let y = 28;
  for (const panel of panels) {
    const most = Math.max(...panel.bars.map((b) => b.value), Number.MIN_VALUE);
    lines.push(`<text class="head" x="8" y="${y + 16}">${escaped(panel.title)}</text>`);
    y += 28;
    for (const { name, value } of panel.bars) {
      const width = Math.max(1, value / most * (WIDTH - LABEL - 90));
      lines.push(
        `<text x="${LABEL - 8}" y="${y + 16}" text-anchor="end">${escaped(name)}</text>`,
        `<rect x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>`,
        `<text x="${(LABEL + width + 6).toFixed(1)}" y="${y + 16}">${value}</text>`,
      );
      y += BAR + GAP;
    }
    y += 12;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="${
      escaped(title)
    }">`,
    "<style>text{font:13px system-ui,sans-serif;fill:#24292f}.head{font-weight:600}rect{fill:#2563eb}",
    "@media (prefers-color-scheme:dark){text{fill:#e6edf3}rect{fill:#60a5fa}}</style>",
    `<text class="head" x="8" y="18">${escaped(title)}</text>`,
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}
