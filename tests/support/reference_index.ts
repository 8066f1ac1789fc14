/**
 * Reference of the operators about windows, indices, order and chance: loops over arrays of doubles, written for the
 * tests only.
 *
 * @module
 */
import { at, build, type Dense, indices, size } from "./reference.ts";

/** A window that slides over an image. */
export interface Window {
  readonly padding?: readonly [number, number, number, number];
  readonly strides?: readonly [number, number];
  readonly dilations?: readonly [number, number];
}

/** Number of positions of a window. */
function positions(
  n: number,
  k: number,
  pad: number,
  stride: number,
  dilation: number,
  ceil: boolean,
): number {
  const steps = (n + pad - (dilation * (k - 1) + 1)) / stride;
  return (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
}

/** For every position, the list of elements under the window with their place in it. */
function slide(
  x: Dense,
  [kh, kw]: readonly [number, number],
  { padding = [0, 0, 0, 0], strides = [1, 1], dilations = [1, 1] }: Window,
  ceil: boolean,
): { readonly h: number; readonly w: number; under(y: number, x: number): number[][] } {
  const [, , height, width] = x.shape as [number, number, number, number];
  return {
    h: positions(height, kh, padding[0] + padding[1], strides[0], dilations[0], ceil),
    w: positions(width, kw, padding[2] + padding[3], strides[1], dilations[1], ceil),
    under(y, x) {
      const found: number[][] = [];
      for (let i = 0; i < kh; i++) {
        for (let j = 0; j < kw; j++) {
          const row = y * strides[0] + i * dilations[0] - padding[0];
          const column = x * strides[1] + j * dilations[1] - padding[2];
          if (row >= 0 && row < height && column >= 0 && column < width) found.push([i, j, row, column]);
        }
      }
      return found;
    },
  };
}

/** Convolution. */
export function conv2d(
  x: Dense,
  filter: Dense,
  bias: Dense | undefined,
  window: Window & { readonly groups?: number },
): Dense {
  const [o, perGroup, kh, kw] = filter.shape as [number, number, number, number];
  const groups = window.groups ?? 1;
  const { h, w, under } = slide(x, [kh, kw], window, false);
  return build([x.shape[0]!, o, h, w], ([n, k, y, z]) => {
    const group = Math.floor(k! / (o / groups));
    let sum = bias === undefined ? 0 : bias.data[k!]!;
    for (const [i, j, row, column] of under(y!, z!)) {
      for (let c = 0; c < perGroup; c++) {
        sum += at(x, [n!, group * perGroup + c, row!, column!]) * at(filter, [k!, c, i!, j!]);
      }
    }
    return sum;
  });
}

/** Pooling by any function of the list of elements. */
export function pool(
  x: Dense,
  size: readonly [number, number] | undefined,
  window: Window,
  ceil: boolean,
  f: (values: number[]) => number,
): Dense {
  const whole = [x.shape[2]!, x.shape[3]!] as const;
  const { h, w, under } = slide(x, size ?? whole, window, ceil);
  return build(
    [x.shape[0]!, x.shape[1]!, h, w],
    ([n, c, y, z]) => f(under(y!, z!).map(([, , row, column]) => at(x, [n!, c!, row!, column!]))),
  );
}

/** The place an index means: from the end if negative, at the nearest end if out of range. */
export function place(index: number, n: number): number {
  return Math.max(Math.min(index < 0 ? index + n : index, n - 1), 0);
}

/** Replaces elements one by one, in order. */
export function scatter(x: Dense, ids: Dense, updates: Dense, axis: number): Dense {
  const data = [...x.data];
  for (const index of indices(ids.shape)) {
    const to = at(ids, index);
    const n = x.shape[axis]!;
    const target = to < 0 ? to + n : to;
    if (target >= 0 && target < n) data[offset(x.shape, index.with(axis, target))] = at(updates, index);
  }
  return { shape: x.shape, data };
}

/** Replaces parts one by one, in order. */
export function scatterND(x: Dense, ids: Dense, updates: Dense): Dense {
  const data = [...x.data];
  const depth = ids.shape.at(-1)!;
  for (const outer of indices(ids.shape.slice(0, -1))) {
    const to = Array.from({ length: depth }, (_, d) => {
      const index = at(ids, [...outer, d]);
      return index < 0 ? index + x.shape[d]! : index;
    });
    if (to.some((i, d) => i < 0 || i >= x.shape[d]!)) continue;
    for (const inner of indices(x.shape.slice(depth))) {
      data[offset(x.shape, [...to, ...inner])] = at(updates, [...outer, ...inner]);
    }
  }
  return { shape: x.shape, data };
}

function offset(shape: readonly number[], index: readonly number[]): number {
  return index.reduce((flat, i, d) => flat * shape[d]! + i, 0);
}

/** Margins of mirrored or repeated elements, found by walking; 0 where there are none. */
export function pad(
  x: Dense,
  begin: readonly number[],
  end: readonly number[],
  mode: "constant" | "edge" | "reflection" | "symmetric",
  value: number,
): Dense {
  const shape = x.shape.map((n, d) => n + begin[d]! + end[d]!);
  return build(shape, (index) => {
    const from = index.map((i, d) => walk(i - begin[d]!, x.shape[d]!, mode));
    if (from.includes(undefined)) return mode === "constant" ? value : 0;
    return at(x, from as number[]);
  });
}

function walk(i: number, n: number, mode: string): number | undefined {
  if (i >= 0 && i < n) return i;
  if (mode === "constant" || n === 0) return undefined;
  if (mode === "edge" || n === 1) return i < 0 ? 0 : n - 1;
  let [to, step] = [0, 1];
  // From place 0 on, one step at a time, turning round at the ends.
  const count = i < 0 ? -i : i;
  if (i < 0 && mode === "symmetric") {
    for (let k = 1; k < count; k++) [to, step] = advance(to, step, n, mode);
    return to;
  }
  for (let k = 0; k < count; k++) [to, step] = advance(to, step, n, mode);
  return to;
}

function advance(at: number, step: number, n: number, mode: string): [number, number] {
  const next = at + step;
  if (next >= 0 && next < n) return [next, step];
  return mode === "symmetric" ? [at, -step] : [at - step, -step];
}

/** Indices of a list in order; NaN above all numbers, equal ones as they were. */
export function order(values: readonly number[], descending: boolean): number[] {
  const compare = (a: number, b: number): number =>
    Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a - b;
  return [...values.keys()].sort((i, j) => {
    const c = compare(values[i]!, values[j]!);
    return (descending ? -c : c) || i - j;
  });
}

/** Applies a function to every line along an axis; it gives a line of another length. */
export function lines(x: Dense, axis: number, f: (line: number[]) => number[]): Dense {
  const n = x.shape[axis]!;
  const length = f(Array.from({ length: n }, () => 0)).length;
  const done = new Map<string, number[]>();
  return build(x.shape.with(axis, length), (index) => {
    const key = index.with(axis, 0).join();
    const line = done.get(key) ??
      f(Array.from({ length: n }, (_, i) => at(x, index.with(axis, i))));
    done.set(key, line);
    return line[index[axis]!]!;
  });
}

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24].map(BigInt);
const MASK = 0xffffffffn;

