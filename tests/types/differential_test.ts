/**
 * The shape algebra exists twice, at run time (`ir/dim.ts`, `ir/shape.ts`) and for the type checker
 * (`dsl/types`). This test keeps the two together: it draws random arguments, computes the run-time results,
 * writes them down as type assertions and lets `deno check` compare.
 *
 * `WEFT_SEED=123 deno test ...` repeats a failed run; the failure prints the seed.
 */
import { assert, assertEquals, assertStringIncludes, fail } from "@std/assert";
import fc from "fast-check";
import { type DType, DTYPES } from "../../ir/dtype.ts";
import type { ShapeError } from "../../ir/errors.ts";
import { family, sameDType } from "../../ir/ops/op.ts";
import { literalType } from "./differential_case.ts";
import { LAYER_SOURCES } from "./differential_layers.ts";
import { SOURCES as OPERATOR_SOURCES } from "./differential_sources.ts";

const SOURCES = { ...OPERATOR_SOURCES, ...LAYER_SOURCES };

/** Functions that refuse nothing. */
const TOTAL = [
  ...["AddD", "MulD", "CanonicalD", "ProductD", "BindD", "BindShape"],
  ...["SetLast", "AxesDims", "ChannelDims"],
];
const CASES = 50;

/** Exported types of shapes that compute nothing: dims and shapes themselves, options, parts of signatures. */
const PLAIN = [
  "Arg",
  "Literal",
  "TensorOr",
  "Dim",
  "Shape",
  "Axes",
  "Sliding",
  "Conv2dOptions",
  "PoolOptions",
];
/** Compared exhaustively, below. */
const OF_DTYPES = ["HasDType", "SameDType"];

Deno.test("types: every shape function has cases that compare it with the run-time one", async () => {
  const text = await Deno.readTextFile(new URL("../../dsl/types/mod.ts", import.meta.url));
  const exported = [...text.matchAll(/export type \{([^}]*)\}/g)].flatMap((m) =>
    m[1]!.split(",").map((part) => part.trim()).filter((part) => part !== "")
  );
  const compared = [...Object.keys(SOURCES), ...PLAIN, ...OF_DTYPES];
  assertEquals(exported.filter((type) => !compared.includes(type)), [], "types without a source of cases");
  assertEquals(compared.filter((type) => !exported.includes(type)), [], "sources of types that are gone");
});

const url = (path: string): string => new URL(path, import.meta.url).href;
const HEADER = `
import type * as T from "${url("../../dsl/types/mod.ts")}";
import type { Equal, Expect } from "${url("./expect.ts")}";
/** Whether the type \`R\` leaves \`E\` possible: no message, and each dim is that of \`E\` or unknown. */
type Allows<R, E> = R extends readonly unknown[]
  ? number extends R["length"] ? true
  : E extends { length: R["length"] }
    ? false extends { [I in keyof R]: I extends keyof E ? AllowsDim<R[I], E[I]> : true }[number] ? false : true
  : false
  : AllowsDim<R, E>;
type AllowsDim<D, E> = number extends D ? true : D extends E ? true : false;
`;

/** Checks a program; the result is what the compiler printed about its errors. */
async function check(program: string): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "weft-types-" });
  try {
    await Deno.writeTextFile(`${dir}/assertions.ts`, program);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--no-lock", "--no-config", `${dir}/assertions.ts`],
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stderr);
    assertEquals(success, text === "", text);
    return text;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The seed of this run: from the environment if given (and readable). */
function pickSeed(): number {
  const allowed = Deno.permissions.querySync({ name: "env", variable: "WEFT_SEED" }).state === "granted";
  const given = allowed ? Deno.env.get("WEFT_SEED") : undefined;
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}

