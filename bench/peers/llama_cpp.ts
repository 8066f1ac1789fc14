/** llama.cpp, native, by node-llama-cpp. @module */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { report, task } from "./loop.ts";

interface Sequence {
  clearHistory(): Promise<void>;
  evaluate(ids: readonly number[], options: Readonly<Record<string, unknown>>): AsyncIterable<number>;
}

/** What is used of the package. */
interface Package {
  getLlama(options: Readonly<Record<string, unknown>>): Promise<{
    loadModel(options: { readonly modelPath: string }): Promise<{
      createContext(options: Readonly<Record<string, unknown>>): Promise<{ getSequence(): Sequence }>;
    }>;
  }>;
}

const given = task();
const { threads, prompt, steps, rounds } = given;
const dir = join(given.packages, "node_modules", "node-llama-cpp");
const { version } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as {
  readonly version: string;
};
const { getLlama } = await import(pathToFileURL(join(dir, "dist", "index.js")).href) as Package;
const llama = await getLlama({ gpu: false, build: "never", maxThreads: threads, logLevel: "error" });
const model = await llama.loadModel({ modelPath: join(given.model, "model.gguf") });
const context = await model.createContext({
  contextSize: 512,
  batchSize: 512,
  threads: { ideal: threads, min: threads },
});
const sequence = context.getSequence();
const [prefill, decode]: [number[], number[]] = [[], []];
let tokens: number[] = [];
for (let round = -1; round < rounds; round++) {
  await sequence.clearHistory();
  tokens = [];
  const start = performance.now();
  let first = start;
  for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    if (tokens.push(token) === 1) first = performance.now();
    if (tokens.length > steps) break;
  }
  if (round < 0) continue;
  prefill.push(prompt.length / (first - start) * 1000);
  decode.push(steps / (performance.now() - first) * 1000);
}
report({ version, prefill, decode, tokens: tokens.slice(0, 8) });
