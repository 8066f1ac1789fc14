import { memoryWeight } from "../../../backends/runtime/weights.ts";
import { compile } from "../../../compile.ts";
import { trace } from "../../../dsl/mod.ts";
import { llamaDims, LlamaForCausalLM, readLlamaConfig } from "../../../models/llama/mod.ts";
import { openSafetensors } from "../../../models/safetensors/mod.ts";
import { jsDevice } from "../../../backends/js/mod.ts";
const dir = new URL(`golden/tied/`, import.meta.url);
const config = await readLlamaConfig(dir);
const model = await openSafetensors(new URL("model.safetensors", dir));
const weights = new Map(await Promise.all([...model.tensors.values()].map(async (info) => [info.name, memoryWeight("f32", info.shape, new Float32Array((await model.read(info.name)).slice().buffer))] as const)));
const ex = await openSafetensors(new URL("expected.safetensors", dir));
const ids = new Int32Array((await ex.read("ids")).slice().buffer);
const logits = new Float32Array((await ex.read("logits")).slice().buffer);
const taps = Deno.args.includes("taps") ? ["model.layers.0.self_attn.q","model.layers.0.self_attn.k","model.layers.0.self_attn.v","model.layers.0.self_attn.y","model.layers.0.middle","model.layers.0.mlp.act","model.layers.0.out","model.layers.1.self_attn.q","model.layers.1.self_attn.y","model.layers.1.out"] : [];
const res: Record<string, ArrayLike<number>>[] = [];
for (const fuse of [true, false]) {
  const p = trace(LlamaForCausalLM(config), { dims: llamaDims(config, 2), bounds: { s: 12, past: 12, "past+s": 12 }, methods: { forward: { past: 0 } }, taps });
  using m = await compile(p, { device: jsDevice(), weights, fuse });
  const out = m.run("forward", { ids: { dtype: "i32", shape: [2, 12], data: ids } });
  const r: Record<string, ArrayLike<number>> = {};
  for (const n of [...taps, "logits"]) r[n] = Float32Array.from((await out[n]!.read()).data as Float32Array);
  res.push(r);
  const bad = new Set<number>(); const l = r["logits"]!;
  for (let i = 0; i < l.length; i++) if (!(Math.abs(l[i]! - logits[i]!) < 1e-4)) bad.add(Math.floor(i / 29));
  console.log("fuse", fuse, "bad rows", [...bad].join(","));
}
for (const n of Object.keys(res[0]!)) { let w = 0, c = 0, f = -1; const a = res[0]![n]!, b = res[1]![n]!; for (let i = 0; i < a.length; i++) { const d = Math.abs(a[i]! - b[i]!); if (!(d < 1e-4)) { c++; if (f < 0) f = i; } w = Math.max(w, d); } console.log(n, "worst", w, "bad", c, "of", a.length, "first", f); }
