/**
 * Test data made by others, which is not part of the repository: found in `WEFT_DATA`, else in `../shared/data`
 * beside the repository. Tests that need a folder that is not there are skipped, and say so in their name.
 *
 * @module
 */

import { fileURLToPath, pathToFileURL } from "node:url";

const REPOSITORY = new URL("../../", import.meta.url);

/** Absolute path of data folder `name`, or `undefined` where it is absent or may not be read. */
export function dataDir(name: string): string | undefined {
  for (const root of roots()) {
    const url = new URL(`${name}/`, root);
    try {
      if (Deno.statSync(url).isDirectory) return fileURLToPath(url).replace(/[\\/]$/, "");
    } catch {
      // absent, or no permission to look: both mean that there is no data
    }
  }
  return undefined;
}

/** Registers test `name`; `fn` gets the paths of `folders`. Without one of them the test is visibly ignored. */
export function dataTest(
  name: string,
  folders: readonly string[],
  fn: (dirs: readonly string[], t: Deno.TestContext) => void | Promise<void>,
): void {
  const dirs = folders.map(dataDir);
  const missing = folders.filter((_, i) => dirs[i] === undefined);
  if (missing.length > 0) {
    Deno.test({ name: `${name} (skipped: no data/${missing.join(", data/")})`, ignore: true, fn: () => {} });
    return;
  }
  Deno.test(name, (t) => fn(dirs as string[], t));
}

function roots(): URL[] {
  const found: URL[] = [];
  try {
    const set = Deno.env.get("WEFT_DATA");
    if (set) found.push(pathToFileURL(`${set}/`));
  } catch {
    // no permission to read the environment: the default place still counts
  }
  found.push(new URL("../shared/data/", REPOSITORY));
  return found;
}
