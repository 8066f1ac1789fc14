import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import * as w from "../../dsl/mod.ts";
import { WeightsError } from "../../ir/errors.ts";
import { GPT2_CONFIGS, GPT2LMHeadModel } from "../../models/gpt2/mod.ts";
import { LlamaForCausalLM, parseLlamaConfig } from "../../models/llama/mod.ts";

type X = w.Tensor<["b", "n"], "f32">;
const block = () =>
  w.module(
    { norm: w.nn.layerNorm("n"), up: w.nn.linear("n", "n") },
    ({ norm, up }) => (x: X): X => up(norm(x)),
  );
const make = (layers: number) =>
  w.module({ h: w.list(layers, block), head: w.nn.head("n", 10) }, ({ h, head }) => ({
    main: w.method({ x: w.spec(["b", "n"], "f32") }, ({ x }) => ({ y: head(h.reduce((x, m) => m(x), x)) })),
  }));
const model = make(2);
const zeros = w.full(["n"], 0);

Deno.test("types: a state dict has the paths of the weights and their types", () => {
  const state = w.stateDict(model);
  const norm: w.Tensor<["n"], "f32"> = state["h.1.norm.weight"]!;
  const head: w.Tensor<[10, "n"], "f32"> = state["head.weight"];
  assertEquals([norm.shape, head.shape], [["n"], [10, "n"]]);
  // @ts-expect-error a list has numbers for keys
  assertEquals(state["h.x.norm.weight"], undefined);
  // @ts-expect-error no such weight
  assertEquals(state["tail.weight"], undefined);
});

Deno.test("types: the weights of the models have their names in checkpoints", () => {
  const gpt2 = w.stateDict(GPT2LMHeadModel(GPT2_CONFIGS["gpt2"]));
  const c_attn: w.Tensor<["n_embd", "3*n_embd"], "f32"> = gpt2["transformer.h.11.attn.c_attn.weight"]!;
  const wpe: w.Tensor<["n_positions", "n_embd"], "f32"> = gpt2["transformer.wpe.weight"];
  assertEquals([c_attn.shape, wpe.shape], [["n_embd", "3*n_embd"], ["n_positions", "n_embd"]]);
  // @ts-expect-error the query is a part of c_attn
  assertEquals(gpt2["transformer.h.0.attn.q_attn.weight"], undefined);
  const llama = w.stateDict(LlamaForCausalLM(parseLlamaConfig({ num_hidden_layers: 1 }, "a config")));
  const down: w.Tensor<["hidden_size", "intermediate_size"], "f32"> =
    llama["model.layers.0.mlp.down_proj.weight"]!;
  assertEquals(down.shape, ["hidden_size", "intermediate_size"]);
  // @ts-expect-error there is no bias
  assertEquals(llama["model.layers.0.mlp.down_proj.bias"], undefined);
});

Deno.test("weights are put in by path; the model they are put into stays", () => {
  const before = w.parameters(model);
  const changed = w.withParams(model, { "h.0.norm.bias": zeros, "h.1.up.bias": zeros });
  const names = w.parameters(changed).map((p) => p.name);
  assertEquals(names, before.map((p) => p.name).filter((n) => n !== "h.0.norm.bias" && n !== "h.1.up.bias"));
  assertEquals(w.parameters(model), before);
  const inputs = w.trace(changed).graphs["main"]!.inputs.map((i) => i.name);
  assertEquals(inputs.filter((n) => n.endsWith("bias")).sort(), ["h.0.up.bias", "h.1.norm.bias"]);
});

Deno.test("what is no weight of the model, or another one, is refused, by the compiler too", () => {
  const texts = [
    // @ts-expect-error withParams: the model has no weight h.0.nrm.bias
    () => w.withParams(model, { "h.0.nrm.bias": zeros }),
    () => w.withParams(model, { "h.2.norm.bias": zeros }),
    // @ts-expect-error withParams: head.weight is f32[n], the model has f32[10, n]
    () => w.withParams(model, { "head.weight": zeros }),
    // @ts-expect-error withParams: h.0.up.bias is f16[n], the model has f32[n]
    () => w.withParams(model, { "h.0.up.bias": w.param(["n"], "f16") }),
  ].map((f) => assertThrows(f, WeightsError).message.split("\n").at(-1)!.trim().replace(/^- /, ""));
  assertEquals(texts, [
    "withParams: the model has no weight h.0.nrm.bias; did you mean h.0.norm.bias?",
    "withParams: the model has no weight h.2.norm.bias; did you mean h.0.norm.bias?",
    "withParams: head.weight is f32[n], the model has f32[10, n]",
    "withParams: h.0.up.bias is f16[n], the model has f32[n]",
  ]);
});

Deno.test("property: any choice of weights put in is what is no longer loaded, and all again is the same model", () => {
  const arb = fc.integer({ min: 1, max: 4 }).chain((n) =>
    fc.record({ m: fc.constant(make(n)), chosen: fc.infiniteStream(fc.boolean()) })
  );
  fc.assert(fc.property(arb, ({ m, chosen }) => {
    const all = w.stateDict(m) as Readonly<Record<string, w.Tensor>>;
    const some = Object.keys(all).filter(() => chosen.next().value);
    const constants = Object.fromEntries(some.map((k) => [k, w.full([...all[k]!.shape], 0) as w.Tensor]));
    const changed = w.withParams(m as w.AnyModule, constants);
    assertEquals(w.parameters(changed).map((p) => p.name), Object.keys(all).filter((k) => !some.includes(k)));
    assertEquals(w.parameters(w.withParams(changed, all)), w.parameters(m));
  }));
});

Deno.test("a description has every weight once, and the sum of their elements", () => {
  const { tree, elements, text } = w.describe(make(3), { n: 4 });
  const flat = (
    info: w.ModuleInfo,
  ): readonly w.NamedParam[] => [...info.weights, ...info.children.flatMap(flat)];
  assertEquals(flat(tree).map((p) => p.name), w.parameters(make(3)).map((p) => p.name));
  assertEquals(elements, 3 * (4 + 4 + 16 + 4) + 40);
  assertEquals(
    text,
    `
(  # 124
  (h): (  # 84
    (0-2): 3 x (  # 28
      (norm): (  # 8
        weight: f32[4]
        bias: f32[4]
      )
      (up): (  # 20
        weight: f32[4, 4]
        bias: f32[4]
      )
    )
  )
  (head): (  # 40
    weight: f32[10, 4]
  )
)`.trim(),
  );
  assertEquals(w.describe(make(1)).elements, "n*n+13*n");
});
