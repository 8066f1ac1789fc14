/**
 * Heat maps as SVG, legible on light and dark pages: every cell says its value.
 *
 * @module
 */

/** A table of values. */
export interface HeatPanel {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly x: readonly (string | number)[];
  readonly y: readonly (string | number)[];
  /** A value in row `y` and column `x`; `undefined` where there is none. */
  readonly value: (xIndex: number, yIndex: number) => number | undefined;
}

const [CELL, ROW, LEFT, TOP, GAP] = [46, 28, 58, 60, 28];

/** Panels beside each other; further ones come below. */
const ACROSS = 2;

/** Shades from the least to the most: light pages from pale to deep, dark pages from deep to pale. */
const LIGHT = ["#eff6ff", "#dbeafe", "#bfdbfe", "#93c5fd", "#60a5fa", "#3b82f6", "#2563eb", "#1e40af"];
const DARK = ["#0c1a33", "#12284f", "#17386f", "#1d4a94", "#2563c0", "#3f82e0", "#74a9f2", "#b3d1fb"];

/** Shades with pale text on light pages, and with dark text on dark ones. */
const TURN = 5;

/** Text in XML. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? c);

/**
 * Panels, two side by side, on one scale from 0 to the largest value. The largest value of all is framed.
 *
 * @example
 * ```ts
 * import { heatMap } from "./heat_map.ts";
 *
 * const panel = { title: "A", xLabel: "TS", yLabel: "TILE_S", x: [1, 2], y: [4], value: (x: number) => x };
 * console.log(heatMap("speeds", "relative", [panel]).startsWith("<svg"));
 * ```
 */
export function heatMap(title: string, subtitle: string, panels: readonly HeatPanel[]): string {
  const values = panels.flatMap((p) => p.y.flatMap((_, y) => p.x.map((_, x) => p.value(x, y) ?? 0)));
  const most = Math.max(...values, Number.MIN_VALUE);
  const lines: string[] = [];
  let [left, up, width, height] = [LEFT, TOP, 0, 0];
  panels.forEach((p, n) => {
    if (n > 0 && n % ACROSS === 0) [left, up] = [LEFT, height];
    lines.push(text(left, up + 14, p.title, "head"));
    const top = up + 24;
    p.y.forEach((name, y) => {
      lines.push(text(left - 6, top + y * ROW + 18, String(name), "", "end"));
      p.x.forEach((_, x) => {
        const value = p.value(x, y);
        if (value === undefined) return;
        const shade = Math.min(LIGHT.length - 1, Math.floor(value / most * LIGHT.length));
        const best = value === most ? " best" : "";
        lines.push(
          `<rect class="s${shade}${best}" x="${left + x * CELL + 1}" y="${top + y * ROW + 1}" width="${
            CELL - 2
          }" height="${ROW - 2}" rx="2"/>`,
          text(
            left + x * CELL + CELL / 2,
            top + y * ROW + 18,
            value.toFixed(2),
            shade < TURN ? "" : "on",
            "middle",
          ),
        );
      });
    });
    const bottom = top + p.y.length * ROW;
    p.x.forEach((name, x) =>
      lines.push(text(left + x * CELL + CELL / 2, bottom + 16, String(name), "", "middle"))
    );
    lines.push(
      text(left + p.x.length * CELL / 2, bottom + 34, p.xLabel, "", "middle"),
      `<text text-anchor="middle" transform="translate(${left - 36} ${
        top + p.y.length * ROW / 2
      }) rotate(-90)">${escaped(p.yLabel)}</text>`,
    );
    height = Math.max(height, bottom + 44);
    left += p.x.length * CELL + LEFT + GAP;
    width = Math.max(width, left - LEFT);
  });
  const shades = (list: readonly string[]): string => list.map((c, i) => `.s${i}{fill:${c}}`).join("");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${
      escaped(title)
    }">`,
    "<style>text{font:12px system-ui,sans-serif;fill:#24292f}.head{font-weight:600}.on{fill:#fff}",
    `.best{stroke:#d97706;stroke-width:3}${shades(LIGHT)}`,
    `@media (prefers-color-scheme:dark){text{fill:#e6edf3}.on{fill:#0d1117}.best{stroke:#fbbf24}${
      shades(DARK)
    }}</style>`,
    text(8, 20, title, "head"),
    text(8, 40, subtitle, ""),
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}

function text(x: number, y: number, content: string, kind: string, anchor?: "end" | "middle"): string {
  const cls = kind === "" ? "" : ` class="${kind}"`;
  const at = anchor === undefined ? "" : ` text-anchor="${anchor}"`;
  return `<text${cls} x="${x}" y="${y}"${at}>${escaped(content)}</text>`;
}
