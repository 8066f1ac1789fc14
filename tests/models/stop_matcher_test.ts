import fc from "fast-check";
import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../ir/errors.ts";
import { stopMatcher } from "../../models/stop_matcher.ts";

/** What must come out, by searching the whole text: the earliest end counts, then the longest stop string. */
function naive(text: string, stops: readonly string[]): { text: string; stop?: string } {
  let best: { end: number; stop: string } | undefined;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    if (at === -1) continue;
    const end = at + stop.length;
    const isBetter = best === undefined || end < best.end ||
      end === best.end && stop.length > best.stop.length;
    if (isBetter) best = { end, stop };
  }
  return best === undefined
    ? { text }
    : { text: text.slice(0, best.end - best.stop.length), stop: best.stop };
}

function run(pieces: readonly string[], stops: readonly string[]): { text: string; stop?: string } {
  const matcher = stopMatcher(stops);
  let text = "";
  for (const piece of pieces) {
    const result = matcher.push(piece);
    text += result.text;
    if (result.stop !== undefined) return { text: text + matcher.end(), stop: result.stop };
  }
  return { text: text + matcher.end() };
}

const letters = (min: number, max: number) =>
  fc.string({ unit: fc.constantFrom("a", "b", "🙂", "🙃"), minLength: min, maxLength: max });

Deno.test("any cut of a text gives what a search of the whole text gives", () => {
  fc.assert(
    fc.property(
      fc.array(letters(0, 4), { maxLength: 8 }),
      fc.array(letters(1, 4), { maxLength: 4 }),
      (pieces, stops) => {
        assertEquals(run(pieces, stops), naive(pieces.join(""), stops));
      },
    ),
    { numRuns: 5000 },
  );
});

Deno.test("what is held back is exactly what may still become a stop string", () => {
  fc.assert(
    fc.property(letters(0, 12), fc.array(letters(1, 5), { maxLength: 3 }), (text, stops) => {
      if (naive(text, stops).stop !== undefined) return;
      const shown = stopMatcher(stops).push(text).text;
      const isStart = (tail: string) => tail !== "" && stops.some((stop) => stop.startsWith(tail));
      const tails = Array.from({ length: text.length }, (_, i) => text.slice(i)).filter(isStart);
      assertEquals(text.slice(shown.length), tails[0] ?? "");
    }),
    { numRuns: 2000 },
  );
});

Deno.test("text without stop strings passes at once", () => {
  const matcher = stopMatcher([]);
  assertEquals([matcher.push("abc"), matcher.push(""), matcher.end()], [{ text: "abc" }, { text: "" }, ""]);
});

Deno.test("nothing comes out after a stop", () => {
  const matcher = stopMatcher(["END", "."]);
  assertEquals(matcher.push("one. two END"), { text: "one", stop: "." });
  assertEquals([matcher.push("more"), matcher.end()], [{ text: "" }, ""]);
});

Deno.test("of stop strings that end together the longest counts, of others the one that ends first", () => {
  assertEquals(run(["xabc"], ["bc", "abc", "c"]), { text: "x", stop: "abc" });
  assertEquals(run(["xabcd"], ["abcd", "bc"]), { text: "xa", stop: "bc" });
});

Deno.test("held text is given up when it does not become a stop string", () => {
  const matcher = stopMatcher(["User:"]);
  assertEquals(matcher.push("The Use"), { text: "The " });
  assertEquals(matcher.push("s of Us"), { text: "Uses of " });
  assertEquals(matcher.end(), "Us");
});

Deno.test("stop strings must be whole text", () => {
  for (const bad of ["", "\ud83d"]) {
    assertThrows(() => stopMatcher(["x", bad]), InputError, "at least one character");
  }
});
