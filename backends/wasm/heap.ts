/**
 * Who has which part of one memory.
 *
 * @module
 */

/** Buffers begin at multiples of this: a cache line. */
const ALIGNMENT = 64;

interface Block {
  readonly start: number;
  readonly end: number;
}

/**
 * A heap over the addresses from `start` on; its end moves up where nothing free is large enough. The smallest free block
 * that fits is taken, and neighbours that are free become one.
 */
export class Heap {
  /** Free blocks below the end, by address; no two touch. */
  #free: Block[] = [];
  #used = new Map<number, number>();
  #end: number;

  /** An empty heap. */
  constructor(start: number) {
    this.#end = align(start);
  }

  /** One past the last address in use. */
  get end(): number {
    return this.#end;
  }

  /** Where there would be room, without taking it; the memory must reach up to `end` then. */
  place(bytes: number): { readonly start: number; readonly end: number } {
    const size = Math.max(align(bytes), ALIGNMENT);
    const fitting = this.#free.filter((b) => b.end - b.start >= size)
      .sort((a, b) => (a.end - a.start) - (b.end - b.start))[0];
    const start = fitting?.start ?? this.#end;
    return { start, end: start + size };
  }

  /** Takes what {@linkcode place} gave. */
  take({ start, end }: Block): void {
    const at = this.#free.findIndex((b) => b.start === start);
    const block = this.#free[at];
    if (block === undefined) this.#end = end;
    else if (block.end === end) this.#free.splice(at, 1);
    else this.#free[at] = { start: end, end: block.end };
    this.#used.set(start, end);
  }

  /** Gives a block back by its start. */
  free(start: number): void {
    const end = this.#used.get(start);
    if (end === undefined) return;
    this.#used.delete(start);
    const blocks = [...this.#free, { start, end }].sort((a, b) => a.start - b.start);
    this.#free = [];
    for (const block of blocks) {
      const last = this.#free.at(-1);
      if (last?.end === block.start) {
        this.#free[this.#free.length - 1] = { start: last.start, end: block.end };
      } else this.#free.push(block);
    }
    const last = this.#free.at(-1);
    if (last?.end !== this.#end) return;
    this.#end = last.start;
    this.#free.pop();
  }
}

function align(n: number): number {
  return Math.ceil(n / ALIGNMENT) * ALIGNMENT;
}
