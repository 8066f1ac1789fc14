/**
 * The text form of expressions, nests and graphs. `parse(print(x))` is `x` (see `parse.ts`).
 *
 * @module
 */
import { type Expr, type Reduce } from "./expr.ts";
import type { Attr, Graph, GraphNode } from "./graph.ts";
import { printShape } from "./dim.ts";
import type { PrimFunc } from "./prim_func.ts";
import { BINARY_OPS, UNARY_OPS } from "./scalar_ops.ts";
import type { Block, Buffer, Region, Stmt } from "./stmt.ts";

const UNARY_PRECEDENCE = 7;

/** An expression as text. */
export function printExpr(e: Expr): string {
  return print(e, 0);
}

function print(e: Expr, outer: number): string {
  switch (e.kind) {
    case "const":
      return printConst(e.dtype, e.value);
    case "var":
      return e.name;
    case "load":
      return `${e.buffer}[${e.indices.map((i) => print(i, 0)).join(", ")}]`;
    case "unary": {
      const { symbol } = UNARY_OPS[e.op];
      if (e.op !== "neg" && e.op !== "not") return `${symbol}(${print(e.x, 0)})`;
      return `${symbol}(${print(e.x, 0)})`;
    }
    case "binary": {
      const { symbol, precedence } = BINARY_OPS[e.op];
      if (precedence === undefined) return `${symbol}(${print(e.a, 0)}, ${print(e.b, 0)})`;
      const text = `${print(e.a, precedence)} ${symbol} ${print(e.b, precedence + 1)}`;
      return precedence < outer ? `(${text})` : text;
    }
    case "select":
      return `select(${print(e.cond, 0)}, ${print(e.then, 0)}, ${print(e.otherwise, 0)})`;
    case "cast":
      return `${e.dtype}(${print(e.x, 0)})`;
    case "reduce":
      return printReduce(e);
    default:
      return e satisfies never;
  }
}

function printReduce(e: Reduce): string {
  const axes = e.axes.map((a) => `${a.name} < ${print(a.extent, UNARY_PRECEDENCE)}`).join(", ");
  return `reduce_${e.op}(${axes}: ${print(e.body, 0)})`;
}

function printConst(dtype: Expr["dtype"], value: number): string {
  if (dtype === "bool") return value === 1 ? "true" : "false";
  if (dtype === "i32") return String(value);
  if (dtype === "u32") return `${value}u`;
  const digits = Number.isNaN(value)
    ? "nan"
    : value === Infinity
    ? "inf"
    : value === -Infinity
    ? "-inf"
    : floatDigits(value);
  return dtype === "f16" ? `${digits}h` : digits;
}

