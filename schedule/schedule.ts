/**
 * Schedules as data: what to do to a nest, as plain JSON that prints, stores, compares and replays. The evaluator is
 * in `strategy.ts`, the text form in `text.ts`.
 *
 * Loops and blocks are named by their names. Inside {@linkcode at}, {@linkcode everywhere}, {@linkcode topDown} and
 * {@linkcode bottomUp}, `.` is the block in focus and `.0`, `.1`, ... the loops around it, outermost first (`.-1` is
 * the innermost).
 *
 * @module
 */
import type { ThreadAxis } from "../ir/stmt.ts";

/** Splits a loop; see {@linkcode split}. */
export interface Split {
  readonly kind: "split";
  readonly loop: string;
  readonly factors: readonly (number | null)[];
  readonly names?: readonly string[];
}

/** Fuses loops; see {@linkcode fuse}. */
export interface Fuse {
  readonly kind: "fuse";
  readonly loops: readonly string[];
  readonly name?: string;
}

/** Puts loops into another order; see {@linkcode reorder}. */
export interface Reorder {
  readonly kind: "reorder";
  readonly loops: readonly string[];
}

/** Splits loops into tiles; see {@linkcode tile}. */
export interface Tile {
  readonly kind: "tile";
  readonly loops: readonly string[];
  readonly sizes: readonly number[];
  readonly names?: readonly string[];
}

/** Reduces in parts; see {@linkcode rfactor}. */
export interface Rfactor {
  readonly kind: "rfactor";
  readonly block: string;
  readonly loop: string;
  readonly scope: "global";
}

/** Reduces by the threads of a workgroup together; see {@linkcode crossThreadReduce}. */
export interface CrossThreadReduce {
  readonly kind: "crossThreadReduce";
  readonly block: string;
  readonly loop: string;
}

/** Makes one loop of two beside each other; see {@linkcode computeWith}. */
export interface ComputeWith {
  readonly kind: "computeWith";
  /** The earlier loop, which goes, and the later one. */
  readonly loops: readonly [string, string];
}

/** Computes the terms of a reduction once; see {@linkcode cacheTerm}. */
export interface CacheTerm {
  readonly kind: "cacheTerm";
  readonly block: string;
  /** The later block that computes the same. */
  readonly reader: string;
}

/** Leaves a division to what is summed; see {@linkcode postponeDivision}. */
export interface PostponeDivision {
  readonly kind: "postponeDivision";
  readonly block: string;
}

/** Finds a maximum while summing relative to it; see {@linkcode rollingUpdate}. */
export interface RollingUpdate {
  readonly kind: "rollingUpdate";
  readonly block: string;
  readonly loop: string;
}

/** Binds a loop to a GPU axis; see {@linkcode bind}. */
export interface Bind {
  readonly kind: "bind";
  readonly loop: string;
  readonly axis: ThreadAxis;
}

/** Changes how a loop runs; see {@linkcode parallel}, {@linkcode vectorize}, {@linkcode unroll}. */
export interface Annotate {
  readonly kind: "parallel" | "vectorize" | "unroll";
  readonly loop: string;
}

/** Takes a reduction's initialisation apart; see {@linkcode decomposeReduction}. */
export interface DecomposeReduction {
  readonly kind: "decomposeReduction";
  readonly block: string;
  readonly loop: string;
}

/** Accumulates in a register; see {@linkcode cacheWrite}. */
export interface CacheWrite {
  readonly kind: "cacheWrite";
  readonly block: string;
  readonly scope: "local";
}

/** Computes a block where its result is read, or its operand is computed; see {@linkcode computeInline}. */
export interface Inline {
  readonly kind: "computeInline" | "reverseComputeInline";
  readonly block: string;
}

/** Loads what a block reads into registers or memory of the workgroup; see {@linkcode cacheRead}. */
export interface CacheRead {
  readonly kind: "cacheRead";
  readonly block: string;
  readonly buffer: string;
  readonly scope: "local" | "workgroup";
  readonly loop: string;
  /** Axes of the buffer in the order in which the copy has them; by default as they are. */
  readonly order?: readonly number[];
  /** Elements that a thread copies at a time into memory of the workgroup. */
  readonly vector?: number;
}

