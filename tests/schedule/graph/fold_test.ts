/** Choices that are known before anything runs. @module */
import { assertEquals } from "@std/assert";
import * as w from "../../../mod.ts";
import { foldChoices } from "../../../schedule/graph/fold.ts";

/** Operators that are left of a causal mask of scores for `rows` queries. */
function left(rows: number | "s", cols: string): readonly string[] {
  const program = w.trace({
    main: w.method({ x: w.spec([rows, cols], "f32") }, ({ x }) => ({
      y: w.exp(
        w.where(
          w.causalMask(rows, cols),
          x as w.Tensor<["s", "t"], "f32">,
          w.full([1], -Infinity),
        ) as w.Tensor<["s", "t"], "f32">,
      ),
    })),
  });
  return foldChoices(program.graphs["main"]!).nodes.map((n) => n.op).filter((op) => op !== "full");
}

Deno.test("a causal mask of one query hides nothing; of more it stays", () => {
  assertEquals(left(1, "t"), ["causalMask", "exp"]);
  assertEquals(left(1, "past+1"), ["causalMask", "exp"]);
  assertEquals(left(2, "t"), ["causalMask", "where", "exp"]);
  assertEquals(left("s", "past+s"), ["causalMask", "where", "exp"]);
});

Deno.test("a side that would be stretched stays, and so does a result of the program", () => {
  const program = w.trace({
    main: w.method({ x: w.spec([1, 4], "f32"), z: w.spec([3, 4], "f32") }, ({ x, z }) => {
      const mask = w.causalMask(1, 4);
      return { y: w.where(mask, x, x), wide: w.exp(w.where(mask, x, z)) };
    }),
  });
  assertEquals(foldChoices(program.graphs["main"]!), program.graphs["main"]!);
});
