/**
 * llama.cpp on WebAssembly, by wllama. It takes text, not ids: its tokens are not compared, and its own clock tells the
 * speeds. It is made for browsers: workers are made to look like theirs, and its files come from a local server.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { report, task } from "./loop.ts";

/** What is used of the package. */
interface Package {
  readonly Wllama: new (paths: { readonly default: string }, options: Readonly<Record<string, unknown>>) => {
    loadModel(files: readonly Blob[], options: Readonly<Record<string, unknown>>): Promise<void>;
    createCompletion(options: Readonly<Record<string, unknown>>): Promise<{
      readonly timings?: { readonly prompt_per_second: number; readonly predicted_per_second: number };
    }>;
    isMultithread(): boolean;
  };
}

const given = task();
const dir = join(given.packages, "node_modules", "@wllama", "wllama");
const { version } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as {
  readonly version: string;
};
const { Wllama } = await import(pathToFileURL(join(dir, "esm", "index.js")).href) as Package;

/** Makes this thread and the workers that it starts look like a browser's to code of Emscripten. */
const DISGUISE = `
  const code = globalThis.disguise;
  if (globalThis.process !== undefined) {
    Object.defineProperty(process, "versions", { value: {}, configurable: true });
    process.type = "renderer";
  }
  const Plain = globalThis.Worker;
  const script = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  globalThis.Worker = class extends Plain {
    constructor(url, options) {
      const first = script("globalThis.disguise = " + JSON.stringify(code) + "; (0, eval)(globalThis.disguise);");
      const both = "import " + JSON.stringify(first) + "; import " + JSON.stringify(String(url)) + ";";
      super(script(both), { ...options, type: "module" });
    }
  };`;
Object.assign(globalThis, { disguise: DISGUISE });
(0, eval)(DISGUISE);

const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
  const { pathname } = new URL(request.url);
  const type = pathname.endsWith(".wasm") ? "application/wasm" : "text/javascript";
  const headers = { "content-type": type, "access-control-allow-origin": "*" };
  return new Response((await Deno.open(join(dir, decodeURIComponent(pathname)))).readable, { headers });
});
const origin = `http://127.0.0.1:${server.addr.port}`;
Object.assign(globalThis, { document: { baseURI: `${origin}/` } });
Object.defineProperty(globalThis, "location", { value: { href: `${origin}/`, origin }, configurable: true });

const llama = new Wllama({ default: `${origin}/esm/wasm/wllama.wasm` }, {
  suppressNativeLog: true,
  cacheManager: {},
  modelManager: {},
});
const file = new Blob([readFileSync(join(given.model, "model.gguf"))]);
await llama.loadModel([file], { n_threads: given.threads, n_ctx: 512, n_batch: 512, n_gpu_layers: 0 });
if (given.threads > 1 && !llama.isMultithread()) throw new Error("wllama runs on one thread");
const [prefill, decode]: [number[], number[]] = [[], []];
for (let round = -1; round < given.rounds; round++) {
  const { timings } = await llama.createCompletion({
    prompt: " the".repeat(given.prompt.length),
    max_tokens: given.steps + 1,
    temperature: 0,
    top_k: 1,
    ignore_eos: true,
    cache_prompt: false,
    timings_per_token: true,
    stream: false,
  });
  if (timings === undefined) throw new Error("wllama gives no times");
  if (round < 0) continue;
  prefill.push(timings.prompt_per_second);
  decode.push(timings.predicted_per_second);
}
report({ version, prefill, decode });
