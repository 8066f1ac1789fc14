/**
 * Attention, for the type checker: the twin of `attentionShape` in `ir/shape/attention.ts`.
 *
 * @module
 */
import type { Dim, Shape } from "../../ir/dim.ts";
import type { IsUnknownRank } from "./axis.ts";
import type { IsUnknown, MayMatch } from "./compare.ts";
import type { DivD } from "./dim.ts";
import type { SameOutside } from "./join.ts";
import type { BroadcastToShape } from "./match.ts";
import type { ShowDim, ShowShape } from "./show.ts";

/** The shape of attention of queries `Q` to keys `K` with values `V`, or the message. */
export type AttentionShape<Q extends Shape, K extends Shape, V extends Shape> = true extends
  IsUnknownRank<Q> | IsUnknownRank<K> | IsUnknownRank<V> ? Shape
  : Q extends readonly [...infer QB extends Dim[], infer S extends Dim, infer D extends Dim]
    ? K extends readonly [...infer KB extends Dim[], infer T extends Dim, infer D2 extends Dim]
      ? V extends readonly [...infer VB extends Dim[], infer T2 extends Dim, infer E extends Dim]
        ? MayMatch<D, D2> extends true
          ? Same<[...KB, T], [...VB, T2]> extends true
            ? Heads<Q, K, QB, KB> extends infer R ? R extends string ? R : [...QB, S, E] : never
          : `attention: k ${ShowShape<K>} and v ${ShowShape<V>} differ outside their last axis`
        : `attention: q ${ShowShape<Q>} and k ${ShowShape<K>} differ in their last axis`
      : `attention: v needs rank >= 2, got ${ShowShape<V>}`
    : `attention: k needs rank >= 2, got ${ShowShape<K>}`
  : `attention: q needs rank >= 2, got ${ShowShape<Q>}`;

/** The mask `M` itself if it stretches to the scores `[..., h, s, t]` of queries `Q` and keys `K`, or the message. */
export type MaskShape<Q extends Shape, K extends Shape, M extends Shape> = Q extends
  readonly [...infer B extends Dim[], unknown]
  ? K extends readonly [...unknown[], infer T extends Dim, unknown]
    ? BroadcastToShape<M, [...B, T]> extends string
      ? `attention: mask ${ShowShape<M>} does not stretch to ${ShowShape<[...B, T]>}`
    : M
  : M
  : M;

/** @internal */
type Same<A extends Shape, B extends Shape> = A["length"] extends B["length"] ? SameOutside<A, B, never>
  : false;

/** @internal `true`, or the message why the axes before the last two do not fit. */
type Heads<Q extends Shape, K extends Shape, QB extends Shape, KB extends Shape> = QB extends
  readonly [...infer P extends Dim[], infer H extends Dim]
  ? KB extends readonly [...infer R extends Dim[], infer G extends Dim]
    ? Same<P, R> extends true ? IsUnknown<H | G> extends true ? true
      : IsUnknown<DivD<H, G>> extends true
        ? `attention: ${ShowDim<H>} heads of q ${ShowShape<Q>} are no multiple of the ${ShowDim<
          G
        >} of k ${ShowShape<K>}`
      : true
    : FirstAxes<Q, K>
  : FirstAxes<Q, K>
  : KB extends readonly [] ? true
  : FirstAxes<Q, K>;

type FirstAxes<Q extends Shape, K extends Shape> = `attention: q ${ShowShape<Q>} and k ${ShowShape<
  K
>} differ in their first axes`;