Deno.test("types: every shape function gives what the run-time one gives, messages included", async () => {
  const seed = pickSeed();
  const lines: string[] = HEADER.split("\n");
  for (const [name, source] of Object.entries(SOURCES)) {
    const cases = fc.sample(source, { seed, numRuns: CASES });
    const accepted = cases.filter((c) => c.accepted).length;
    assert(
      accepted > CASES / 30,
      `${name}: only ${accepted} of ${CASES} cases are accepted (WEFT_SEED=${seed})`,
    );
    assert(TOTAL.includes(name) || accepted < CASES, `${name}: no case is refused (WEFT_SEED=${seed})`);
    for (const { type, vague, result, accepted } of cases) {
      lines.push(`export type _${lines.length} = Expect<Equal<T.${type}, ${result}>>;`);
      // With less known, what the run accepts must stay possible.
      if (accepted && vague !== "never") {
        lines.push(`export type _${lines.length} = Expect<Allows<T.${vague}, ${result}>>;`);
      }
    }
  }
  const assertions = lines.length - HEADER.split("\n").length;
  console.log(
    `${assertions} assertions over ${Object.keys(SOURCES).length} shape functions (WEFT_SEED=${seed})`,
  );
  assert(assertions >= 1000, `only ${assertions} assertions`);
  const errors = await check(lines.join("\n"));
  if (errors !== "") {
    const numbers = [...errors.matchAll(/assertions\.ts:(\d+):/g)].map((m) => Number(m[1]));
    const wrong = [...new Set(numbers)].map((n) => lines[n - 1]);
    fail(
      `${wrong.length} of ${assertions} assertions do not hold (repeat with WEFT_SEED=${seed}):\n` +
        (wrong.length === 0 ? errors : wrong.slice(0, 10).join("\n")),
    );
  }
});

Deno.test("types: a disagreement fails the check, a wrong call is reported with its message", async () => {
  const errors = await check(`${HEADER}
import type { Tensor } from "${url("../../dsl/tensor.ts")}";
export type Wrong = Expect<Equal<T.AddD<1, 2>, 4>>;
export type Vague = Expect<Allows<T.AddD<number, 2>, 4>>;
declare function matmul<A extends T.Shape, B extends T.Shape>(
  a: Tensor<A, "f32">,
  b: T.Arg<T.MatmulShape<A, B>, B, "f32">,
): T.TensorOr<T.MatmulShape<A, B>, "f32">;
export const wrong = (x: Tensor<["b", "s", 768], "f32">, w: Tensor<[3072, 768], "f32">) => matmul(x, w);
`);
  assertStringIncludes(errors, "Type 'false' does not satisfy the constraint 'true'");
  assertStringIncludes(
    errors,
    `Argument of type 'Tensor<[3072, 768], "f32">' is not assignable to parameter of type ` +
      `'"matmul: inner dims 768 and 3072 differ: [b, s, 768] x [3072, 768]"'.`,
  );
  assertStringIncludes(errors, "Found 2 errors.");
});

Deno.test("types: operands of all pairs of dtypes are refused as at run time", async () => {
  const dtypes = Object.keys(DTYPES) as DType[];
  const message = (f: () => unknown): string | undefined => {
    try {
      f();
      return undefined;
    } catch (error) {
      return (error as ShapeError).message;
    }
  };
  const lines = HEADER.split("\n");
  for (const a of dtypes) {
    const takes = message(() => family("take", a, ["signed", "unsigned"]));
    const integer = `"i32" | "u32" | "i8" | "u8"`;
    const has = `T.HasDType<"take", "${a}", ${integer}, "signed or unsigned", [1]>`;
    lines.push(
      `export type _${lines.length} = Expect<Equal<${has}, ${
        takes === undefined ? "[1]" : literalType(takes)
      }>>;`,
    );
    for (const b of dtypes) {
      const refused = message(() => sameDType("add", [{ shape: [], dtype: a }, { shape: [], dtype: b }]));
      const result = refused === undefined ? "[1]" : literalType(refused);
      lines.push(
        `export type _${lines.length} = Expect<Equal<T.SameDType<"add", "${a}", "${b}", [1]>, ${result}>>;`,
      );
    }
  }
  assertEquals(await check(lines.join("\n")), "");
});
