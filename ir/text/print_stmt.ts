/**
 * Statements and functions as text.
 *
 * @module
 */
import { DTYPES } from "../dtype.ts";
import type { Expr } from "../expr.ts";
import type { PrimFunc } from "../prim_func.ts";
import type { Block, Buffer, Region, Stmt } from "../stmt.ts";
import { indent, listLines } from "./layout.ts";
import { printName } from "./names.ts";
import { exprText, type LoadTypes, printExprIn, printList } from "./print_expr.ts";

/** Lines of a statement at a depth of nesting. */
export function stmtLines(s: Stmt, types: LoadTypes, depth: number): readonly string[] {
  const inside = (body: Stmt, within = types): readonly string[] =>
    indent(stmtLines(body, within, depth + 1));
  switch (s.kind) {
    case "for": {
      const how = s.loop === "serial" ? "" : ` @${s.loop}`;
      const head = `for ${printName(s.var)} in 0..${printExprIn(s.extent, types)}${how} {`;
      return [head, ...inside(s.body), "}"];
    }
    case "block":
      return blockLines(s, types, depth);
    case "store": {
      const { lets, text } = exprText(s.value, types);
      const element = `${printName(s.buffer)}[${printList(s.indices, types)}]`;
      return [...lets.map((definition) => `let ${definition}`), `${element} = ${text}`];
    }
    case "alloc": {
      const within = withBuffer(types, s.buffer);
      const head = `alloc ${printName(s.buffer.name)}: ${s.buffer.scope} ${bufferType(s.buffer, types)} {`;
      return [head, ...inside(s.body, within), "}"];
    }
    case "if": {
      const head = [`if ${printExprIn(s.cond, types)} {`, ...inside(s.then)];
      return s.otherwise === undefined ? [...head, "}"] : [...head, "} else {", ...inside(s.otherwise), "}"];
    }
    case "barrier":
      return ["barrier"];
    case "seq":
      return s.body.flatMap((child) => stmtLines(child, types, depth));
    default:
      return s satisfies never;
  }
}

function blockLines(b: Block, types: LoadTypes, depth: number): readonly string[] {
  const iters = b.iters.map((i) =>
    `${printName(i.var)}: ${i.role} 0..${printExprIn(i.extent, types)} = ${printExprIn(i.binding, types)}`
  );
  const always = b.predicate.kind === "const" && b.predicate.dtype === "bool" && b.predicate.value === 1;
  const where = always ? "" : ` where ${printExprIn(b.predicate, types)}`;
  const regions = (word: string, list: readonly Region[]): readonly string[] =>
    list.length === 0 ? [] : listLines(depth + 1, `${word} `, list.map((r) => regionText(r, types)), "");
  return [
    ...listLines(depth, `block ${printName(b.name)}(`, iters, `)${where} {`),
    ...indent(regions("reads", b.reads)),
    ...indent(regions("writes", b.writes)),
    ...(b.init === undefined
      ? []
      : ["  init {", ...indent(indent(stmtLines(b.init, types, depth + 2))), "  }"]),
    ...indent(stmtLines(b.body, types, depth + 1)),
    "}",
  ];
}

function regionText(r: Region, types: LoadTypes): string {
  const ranges = r.min.map((min, d) => {
    const extent = r.extent[d];
    const from = printExprIn(min, types);
    return extent === undefined || isOne(extent) ? from : `${from}:+${printExprIn(extent, types)}`;
  });
  return `${printName(r.buffer)}[${ranges.join(", ")}]`;
}

function isOne(e: Expr): boolean {
  return e.kind === "const" && e.dtype === "i32" && e.value === 1;
}

/** `f32[s, 768]`, with strides where it has some. */
function bufferType(b: Buffer, types: LoadTypes): string {
  const strides = b.strides === undefined ? "" : ` strides [${printList(b.strides, types)}]`;
  return `${b.dtype}[${printList(b.shape, types)}]${strides}`;
}

function withBuffer(types: LoadTypes, b: Buffer): LoadTypes {
  return new Map(types).set(b.name, DTYPES[b.dtype].register);
}

/** Lines of a function. */
export function funcLines(f: PrimFunc): readonly string[] {
  const params = f.params.map(({ buffer, access }) => {
    const scope = buffer.scope === "global" ? "" : `${buffer.scope} `;
    return `${printName(buffer.name)}: ${access} ${scope}${bufferType(buffer, new Map())}`;
  });
  const types = f.params.reduce<LoadTypes>((known, p) => withBuffer(known, p.buffer), new Map());
  const dims = f.dims.length === 0 ? "" : ` dims(${f.dims.map(printName).join(", ")})`;
  return [
    ...listLines(0, `fn ${printName(f.name)}(`, params, `)${dims} {`),
    ...indent(stmtLines(f.body, types, 1)),
    "}",
  ];
}
