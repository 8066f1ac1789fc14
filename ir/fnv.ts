/**
 * The hash function FNV-1a with 64 bits.
 *
 * @module
 */

const encoder = new TextEncoder();

/** FNV-1a of a text's UTF-8 bytes, as 16 hex digits. Stable across processes and machines; no defence against intent. */
export function fnv1a64(text: string): string {
  // The 64 bits in two halves. The prime is 2^40 + 0x1b3, so a product is a small one and a shift.
  let [high, low] = [0xcbf29ce4, 0x84222325];
  for (const byte of encoder.encode(text)) {
    low = (low ^ byte) >>> 0;
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + (low << 8) + Math.floor(product / 4294967296)) >>> 0;
    low = product >>> 0;
  }
  return [high, low].map((half) => half.toString(16).padStart(8, "0")).join("");
}
