/**
 * The type checker as a function: what it says about a file, and how much work that was.
 *
 * @module
 */
import ts from "typescript";

/** The result of checking a file. */
export interface Checked {
  /** One message for each error, in order, with the line (from 0) where it is. */
  readonly errors: readonly { readonly line: number; readonly text: string }[];
  /** How many types were instantiated for the file and all that it needs. */
  readonly instantiations: number;
}

const OPTIONS: ts.CompilerOptions = {
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
};

/** Checks the file at `path`, relative to this folder; with `text`, as if that were its content. */
export function checkTypes(path: string, text?: string): Checked {
  const file = decodeURIComponent(new URL(path, import.meta.url).pathname);
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists } = host;
  if (text !== undefined) {
    host.fileExists = (name) => name === file || fileExists(name);
    host.getSourceFile = (name, ...more) =>
      name === file
        ? ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true)
        : getSourceFile.call(host, name, ...more);
  }
  const program = ts.createProgram([file], OPTIONS, host);
  const source = program.getSourceFile(file);
  const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  return {
    errors: found.map(({ file, start = 0, code, messageText }) => ({
      line: file?.getLineAndCharacterOfPosition(start).line ?? 0,
      text: `TS${code}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    })),
    instantiations: program.getInstantiationCount(),
  };
}
