/**
 * Writes the output of the commands in the docs anew: `deno task docs`.
 *
 * @module
 */
import { refreshed } from "./docs.ts";
import { gemvPage } from "./gemv_page.ts";

const ROOT = new URL("..", import.meta.url);

for (const name of ["docs/architecture.md", "README.md"]) {
  const url = new URL(name, ROOT);
  const old = await Deno.readTextFile(url);
  const now = await refreshed(old);
  if (now !== old) await Deno.writeTextFile(url, now);
  console.log(`${name}: ${now === old ? "is up to date" : "written"}`);
}
const read = (name: string): Promise<string> => Deno.readTextFile(new URL(name, ROOT));
const page = gemvPage(JSON.parse(await read("bench/results/gemv.json")), await read("bench/gemv_rungs.ts"));
const same = await read("docs/gemv.md").catch(() => "") === page;
if (!same) await Deno.writeTextFile(new URL("docs/gemv.md", ROOT), page);
console.log(`docs/gemv.md: ${same ? "is up to date" : "written"}`);
// A device may keep the process alive for a while.
Deno.exit(0);
