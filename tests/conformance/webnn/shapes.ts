/**
 * The cases about shapes: what an operator gives, and what it must refuse.
 *
 * @module
 */
import { isTensor, type Shape, spec, type Tensor } from "../../../dsl/mod.ts";
import { printShape } from "../../../ir/dim.ts";
import { callOf } from "./call.ts";
import { dtypeOf, type Json, NotSupported, type Operand, type ShapeCase } from "./data.ts";
import { allowedBy, FEWER_DTYPES, FOREIGN_DTYPES } from "./restrictions.ts";
import { operatorOf } from "./run.ts";

/** What became of a case. */
export type Verdict =
  /** As expected: the same shapes, or a refusal with its reason. */
  | { readonly kind: "held"; readonly refusal?: string }
  /** Refused by WebNN, accepted here, for a reason that is on the list. */
  | { readonly kind: "restriction"; readonly why: string }
  /** Of a dtype that the language, or its operator, refuses, for a reason that is on the list. */
  | { readonly kind: "dtype"; readonly why: string }
  | { readonly kind: "failed"; readonly what: string };

/** The name of the cases that loop over dtypes and ranks. */
const LOOP = "Test building the operator with supported data type";

/**
 * The case as it is meant. The data tells operands apart by their names, so of several of one name it has only the last:
 *
 * - Cases that loop over dtypes have the input of the last round; the true one has the type of the result.
 * - Both operands of prelu are called `input`: what is there is the slope, of a tensor that is `[3, 2, 5]` in every case.
 */
function mended(c: ShapeCase): ShapeCase {
  const [only, ...others] = c.inputs;
  if (only === undefined || others.length > 0) return c;
  if (c.op === "prelu" && c.name?.includes("slope") === true) {
    const input: Operand = { name: "input", dtype: "float32", shape: [3, 2, 5] };
    const args = [{ ref: "input" }, { ref: "slope" }];
    return { ...c, inputs: [input, { ...only, name: "slope" }], args };
  }
  if (c.name?.includes(LOOP) !== true || c.expect === "error") return c;
  const [type] = c.expect.outputs;
  return type === undefined ? c : { ...c, inputs: [{ ...only, dtype: type.dtype, shape: type.shape }] };
}

/** What the operator gives for the inputs of a case; throws where it refuses them. */
function buildCase(c: ShapeCase): readonly Tensor[] {
  const operands = new Map<string, Tensor>(
    c.inputs.map((i) => [i.name, spec([...i.shape], dtypeOf(i.dtype))]),
  );
  if (c.expect !== "error") c.expect.outputs.forEach((o) => dtypeOf(o.dtype));
  const { params, build } = operatorOf(c.op);
  const args: Record<string, Json | undefined> = {};
  c.args.forEach((value, n) => args[params[n] ?? "options"] = value);
  const built = build(callOf(args, operands));
  return isTensor(built) ? [built] : built;
}

/** A mistake in the program, which is no refusal. */
const BUG = /Cannot read|is not a function|is not iterable|is missing in the table/;

/** Compares what the language does with what WebNN expects. */
export function judge(c: ShapeCase): Verdict {
  let given: readonly Tensor[];
  try {
    given = buildCase(mended(c));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const why = error.message;
    if (error instanceof NotSupported) {
      const foreign = FOREIGN_DTYPES[why.replace(/^dtype /, "")];
      return foreign === undefined
        ? { kind: "failed", what: why }
        : { kind: "dtype", why: `${why}: ${foreign}` };
    }
    if (BUG.test(why)) return { kind: "failed", what: why };
    if (c.expect === "error") {
      return why === ""
        ? { kind: "failed", what: "refused without a reason" }
        : { kind: "held", refusal: why };
    }
    // Which dtypes an operator takes is each implementation's own affair in WebNN.
    const fewer = FEWER_DTYPES[c.op];
    if (!why.includes("does not apply to") || fewer === undefined) {
      return { kind: "failed", what: `refused: ${why}` };
    }
    return { kind: "dtype", why: `${c.op}: ${fewer}` };
  }
  const text = given.map((t) => typeText(t.dtype, t.shape)).join(", ");
  if (c.expect === "error") {
    const why = allowedBy(c);
    return why === undefined
      ? { kind: "failed", what: `accepted, gives ${text}` }
      : { kind: "restriction", why };
  }
  const wanted = c.expect.outputs.map((o) => typeText(dtypeOf(o.dtype), o.shape)).join(", ");
  return text === wanted ? { kind: "held" } : { kind: "failed", what: `gives ${text}, expected ${wanted}` };
}

function typeText(dtype: string, shape: Shape): string {
  return `${dtype}${printShape(shape)}`;
}
