/**
 * Checks that the public API is documented: `deno task doc:lint`. It is `deno doc --lint` over every entry point of the
 * package, without what this repository does on purpose:
 *
 * - a field whose name says all has no comment;
 * - a public type may be written with aliases that its file keeps to itself;
 * - shapes at type level are made of helpers, which are nobody's interface.
 *
 * @module
 */

/** A finding of `deno doc --lint`. */
export interface Finding {
  readonly rule: string;
  readonly message: string;
  /** Where, as `path:line:column`. */
  readonly at: string;
  /** The line it points at, and the line of the type that it refers to. */
  readonly source: readonly string[];
}

/** Reads the text that `deno doc --lint` prints, without colours. */
export function findingsOf(text: string): readonly Finding[] {
  return text.split(/^(?=error\[)/m).flatMap((part) => {
    const [, rule, message] = /^error\[([\w-]+)\]: (.*)$/m.exec(part) ?? [];
    const [, at] = /^\s*--> (.*)$/m.exec(part) ?? [];
    if (rule === undefined || message === undefined || at === undefined) return [];
    return [{
      rule,
      message,
      at,
      source: [...part.matchAll(/^\s*\d+ \| (.*)$/gm)].map(([, line]) => line ?? ""),
    }];
  });
}

/** Whether a finding is one that this repository wants to be without. */
export function counts(finding: Finding): boolean {
  const [here = "", referred = ""] = finding.source;
  switch (finding.rule) {
    case "missing-jsdoc":
      return here.startsWith("export");
    case "private-type-ref":
      return referred.startsWith("export") && !finding.at.includes("dsl/types/");
    default:
      return true;
  }
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url);
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", ...Object.values<string>(exports)],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stderr) + decoder.decode(stdout);
  const findings = findingsOf(text);
  // Without findings a failure is something else, such as a file that cannot be read.
  if (!success && findings.length === 0) {
    console.error(text);
    Deno.exit(1);
  }
  const problems = findings.filter(counts);
  for (const { rule, message, at } of problems) console.error(`${rule}: ${message}\n  at ${at}`);
  if (problems.length > 0) Deno.exit(1);
  console.log(`doc lint: ${Object.keys(exports).length} entry points, nothing undocumented`);
}
