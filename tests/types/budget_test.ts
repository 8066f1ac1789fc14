/**
 * What the types cost: how many types the compiler makes to check a model, which is what an editor does after each
 * keystroke. Counts are exact and the same everywhere, unlike times (see `time_test.ts`).
 */
import { assertEquals, assertLessOrEqual } from "@std/assert";
import { checkTypes } from "./check.ts";
import { checkTypesNatively, version } from "./native.ts";

const MODEL = "../../models/gpt2/model.ts";

Deno.test("types: GPT-2 is checked within 60,000 instantiations", () => {
  const { errors, instantiations } = checkTypes(MODEL);
  assertEquals(errors, []);
  console.log(`types: GPT-2 takes ${instantiations} instantiations`);
  assertLessOrEqual(instantiations, 60_000);
});

Deno.test({
  name: `types: TypeScript 7 accepts GPT-2 ${version === undefined ? "(skipped: it cannot be fetched)" : ""}`
    .trim(),
  ignore: version === undefined,
  async fn() {
    assertEquals(await checkTypesNatively(MODEL), []);
    const [error, ...more] = await checkTypesNatively(MODEL, 'export const wrong: number = "text";');
    assertEquals([error, more], [{
      line: 0,
      text: "TS2322: Type 'string' is not assignable to type 'number'.",
    }, []]);
  },
});
