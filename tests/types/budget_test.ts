/**
 * What the types cost: how many types the compiler makes to check a model, which is what an editor does after each
 * keystroke. Counts are exact and the same everywhere, unlike times.
 */
import { assertEquals, assertLessOrEqual } from "@std/assert";
import ts from "typescript";

const path = (relative: string): string => decodeURIComponent(new URL(relative, import.meta.url).pathname);

/** Instantiations for checking one file, with what it needs of all others. */
function instantiations(file: string): number {
  const program = ts.createProgram([path(file)], {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts"],
    types: [],
  });
  const source = program.getSourceFile(path(file));
  const messages = program.getSemanticDiagnostics(source).map((d) =>
    ts.flattenDiagnosticMessageText(d.messageText, "\n")
  );
  assertEquals(messages, []);
  return program.getInstantiationCount();
}

Deno.test("types: GPT-2 is checked within 60,000 instantiations", () => {
  assertLessOrEqual(instantiations("../../models/gpt2/model.ts"), 60_000);
});
