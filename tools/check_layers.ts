/**
 * Checks the repository's imports against {@link LAYERS}: `deno task layers`. Another root can be given as argument.
 *
 * @module
 */
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { checkLayers, type ImportEdge, type SourceFile } from "./layers.ts";

/** The part of the output of `deno info --json` that is used here. */
interface ModuleInfo {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
      readonly isDynamic?: boolean;
    }[];
  }[];
}

/** Every TypeScript file under a folder, but for hidden folders and packages. */
async function* sourcePaths(dir: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(dir)) {
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    const path = join(dir, entry.name);
    if (entry.isDirectory) yield* sourcePaths(path);
    else if (entry.isFile && entry.name.endsWith(".ts")) yield path;
  }
}

/** Runs `deno info` once over all files: a module that imports them all is its root. */
async function moduleInfo(root: string, paths: readonly string[]): Promise<ModuleInfo> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(
      entry,
      paths.map((p) => `import ${JSON.stringify(pathToFileURL(p).href)};\n`).join(""),
    );
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-lock", "--config", join(root, "deno.json"), entry],
    }).output();
    if (!success) throw new Error(`deno info failed:\n${new TextDecoder().decode(stderr)}`);
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(entry);
  }
}

/**
 * The source files under a folder with a `deno.json`, with their imports.
 *
 * @throws {Error} if a file imports what does not exist
 */
export async function readSources(root: string): Promise<readonly SourceFile[]> {
  const paths = (await Array.fromAsync(sourcePaths(root))).sort();
  const { modules } = await moduleInfo(root, paths);
  const byUrl = new Map(modules.map((m) => [m.specifier, m]));
  const broken = modules.filter((m) => m.error !== undefined).map((m) => m.error);
  if (broken.length > 0) throw new Error(`Cannot read the imports:\n${broken.join("\n")}`);
  return await Promise.all(paths.map(async (path) => ({
    path: relative(root, path).replaceAll(sep, "/"),
    text: await Deno.readTextFile(path),
    imports: (byUrl.get(pathToFileURL(path).href)?.dependencies ?? []).map((d): ImportEdge => {
      const url = d.code?.specifier ?? d.type?.specifier ?? d.specifier;
      const external = !url.startsWith("file:");
      return {
        to: external ? d.specifier : relative(root, fileURLToPath(url)).replaceAll(sep, "/"),
        external,
        typeOnly: d.code === undefined,
        dynamic: d.isDynamic === true,
      };
    }),
  })));
}

if (import.meta.main) {
  const root = resolve(Deno.args[0] ?? fileURLToPath(new URL("..", import.meta.url)));
  const files = await readSources(root);
  const problems = checkLayers(files);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
  console.log(`layers: ${files.length} files, no breach`);
}
