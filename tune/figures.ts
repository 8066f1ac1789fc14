/**
 * From times to figures.
 *
 * @module
 */
import type { Figures } from "../schedule/tune/record.ts";

/**
 * Figures of times that were taken in turns. The spread is the half width of the notch of a box plot, 1.57 times the
 * interquartile range over the root of their number (McGill, Tukey and Larsen, "Variations of box plots", 1978): how
 * far the median itself may be off.
 */
export function figuresOf(candidate: readonly number[], reference: readonly number[]): Figures {
  const ratios = candidate.map((t, i) => t / Math.max(reference[i] ?? t, 1e-6));
  return {
    ms: median(candidate),
    referenceMs: median(reference),
    ratio: median(ratios),
    spread: 1.57 * (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / Math.sqrt(Math.max(1, ratios.length)),
  };
}

/** The median; of none 0. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const [low, high] = [sorted[Math.floor(at)] ?? 0, sorted[Math.ceil(at)] ?? 0];
  return low + (high - low) * (at - Math.floor(at));
}
