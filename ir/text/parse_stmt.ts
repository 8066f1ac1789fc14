/**
 * Statements and functions from text.
 *
 * @module
 */
import { type DType, DTYPES } from "../dtype.ts";
import { bool, type Expr, int } from "../expr.ts";
import { type Param, type PrimFunc, primFunc } from "../prim_func.ts";
import {
  alloc,
  barrier,
  block,
  type BlockIter,
  type Buffer,
  forLoop,
  ifThen,
  type LoopKind,
  type Region,
  type Scope,
  seq,
  type Stmt,
  store,
} from "../stmt.ts";
import type { Cursor } from "./cursor.ts";
import { type ExprScope, parseDefinition, parseWhole } from "./parse_expr.ts";

const DTYPE_NAMES = Object.keys(DTYPES) as readonly DType[];
const SCOPES: readonly Scope[] = ["global", "workgroup", "local"];
const ACCESSES: readonly Param["access"][] = ["read", "write", "read_write"];
const LOOP_KINDS: readonly LoopKind[] = [
  "serial",
  "parallel",
  "vectorized",
  "unrolled",
  "blockIdx.x",
  "blockIdx.y",
  "blockIdx.z",
  "threadIdx.x",
  "threadIdx.y",
  "threadIdx.z",
];

/** A dtype. */
export function parseDType(c: Cursor): DType {
  return c.oneOf(DTYPE_NAMES, "a dtype");
}

/** `fn NAME(params) dims(names) { ... }`. */
export function parseFunction(c: Cursor): PrimFunc {
  c.expect("fn", "at the start of a function");
  const name = c.name("the name of the function");
  c.expect("(", `and the parameters of ${name}`);
  const params = c.list(")", "after a parameter", () => parseParam(c));
  const dims = c.accept("dims") ? parseNames(c, "dims", "a dim") : [];
  const types = new Map(params.map(({ buffer }) => [buffer.name, DTYPES[buffer.dtype].register] as const));
  return primFunc(name, params, dims, parseBody(c, { types, lets: new Map() }, `of ${name}`));
}

function parseNames(c: Cursor, what: string, one: string): readonly string[] {
  c.expect("(", `after ${what}`);
  return c.list(")", `after ${one}`, () => c.name(one));
}

function parseParam(c: Cursor): Param {
  const name = c.name("a parameter");
  c.expect(":", `after parameter ${name}`);
  const access = c.oneOf(ACCESSES, `the access of ${name}`);
  const scope = SCOPES.find((s) => c.accept(s)) ?? "global";
  return { buffer: parseBuffer(c, { types: new Map(), lets: new Map() }, name, scope), access };
}

/** `f32[n, 4] strides [8, 1]`. */
function parseBuffer(c: Cursor, scope: ExprScope, name: string, where: Scope): Buffer {
  const dtype = parseDType(c);
  c.expect("[", `and the extents of ${name}`);
  const shape = parseExprs(c, scope, `after an extent of ${name}`);
  if (!c.accept("strides")) return { name, dtype, shape, scope: where };
  c.expect("[", `and the strides of ${name}`);
  return { name, dtype, shape, scope: where, strides: parseExprs(c, scope, `after a stride of ${name}`) };
}

function parseExprs(c: Cursor, scope: ExprScope, where: string): readonly Expr[] {
  return c.list("]", where, () => parseWhole(c, scope));
}

/** `{ statements }`. */
function parseBody(c: Cursor, scope: ExprScope, where: string): Stmt {
  c.expect("{", `before the body ${where}`);
  return parseStatements(c, scope, where);
}

/** Statements up to `}`, which it takes, or, without `where`, up to the end of the text. */
export function parseStatements(c: Cursor, scope: ExprScope, where?: string): Stmt {
  const found: Stmt[] = [];
  let here = scope;
  while (where === undefined ? c.peek().kind !== "end" : !c.accept("}")) {
    if (c.accept("let")) here = { ...here, lets: new Map([...here.lets, parseDefinition(c, here)]) };
    else found.push(parseStatement(c, here, where ?? ""));
  }
  return seq(found);
}

