/**
 * The schedule of a contraction that the rules `matmul` and `gemv` share: tiles of registers.
 *
 * A thread computes a tile of `rows` x `columns` results, `lanes` threads are side by side along n and `groups` below
 * each other along m. In each of its steps a thread loads `depth` elements of k for its rows of `a` and its columns of
 * `b` into registers, as vectors along whichever axis lies together in memory, and multiplies them all.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { simplify } from "../../ir/simplify.ts";
import type { For } from "../../ir/stmt.ts";
import type { Contraction, Operand } from "../analysis/contraction.ts";
import { freshName, namesOf } from "../loop/site.ts";
import {
  attempt,
  bind,
  cacheRead,
  cacheWrite,
  choose,
  decomposeReduction,
  doubleBuffer,
  fuse,
  pad,
  reorder,
  type Schedule,
  seq,
  split,
  storageAlign,
  unroll,
  vectorize,
} from "../schedule.ts";

/** Sizes of the tiles of a contraction. */
export interface TileParams {
  /** Rows and columns of a thread's tile; columns in vectors of `vector`. */
  readonly rows: number;
  readonly columns: number;
  readonly vector: number;
  /** Steps of the reduction at once. */
  readonly depth: number;
  /**
   * Tiles that a thread computes one below the other, with the same columns of `b`. Where there is more than one, these
   * are copied first, each step's together: a packed panel.
   */
  readonly sweep: number;
  /** Threads along columns and along rows. */
  readonly lanes: number;
  readonly groups: number;
  /**
   * Steps of the reduction of which a workgroup keeps the parts of both operands in memory that it shares, from where
   * threads load them: a multiple of `depth`, or 1 for none. Operands that lie in another way are loaded directly.
   */
  readonly shared?: number;
  /** Copies of that memory: with 2, one is filled while the other is read. */
  readonly buffers?: number;
}

/** The steps that tile a contraction: through shared memory where that is asked for and legal, else directly. */
export function tiles(func: PrimFunc, c: Contraction, params: TileParams): Schedule {
  const direct = tilesOf(func, c, params);
  return isStaged(c, params) ? choose(tilesOf(func, c, params, params.shared), direct) : direct;
}

/** Whether a reduction is long enough, and goes along one axis of each operand. */
function isStaged({ a, b, m, k }: Contraction, params: TileParams): boolean {
  const { shared = 1, depth, sweep, groups, rows, lanes, columns } = params;
  const plain = [a, b].every((o) => o.run === undefined && o.reduceAxes.length === 1);
  return plain && m !== undefined && sweep === 1 && shared > depth && (countOf(k) ?? shared) >= shared &&
    groups * rows > 1 && lanes * columns > 1;
}