/** Goes on to the end of a block's tiles; see {@linkcode pad}. */
export interface Pad {
  readonly kind: "pad";
  readonly block: string;
}

/** Moves a buffer to other memory; see {@linkcode setScope}. */
export interface SetScope {
  readonly kind: "setScope";
  readonly buffer: string;
  readonly scope: "local" | "workgroup";
}

/** Puts rows of a buffer further apart; see {@linkcode storageAlign}. */
export interface StorageAlign {
  readonly kind: "storageAlign";
  readonly buffer: string;
  readonly axis: number;
  readonly factor: number;
  readonly offset: number;
}

/** Fills two copies of a buffer in turn; see {@linkcode doubleBuffer}. */
export interface DoubleBuffer {
  readonly kind: "doubleBuffer";
  readonly buffer: string;
  readonly loop: string;
}

/** Computes a block inside of a loop of its consumers or its producer; see {@linkcode computeAt}. */
export interface ComputeAt {
  readonly kind: "computeAt" | "reverseComputeAt";
  readonly block: string;
  readonly loop: string;
}

/** One legal rewrite of a nest. */
export type Primitive =
  | ComputeAt
  | Split
  | Fuse
  | Reorder
  | Tile
  | Bind
  | Annotate
  | DecomposeReduction
  | Rfactor
  | CrossThreadReduce
  | ComputeWith
  | CacheTerm
  | PostponeDivision
  | RollingUpdate
  | CacheWrite
  | CacheRead
  | Pad
  | SetScope
  | StorageAlign
  | DoubleBuffer
  | Inline;

/** A kernel for few and one for many; see {@linkcode specialize}. */
export interface Specialize {
  readonly kind: "specialize";
  readonly dim: string;
  readonly most: number;
  /** What to do where the dim is at most `most`, and where it is more. */
  readonly few: Schedule;
  readonly many: Schedule;
}

/** Parameters of a rule, by name. */
export type RuleParams = Readonly<Record<string, number>>;

/** A fact about a function or its block in focus; see {@linkcode when}. */
export type Fact = "reduction" | "scheduled" | "dynamic";

/** What to do to a function. */
export type Schedule =
  | Primitive
  | { readonly kind: "seq" | "choose"; readonly steps: readonly Schedule[] }
  | { readonly kind: "attempt" | "everywhere" | "topDown" | "bottomUp"; readonly step: Schedule }
  | { readonly kind: "repeat"; readonly step: Schedule; readonly limit: number }
  | { readonly kind: "when"; readonly fact: Fact; readonly step: Schedule }
  | { readonly kind: "at"; readonly block: string; readonly step: Schedule }
  | Specialize
  | { readonly kind: "peek"; readonly label: string }
  | { readonly kind: "named"; readonly name: string; readonly step: Schedule }
  | { readonly kind: "rule"; readonly name: string; readonly params: RuleParams };

/**
 * Splits a serial loop by factors; one may be `null` and becomes what is left, rounded up.
 *
 * rewrite: `for i in 0..n: B`  becomes  `for i_0 in 0..ceil(n / 4): for i_1 in 0..4: B where i_0 * 4 + i_1 < n`
 *
 * @example
 * ```ts
 * import { printSchedule, split } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(split("i", [null, 4]))); // split(i, [_, 4])
 * ```
 */
export function split(loop: string, factors: readonly (number | null)[], names?: readonly string[]): Split {
  return { kind: "split", loop, factors, ...(names === undefined ? {} : { names }) };
}

/** Fuses a chain of loops: `for i: for j` becomes `for i_j`. */
export function fuse(loops: readonly string[], name?: string): Fuse {
  return { kind: "fuse", loops, ...(name === undefined ? {} : { name }) };
}

/** Puts loops of a chain into this order. */
export function reorder(...loops: readonly string[]): Reorder {
  return { kind: "reorder", loops };
}

/**
 * Splits loops of a chain into tiles of these sizes and puts the loops inside of tiles innermost.
 *
 * rewrite: `for i: for j: B`  becomes  `for i_0: for j_0: for i_1 in 0..4: for j_1 in 0..8: B`
 *
 * @example
 * ```ts
 * import { printSchedule, tile } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(tile(["i", "j"], [4, 8]))); // tile([i, j], [4, 8])
 * ```
 */
