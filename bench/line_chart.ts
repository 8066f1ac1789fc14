/**
 * Lines and points over two axes as SVG, legible on light and dark pages.
 *
 * @module
 */
import { escaped } from "./heat_map.ts";

/** Points of one colour. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** A line that keeps its height until the next point, or points alone, smaller in later series. */
  readonly mark: "steps" | "points";
}

/** An axis: its name with the unit, and its scale. */
export interface ChartAxis {
  readonly label: string;
  readonly scale: "linear" | "log";
  /** Ends; by default those of the points, on a linear scale from 0. */
  readonly from?: number;
  readonly to?: number;
}

/** A dashed line of all points whose `y` is proportional to `x`. */
export interface Guide {
  readonly name: string;
  readonly of: (x: number) => number;
}

const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT] = [780, 400, 64, 56, 52, 270];

/** Colours that people with any colour vision can tell apart (after Okabe and Ito), for light and dark pages. */
const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#3b4cc0", "#56616c", "#a3195b"];
const DARK = ["#56b4e9", "#ff8c42", "#2fd6a3", "#e8a6cb", "#f0e442", "#9aa7ff", "#b9c4cf", "#ff7eb6"];

/**
 * A chart of several series.
 *
 * @example
 * ```ts
 * import { lineChart } from "./line_chart.ts";
 *
 * const series = [{ name: "a", mark: "steps", points: [{ x: 0, y: 1 }, { x: 2, y: 3 }] }] as const;
 * const [x, y] = [{ label: "s", scale: "linear" }, { label: "ms", scale: "linear" }] as const;
 * console.log(lineChart("times", "", x, y, series).startsWith("<svg"));
 * ```
 */
export function lineChart(
  title: string,
  subtitle: string,
  x: ChartAxis,
  y: ChartAxis,
  series: readonly Series[],
  guides: readonly Guide[] = [],
): string {
  const all = series.flatMap((s) => s.points);
  const [sx, sy] = [scaleOf(x, all.map((p) => p.x)), scaleOf(y, all.map((p) => p.y))];
  const px = (v: number): number => LEFT + sx.at(v) * (WIDTH - LEFT - RIGHT);
  const py = (v: number): number => HEIGHT - BOTTOM - sy.at(v) * (HEIGHT - TOP - BOTTOM);
  const lines: string[] = [];
  const right = WIDTH - RIGHT;
  for (const tick of sx.ticks) {
    lines.push(
      `<line class="grid" x1="${f(px(tick))}" x2="${f(px(tick))}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>`,
      `<text x="${f(px(tick))}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${number(tick)}</text>`,
    );
  }
  for (const tick of sy.ticks) {
    lines.push(
      `<line class="grid" x1="${LEFT}" x2="${right}" y1="${f(py(tick))}" y2="${f(py(tick))}"/>`,
      `<text x="${LEFT - 8}" y="${f(py(tick) + 4)}" text-anchor="end">${number(tick)}</text>`,
    );
  }
  lines.push(
    `<clipPath id="plot"><rect x="${LEFT}" y="${TOP}" width="${right - LEFT}" height="${
      HEIGHT - TOP - BOTTOM
    }"/></clipPath>`,
  );
  guides.forEach((g) => {
    const [a, b] = [sx.from, sx.to];
    lines.push(
      `<line class="guide" clip-path="url(#plot)" x1="${f(px(a))}" y1="${f(py(g.of(a)))}" x2="${
        f(px(b))
      }" y2="${f(py(g.of(b)))}"/>`,
      `<text class="faint" x="${f(px(a * sy.to / g.of(a)) - 6)}" y="${TOP + 12}" text-anchor="end">${
        escaped(g.name)
      }</text>`,
    );
  });
  series.forEach((s, i) => {
    const c = i % LIGHT.length;
    if (s.mark === "points") {
      for (const p of s.points) {
        lines.push(
          `<circle class="f${c}" cx="${f(px(p.x))}" cy="${f(py(p.y))}" r="${Math.max(3, 6 - 1.5 * i)}"/>`,
        );
      }
    } else {
      const d = s.points.map((p, n) =>
        n === 0 ? `M${f(px(p.x))} ${f(py(p.y))}` : `H${f(px(p.x))}V${f(py(p.y))}`
      );
      lines.push(`<path class="l${c}" d="${d.join("")}H${right}"/>`);
    }
    const at = TOP + 14 + 20 * i;
    lines.push(
      `<rect class="f${c}" x="${right + 14}" y="${at - 10}" width="12" height="12" rx="2"/>`,
      `<text x="${right + 32}" y="${at}">${escaped(s.name)}</text>`,
    );
  });
  const colours = (list: readonly string[]): string =>
    list.map((c, i) => `.l${i}{stroke:${c}}.f${i}{fill:${c}}`).join("");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${
      escaped(title)
    }">`,
    "<style>text{font:12px system-ui,sans-serif;fill:#24292f}.head{font-weight:600}.faint{opacity:.7}" +
    "path{fill:none;stroke-width:2}.grid{stroke:#d0d7de;stroke-width:.7}.guide{stroke:#8c959f;stroke-dasharray:4 4}" +
    colours(LIGHT),
    `@media (prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#30363d}${colours(DARK)}}</style>`,
    `<text class="head" x="8" y="20">${escaped(title)}</text>`,
    `<text x="8" y="40">${escaped(subtitle)}</text>`,
    ...lines,
    `<text x="${(LEFT + right) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escaped(x.label)}</text>`,
    `<text text-anchor="middle" transform="translate(16 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">${
      escaped(y.label)
    }</text>`,
    "</svg>",
    "",
  ].join("\n");
}

interface Scale {
  readonly from: number;
  readonly to: number;
  /** A value as a part of the axis. */
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

function scaleOf(axis: ChartAxis, values: readonly number[]): Scale {
  const largest = Math.max(...values, 1e-9);
  if (axis.scale === "log") {
    const from = axis.from ?? 2 ** Math.floor(Math.log2(Math.min(...values.filter((v) => v > 0), largest)));
    const to = Math.max(axis.to ?? 2 ** Math.ceil(Math.log2(largest)), from * 2);
    const span = Math.log2(to / from);
    const step = Math.max(1, Math.round(span / 8));
    const ticks: number[] = [];
    for (let e = 0; e <= span + 1e-9; e += step) ticks.push(from * 2 ** e);
    return { from, to, at: (v) => Math.log2(v / from) / span, ticks };
  }
  const from = axis.from ?? 0;
  const to = Math.max(axis.to ?? largest, from + 1e-9);
  const rough = (to - from) / 6;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * unit).find((s) => s >= rough) ?? rough;
  const ticks: number[] = [];
  for (let t = Math.ceil(from / step) * step; t <= to + 1e-9; t += step) ticks.push(t);
  return { from, to, at: (v) => (v - from) / (to - from), ticks };
}

const f = (v: number): string => v.toFixed(1);
const number = (v: number): string => String(Number(v.toPrecision(3)));
