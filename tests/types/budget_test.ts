/**
 * What the types cost: how many types the compiler makes to check a model, which is what an editor does after each
 * keystroke. Counts are exact and the same everywhere, unlike times.
 */
import { assertEquals, assertLessOrEqual } from "@std/assert";
import { checkTypes } from "./check.ts";

Deno.test("types: GPT-2 is checked within 60,000 instantiations", () => {
  const { errors, instantiations } = checkTypes("../../models/gpt2/model.ts");
  assertEquals(errors, []);
  assertLessOrEqual(instantiations, 60_000);
});