export function tile(loops: readonly string[], sizes: readonly number[], names?: readonly string[]): Tile {
  return { kind: "tile", loops, sizes, ...(names === undefined ? {} : { names }) };
}

/**
 * Reduces over all loops but one into partial results, one for each iteration of that loop, and these into the result:
 * then the loop may be bound or made parallel.
 *
 * rewrite: `for k_0: for k_1: B { C[i] += A[i, k] }`  becomes  `for k_0: for k_1: B_rf { C_rf[k_0, i] += A[i, k] }`
 * and after it `for k_0: B { C[i] += C_rf[k_0, i] }`
 *
 * @example
 * ```ts
 * import { printSchedule, rfactor } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(rfactor("C", "k_0"))); // rfactor(C, k_0, global)
 * ```
 */
export function rfactor(block: string, loop: string, scope: "global" = "global"): Rfactor {
  return { kind: "rfactor", block, loop, scope };
}

/**
 * Binds the outermost loop that reduces to `threadIdx.x`: each thread folds its own terms, then they put the parts
 * together in a tree, in memory that the workgroup shares.
 *
 * rewrite: `for t in 0..2: for k: B { C[i] += A[i, t, k] }`  becomes
 * `for t in 0..2 @threadIdx.x: for k: B_rf { C_part[t] += A[i, t, k] }`,
 * `for t_1 in 0..2 @threadIdx.x: B_1 { C_part[t_1] += C_part[t_1 + 1] where t_1 < 1 }` and then
 * `for t_result in 0..2 @threadIdx.x: B { C[i] = C_part[0] where t_result < 1 }`
 *
 * @example
 * ```ts
 * import { crossThreadReduce, printSchedule } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(crossThreadReduce("C", "k_0"))); // crossThreadReduce(C, k_0)
 * ```
 */
export function crossThreadReduce(block: string, loop: string): CrossThreadReduce {
  return { kind: "crossThreadReduce", block, loop };
}

/**
 * Does what an iteration of a loop does at the start of the same iteration of a later loop, where iterations that differ
 * have nothing to do with each other (Halide's `compute_with`).
 *
 * rewrite: `for i: A(i); for j: B(j)`  becomes  `for j: { A(j); B(j) }`
 *
 * @example
 * ```ts
 * import { computeWith, printSchedule } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(computeWith("i", "j"))); // computeWith(i, j)
 * ```
 */
export function computeWith(first: string, second: string): ComputeWith {
  return { kind: "computeWith", loops: [first, second] };
}

/**
 * Stores the terms that a reduction folds, in a nest before it, and lets a later block that computes the same read them.
 *
 * rewrite: `for j: s += f(x[j]); for k: y[k] = f(x[k]) / s`  becomes
 * `for j: t[j] = f(x[j]); for j: s += t[j]; for k: y[k] = t[k] / s`
 *
 * @example
 * ```ts
 * import { cacheTerm, printSchedule } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(cacheTerm("sum", "softmax"))); // cacheTerm(sum, softmax)
 * ```
 */
export function cacheTerm(block: string, reader: string): CacheTerm {
  return { kind: "cacheTerm", block, reader };
}

/**
 * Leaves out the division at the end of what a block computes, and divides what is summed of it instead. Equal up to
 * rounding.
 *
 * rewrite: `p[j] = x[j] / d; for j: o += p[j] * v[j]; y = o`  becomes  `p[j] = x[j]; for j: o += p[j] * v[j]; y = o / d`
 *
 * @example
 * ```ts
 * import { postponeDivision, printSchedule } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(postponeDivision("softmax"))); // postponeDivision(softmax)
 * ```
 */
export function postponeDivision(block: string): PostponeDivision {
  return { kind: "postponeDivision", block };
}

/**
 * Moves a maximum over a loop into a later loop that sums `exp(x - maximum)` over the same elements: what was summed
 * relative to the old maximum is multiplied by `exp(old - new)` in each iteration. This is the online softmax
 * (M. Milakov and N. Gimelshein, 2018), which makes attention one pass over keys and values. Equal up to rounding.
 *
 * rewrite: `for j: m = max(m, x[j]); for k: s += exp(x[k] - m) * v[k]`  becomes
 * `for k: { old = m; m = max(m, x[k]); s *= exp(old - m); s += exp(x[k] - m) * v[k] }`
 *
 * @example
 * ```ts
 * import { printSchedule, rollingUpdate } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(rollingUpdate("scores_max", "j"))); // rollingUpdate(scores_max, j)
 * ```
 */
