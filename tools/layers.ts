/**
 * Which part of the repository may import which, and a check of a module graph against it.
 *
 * @module
 */

/** An import in a file. */
export interface ImportEdge {
  /** Imported file, relative to the root; for a package the specifier as written. */
  readonly to: string;
  /** Whether it is a package or a `node:` module. */
  readonly external: boolean;
  /** `import type`: gone at run time. */
  readonly typeOnly: boolean;
  /** `import()`: not loaded with the file. */
  readonly dynamic: boolean;
}

/** A file of the repository. */
export interface SourceFile {
  /** Path relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly ImportEdge[];
}

/** A folder (ending in `/`) or a file, and what it may import besides itself. */
export interface Layer {
  readonly path: string;
  /** Layers that it may import; `"*"` is every layer that is no leaf. */
  readonly imports: readonly string[];
  /** Packages that it may import; `"node:"` stands for all of Node's modules. */
  readonly packages?: readonly string[];
  /** Nothing outside imports it, except tests. */
  readonly leaf?: boolean;
  /** Contains `export ... from` and nothing else. */
  readonly reexportsOnly?: boolean;
}

/** Most lines of a file. */
export const MAX_LINES = 600;

/** The layers, from the bottom up. The longest path that fits a file is its layer. */
export const LAYERS: readonly Layer[] = [
  { path: "ir/", imports: [] },
  { path: "dsl/", imports: ["ir/"] },
  { path: "schedule/", imports: ["ir/"] },
  // The interface of devices and the late lowering that they share; its folders are layers of their own.
  { path: "backends/", imports: ["ir/"] },
  { path: "backends/runtime/", imports: ["ir/", "backends/"] },
  { path: "backends/js/", imports: ["ir/", "backends/"] },
  { path: "backends/wasm/", imports: ["ir/", "backends/"] },
  { path: "backends/webgpu/", imports: ["ir/", "backends/"], packages: ["@webgpu/types"] },
  { path: "compile.ts", imports: ["ir/", "dsl/", "schedule/", "backends/", "backends/runtime/"] },
  // Measuring candidates: joins schedules and devices, as compile.ts does.
  {
    path: "tune/",
    imports: [
      "ir/",
      "dsl/",
      "schedule/",
      "backends/",
      "backends/js/",
      "backends/wasm/",
      "backends/webgpu/",
      "compile.ts",
    ],
    packages: ["node:"],
  },
  {
    path: "models/",
    imports: ["ir/", "dsl/", "compile.ts", "backends/", "backends/runtime/"],
    packages: ["@huggingface/tokenizers", "node:"],
  },
  { path: "mod.ts", imports: ["*"], reexportsOnly: true },
  { path: "cli/", imports: ["*"], packages: ["node:"], leaf: true },
  // Lessons assert what they show; this file stands in for @std/assert (see deno.json).
  { path: "docs/", imports: ["*", "tests/support/assert.ts"], leaf: true },
  { path: "examples/", imports: ["*"], leaf: true },
  { path: "bench/gemv_rungs.ts", imports: ["*"], leaf: true },
  { path: "bench/", imports: ["*", "bench/gemv_rungs.ts"], packages: ["tinybench", "node:"], leaf: true },
  { path: "tools/", imports: ["*", "cli/", "bench/gemv_rungs.ts"], packages: ["node:"], leaf: true },
  { path: "tests/support/assert.ts", imports: [], packages: ["node:"], leaf: true },
  {
    path: "tests/",
    imports: ["*", "tests/support/assert.ts"],
    packages: ["fast-check", "typescript", "node:"],
    leaf: true,
  },
];

/**
 * Every breach of the rules, one line each: imports that a layer may not make, files that belong to none, cycles of
 * imports, files that are too long, declarations in a file that may only re-export.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { checkLayers } from "./layers.ts";
 *
 * const upward = { to: "dsl/mod.ts", external: false, typeOnly: true, dynamic: false };
 * assertEquals(checkLayers([{ path: "ir/expr.ts", text: "", imports: [upward] }]), [
 *   "ir/expr.ts imports dsl/mod.ts, but ir/ may import nothing outside",
 * ]);
 * ```
 */
export function checkLayers(
  files: readonly SourceFile[],
  layers: readonly Layer[] = LAYERS,
): readonly string[] {
  return [...files.flatMap((file) => checkFile(file, layers)), ...cycles(files)];
}

function checkFile(file: SourceFile, layers: readonly Layer[]): readonly string[] {
  const layer = layerOf(file.path, layers);
  if (layer === undefined) return [`${file.path} is in no layer, there are ${names(layers)}`];
  const problems = file.imports
    .filter((edge) => !(edge.external ? mayUse(layer, edge.to) : mayImport(layer, edge.to, layers)))
    .map((edge) => {
      const allowed = edge.external ? layer.packages ?? [] : layer.imports;
      const list = allowed.length === 0
        ? edge.external ? "no package" : "nothing outside"
        : `only ${allowed.map((path) => path === "*" ? "what is no leaf" : path).join(", ")}`;
      return `${file.path} imports ${edge.to}, but ${layer.path} may import ${list}`;
    });
  const lines = file.text.split("\n").length - (file.text.endsWith("\n") ? 1 : 0);
  if (lines > MAX_LINES) problems.push(`${file.path} has ${lines} lines, at most ${MAX_LINES} are allowed`);
  if (layer.reexportsOnly === true) {
    const declared = otherThanReexports(file.text);
    if (declared !== "") problems.push(`${file.path} may only re-export, but it has: ${declared}`);
  }
  return problems;
}

function layerOf(path: string, layers: readonly Layer[]): Layer | undefined {
  const fitting = layers.filter((layer) => isIn(path, layer.path));
  return fitting.sort((a, b) => b.path.length - a.path.length)[0];
}

function isIn(path: string, layer: string): boolean {
  return layer.endsWith("/") ? path.startsWith(layer) : path === layer;
}

function mayImport(layer: Layer, to: string, layers: readonly Layer[]): boolean {
  const target = layerOf(to, layers);
  if (target === layer || layer.path === "tests/") return true;
  return target !== undefined &&
    (layer.imports.includes(target.path) || layer.imports.includes("*") && target.leaf !== true);
}

function mayUse(layer: Layer, name: string): boolean {
  return (layer.packages ?? []).some((known) =>
    known.endsWith(":") ? name.startsWith(known) : name === known
  );
}

function names(layers: readonly Layer[]): string {
  return layers.map((layer) => layer.path).join(", ");
}

/** The first line that is left of a file without its comments and `export ... from` statements. */
function otherThanReexports(text: string): string {
  const rest = text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\/\/.*$/gm, "")
    .replace(/export\s+(type\s+)?(\*(\s+as\s+\w+)?|\{[^}]*\})\s+from\s+"[^"]*";/g, "");
  return rest.trim().split("\n")[0] ?? "";
}

/** Cycles of imports that exist at run time; each is reported once. */
function cycles(files: readonly SourceFile[]): readonly string[] {
  const edges = new Map(files.map((file) => [
    file.path,
    file.imports.filter((e) => !e.external && !e.typeOnly && !e.dynamic).map((e) => e.to),
  ]));
  const problems: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      problems.push(`cycle of imports: ${[...trail.slice(start), path].join(" -> ")}`);
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return problems;
}