function tilesOf(func: PrimFunc, c: Contraction, params: TileParams, shared?: number): Schedule {
  const { block, k, n, m, batch, unit } = c;
  const { rows, columns, vector, depth, sweep, lanes, groups } = params;
  const taken = namesOf(func);
  const name = (base: string): string => freshName(base, taken);
  const [ko, ki] = [name(`${k.var}_o`), name(`${k.var}_i`)];
  // Runs of the reduction stay whole, so that what it divides by is constant in each.
  const run = runOf(c, depth);
  const runs = run === undefined ? [] : [name(`${k.var}_r`)];
  const ks = shared === undefined ? [] : [name(`${k.var}_s`)];
  const [no, nl, nj, nv] = [name(`${n.var}_b`), name(`${n.var}_t`), name(`${n.var}_j`), name(`${n.var}_v`)];
  const mNames = m === undefined ? undefined : { mo: name(`${m.var}_b`), mi: name(`${m.var}_i`) };
  const mt = m === undefined || groups === 1 ? [] : [name(`${m.var}_t`)];
  // A panel has a size that is known.
  const ms = m === undefined || sweep === 1 || countOf(k) === undefined ? [] : [name(`${m.var}_s`)];
  const fused = batch.length > 1 ? name(batch.map((l) => l.var).join("_")) : batch[0]?.var;
  // Neighbouring threads take neighbouring vectors where the results of b lie together, else neighbouring tiles; so do
  // those that pack a panel of their own.
  const across = c.b.ownContiguous && lanes > 8 && ms.length === 0;
  // A tile of several vectors has others' between them: each is loaded by itself, once for all rows.
  const apart = across && columns > vector;
  // Vectors of a panel are used once where there is one row.
  const asItLies = c.b.panel !== undefined && c.b.panel % columns === 0 && rows === 1 && ms.length === 0;
  const outer = [...unit, ...batch].map((l) => l.var);
  const first = [...outer, ...(m === undefined ? [] : [m.var]), n.var, k.var];
  const mi = mNames === undefined ? [] : [mNames.mi];
  const tile = apart ? [nj, ...mi] : [...mi, nj];
  const inner = [
    ...(mNames === undefined ? [] : [mNames.mo]),
    no,
    ...mt,
    nl,
    ...ms,
    ...runs,
    ...ks,
    ko,
    ki,
    ...tile,
    nv,
  ];
  const init = (loop: string): string => `${loop}_init`;
  const out = (loop: string): string => `${loop}_write`;
  const rowsWritten = (loop: (name: string) => string): readonly Schedule[] => [
    ...tile.map((l) => attempt(unroll(loop(l)))),
    attempt(vectorize(loop(nv))),
  ];
  return seq(
    reorder(...first),
    ...(batch.length > 1 && fused !== undefined ? [fuse(batch.map((l) => l.var), fused)] : []),
    ...(m === undefined || mNames === undefined ? [] : [
      split(
        m.var,
        [null, ...mt.map(() => groups), ...ms.map(() => sweep), rows],
        [mNames.mo, ...mt, ...ms, mNames.mi],
      ),
    ]),
    across
      ? split(n.var, [null, columns / vector, lanes, vector], [no, nj, nl, nv])
      : split(n.var, [null, lanes, columns / vector, vector], [no, nl, nj, nv]),
    shared !== undefined
      ? split(k.var, [null, shared / depth, depth], [...ks, ko, ki])
      : run === undefined
      ? split(k.var, [null, depth], [ko, ki])
      : split(k.var, [null, run / depth, depth], [...runs, ko, ki]),
    reorder(...inner),
    ...(fused === undefined ? [] : [bind(fused, "blockIdx.z")]),
    ...(mNames === undefined
      ? []
      : [bind(mNames.mo, "blockIdx.y"), ...mt.map((l) => bind(l, "threadIdx.y"))]),
    bind(no, "blockIdx.x"),
    bind(nl, "threadIdx.x"),
    cacheWrite(block.name),
    decomposeReduction(block.name, runs[0] ?? ks[0] ?? ko),
    ...ks.flatMap((loop) => [c.a, c.b].flatMap((o) => staged(block.name, o, loop, params))),
    ...(asItLies
      ? []
      : inRegisters(block.name, ks.length > 0 ? sharedPart(c.a) : c.a, "rows", ko, ki, depth)),
    ...(asItLies ? [] : ms.length > 0 ? packed(block.name, c.b, nl) : inRegisters(
      block.name,
      ks.length > 0 ? sharedPart(c.b) : c.b,
      "columns",
      ko,
      apart ? nj : ki,
      depth,
    )),
    attempt(pad(`${block.name}_init`)),
    attempt(pad(block.name)),
    unroll(ki),
    ...tile.map((l) => unroll(l)),
    vectorize(nv),
    ...rowsWritten(init),
    ...rowsWritten(out),
  );
}

