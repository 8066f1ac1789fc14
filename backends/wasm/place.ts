/**
 * Where the buffers of a kernel are: in memory, or in locals of the function, which the engine keeps in registers.
 *
 * @module
 */
import { bufferSpan, flatIndex } from "../../ir/address.ts";
import { DTYPES } from "../../ir/dtype.ts";
import { UnsupportedError } from "../../ir/errors.ts";
import { add, type Expr, floordiv, int, max, mul } from "../../ir/expr.ts";
import { linearOf } from "../../ir/linear.ts";
import { simplify } from "../../ir/simplify.ts";
import type { Buffer, Stmt } from "../../ir/stmt.ts";
import { freeVars, stmtExprs, visitExpr, visitStmt } from "../../ir/visit.ts";
import type { FunctionBuilder } from "./builder.ts";
import { LANES, MAX_REGISTERS } from "./expand.ts";
import { laneIndex } from "./lane.ts";

/** Where a buffer is. */
export type Place =
  /** In memory, from the address that the variable {@linkcode pointerName} has. */
  | { readonly kind: "memory"; readonly buffer: Buffer; readonly bytes: number }
  /** A local for each element; `lanes` where each holds the element of four iterations. */
  | { readonly kind: "scalars" | "lanes"; readonly buffer: Buffer; readonly locals: readonly number[] }
  /** A vector for every four elements. */
  | { readonly kind: "vectors"; readonly buffer: Buffer; readonly locals: readonly number[] };

/** Name of the variable that has the address of a buffer. */
export function pointerName(buffer: string): string {
  return `&${buffer}`;
}

/** Local buffers in memory, and the bytes of all of them, over dims. */
export interface Frame {
  readonly buffers: readonly { readonly name: string; readonly offset: Expr }[];
  readonly bytes: Expr;
}

interface Use {
  readonly buffer: Buffer;
  /** Whether it is allocated inside of a loop over lanes. */
  readonly own: boolean;
  /** Whether every element is known, as a number or as four from a multiple of four. */
  known: boolean;
  wide: boolean;
}

/** Decides where local buffers are. */
export function placeLocals(
  kernel: string,
  body: Stmt,
  dims: readonly string[],
  fn: FunctionBuilder,
): { readonly places: ReadonlyMap<string, Place>; readonly frame: Frame } {
  const places = new Map<string, Place>();
  const offsets: { name: string; offset: Expr }[] = [];
  let bytes: Expr = int(0);
  for (const [name, { buffer, own, known, wide }] of usesOf(body)) {
    const span = simplify(bufferSpan(buffer));
    const size = span.kind === "const" ? Math.max(span.value, 0) : undefined;
    // Vectors hold numbers of 32 bits; others are widened from memory.
    const fits = !wide || DTYPES[buffer.dtype].bytes === 4;
    if (size !== undefined && known && fits && size <= MAX_REGISTERS) {
      const type = DTYPES[buffer.dtype].family === "float" ? "f32" : "i32";
      const kind = own ? "lanes" : wide ? "vectors" : "scalars";
      const count = kind === "vectors" ? Math.ceil(size / LANES) : size;
      const locals = Array.from({ length: count }, () => fn.local(name, kind === "scalars" ? type : "v128"));
      places.set(name, { kind, buffer, locals });
      continue;
    }
    const outside = [...freeVars(span)].find((v) => !dims.includes(v));
    if (outside !== undefined) {
      throw new UnsupportedError(
        `Cannot generate ${kernel}: the size of ${name} depends on ${outside}; allocate for its bound`,
      );
    }
    const element = own ? 4 * LANES : DTYPES[buffer.dtype].bytes;
    places.set(name, { kind: "memory", buffer, bytes: element });
    offsets.push({ name, offset: bytes });
    bytes = simplify(add(bytes, alignedBytes(span, element)));
  }
  return { places, frame: { buffers: offsets, bytes } };
}

function alignedBytes(span: Expr, element: number): Expr {
  return mul(floordiv(add(mul(max(span, int(0)), int(element)), int(15)), int(16)), int(16));
}

function usesOf(body: Stmt): ReadonlyMap<string, Use> {
  const uses = new Map<string, Use>();
  visitStmt(body, (s, path) => {
    if (s.kind !== "alloc") return;
    const own = path.some((p) => p.kind === "for" && p.loop === "vectorized");
    uses.set(s.buffer.name, { buffer: s.buffer, own, known: true, wide: false });
  });
  visitStmt(body, (s, path) => {
    const lane = path.find((p) => p.kind === "for" && p.loop === "vectorized");
    const name = lane?.kind === "for" ? lane.var : undefined;
    const note = (buffer: string, indices: readonly Expr[]): void => {
      const use = uses.get(buffer);
      if (use !== undefined) noteAccess(use, indices, name);
    };
    for (const e of stmtExprs(s)) {
      visitExpr(e, (node) => {
        if (node.kind === "load") note(node.buffer, node.indices);
      });
    }
    if (s.kind === "store") note(s.buffer, s.indices);
  });
  return uses;
}

function noteAccess(use: Use, indices: readonly Expr[], lane: string | undefined): void {
  const at = lane === undefined
    ? { step: 0, base: linearOf(flatIndex(use.buffer, indices)) }
    : laneIndex(use.buffer, indices, lane);
  const inside = at !== undefined && at.base.terms.length === 0 && at.base.constant >= 0;
  const group = at?.step === 1 && at.base.constant % LANES === 0;
  if (!inside || !(at.step === 0 || group)) use.known = false;
  if (group) use.wide = true;
}

/** Which element an access is of, where the buffer is in locals. */
export function knownElement(buffer: Buffer, indices: readonly Expr[], lane: string | undefined): number {
  const at = lane === undefined ? undefined : laneIndex(buffer, indices, lane);
  return (at?.base ?? linearOf(flatIndex(buffer, indices))).constant;
}