export function rollingUpdate(block: string, loop: string): RollingUpdate {
  return { kind: "rollingUpdate", block, loop };
}

/** Gives a loop's iterations to a GPU axis. */
export function bind(loop: string, axis: ThreadAxis): Bind {
  return { kind: "bind", loop, axis };
}

/** Runs a loop's iterations on several threads of a CPU. */
export function parallel(loop: string): Annotate {
  return { kind: "parallel", loop };
}

/** Runs a loop's iterations as lanes of a vector. */
export function vectorize(loop: string): Annotate {
  return { kind: "vectorize", loop };
}

/** Writes a loop's iterations out. */
export function unroll(loop: string): Annotate {
  return { kind: "unroll", loop };
}

/** Puts a reduction's initialisation into a block of its own before a loop. */
export function decomposeReduction(block: string, loop: string): DecomposeReduction {
  return { kind: "decomposeReduction", block, loop };
}

/** Where and how {@linkcode cacheRead} copies. */
export interface CacheReadOptions {
  /** Registers, or memory of the workgroup. Default `local`. */
  readonly scope?: "local" | "workgroup";
  /** The order of the axes in the copy. Default: that of the buffer. */
  readonly order?: readonly number[];
  /** Neighbours that a thread copies at a time into memory of the workgroup, in a loop `..._v`. Default 1. */
  readonly vector?: number;
}

/**
 * Loads the box of a buffer that a block reads in one iteration of a loop into registers, before the rest of that
 * iteration. Elements outside of the buffer, which edge tiles have, are 0 there.
 *
 * In scope `workgroup`, the box is that of all threads, and each thread loads a part of it into memory that they share;
 * barriers come with lowering.
 *
 * rewrite: `for k: for i in 0..8: B { ... A[i, k] ... }`  becomes
 * `for k: alloc A_local: { for a in 0..8: A_local[a] = A[a, k]; for i in 0..8: B { ... A_local[i] ... } }`
 *
 * rewrite: `for t in 0..8 @threadIdx.x: for k: B { ... A[t, k] ... A[0, k] ... }`  becomes
 * `for t in 0..8 @threadIdx.x: for k: alloc A_shared: { for x in 0..8 @threadIdx.x: A_shared[x] = A[x, k]; B { ... } }`
 *
 * @example
 * ```ts
 * import { cacheRead, printSchedule } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(cacheRead("C", "A", "k"))); // cacheRead(C, A, local, k)
 * ```
 */
export function cacheRead(
  block: string,
  buffer: string,
  loop: string,
  options: CacheReadOptions = {},
): CacheRead {
  const { scope = "local", order, vector } = options;
  return {
    kind: "cacheRead",
    block,
    buffer,
    scope,
    loop,
    ...(order === undefined ? {} : { order }),
    ...(vector === undefined ? {} : { vector }),
  };
}

/**
 * Lets a block go on to the end of its tiles: drops the terms of its predicate that no reduce loop decides. Legal where
 * it writes only memory of its own and reads nothing out of bounds then.
 *
 * rewrite: `B where i_0 * 8 + i_1 < n { C_local[i_1] = A_local[i_1] }`  becomes  `B { C_local[i_1] = A_local[i_1] }`
 */
export function pad(block: string): Pad {
  return { kind: "pad", block };
}

/**
 * Keeps a buffer that is allocated in a nest in memory of the thread's own, or of the workgroup.
 *
 * rewrite: `alloc s @local: S`  becomes  `alloc s @workgroup: S`
 */
export function setScope(buffer: string, scope: "local" | "workgroup"): SetScope {
  return { kind: "setScope", buffer, scope };
}

/**
 * Gives a buffer that is allocated in a nest rows further apart: one step along an axis is a multiple of `factor`
 * elements and `offset`.
 *
 * rewrite: `alloc s[8, 32]: S`  becomes, with factor 32 and offset 1 on axis 0,  `alloc s[8, 32] strides [33, 1]: S`
 */
