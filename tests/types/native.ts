/**
 * TypeScript 7, the compiler in Go, as a function: for checking that types mean the same to it.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { type CheckError, COMPILER_OPTIONS } from "./check.ts";

const TSC = "npm:typescript@7.0.2/tsc";

async function tsc(...args: string[]): Promise<{ readonly out: string; readonly found: boolean }> {
  const run = (...more: string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-lock", "--no-config", ...more, TSC, ...args],
      env: { NO_COLOR: "1" },
    }).output();
  // From the cache if it is there: then nothing is asked of the network.
  const cached = await run("--cached-only");
  const { code, stdout } = cached.code > 2 || cached.stdout.length === 0 ? await run() : cached;
  return { out: new TextDecoder().decode(stdout), found: code <= 2 };
}

/** Its version, or `undefined` where it is neither in the cache nor can be fetched. */
export const version: string | undefined = await tsc("--version").then(({ out }) =>
  /^Version (7\.\S+)/.exec(out)?.[1]
);

/** The text of a module with its imports as absolute paths, so that it can lie anywhere. */
export function placed(text: string, at: URL, show: (url: URL) => string): string {
  return text.replaceAll(
    /(from|import) "(\.{1,2}\/[^"]+)"/g,
    (_, word, to) => `${word} "${show(new URL(to, at))}"`,
  );
}

/** What it says about the module at `path`, relative to this folder; with `text`, as if that were its content. */
export async function checkTypesNatively(path: string, text?: string): Promise<readonly CheckError[]> {
  const at = new URL(path, import.meta.url);
  const dir = await Deno.makeTempDir({ prefix: "weft-types-" });
  try {
    const source = text ?? await Deno.readTextFile(at);
    await Deno.writeTextFile(`${dir}/checked.ts`, placed(source, at, fileURLToPath));
    const config = { compilerOptions: COMPILER_OPTIONS, files: ["checked.ts"] };
    await Deno.writeTextFile(`${dir}/tsconfig.json`, JSON.stringify(config));
    const { out } = await tsc("-p", dir, "--pretty", "false");
    // Errors elsewhere are about what only Deno knows (`Deno`, `node:`).
    return out.split(/\n(?! )/).flatMap((part) => {
      const found = /checked\.ts\((\d+),\d+\): error (TS\d+: [^]*)$/.exec(part);
      return found === null ? [] : [{ line: Number(found[1]) - 1, text: found[2]!.trimEnd() }];
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
