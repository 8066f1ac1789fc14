/**
 * A timeline of profiled steps as a picture.
 *
 * @module
 */
import { byKernel, type StepProfile, titleOf } from "./profile.ts";

/** Pixels: the width of a lane, the height of one with its title, and of a line of the legend. */
const [WIDTH, LANE, LINE, MARGIN] = [1200, 60, 18, 12];

/**
 * The SVG of some steps: a lane each, from the beginning of its first dispatch to the end of its last, a box for each
 * dispatch with its time as tooltip, and a legend of the kernels, the longest first.
 */
export function timelineSvg(profiles: readonly StepProfile[]): string {
  const kernels = byKernel(profiles.flatMap((p) => p.dispatches));
  const total = kernels.reduce((sum, { ms }) => sum + ms, 0);
  // Neighbours in the legend differ: the golden angle.
  const color = new Map(kernels.map(({ kernel }, i) => [kernel, `hsl(${(i * 137.5) % 360} 60% 62%)`]));
  const lanes = profiles.flatMap((profile, i) => {
    const { dispatches } = profile;
    const y = MARGIN + i * LANE;
    const first = dispatches[0]?.start ?? 0;
    const span = dispatches.reduce((end, d) => Math.max(end, d.start + d.ms - first), 0);
    const at = (ms: number): string => (MARGIN + (span > 0 ? ms / span : 0) * WIDTH).toFixed(2);
    const boxes = dispatches.map(({ kernel, start, ms }) => {
      const [x, width] = [at(start - first), (span > 0 ? ms / span * WIDTH : 0).toFixed(2)];
      return `<rect x="${x}" y="${y + 20}" width="${width}" height="28" fill="${color.get(kernel)}">` +
        `<title>${escaped(kernel)}: ${ms.toFixed(3)} ms from ${(start - first).toFixed(3)} ms</title></rect>`;
    });
    return [
      `<text x="${MARGIN}" y="${y + 14}">${escaped(titleOf(profile))}: ${span.toFixed(3)} ms</text>`,
      ...boxes,
    ];
  });
  const top = MARGIN + profiles.length * LANE;
  const legend = kernels.flatMap(({ kernel, calls, ms }, i) => {
    const y = top + i * LINE;
    const share = total > 0 ? (ms / total * 100).toFixed(1) : "0.0";
    return [
      `<rect x="${MARGIN}" y="${y}" width="12" height="12" fill="${color.get(kernel)}"/>`,
      `<text x="${MARGIN + 18}" y="${y + 11}">${escaped(kernel)}: ${calls} calls, ${
        ms.toFixed(3)
      } ms, ${share}%</text>`,
    ];
  });
  const [width, height] = [WIDTH + 2 * MARGIN, top + kernels.length * LINE + MARGIN];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="sans-serif" font-size="13">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...lanes,
    ...legend,
    "</svg>",
    "",
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
