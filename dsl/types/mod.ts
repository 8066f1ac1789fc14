/**
 * Shapes for the type checker: the algebra of dims, and for each operator its shape or the message of a
 * mistake.
 *
 * @module
 */
export type { Arg, Literal, TensorOr } from "./arg.ts";
export type { SetLast } from "./axis.ts";
export type { BindShape } from "./bind.ts";
export type { BroadcastShape, WhereShape } from "./broadcast.ts";
export type { AddD, BindD, CanonicalD, Dim, DivD, ExceedsD, MulD, ProductD, Shape } from "./dim.ts";
export type { AppendShape, ConcatShape } from "./join.ts";
export type { PermuteShape, TransposeShape } from "./layout.ts";
export type { BroadcastToShape, MatchShape } from "./match.ts";
export type { HasDType, SameDType } from "./dtype.ts";
export type { AxesDims, ChannelDims, ChannelShape, ExactShape, GroupsShape } from "./norm.ts";
export type { LastAxisShape, LinearShape, MatmulShape, WeightShape } from "./matmul.ts";
export type { SliceShape, SplitShape, TakeShape } from "./part.ts";
export type { Axes, ReduceShape, SoftmaxShape } from "./reduce.ts";
export type { ReshapeShape } from "./reshape.ts";
export type { EinsumShape, RearrangeShape } from "./einsum.ts";
export type { GemmAddend, GemmShape } from "./gemm.ts";
export type { SqueezeShape, UnsqueezeShape } from "./squeeze.ts";
export type { AttentionShape, MaskShape } from "./attention.ts";
export type {
  GatherElementsShape,
  GatherNDShape,
  GatherShape,
  SampleShape,
  ScatterElementsShape,
  ScatterNDShape,
} from "./gather.ts";
export type { PadShape, ReverseShape, TileShape, TopShape, TriangularShape } from "./margins.ts";
export type { Conv2dOptions, Conv2dShape, PoolOptions, PoolShape, Sliding } from "./window.ts";
export type { FloorD, SubtractD } from "./dim.ts";
export type { DimProblem, WrittenShape } from "./written.ts";
