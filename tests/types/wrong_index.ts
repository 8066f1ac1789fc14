/**
 * Wrong programs about windows, look-ups, margins, order and attention (see `errors_test.ts`).
 *
 * @module
 */

/** A wrong program: an expression over the language `w`, the layers `nn` and inputs `t(shape, dtype)`. */
export interface Wrong {
  readonly code: string;
  /** The message that stands for the parameter's type. */
  readonly says: string;
  /** What the run-time check says, where that is not the same; `null` if only the compiler can tell. */
  readonly runs?: string | null;
}

/** The programs, by what is wrong. */
export const WRONG_INDEX: Readonly<Record<string, Wrong>> = {
  "conv2d: channels": {
    code: `w.conv2d(t(["n", 3, 32, 32]), t([8, 4, 3, 3]))`,
    says: "conv2d: filter [8, 4, 3, 3] takes 4 channels, input [n, 3, 32, 32] has 3",
  },
  "conv2d: a window that is too large": {
    code: `w.conv2d(t(["n", 3, 32, 2]), t([8, 3, 3, 3]))`,
    says: "conv2d: window of 3 does not fit along axis 3 of [n, 3, 32, 2]",
  },
  "conv2d: a filter of another layout": {
    code: `w.conv2d(t(["n", 8, "h", "w"]), t([3, 3, 8, 16]), { padding: [1, 1, 1, 1] })`,
    says: "conv2d: filter [3, 3, 8, 16] takes 3 channels, input [n, 8, h, w] has 8",
  },
  "maxPool2d: no batch axis": {
    code: `w.maxPool2d(t([16, 32, 32]), { window: [2, 2] })`,
    says: "maxPool2d: input needs 4 axes [n, c, h, w], got [16, 32, 32]",
  },
  "averagePool2d: integers": {
    code: `w.averagePool2d(t(["n", 16, 32, 32], "i32"))`,
    says: "averagePool2d: does not apply to i32, it takes float tensors",
  },
  "gather: an axis that is not there": {
    code: `w.gather(t([768, 3072]), t(["n"], "i32"), 2)`,
    says: "gather: axis 2 is out of range for [768, 3072]",
  },
  "gather: indices that are no integers": {
    code: `w.gather(t([768, 3072]), t(["n"]))`,
    says: "gather: does not apply to f32, it takes signed or unsigned tensors",
  },
  "gatherElements: rank": {
    code: `w.gatherElements(t(["n", 50257]), t(["n"], "i32"), 1)`,
    says: "gatherElements: indices [n] and input [n, 50257] differ in rank",
  },
  "gatherElements: another batch": {
    code: `w.gatherElements(t(["n", 50257]), t(["m", 1], "i32"), 1)`,
    says: "gatherElements: indices [m, 1] and input [n, 50257] differ outside axis 1",
  },
  "gatherND: more places than axes": {
    code: `w.gatherND(t([768, 3072]), t(["n", 3], "i32"))`,
    says: "gatherND: indices name 3 axes, input [768, 3072] has 2",
  },
  "scatterElements: updates": {
    code: `w.scatterElements(t(["n", 4]), t(["n", 2], "i32"), t(["n", 1]), 1)`,
    says: "scatterElements: updates are [n, 1], expected [n, 2]",
  },
  "scatterND: rows of another length": {
    code: `w.scatterND(t([768, 3072]), t(["n", 1], "i32"), t(["n", 768]))`,
    says: "scatterND: updates are [n, 768], expected [n, 3072]",
  },
  "scatterND: dtypes": {
    code: `w.scatterND(t([768, 3072]), t(["n", 1], "i32"), t(["n", 3072], "f16"))`,
    says: "scatterND: operands are f32 and f16; cast one of them",
  },
  "pad: a width for each axis": {
    code: `w.pad(t([768, 3072]), [1], [1, 0])`,
    says: "pad: [1] for [768, 3072]: give one width an axis",
  },
  "tile: a number for each axis": {
    code: `w.tile(t(["b", "s", 768]), [2, 3])`,
    says: "tile: [2, 3] for [b, s, 768]: give one number an axis",
  },
  "reverse: an axis twice": {
    code: `w.reverse(t(["b", "s", 768]), [1, -2])`,
    says: "reverse: axis -2 of [b, s, 768] is given twice",
  },
  "triangular: a vector": {
    code: `w.triangular(t(["n"]))`,
    says: "triangular: needs rank >= 2, got [n]",
  },
  "topK: more than there are": {
    code: `w.topK(t(["n", 10]), 40, -1)`,
    says: "topK: axis -1 of [n, 10] is 10, less than 40",
  },
  "sample: numbers for each distribution": {
    code: `w.sample(t(["b", 50257]), t([1]))`,
    says: "sample: numbers are [1], expected [b]",
  },
  "attention: keys of another head size": {
    code:
      `w.scaledDotProductAttention(t(["b", "h", "s", 64]), t(["b", "h", "t", 32]), t(["b", "h", "t", 32]))`,
    says: "attention: q [b, h, s, 64] and k [b, h, t, 32] differ in their last axis",
  },
  "attention: values of another length": {
    code:
      `w.scaledDotProductAttention(t(["b", "h", "s", 64]), t(["b", "h", "past+s", 64]), t(["b", "h", "past", 64]))`,
    says: "attention: k [b, h, past+s, 64] and v [b, h, past, 64] differ outside their last axis",
  },
  "attention: heads that do not share": {
    code: `w.scaledDotProductAttention(t(["b", 12, "s", 64]), t(["b", 5, "s", 64]), t(["b", 5, "s", 64]))`,
    says: "attention: 12 heads of q [b, 12, s, 64] are no multiple of the 5 of k [b, 5, s, 64]",
  },
};
