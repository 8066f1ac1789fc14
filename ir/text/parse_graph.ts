/**
 * Graphs from text.
 *
 * @module
 */
import { canonicalDim, type Dim, type Shape } from "../dim.ts";
import {
  type Attr,
  type Attrs,
  type Compute,
  type Graph,
  graph,
  type GraphInput,
  type GraphNode,
  type GraphOutput,
  type InputRole,
  type TensorType,
} from "../graph.ts";
import type { Cursor } from "./cursor.ts";
import { parseAxis, parseWhole } from "./parse_expr.ts";
import { parseDType } from "./parse_stmt.ts";
import { computeTypes } from "./print_graph.ts";

const ROLES: readonly InputRole[] = ["input", "param", "state"];

/** `graph NAME { bounds, inputs, nodes, outputs }`. */
export function parseWholeGraph(c: Cursor): Graph {
  c.expect("graph", "at the start of a graph");
  const name = c.name("the name of the graph");
  c.expect("{", `before the values of graph ${name}`);
  const types = new Map<string, TensorType>();
  const bounds: (readonly [string, number])[] = [];
  const inputs: GraphInput[] = [];
  const nodes: GraphNode[] = [];
  const outputs: GraphOutput[] = [];
  while (!c.accept("}")) {
    // A word that a colon follows is the name of a value, whatever it says.
    const word = c.sees(":", 1) ? "" : c.peek().text;
    const role = ROLES.find((r) => r === word);
    if (role !== undefined) {
      c.next();
      const input: GraphInput = { kind: "input", ...parseValue(c), role };
      types.set(input.name, input);
      inputs.push(input);
    } else if (word === "bound") {
      c.next();
      bounds.push(parseBound(c));
    } else if (word === "output") {
      c.next();
      const output = parseValueName(c, "the name of an output");
      c.expect("=", `and the value of output ${output}`);
      outputs.push({ name: output, value: parseValueName(c, "a value") });
    } else {
      if (!seesValueName(c)) throw c.refusal(`bound, ${ROLES.join(", ")}, a value, output or "}"`);
      const node = parseNode(c, types);
      types.set(node.name, node);
      nodes.push(node);
    }
  }
  return graph({ name, bounds: Object.fromEntries(bounds), inputs, nodes, outputs });
}

/** `NAME: TYPE`. */
function parseValue(c: Cursor): TensorType & { readonly name: string } {
  const name = parseValueName(c, "the name of a value");
  c.expect(":", `and the type of ${name}`);
  return { name, ...parseTensorType(c) };
}

function parseNode(c: Cursor, types: ReadonlyMap<string, TensorType>): GraphNode {
  const { name, dtype, shape } = parseValue(c);
  c.expect("=", `and an operator that gives ${name}`);
  const op = c.name("the name of an operator");
  c.expect("(", `and the inputs of ${op}`);
  const inputs = c.list(")", `after an input of ${op}`, () => parseValueName(c, "a value"));
  const attrs = c.accept("{") ? parseAttrs(c) : {};
  const path = c.accept("@") ? c.name("a module path") : undefined;
  const compute = c.sees("with") && !c.sees(":", 1) ? parseCompute(c, inputs, types) : undefined;
  return {
    kind: "node",
    name,
    op,
    inputs,
    attrs,
    shape,
    dtype,
    ...(compute === undefined ? {} : { compute }),
    ...(path === undefined ? {} : { path }),
  };
}

function parseCompute(
  c: Cursor,
  inputs: readonly string[],
  types: ReadonlyMap<string, TensorType>,
): Compute {
  const scope = { types: computeTypes(inputs, types), lets: new Map() };
  c.expect("with", "before a definition");
  const name = c.name("the name of a definition");
  c.expect("[", `and the axes of ${name}`);
  const axes = c.list("]", `after an axis of ${name}`, () => parseAxis(c, scope));
  c.expect("{", `and the element of ${name}`);
  const body = parseWhole(c, scope);
  c.expect("}", `after the element of ${name}`);
  return { name, axes, body };
}

function seesValueName(c: Cursor): boolean {
  return c.seesName() || c.sees("%");
}

/** A name, or `%` and digits with no space between. */
function parseValueName(c: Cursor, what: string): string {
  if (!c.sees("%")) return c.name(what);
  const token = c.peek();
  const adjoins = c.adjoins();
  c.next();
  const number = c.peek();
  if (!adjoins || !/^\d+$/.test(number.text)) throw c.refusal("a number right after %, as in %3", token);
  c.next();
  return `%${number.text}`;
}

/** `f32[b, past+seq, 768]`. */
function parseTensorType(c: Cursor): TensorType {
  const dtype = parseDType(c);
  c.expect("[", `and the dims after ${dtype}`);
  const shape: Shape = c.list("]", "after a dim", () => parseDim(c));
  return { dtype, shape };
}

/** A dim; one that is quoted is taken as it is. */
function parseDim(c: Cursor): Dim {
  const start = c.peek();
  if (start.kind === "string") return c.next().text;
  if (c.sees("-") || (start.kind === "number" && !/^\d+$/.test(start.text))) return parseNumber(c);
  let text = "";
  do {
    const { kind } = c.peek();
    if (kind !== "name" && kind !== "number") throw c.refusal("a dim: names and integers with + and *");
    text += c.next().text;
    if (!c.sees("+") && !c.sees("*")) break;
    text += c.next().text;
  } while (true);
  return c.building(start, () => canonicalDim(text));
}

/** `DIM <= NUMBER`. */
function parseBound(c: Cursor): readonly [string, number] {
  const dim = parseDim(c);
  c.expect("<=", `and the bound of ${dim}`);
  return [String(dim), parseNumber(c)];
}

/** `{name: value, ...}`, after the brace. */
function parseAttrs(c: Cursor): Attrs {
  return Object.fromEntries(c.list("}", "after an attribute", () => {
    const name = c.name("the name of an attribute");
    c.expect(":", `and the value of ${name}`);
    return [name, parseAttr(c)] as const;
  }));
}

const ATTR_WORDS: ReadonlyMap<string, Attr> = new Map<string, Attr>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

function parseAttr(c: Cursor): Attr {
  const { kind, text } = c.peek();
  if (kind === "string") return c.next().text;
  const word = kind === "name" ? ATTR_WORDS.get(text) : undefined;
  if (word !== undefined) {
    c.next();
    return word;
  }
  if (c.accept("[")) return c.list("]", "after an item", () => parseAttr(c));
  return parseNumber(c);
}

const NUMBER_WORDS: ReadonlyMap<string, number> = new Map([["inf", Infinity], ["nan", NaN]]);

/** A number of JavaScript. */
function parseNumber(c: Cursor): number {
  const start = c.peek();
  const sign = c.accept("-") ? -1 : 1;
  const { kind, text } = c.peek();
  const value = kind === "name" ? NUMBER_WORDS.get(text) : kind === "number" ? Number(text) : undefined;
  // Number() gives NaN for what has a suffix.
  if (value === undefined || (kind === "number" && Number.isNaN(value))) {
    throw c.refusal("a number, string, true, false, null or [list]", start);
  }
  c.next();
  return sign * value;
}
