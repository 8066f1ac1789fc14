/**
 * Takes each legality test out of a copy of the sources and runs the property tests on it, which must then fail within
 * 1,000 cases: `deno task test:mutation [NAME]`.
 *
 * @module
 */
import { type Mutant, MUTANTS } from "./mutants.ts";

const ROOT = new URL("../../", import.meta.url);
const CASES = 1000;
/** Seeds are random: one that does not find it in 1,000 cases may be bad luck. */
const TRIES = 3;

const copy = await Deno.makeTempDir({ prefix: "weft-mutants-" });
const parts = [
  "backends",
  "dsl",
  "ir",
  "schedule",
  "models",
  "tests",
  "compile.ts",
  "mod.ts",
  "deno.json",
  "deno.lock",
];
await new Deno.Command("cp", { args: ["-r", ...parts.map((p) => new URL(p, ROOT).pathname), copy] }).output();

/** After how many cases the random tests fail; `undefined` where they pass. */
async function failsAfter(by: Mutant["by"]): Promise<number | undefined> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--fail-fast", "--filter", "random", `tests/schedule/${by}_test.ts`],
    cwd: copy,
    env: { NO_COLOR: "1", WEFT_SCHEDULE_CASES: String(CASES) },
  }).output();
  if (code === 0) return undefined;
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return Number(/failed after (\d+) tests/.exec(text)?.[1] ?? NaN);
}

const [only] = Deno.args;
const wanted = MUTANTS.filter((m) => only === undefined || m.name.includes(only) || m.by === only);
let survivors = 0;
for (const mutant of wanted) {
  const path = `${copy}/schedule/loop/${mutant.file}`;
  const source = await Deno.readTextFile(path);
  if (source.split(mutant.from).length !== 2) throw new Error(`${mutant.name}: the piece is not there once`);
  await Deno.writeTextFile(path, source.replace(mutant.from, () => mutant.to));
  let after: number | undefined;
  for (let i = 0; i < TRIES && !(after !== undefined && after <= CASES); i++) {
    after = await failsAfter(mutant.by);
  }
  await Deno.writeTextFile(path, source);
  const noticed = after !== undefined && after <= CASES;
  if (!noticed) survivors++;
  console.log(
    `${
      noticed ? `noticed after ${String(after).padStart(4)} cases` : "SURVIVES               "
    }  ${mutant.name}`,
  );
}
await Deno.remove(copy, { recursive: true });
console.log(
  `${wanted.length - survivors} of ${wanted.length} legality tests are missed where they are not there`,
);
Deno.exit(survivors === 0 ? 0 : 1);