function parseStatement(c: Cursor, scope: ExprScope, where: string): Stmt {
  if (c.accept("barrier")) return barrier();
  if (c.accept("for")) return parseFor(c, scope);
  if (c.accept("if")) return parseIf(c, scope);
  if (c.accept("alloc")) return parseAlloc(c, scope);
  if (c.accept("block")) return parseBlock(c, scope);
  if (!c.seesName()) throw c.refusal(`a statement${where === "" ? "" : ` or "}" in the body ${where}`}`);
  return parseStore(c, scope);
}

function parseStore(c: Cursor, scope: ExprScope): Stmt {
  const buffer = c.name("a buffer");
  c.expect("[", `and the indices of a store to ${buffer}`);
  const indices = parseExprs(c, scope, `after an index of ${buffer}`);
  c.expect("=", `and a value for ${buffer}`);
  return store(buffer, indices, parseWhole(c, scope));
}

function parseRange(c: Cursor, scope: ExprScope, name: string): Expr {
  const token = c.peek();
  if (token.kind !== "number" || token.text !== "0") throw c.refusal(`0.. and the extent of ${name}`);
  c.next();
  c.expect("..", `and the extent of ${name}`);
  return parseWhole(c, scope);
}

function parseFor(c: Cursor, scope: ExprScope): Stmt {
  const name = c.name("the variable of a loop");
  c.expect("in", `after for ${name}`);
  const extent = parseRange(c, scope, name);
  const kind = c.accept("@") ? c.oneOf(LOOP_KINDS, "a kind of loop") : "serial";
  return forLoop(name, extent, parseBody(c, scope, `of loop ${name}`), kind);
}

function parseIf(c: Cursor, scope: ExprScope): Stmt {
  const cond = parseWhole(c, scope);
  const then = parseBody(c, scope, "of if");
  return ifThen(cond, then, c.accept("else") ? parseBody(c, scope, "of else") : undefined);
}

function parseAlloc(c: Cursor, scope: ExprScope): Stmt {
  const name = c.name("the name of a buffer");
  c.expect(":", `after ${name}`);
  const buffer = parseBuffer(c, scope, name, c.oneOf(SCOPES, `where ${name} lives`));
  const types = new Map(scope.types).set(name, DTYPES[buffer.dtype].register);
  return alloc(buffer, parseBody(c, { ...scope, types }, `of alloc ${name}`));
}

function parseBlock(c: Cursor, scope: ExprScope): Stmt {
  const name = c.name("the name of a block");
  c.expect("(", `and the iterators of block ${name}`);
  const iters = c.list(")", "after an iterator", () => parseIter(c, scope));
  const predicate = c.accept("where") ? parseWhole(c, scope) : bool(true);
  c.expect("{", `before the body of block ${name}`);
  const reads = c.accept("reads") ? parseRegions(c, scope) : [];
  const writes = c.accept("writes") ? parseRegions(c, scope) : [];
  const init = c.accept("init") ? parseBody(c, scope, `of the init of ${name}`) : undefined;
  const body = parseStatements(c, scope, `of block ${name}`);
  return block({ name, iters, predicate, reads, writes, ...(init === undefined ? {} : { init }), body });
}

function parseIter(c: Cursor, scope: ExprScope): BlockIter {
  const name = c.name("an iterator");
  c.expect(":", `after iterator ${name}`);
  const role = c.oneOf(["spatial", "reduce"], `the role of ${name}`);
  const extent = parseRange(c, scope, name);
  c.expect("=", `and what binds ${name}`);
  return { var: name, role, extent, binding: parseWhole(c, scope) };
}

function parseRegions(c: Cursor, scope: ExprScope): readonly Region[] {
  const regions: Region[] = [];
  do {
    const buffer = c.name("the buffer of a region");
    c.expect("[", `and the ranges of ${buffer}`);
    const ranges = c.list("]", `after a range of ${buffer}`, () => {
      const min = parseWhole(c, scope);
      if (!c.accept(":")) return { min, extent: int(1) };
      c.expect("+", `and an extent of the range of ${buffer}`);
      return { min, extent: parseWhole(c, scope) };
    });
    regions.push({ buffer, min: ranges.map((r) => r.min), extent: ranges.map((r) => r.extent) });
  } while (c.accept(","));
  return regions;
}
