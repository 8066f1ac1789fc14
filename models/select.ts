/**
 * Selection by threshold without sorting, for vocabularies of 50 thousand tokens on every step: numbers are put in
 * bins by their highest bits, the bin with the threshold is divided further, three times at most.
 *
 * @module
 */

/** Bits decided a pass: 11 + 11 + 10. */
const PASSES: readonly { readonly shift: number; readonly bits: number }[] = [
  { shift: 21, bits: 11 },
  { shift: 10, bits: 11 },
  { shift: 0, bits: 10 },
];

/** Scratch memory for arrays of up to `size` numbers; make it once. */
export interface Selector {
  /**
   * The `k`-th largest of `values[0 .. count)`, counted from 1.
   *
   * @param k from 1 to `count`
   */
  kthLargest(values: Float32Array, count: number, k: number): number;
  /**
   * How far down the largest values must be taken for their masses to reach `target`: the largest value for which it
   * and all larger ones do, or the smallest of all, if the masses do not reach `target`.
   *
   * @param masses what each value contributes, from 0, not decreasing with the value
   */
  reachMass(values: Float32Array, masses: Float64Array, count: number, target: number): number;
}

/** Memory for selecting among up to `size` values, none of them NaN. */
export function selector(size: number): Selector {
  const keys = new Uint32Array(size);
  const ids = new Uint32Array(size);
  const counts = new Uint32Array(1 << 11);
  const sums = new Float64Array(1 << 11);

  /** Puts the candidates' keys into bins, then keeps those of bin `chosen`; gives how many. */
  const keep = (candidates: number, shift: number, mask: number, chosen: number): number => {
    let kept = 0;
    for (let i = 0; i < candidates; i++) {
      if ((keys[i]! >>> shift & mask) !== chosen) continue;
      keys[kept] = keys[i]!;
      ids[kept++] = ids[i]!;
    }
    return kept;
  };

  const start = (values: Float32Array, count: number): void => {
    const bits = new Uint32Array(values.buffer, values.byteOffset, count);
    for (let i = 0; i < count; i++) {
      keys[i] = ascending(bits[i]!);
      ids[i] = i;
    }
  };

  return {
    kthLargest(values, count, k) {
      start(values, count);
      let candidates = count;
      let rank = k;
      for (const { shift, bits } of PASSES) {
        const mask = (1 << bits) - 1;
        counts.fill(0);
        for (let i = 0; i < candidates; i++) counts[keys[i]! >>> shift & mask]!++;
        let bin = mask;
        while (rank > counts[bin]!) rank -= counts[bin--]!;
        candidates = keep(candidates, shift, mask, bin);
      }
      return values[ids[0]!]!;
    },
    reachMass(values, masses, count, target) {
      start(values, count);
      let candidates = count;
      let reached = 0;
      for (const { shift, bits } of PASSES) {
        const mask = (1 << bits) - 1;
        counts.fill(0);
        sums.fill(0);
        let lowest = mask;
        for (let i = 0; i < candidates; i++) {
          const bin = keys[i]! >>> shift & mask;
          counts[bin]!++;
          sums[bin]! += masses[ids[i]!]!;
          if (bin < lowest) lowest = bin;
        }
        let bin = mask;
        // an empty bin is passed over, and the lowest full one ends the search whatever the target
        while (bin > lowest && (counts[bin] === 0 || reached + sums[bin]! < target)) reached += sums[bin--]!;
        candidates = keep(candidates, shift, mask, bin);
      }
      return values[ids[0]!]!;
    },
  };
}

/** Bits of a float, changed so that unsigned order is numeric order; `-0` counts as `0`. */
function ascending(bits: number): number {
  if (bits === 0x80000000) return 0x80000000;
  return (bits & 0x80000000) !== 0 ? ~bits >>> 0 : (bits | 0x80000000) >>> 0;
}
