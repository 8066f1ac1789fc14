/**
 * A block of GPT-2, and mistakes in it (see `errors_test.ts`).
 *
 * @module
 */

/** What the block and its variants need, in this folder. */
export const BLOCK_HEADER: string = `
import * as w from "../../dsl/mod.ts";
import type { Dim, DType, Tensor } from "../../dsl/mod.ts";
const { nn } = w;
const t = <const S extends readonly Dim[], const T extends DType = "f32">(
  shape: readonly [...S],
  dtype?: T,
): Tensor<S, NoInfer<T>> => w.spec<S, T>(shape as never, (dtype ?? "f32") as T);
`;

/** A block of GPT-2 with a KV cache. */
export const BLOCK: string = `
type X = Tensor<["b", "s", "n_embd"], "f32">;
type Past = Tensor<["b", "n_head", "past", "head_dim"], "f32">;
const heads = (x: X) => w.permute(w.reshape(x, ["b", "s", "n_head", "head_dim"]), [0, 2, 1, 3]);
const attention = w.module({
  c_attn: nn.linear("n_embd", "3*n_embd"),
  c_proj: nn.linear("n_embd", "n_embd"),
}, ({ c_attn, c_proj }) => (x: X, past: { readonly k: Past; readonly v: Past }) => {
  const [q, k, v] = w.split(c_attn(x), 3, -1);
  const keys = w.append(past.k, heads(k), 2);
  const values = w.append(past.v, heads(v), 2);
  const scores = w.mul(w.matmul(heads(q), w.transpose(keys)), w.full([1], 0.125));
  const masked = w.where(w.causalMask("s", "past+s"), scores, w.full([1], -Infinity));
  const y = w.matmul(w.softmax(masked, -1), values);
  return c_proj(w.reshape(w.permute(y, [0, 2, 1, 3]), ["b", "s", "n_embd"]));
});
const mlp = w.module({
  c_fc: nn.linear("n_embd", "4*n_embd"),
  c_proj: nn.linear("4*n_embd", "n_embd"),
}, ({ c_fc, c_proj }) => (x: X) => c_proj(w.gelu(c_fc(x))));
const block = w.module({
  ln_1: nn.layerNorm("n_embd"),
  attn: attention,
  ln_2: nn.layerNorm("n_embd"),
  mlp,
}, ({ ln_1, attn, ln_2, mlp }) => (x: X, past: { readonly k: Past; readonly v: Past }) => {
  const middle = w.add(x, attn(ln_1(x), past));
  return w.add(middle, mlp(ln_2(middle)));
});
const wte = t(["vocab", "n_embd"]);
return (x: X, past: { readonly k: Past; readonly v: Past }): Tensor<["b", "s", "vocab"], "f32"> =>
  w.matmul(block(x, past), w.transpose(wte));
`;