/** Shortest digits of an f32 that read back as it. */
function floatDigits(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  let text = String(value);
  for (let digits = 1; digits < 10; digits++) {
    const short = value.toPrecision(digits);
    if (Math.fround(Number(short)) === value) {
      text = String(Number(short));
      break;
    }
  }
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** A statement as text. */
export function printStmt(s: Stmt): string {
  return lines(s).join("\n");
}

const indent = (text: readonly string[]): readonly string[] => text.map((line) => `  ${line}`);

function lines(s: Stmt): readonly string[] {
  switch (s.kind) {
    case "for": {
      const how = s.loop === "serial" ? "" : ` @${s.loop}`;
      return [
        `for ${s.var} in 0..${print(s.extent, UNARY_PRECEDENCE)}${how} {`,
        ...indent(lines(s.body)),
        "}",
      ];
    }
    case "block":
      return blockLines(s);
    case "store":
      return [`${s.buffer}[${s.indices.map(printExpr).join(", ")}] = ${printExpr(s.value)}`];
    case "alloc":
      return [`alloc ${printBuffer(s.buffer, s.buffer.scope)} {`, ...indent(lines(s.body)), "}"];
    case "if": {
      const head = [`if ${printExpr(s.cond)} {`, ...indent(lines(s.then))];
      return s.otherwise === undefined
        ? [...head, "}"]
        : [...head, "} else {", ...indent(lines(s.otherwise)), "}"];
    }
    case "barrier":
      return ["barrier"];
    case "seq":
      return s.body.flatMap(lines);
    default:
      return s satisfies never;
  }
}

function blockLines(b: Block): readonly string[] {
  const iters = b.iters.map((i) =>
    `${i.var}: ${i.role} 0..${print(i.extent, UNARY_PRECEDENCE)} = ${printExpr(i.binding)}`
  );
  const where = b.predicate.kind === "const" && b.predicate.value === 1
    ? ""
    : ` where ${printExpr(b.predicate)}`;
  return [
    `block ${b.name}(${iters.join(", ")})${where} {`,
    `  reads ${b.reads.map(printRegion).join(", ")}`.trimEnd(),
    `  writes ${b.writes.map(printRegion).join(", ")}`.trimEnd(),
    ...(b.init === undefined ? [] : ["  init {", ...indent(indent(lines(b.init))), "  }"]),
    ...indent(lines(b.body)),
    "}",
  ];
}

function printRegion(r: Region): string {
  const ranges = r.min.map((m, d) => {
    const extent = r.extent[d];
    const one = extent === undefined || (extent.kind === "const" && extent.value === 1);
    return one ? printExpr(m) : `${printExpr(m)} :+ ${printExpr(extent)}`;
  });
  return `${r.buffer}[${ranges.join(", ")}]`;
}

function printBuffer(b: Buffer, how: string): string {
  const strides = b.strides === undefined ? "" : ` strides [${b.strides.map(printExpr).join(", ")}]`;
  return `${b.name}: ${how} ${b.dtype}[${b.shape.map(printExpr).join(", ")}]${strides}`;
}

/** A function as text. */
export function printFunc(f: PrimFunc): string {
  const params = f.params.map((p) => printBuffer(p.buffer, p.access)).join(", ");
  const dims = f.dims.length === 0 ? "" : ` dims(${f.dims.join(", ")})`;
  return [`fn ${f.name}(${params})${dims} {`, ...indent(lines(f.body)), "}"].join("\n");
}

/** A graph as text. */
export function printGraph(g: Graph): string {
  const bounds = Object.entries(g.bounds).map(([dim, bound]) => `  bound ${dim} <= ${bound}`);
  const inputs = g.inputs.map((i) => `  ${i.role} ${printName(i.name)}: ${i.dtype}${printShape(i.shape)}`);
  const outputs = g.outputs.map((o) => `  output ${printName(o.name)} = ${printName(o.value)}`);
  return [`graph ${printName(g.name)} {`, ...bounds, ...inputs, ...g.nodes.map(printNode), ...outputs, "}"]
    .join("\n");
}

function printNode(n: GraphNode): string {
  const attrs = Object.entries(n.attrs).map(([name, value]) => `${name}: ${printAttr(value)}`);
  const kernel = n.compute === undefined
    ? ""
    : ` = compute ${n.compute.name}(${
      n.compute.axes.map((a) => `${a.name} < ${print(a.extent, UNARY_PRECEDENCE)}`).join(", ")
    }) ${printExpr(n.compute.body)}`;
  const path = n.path === undefined ? "" : ` @${JSON.stringify(n.path)}`;
  const call = `${n.op}(${n.inputs.map(printName).join(", ")})`;
  return `  ${printName(n.name)}: ${n.dtype}${printShape(n.shape)} = ${call}${
    attrs.length === 0 ? "" : ` {${attrs.join(", ")}}`
  }${kernel}${path}`;
}

function printName(name: string): string {
  return /^[%A-Za-z_][\w.%]*$/.test(name) ? name : JSON.stringify(name);
}

function printAttr(value: Attr): string {
  return JSON.stringify(value);
}
