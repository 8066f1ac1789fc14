import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { barChart } from "../../bench/bar_chart.ts";

Deno.test("a bar chart has a bar for each value, as long as its share of the largest", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 6 }),
      (list) => {
        const svg = barChart("t", [{ title: "p", bars: list.map((value, i) => ({ name: `b${i}`, value })) }]);
        const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map((m) => Number(m[1]));
        assertEquals(widths.length, list.length);
        const most = Math.max(...list);
        list.forEach((value, i) => {
          if (most > 0) assert(Math.abs(widths[i]! - Math.max(1, value / most * 430)) < 0.1);
        });
      },
    ),
  );
});

Deno.test("names in a chart are text, not markup", () => {
  assertStringIncludes(
    barChart("<a & b>", [{ title: "x", bars: [{ name: '"<', value: 1 }] }]),
    "&lt;a &amp; b&gt;",
  );
});
