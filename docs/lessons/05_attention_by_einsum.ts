/**
 * Lesson 5: attention by einsum.
 *
 *     deno run -A docs/lessons/05_attention_by_einsum.ts
 *
 * `einsum` and `rearrange` name the axes of their tensors. What a name stands for is checked, in the editor as well, and
 * the shape of the result follows.
 */
import { assertEquals } from "@std/assert";
import {
  causalMask,
  compile,
  div,
  einsum,
  full,
  jsDevice,
  method,
  module,
  nn,
  rearrange,
  scaledDotProductAttention,
  softmax,
  spec,
  split,
  type Tensor,
  trace,
  where,
} from "@weft/weft";

type Hidden = Tensor<["b", "s", 16], "f32">;
const HEADS = 4;

// 1. Self-attention with four heads: heads out of the last axis, scores, weights, and back.
const Attention = module({
  c_attn: nn.linear(16, 48),
  c_proj: nn.linear(16, 16),
}, ({ c_attn, c_proj }) => (x: Hidden): Hidden => {
  const [q, k, v] = split(c_attn(x), 3, -1);
  const heads = (t: Hidden) => rearrange(t, "b s (h d) -> b h s d", { h: HEADS });
  const scores = div(einsum("b h t d, b h s d -> b h t s", heads(q), heads(k)), full([1], 2)); // sqrt(16 / HEADS)
  const weights = softmax(where(causalMask("s", "s"), scores, full([1], -Infinity)), -1);
  return c_proj(rearrange(einsum("b h t s, b h s d -> b h t d", weights, heads(v)), "b h t d -> b t (h d)"));
});

// 2. Types follow the names: this is Tensor<["b", 4, "s", "s"], "f32">.
const q = spec(["b", HEADS, "s", 4], "f32");
const scores: Tensor<["b", 4, "s", "s"], "f32"> = einsum("b h t d, b h s d -> b h t s", q, q);
console.log(scores.shape); // [ "b", 4, "s", "s" ]

// 3. A name cannot stand for two sizes. The compiler says: einsum: d is 4 and 8
// @ts-expect-error d is 4 and 8
const wrong = () => einsum("b h t d, b h s d -> b h t s", q, spec(["b", HEADS, "s", 8], "f32"));
console.log(typeof wrong);

// 4. The same as the composition that comes with the language, of q, k and v.
const both = method({ q, k: q, v: q }, ({ q, k, v }) => {
  const own = softmax(
    where(
      causalMask("s", "s"),
      div(einsum("b h t d, b h s d -> b h t s", q, k), full([1], 2)),
      full([1], -Infinity),
    ),
    -1,
  );
  return {
    own: einsum("b h t s, b h s d -> b h t d", own, v),
    given: scaledDotProductAttention(q, k, v, { causal: true }),
  };
});
const model = module({ attn: Attention }, ({ attn }) => ({
  attend: method({ x: spec(["b", "s", 16], "f32") }, ({ x }) => ({ y: attn(x) })),
}));
console.log(trace(model, { bounds: { b: 1, s: 8 } }).graphs["attend"]!.inputs.map((i) => i.name));
const compared = trace({ both }, { dims: { b: 1 }, bounds: { s: 8 } });
using executable = await compile(compared, { device: jsDevice() });
const random = (seed: number) =>
  ({
    dtype: "f32",
    shape: [1, HEADS, 3, 4],
    data: Float32Array.from({ length: 48 }, (_, i) => Math.sin(seed + i)),
  }) as const;
const { own, given } = executable.run("both", { q: random(1), k: random(2), v: random(3) });
const [a, b] = [(await own!.read()).data, (await given!.read()).data];
const off = Math.max(...Array.from(a as Float32Array, (v, i) => Math.abs(v - Number(b[i]))));
console.log(off < 1e-6); // true
assertEquals(off < 1e-6, true);
