import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type Flags,
  helpText,
  integer,
  integers,
  number,
  oneOf,
  parseFlags,
  someOf,
  text,
  texts,
  toggle,
  UsageError,
} from "../../cli/flags.ts";

const FLAGS = {
  model: text("DIR", "a folder"),
  "max-tokens": integer("most tokens", 0),
  temperature: number("how random", "a number >= 0", (x) => x >= 0),
  stop: texts("TEXT", "ends it"),
  "prompt-ids": integers("ids"),
  device: oneOf(["webgpu", "js"], "where"),
  show: someOf(["graph", "nest"], "what"),
  json: toggle("as JSON"),
};

const problemsOf = (args: readonly string[], table: Flags = FLAGS): readonly string[] =>
  assertThrows(() => parseFlags(table, args), UsageError).problems;

Deno.test("flags: every kind is read, before and after the positionals, with a space or =", () => {
  const { flags, positionals } = parseFlags(FLAGS, [
    "--model=a/b",
    "Once upon",
    "--max-tokens",
    "7",
    "--temperature=.5",
    "--stop",
    "\n",
    "--stop=--",
    "--prompt-ids",
    "1, 2,3",
    "--device",
    "js",
    "--json",
    "--",
    "--seed",
  ]);
  assertEquals(flags, {
    model: "a/b",
    "max-tokens": 7,
    temperature: 0.5,
    stop: ["\n", "--"],
    "prompt-ids": [1, 2, 3],
    device: "js",
    json: true,
  });
  assertEquals(positionals, ["Once upon", "--seed"]);
  assertEquals(parseFlags(FLAGS, []), { flags: {}, positionals: [] });
});

Deno.test("flags: a value that breaks its rule is refused with the flag's name, the rule and the value", () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["--max-tokens", "-1"], '--max-tokens must be an integer >= 0, got "-1"'],
    [["--max-tokens", "1.5"], '--max-tokens must be an integer >= 0, got "1.5"'],
    [["--max-tokens=1e400"], '--max-tokens must be an integer >= 0, got "1e400"'],
    [["--max-tokens="], '--max-tokens must be an integer >= 0, got ""'],
    [["--temperature", "hot"], '--temperature must be a number >= 0, got "hot"'],
    [["--temperature", "0x1"], '--temperature must be a number >= 0, got "0x1"'],
    [["--temperature", "NaN"], '--temperature must be a number >= 0, got "NaN"'],
    [["--prompt-ids", "1,,2"], '--prompt-ids must be integers >= 0 separated by commas, got "1,,2"'],
    [["--device", "cuda"], '--device must be webgpu or js, got "cuda"'],
    [["--show", "nest", "--show", "tree"], '--show must be graph or nest, got "tree"'],
    [["--json=yes"], '--json takes no value, got "yes"'],
    [["--model"], "--model needs a value: a text"],
    [["--max-tokens", "--json"], "--max-tokens needs a value: an integer >= 0"],
    [["--model", "a", "--model", "b"], "--model is given twice"],
    [["--temprature", "1"], "unknown flag --temprature; did you mean --temperature?"],
    [["--frobnicate"], "unknown flag --frobnicate"],
    [["-j"], "unknown flag -j"],
    [["--toString"], "unknown flag --toString"],
  ];
  for (const [args, problem] of cases) assertEquals(problemsOf(args), [problem]);
});

Deno.test("flags: all problems are reported at once", () => {
  assertEquals(problemsOf(["--max-tokens", "x", "--jsn", "--device", "cpu"]), [
    "unknown flag --jsn; did you mean --json?",
    '--max-tokens must be an integer >= 0, got "x"',
    '--device must be webgpu or js, got "cpu"',
  ]);
});

Deno.test("flags: what is written is what is read", () => {
  fc.assert(fc.property(
    fc.record({
      model: fc.string().filter((s) => !s.startsWith("--")),
      maxTokens: fc.nat(),
      temperature: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      stop: fc.array(fc.string()),
      ids: fc.array(fc.nat(), { minLength: 1 }),
      words: fc.array(fc.string()),
    }),
    ({ model, maxTokens, temperature, stop, ids, words }) => {
      const args = [
        "--model",
        model,
        `--max-tokens=${maxTokens}`,
        `--temperature=${temperature}`,
        ...stop.map((s) => `--stop=${s}`),
        "--prompt-ids",
        ids.join(","),
        "--",
        ...words,
      ];
      const { flags, positionals } = parseFlags(FLAGS, args);
      assertEquals(flags.model, model);
      assertEquals(flags["max-tokens"], maxTokens);
      assertEquals(flags.temperature, temperature + 0);
      assertEquals(flags.stop ?? [], stop);
      assertEquals(flags["prompt-ids"], ids);
      assertEquals(positionals, words);
    },
  ));
});

Deno.test("flags: the help names every flag", () => {
  const help = helpText("prog [FLAGS]", "Does things.", FLAGS);
  assertStringIncludes(help, "Usage: prog [FLAGS]\n\nDoes things.\n");
  for (const [name, flag] of Object.entries(FLAGS)) {
    assertStringIncludes(help, `--${name}`);
    assertStringIncludes(help, flag.help);
  }
  assert(help.split("\n").every((line) => line.length <= 110));
});
