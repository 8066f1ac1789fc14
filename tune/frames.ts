/**
 * Values as bytes between processes: each with its length before it, in the form of structured clones.
 *
 * @module
 */
import { deserialize, serialize } from "node:v8";

/** A value as one frame: its length in 4 bytes, then itself. */
export function frame(value: unknown): Uint8Array {
  const body = serialize(value);
  const bytes = new Uint8Array(4 + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length, true);
  bytes.set(body, 4);
  return bytes;
}

/** Puts frames together that come in pieces; calls `use` with each value, in order. */
export function frameReader(use: (value: unknown) => void): (piece: Uint8Array) => void {
  let pieces: Uint8Array[] = [];
  let length = 0;
  let needed = 4;
  let inBody = false;
  return (piece) => {
    pieces.push(piece);
    length += piece.length;
    while (length >= needed) {
      const all = new Uint8Array(length);
      pieces.reduce((at, p) => (all.set(p, at), at + p.length), 0);
      const head = all.subarray(0, needed);
      pieces = [all.subarray(needed)];
      length -= needed;
      const size = inBody ? 4 : new DataView(head.buffer, head.byteOffset).getUint32(0, true);
      inBody = !inBody;
      if (!inBody) use(deserialize(head.slice()));
      needed = size;
    }
  };
}
