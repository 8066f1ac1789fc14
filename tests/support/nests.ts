/**
 * Functions from text, and whether a schedule kept what one means.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { lowerFunc } from "../../backends/lower.ts";
import { arrayFor, type TensorArray, writeElement } from "../../ir/data.ts";
import { UnsupportedError } from "../../ir/errors.ts";
import { evalInt } from "../../ir/eval.ts";
import { int, sub, variable } from "../../ir/expr.ts";
import { interpret } from "../../ir/interpret.ts";
import { parseFunc } from "../../ir/parse.ts";
import { type PrimFunc, withBody } from "../../ir/prim_func.ts";
import { block, forLoop } from "../../ir/stmt.ts";
import { rewriteStmt, substituteStmt } from "../../ir/traverse.ts";
import { verifyFunc } from "../../ir/verify.ts";
import { copyArrays, interpretBackwards } from "./run_func.ts";

/** A function from its text, with the regions of its blocks worked out. */
export function read(text: string): PrimFunc {
  const func = parseFunc(text);
  const body = rewriteStmt(func.body, (s) => {
    if (s.kind !== "block" || s.writes.length > 0) return s;
    const { reads: _r, writes: _w, ...parts } = s;
    return block(parts);
  });
  const made = withBody(func, body);
  assertEquals(verifyFunc(made), []);
  return made;
}

type Arrays = Readonly<Record<string, TensorArray>>;

/** Numbers for every parameter that is read. */
export function inputs(func: PrimFunc, dims: Readonly<Record<string, number>>): Record<string, TensorArray> {
  return Object.fromEntries(func.params.map(({ buffer, access }) => {
    const count = buffer.shape.reduce((n, e) => n * evalInt(e, dims), 1);
    const array = arrayFor(buffer.dtype, count);
    const value = (i: number): number => (buffer.dtype === "f32" ? 1.001 + i * 0.37 : (i * 7 + 3) % 11);
    if (access !== "write") {
      for (let i = 0; i < count; i++) writeElement(buffer.dtype, array, i, value(i));
    }
    return [buffer.name, array];
  }));
}

/** The function with iterations of parallel and vectorized loops from last to first. */
export function turnedRound(func: PrimFunc): PrimFunc {
  const body = rewriteStmt(func.body, (s) => {
    if (s.kind !== "for" || (s.loop !== "parallel" && s.loop !== "vectorized")) return s;
    const last = sub(sub(s.extent, int(1)), variable(s.var));
    return forLoop(s.var, s.extent, substituteStmt(s.body, new Map([[s.var, last]])), s.loop);
  });
  return withBody(func, body);
}

/** Runs a function, and again lowered with its threads in the other order; both must give what `naive` gives. */
export function assertSame(
  naive: PrimFunc,
  func: PrimFunc,
  dims: Readonly<Record<string, number>>,
  what: string,
): void {
  assertEquals(verifyFunc(func), [], what);
  const arrays = inputs(naive, dims);
  const expected = copyArrays(arrays);
  interpret(naive, expected, dims);
  const actual: Record<string, TensorArray> = copyArrays(arrays);
  interpret(func, actual, dims);
  assertEquals<Arrays>(actual, expected, what);
  const turned = copyArrays(arrays);
  interpret(turnedRound(func), turned, dims);
  assertEquals<Arrays>(turned, expected, `last iteration first: ${what}`);
  let lowered;
  try {
    lowered = lowerFunc(func);
  } catch (error) {
    assert(error instanceof UnsupportedError, String(error));
    return;
  }
  assertEquals<Arrays>(interpretBackwards(lowered, arrays, dims), expected, `last thread first: ${what}`);
}
