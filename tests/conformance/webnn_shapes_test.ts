import { assertEquals, assertRejects } from "@std/assert";
import { jsDevice } from "../../backends/js/mod.ts";
import { compile } from "../../compile.ts";
import { broadcastTo, method, type Shape, spec, trace } from "../../dsl/mod.ts";
import { WeftError } from "../../ir/errors.ts";
import { dataTest } from "../support/data.ts";
import { loadSuite, type ShapeCase } from "./webnn/data.ts";
import { FEWER_DTYPES } from "./webnn/restrictions.ts";
import { judge, type Verdict } from "./webnn/shapes.ts";

dataTest("WebNN's expectations about shapes hold", ["op-conformance"], ([dir]) => {
  const counts = new Map<string, number>();
  const failed: string[] = [];
  const lines: string[] = [];
  for (const [name, cases] of loadSuite<ShapeCase>(`${dir}/webnn-shapes`)) {
    const verdicts = cases.map((c): Verdict => judge(c));
    verdicts.forEach((v, i) => {
      counts.set(v.kind, (counts.get(v.kind) ?? 0) + 1);
      if (v.kind === "failed") failed.push(`${cases[i]!.id} ${cases[i]!.name ?? ""}: ${v.what}`);
    });
    const of = (kind: Verdict["kind"]): readonly Verdict[] => verdicts.filter((v) => v.kind === kind);
    lines.push(`  ${name}: ${of("held").length} held, ${of("failed").length} failed`);
    for (const kind of ["dtype", "restriction"] as const) {
      const whys = verdicts.flatMap((v) => (v.kind === kind ? [v.why] : []));
      const title = kind === "dtype" ? "refused for their dtype" : "WebNN's own";
      const reasons = [...new Set(whys)].map((why) =>
        `\n      ${whys.filter((w) => w === why).length} ${why}`
      );
      if (whys.length > 0) lines.push(`    ${whys.length} ${title}:${reasons.join("")}`);
    }
  }
  const total = [...counts].map(([kind, n]) => `${n} ${kind}`).join(", ");
  console.log([`WebNN shapes: ${total}`, ...lines].join("\n"));
  assertEquals(failed, []);
  const unused = Object.keys(FEWER_DTYPES).filter((op) => !lines.some((line) => line.includes(` ${op}: `)));
  assertEquals(unused, [], "reasons for refusals that do not happen");
  // A suite that is read wrongly would hold nothing, and so fail nothing.
  assertEquals((counts.get("held") ?? 0) > 1000, true);
});

Deno.test("sizes that no device has are refused where a program is compiled", async () => {
  const device = jsDevice();
  for (const shape of [[4294967295, 2], [100_000, 100_000]] as Shape[]) {
    const main = method({ x: spec([1, 1], "f32") }, ({ x }) => ({ y: broadcastTo(x, shape) }));
    await assertRejects(() => compile(trace({ main }), { device }), WeftError);
  }
  device.dispose();
});
