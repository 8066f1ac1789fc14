/**
 * Lesson 3: modules and weights.
 *
 *     deno run -A docs/lessons/03_modules_and_weights.ts
 *
 * A module is a value: weights and other modules under names, and a function of them. The names are the path of each
 * weight in a checkpoint.
 */
import { assertEquals, assertThrows } from "@std/assert";
import {
  add,
  describe,
  full,
  gelu,
  list,
  module,
  mul,
  nn,
  param,
  parameters,
  stateDict,
  type Tensor,
  WeightsError,
  withParams,
} from "@weft/weft";

type Hidden = Tensor<["b", "s", "n"], "f32">;

// 1. Layers are modules that come with the language. Dims may be names: nothing has a size yet.
const MLP = () =>
  module({
    c_fc: nn.linear("n", "4*n"),
    c_proj: nn.linear("4*n", "n"),
  }, ({ c_fc, c_proj }) => (x: Hidden): Hidden => c_proj(gelu(c_fc(x))));

// 2. A module may have weights of its own, and lists of modules.
const Block = () =>
  module({
    scale: param(["n"], "f32"),
    mlp: MLP(),
  }, ({ scale, mlp }) => (x: Hidden): Hidden => add(x, mul(mlp(x), scale)));

const model = module(
  { h: list(2, Block), ln_f: nn.layerNorm("n") },
  ({ h, ln_f }) => (x: Hidden): Hidden => ln_f(h.reduce((x, block) => block(x), x)),
);

// 3. Paths come from keys and from the index in a list.
console.log(parameters(model).map((p) => p.name).join("\n"));
assertEquals(parameters(model)[1]?.name, "h.0.mlp.c_fc.weight");

// 4. The whole tree, with a value for n. Equal blocks are printed once.
const { text, elements } = describe(model, { n: 8 });
console.log(text);
assertEquals(elements, 2 * (8 + (8 * 32 + 32) + (32 * 8 + 8)) + (8 + 8));

// 5. Without a value the number of elements is a formula.
assertEquals(describe(nn.linear("n", 10)).elements, "10*n+10");

// 6. A state dict has a type: the path is checked, and the tensor under it has the shape that it has in the model.
const weights = stateDict(model);
const bias: Tensor<["n"], "f32"> = weights["ln_f.bias"];
console.log(bias.shape);
// @ts-expect-error there is no such path
console.log(weights["ln_f.offset"]);

// 7. Other tensors in place of weights make another model. What is computed is not loaded any more.
const plain = withParams(model, { "ln_f.bias": full(["n"], 0), "ln_f.weight": full(["n"], 1) });
assertEquals(parameters(plain).length, parameters(model).length - 2);

// 8. A wrong path is a compile error, and the same at run time for paths that are only known then.
const error = assertThrows(
  // @ts-expect-error withParams: the model has no weight ln_f.bais
  () => withParams(model, { "ln_f.bais": full(["n"], 0) }),
  WeightsError,
);
console.log(error.message);