/** Mistakes in the block: what is written instead of what, and what the compiler says (wherever it says anything). */
export const MISTAKES: readonly (readonly [right: string, wrong: string, says: string])[] = [
  [
    `w.append(past.k, heads(k), 2)`,
    `w.append(past.k, heads(k), 1)`,
    "append: [b, n_head, past, head_dim] and [b, n_head, s, head_dim] differ outside axis 1",
  ],
  [
    `w.append(past.k, heads(k), 2)`,
    `w.append(past.k, k, 2)`,
    "append: [b, n_head, past, head_dim] and [b, s, n_embd] differ in rank",
  ],
  [
    `Tensor<["b", "n_head", "past", "head_dim"], "f32">`,
    `Tensor<["b", "past", "n_head", "head_dim"], "f32">`,
    "append: [b, past, n_head, head_dim] and [b, n_head, s, head_dim] differ outside axis 2",
  ],
  [
    `"head_dim"]), [0, 2, 1, 3])`,
    `"head_dim"]), [0, 1, 2, 3])`,
    "append: [b, n_head, past, head_dim] and [b, s, n_head, head_dim] differ outside axis 2",
  ],
  [
    `"head_dim"]), [0, 2, 1, 3])`,
    `"head_dim"]), [0, 2, 1])`,
    "permute: [0, 2, 1] is not a permutation of the axes of [b, s, n_head, head_dim]",
  ],
  [
    `w.transpose(keys)`,
    `keys`,
    "matmul: inner dims head_dim and past+s differ: [b, n_head, s, head_dim] x [b, n_head, past+s, head_dim]",
  ],
  [
    `w.transpose(keys)`,
    `w.transpose(heads(k))`,
    "where: cannot broadcast [s, past+s] with [b, n_head, s, s]: past+s vs s",
  ],
  [
    `w.causalMask("s", "past+s")`,
    `w.causalMask("s", "s")`,
    "where: cannot broadcast [s, s] with [b, n_head, s, past+s]: s vs past+s",
  ],
  [
    `w.causalMask("s", "past+s")`,
    `w.causalMask("past+s", "s")`,
    "where: cannot broadcast [past+s, s] with [b, n_head, s, past+s]: s vs past+s",
  ],
  [
    `w.softmax(masked, -1)`,
    `w.softmax(masked, 4)`,
    "softmax: axis 4 is out of range for [b, n_head, s, past+s]",
  ],
  [
    `w.matmul(w.softmax(masked, -1), values)`,
    `w.matmul(values, w.softmax(masked, -1))`,
    "matmul: inner dims head_dim and s differ: [b, n_head, past+s, head_dim] x [b, n_head, s, past+s]",
  ],
  [
    `w.full([1], 0.125)`,
    `w.full([1], 0.125, "f16")`,
    "mul: operands are f32 and f16; cast one of them",
  ],
  [
    `c_proj(w.reshape(w.permute(y, [0, 2, 1, 3]), ["b", "s", "n_embd"]))`,
    `c_proj(w.permute(y, [0, 2, 1, 3]))`,
    "linear: last axis of [b, s, n_head, head_dim] is head_dim, expected n_embd",
  ],
  [
    `nn.linear("4*n_embd", "n_embd")`,
    `nn.linear("n_embd", "4*n_embd")`,
    "linear: last axis of [b, s, 4*n_embd] is 4*n_embd, expected n_embd",
  ],
  [
    `c_proj(w.gelu(c_fc(x)))`,
    `c_proj(w.gelu(x))`,
    "linear: last axis of [b, s, n_embd] is n_embd, expected 4*n_embd",
  ],
  [
    `ln_1: nn.layerNorm("n_embd")`,
    `ln_1: nn.layerNorm("head_dim")`,
    "layerNorm: weight is [head_dim], expected [n_embd]",
  ],
  [
    `w.matmul(block(x, past), w.transpose(wte))`,
    `w.matmul(block(x, past), wte)`,
    "matmul: inner dims n_embd and vocab differ: [b, s, n_embd] x [vocab, n_embd]",
  ],
  [
    `t(["vocab", "n_embd"])`,
    `t(["vocab", "n_embd"], "i32")`,
    "matmul: operands are f32 and i32; cast one of them",
  ],
];

/** The same where a module or a declared type is at fault: the first line of what TypeScript itself says. */
export const DECLARED: readonly (readonly [right: string, wrong: string, says: string])[] = [
  [
    `"3*n_embd"`,
    `"2*n_embd"`,
    `TS2345: Argument of type 'Tensor<["b", "s", number], "f32">' is not assignable to parameter of type 'X'.`,
  ],
  [
    `attn: attention`,
    `attn: mlp`,
    `TS2554: Expected 1 arguments, but got 2.`,
  ],
  [
    `attn(ln_1(x), past)`,
    `attn(ln_1(x))`,
    `TS2554: Expected 2 arguments, but got 1.`,
  ],
  [
    `attn(ln_1(x), past)`,
    `attn(past, ln_1(x))`,
    `TS2345: Argument of type '{ readonly k: Past; readonly v: Past; }' is not assignable to parameter of type 'X'.`,
  ],
  [
    `w.full([1], 0.125)`,
    `0.125`,
    `TS2345: Argument of type 'number' is not assignable to parameter of type 'Tensor<Shape, DType>'.`,
  ],
  [
    `w.matmul(block(x, past), w.transpose(wte))`,
    `block(x, past)`,
    `TS2322: Type 'Tensor<["b", "s", "n_embd"], "f32">' is not assignable to type 'Tensor<["b", "s", "vocab"], "f32">'.`,
  ],
  [
    `w.gelu(c_fc(x))`,
    `w.gelu(w.cast(c_fc(x), "i32"))`,
    `TS2345: Argument of type 'Tensor<["b", "s", "4*n_embd"], "i32">' is not assignable to parameter of type ` +
    `'Tensor<["b", "s", "4*n_embd"], Float>'.`,
  ],
];