/** Threefry-2x32-20 in arithmetic of unlimited size. */
export function threefry(
  key: readonly [number, number],
  counter: readonly [number, number],
): [number, number] {
  const [k0, k1] = [BigInt(key[0]), BigInt(key[1])];
  const schedule = [k0, k1, 0x1bd11bdan ^ k0 ^ k1];
  let x = (BigInt(counter[0]) + k0) & MASK;
  let y = (BigInt(counter[1]) + k1) & MASK;
  for (let round = 1; round <= 20; round++) {
    const turn = ROTATIONS[(round - 1) % 8]!;
    x = (x + y) & MASK;
    y = (((y << turn) & MASK) | (y >> (32n - turn))) ^ x;
    if (round % 4 === 0) {
      const r = round / 4;
      x = (x + schedule[r % 3]!) & MASK;
      y = (y + schedule[(r + 1) % 3]! + BigInt(r)) & MASK;
    }
  }
  return [Number(x), Number(y)];
}

/** A tensor of a function of the two random words of each element. */
export function random(
  key: readonly [number, number],
  shape: readonly number[],
  f: (a: number, b: number) => number,
): Dense {
  return { shape, data: Array.from({ length: size(shape) }, (_, i) => f(...threefry(key, [0, i]))) };
}

/** The first index where the sum so far exceeds `u` times the sum of all. */
export function sampleLine(weights: readonly number[], u: number): number {
  const target = u * weights.reduce((a, b) => a + b, 0);
  let sum = 0;
  for (const [i, w] of weights.entries()) {
    sum += w;
    if (sum > target && w > 0) return i;
  }
  return Math.max(weights.findLastIndex((w) => w > 0), 0);
}

/** Attention of one head: rows of queries, keys and values; `allowed(i, j)` says what query `i` may look at. */
export function attention(
  q: Dense,
  k: Dense,
  v: Dense,
  scale: number,
  allowed: (i: number, j: number) => boolean,
): Dense {
  const [n, d] = [q.shape.at(-2)!, q.shape.at(-1)!];
  const [t, e] = [k.shape.at(-2)!, v.shape.at(-1)!];
  const share = q.shape.at(-3)! / k.shape.at(-3)!;
  const own = (index: readonly number[]): number[] => [
    ...index.slice(0, -3),
    Math.floor(index.at(-3)! / share),
  ];
  return build([...q.shape.slice(0, -2), n, e], (index) => {
    const [head, i] = [index.slice(0, -2), index.at(-2)!];
    const places = Array.from({ length: t }, (_, j) => j).filter((j) => allowed(i, j));
    const scores = places.map((j) => {
      let sum = 0;
      for (let c = 0; c < d; c++) sum += at(q, [...head, i, c]) * at(k, [...own(index), j, c]);
      return Math.exp(sum * scale);
    });
    const total = scores.reduce((a, b) => a + b, 0);
    return places.reduce(
      (sum, j, at_) => sum + scores[at_]! / total * at(v, [...own(index), j, index.at(-1)!]),
      0,
    );
  });
}
