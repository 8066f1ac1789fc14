/**
 * Operators once more, written for this purpose only: arrays of doubles, loops over indices, no shared code with what
 * is tested.
 *
 * @module
 */

/** A dense array of doubles (booleans are 0 and 1). */
export interface Dense {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** Number of elements. */
export function size(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** All indices of a shape in row-major order. */
export function* indices(shape: readonly number[]): Generator<number[]> {
  const n = size(shape);
  for (let flat = 0; flat < n; flat++) {
    const index: number[] = [];
    let rest = flat;
    for (let d = shape.length - 1; d >= 0; d--) {
      index.unshift(rest % shape[d]!);
      rest = Math.floor(rest / shape[d]!);
    }
    yield index;
  }
}

/** The element at an index. */
export function at(x: Dense, index: readonly number[]): number {
  let flat = 0;
  x.shape.forEach((n, d) => {
    flat = flat * n + index[d]!;
  });
  return x.data[flat]!;
}

/** Builds an array from a function of the index. */
export function build(shape: readonly number[], f: (index: number[]) => number): Dense {
  return { shape, data: [...indices(shape)].map(f) };
}

/** Aligns at the end; 1 stretches. */
export function broadcast(f: (...values: number[]) => number, ...operands: Dense[]): Dense {
  const rank = Math.max(...operands.map((o) => o.shape.length));
  const shape = Array.from({ length: rank }, (_, d) => {
    const sizes = operands.map((o) => o.shape[d - rank + o.shape.length] ?? 1);
    return sizes.find((n) => n !== 1) ?? 1;
  });
  return build(
    shape,
    (index) =>
      f(...operands.map((o) =>
        at(o, o.shape.map((n, d) => (n === 1 ? 0 : index[d + rank - o.shape.length]!)))
      )),
  );
}

/** Applies a function to every element. */
export function map(x: Dense, f: (value: number) => number): Dense {
  return { shape: x.shape, data: x.data.map(f) };
}

/** Folds lists of elements over axes. */
export function reduceAxes(
  x: Dense,
  axes: readonly number[],
  keep: boolean,
  f: (values: number[]) => number,
): Dense {
  const kept = x.shape.map((n, d) => (axes.includes(d) ? 1 : n));
  const full = build(kept, (index) => {
    const values: number[] = [];
    for (const inner of indices(x.shape.filter((_, d) => axes.includes(d)))) {
      let next = 0;
      values.push(at(x, index.map((i, d) => (axes.includes(d) ? inner[next++]! : i))));
    }
    return f(values);
  });
  return keep ? full : { shape: x.shape.filter((_, d) => !axes.includes(d)), data: full.data };
}

/** Batched matrix product. */
export function matmul(a: Dense, b: Dense): Dense {
  const [m, k] = a.shape.slice(-2);
  const n = b.shape.at(-1)!;
  const batch = broadcast(() => 0, zeros(a.shape.slice(0, -2)), zeros(b.shape.slice(0, -2))).shape;
  const own = (x: Dense, index: readonly number[]): number[] => {
    const dims = x.shape.slice(0, -2);
    return dims.map((size, d) => (size === 1 ? 0 : index[d + batch.length - dims.length]!));
  };
  return build([...batch, m!, n], (index) => {
    const outer = index.slice(0, -2);
    let sum = 0;
    for (let i = 0; i < k!; i++) {
      sum += at(a, [...own(a, outer), index.at(-2)!, i]) * at(b, [...own(b, outer), i, index.at(-1)!]);
    }
    return sum;
  });
}

function zeros(shape: readonly number[]): Dense {
  return build(shape, () => 0);
}

/** Axis `i` of the result is axis `axes[i]`. */
export function permute(x: Dense, axes: readonly number[]): Dense {
  return build(axes.map((a) => x.shape[a]!), (index) => {
    const from: number[] = [];
    axes.forEach((a, i) => from[a] = index[i]!);
    return at(x, from);
  });
}

/** Softmax along an axis. */
export function softmax(x: Dense, axis: number): Dense {
  const top = reduceAxes(x, [axis], true, (v) => Math.max(...v));
  const e = broadcast((a, b) => Math.exp(a - b), x, top);
  return broadcast((a, b) => a / b, e, reduceAxes(e, [axis], true, (v) => v.reduce((p, q) => p + q, 0)));
}

/** Layer normalisation along the last axis. */
export function layerNorm(x: Dense, weight: Dense, bias: Dense, epsilon: number): Dense {
  const last = x.shape.length - 1;
  const mean = (v: number[]): number => v.reduce((a, b) => a + b, 0) / v.length;
  const centred = broadcast((a, b) => a - b, x, reduceAxes(x, [last], true, mean));
  const variance = reduceAxes(map(centred, (v) => v * v), [last], true, mean);
  return broadcast((c, v, w, b) => c / Math.sqrt(v + epsilon) * w + b, centred, variance, weight, bias);
}

/** The error function, by its Taylor series for small and a continued fraction for large arguments. */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 2.5) {
    let [term, sum] = [z, z];
    for (let n = 1; n < 100; n++) {
      term *= -z * z / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * sum * 2 / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = (n / 2) / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction));
}