/** Loads an operand's part of a step: all of it where the reduction lies together in memory, else row by row. */
function inRegisters(
  block: string,
  { buffer, reduceAxes, reduceContiguous, run }: Operand,
  along: "rows" | "columns",
  ko: string,
  ki: string,
  depth: number,
): readonly Schedule[] {
  const local = `${buffer.name}_local`;
  const copies = buffer.shape.map((_, d) => `${local}_${d}`);
  const others = copies.filter((_, d) => !reduceAxes.includes(d));
  // The axis along which a step goes: the last, as the others stand still within a run.
  const reduceAxis = reduceAxes.at(-1);
  const whole = run === undefined ? reduceAxes.length === 1 : run % depth === 0;
  if (reduceContiguous && whole && depth > 1 && reduceAxis !== undefined) {
    // Rows of a beside each other for the reduction, columns of b for the vectors of results.
    const rest = buffer.shape.map((_, d) => d).filter((d) => d !== reduceAxis);
    return [
      cacheRead(block, buffer.name, ko, {
        order: along === "rows" ? [...rest, reduceAxis] : [reduceAxis, ...rest],
      }),
      vectorize(`${local}_${reduceAxis}`),
      ...others.map((l) => attempt(unroll(l))),
    ];
  }
  return [
    cacheRead(block, buffer.name, ki),
    ...others.slice(0, -1).map((l) => attempt(unroll(l))),
    ...others.slice(-1).map((l) => attempt(vectorize(l))),
  ];
}

/** Rows of the reduction start so many elements after a multiple of as many: threads beside each other meet other banks. */
const [BANKS, SHIFT] = [16, 4] as const;

/** Elements from one row of so many steps to the next. */
export function alignedRow(steps: number): number {
  return steps + (BANKS + SHIFT - steps % BANKS) % BANKS;
}

/** Copies the tile of an operand that a workgroup takes in some steps into memory that it shares. */
function staged(
  block: string,
  { buffer, reduceAxes, reduceContiguous, ownContiguous }: Operand,
  loop: string,
  { vector, buffers = 1 }: TileParams,
): readonly Schedule[] {
  const shared = `${buffer.name}_shared`;
  const rest = buffer.shape.map((_, d) => d).filter((d) => !reduceAxes.includes(d));
  // What lies together in memory does so in the copy.
  const order = reduceContiguous ? [...rest, ...reduceAxes] : [...reduceAxes, ...rest];
  const copy = (vector?: number): Schedule =>
    cacheRead(block, buffer.name, loop, {
      scope: "workgroup",
      order,
      ...(vector === undefined ? {} : { vector }),
    });
  const wide = vector === 4 && (reduceContiguous || ownContiguous);
  return [
    wide ? choose(seq(copy(4), vectorize(`${shared}_v`)), copy()) : copy(),
    ...(reduceContiguous ? [attempt(storageAlign(shared, 0, BANKS, SHIFT))] : []),
    ...(buffers > 1 ? [attempt(doubleBuffer(shared, loop))] : []),
  ];
}

/** The copy of an operand's tile, a matrix. */
function sharedPart({ buffer, reduceContiguous, ownContiguous }: Operand): Operand {
  const name = `${buffer.name}_shared`;
  return {
    buffer: { ...buffer, name, shape: buffer.shape.slice(0, 2) },
    reduceContiguous,
    ownContiguous,
    reduceAxes: [reduceContiguous ? 1 : 0],
  };
}

/** Copies an operand's columns of a thread, step by step of the reduction. */
function packed(block: string, { buffer, reduceAxes, panel }: Operand, at: string): readonly Schedule[] {
  const rest = buffer.shape.map((_, d) => d).filter((d) => !reduceAxes.includes(d));
  const columns = rest.at(-1);
  return [
    cacheRead(block, buffer.name, at, { order: [...reduceAxes, ...rest] }),
    ...(panel === undefined || columns === undefined
      ? []
      : [attempt(vectorize(`${buffer.name}_local_${columns}`))]),
  ];
}

/** The length of the runs of the reduction, where steps and runs fit into it. */
function runOf(c: Contraction, depth: number): number | undefined {
  const runs = [c.a.run, c.b.run].flatMap((r) => r ?? []);
  const k = countOf(c.k);
  if (runs.length === 0 || k === undefined) return undefined;
  const run = Math.min(...runs);
  return runs.every((r) => r % run === 0) && k % run === 0 && run % depth === 0 && run > depth
    ? run
    : undefined;
}

/** The extent of a loop, where it is a number. */
export function countOf(loop: For): number | undefined {
  const extent = simplify(loop.extent);
  return extent.kind === "const" ? extent.value : undefined;
}
