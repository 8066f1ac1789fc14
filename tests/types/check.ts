/**
 * The type checker as a function: what it says about a file, and how much work that was.
 *
 * @module
 */
import ts from "typescript";

/** What is wrong in one place. */
export interface CheckError {
  /** From 0. */
  readonly line: number;
  /** Such as `TS2345: Argument of ...`; explanations are further lines. */
  readonly text: string;
}

/** The result of checking a file. */
export interface Checked {
  /** In order. */
  readonly errors: readonly CheckError[];
  /** How many types were instantiated for the file and all that it needs. */
  readonly instantiations: number;
}

/** As in a `tsconfig.json`. */
export const COMPILER_OPTIONS: Readonly<Record<string, unknown>> = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  target: "esnext",
  module: "esnext",
  moduleResolution: "bundler",
  lib: ["esnext", "dom"],
  types: [],
};

/** Checks the file at `path`, relative to this folder; with `text`, as if that were its content. */
export function checkTypes(path: string, text?: string): Checked {
  const file = decodeURIComponent(new URL(path, import.meta.url).pathname);
  const { options } = ts.convertCompilerOptionsFromJson(COMPILER_OPTIONS, "/");
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  if (text !== undefined) {
    host.fileExists = (name) => name === file || fileExists(name);
    host.getSourceFile = (name, ...more) =>
      name === file
        ? ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true)
        : getSourceFile.call(host, name, ...more);
  }
  const program = ts.createProgram([file], options, host);
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