export function storageAlign(buffer: string, axis: number, factor: number, offset: number = 0): StorageAlign {
  return { kind: "storageAlign", buffer, axis, factor, offset };
}

/**
 * Keeps memory of the workgroup that is filled in each iteration of a loop twice, for even and odd iterations: one
 * barrier an iteration is enough then.
 *
 * rewrite: `for k: alloc s[4]: { s[t] = A[k, t]; ... s[0] ... }`  becomes
 * `alloc s[2, 4]: for k: { s[k % 2, t] = A[k, t]; ... s[k % 2, 0] ... }`
 */
export function doubleBuffer(buffer: string, loop: string): DoubleBuffer {
  return { kind: "doubleBuffer", buffer, loop };
}

/**
 * Accumulates a reduction in registers and writes the result once: in one, or in a tile of them where loops that
 * do not reduce are inside the outermost one that does.
 */
export function cacheWrite(block: string, scope: "local" = "local"): CacheWrite {
  return { kind: "cacheWrite", block, scope };
}

/** Computes a block's elements where they are read; the block and its buffer go. */
export function computeInline(block: string): Inline {
  return { kind: "computeInline", block };
}

/** Puts what a block does with each element of its operand where the operand is computed: an epilogue. */
export function reverseComputeInline(block: string): Inline {
  return { kind: "reverseComputeInline", block };
}

/** Computes a block at the start of a loop's body: just what an iteration reads. */
export function computeAt(block: string, loop: string): ComputeAt {
  return { kind: "computeAt", block, loop };
}

/** Computes a block at the end of a loop's body: just what an iteration computed of its operand. */
export function reverseComputeAt(block: string, loop: string): ComputeAt {
  return { kind: "reverseComputeAt", block, loop };
}

/** All steps in order; fails where one does. */
export function seq(...steps: readonly Schedule[]): Schedule {
  return { kind: "seq", steps };
}

/** The first step that succeeds. */
export function choose(...steps: readonly Schedule[]): Schedule {
  return { kind: "choose", steps };
}

/** The step, or nothing where it fails. */
export function attempt(step: Schedule): Schedule {
  return { kind: "attempt", step };
}

/** The step as often as it succeeds, at most `limit` times. */
export function repeat(step: Schedule, limit: number = 64): Schedule {
  return { kind: "repeat", step, limit };
}

/** The step where a fact holds, else nothing. */
export function when(fact: Fact, step: Schedule): Schedule {
  return { kind: "when", fact, step };
}

/** The step with a block in focus. */
export function at(block: string, step: Schedule): Schedule {
  return { kind: "at", block, step };
}

/**
 * A family of two kernels, chosen by the size of a dim at each run: what runs where it is at most `most`, and what runs
 * where it is more. More of them in one another make a family for more ranges (TVM's low-batch GEMV has such a body).
 *
 * rewrite: `N`  becomes  `if n <= 8 { few(N) } else { many(N) }`
 *
 * @example
 * ```ts
 * import { fallback, matmul, printSchedule, specialize } from "@weft/weft/schedule";
 *
 * console.log(printSchedule(specialize("s", 4, fallback(), matmul()))); // specialize(s, 4, rule(fallback), rule(matmul))
 * ```
 */
export function specialize(dim: string, most: number, few: Schedule, many: Schedule): Specialize {
  return { kind: "specialize", dim, most, few, many };
}

/** The step with each block in focus in turn, where it succeeds. */
export function everywhere(step: Schedule): Schedule {
  return { kind: "everywhere", step };
}

/** The step with the first block in focus for which it succeeds, first to last. */
export function topDown(step: Schedule): Schedule {
  return { kind: "topDown", step };
}

/** The step with the first block in focus for which it succeeds, last to first. */
export function bottomUp(step: Schedule): Schedule {
  return { kind: "bottomUp", step };
}

/** Shows the function at this point to the evaluator's `onPeek`, under a label. */
export function peek(label: string): Schedule {
  return { kind: "peek", label };
}

/** The step under a name that failures show. */
export function named(name: string, step: Schedule): Schedule {
  return { kind: "named", name, step };
}

/** A rule of the table, which makes a schedule from facts about the function. */
export function rule(name: string, params: RuleParams = {}): Schedule {
  return { kind: "rule", name, params };
}
