/**
 * A model as a tree of its modules with their weights, as data and as text.
 *
 * @module
 */
import { addDim, type Dim, printShape, productDim } from "../ir/dim.ts";
import { type AnyModule, type Child, isModule, MODULE, type NamedParam } from "./module.ts";
import { bindShape, joinPath, withScope } from "./scope.ts";
import { isTensor } from "./tensor.ts";

/** A module in the tree of a model. */
export interface ModuleInfo {
  /** Its key in the module around it (of a list's element: the index); empty for the model itself. */
  readonly key: string;
  /** Elements of its own weights and of those below; symbolic where a dim is not bound. */
  readonly elements: Dim;
  /** Its own weights, with their full paths. */
  readonly weights: readonly NamedParam[];
  /** Modules, and lists of modules, that it is made of. */
  readonly children: readonly ModuleInfo[];
}

/** What {@linkcode describe} gives. */
export interface Description {
  /** The model and the modules below. */
  readonly tree: ModuleInfo;
  /** Elements of all weights. */
  readonly elements: Dim;
  /** The tree to read, equal neighbours in a list as one. */
  readonly text: string;
}

/**
 * Describes a model: modules, weights with dtypes and shapes, and numbers of elements, with values put in for `dims`.
 *
 * @example
 * ```ts
 * import { describe, gelu, module, nn, type Tensor } from "@weft/weft";
 *
 * const mlp = module({ up: nn.linear("n", "4*n"), down: nn.linear("4*n", "n") }, ({ up, down }) =>
 *   (x: Tensor<["b", "n"], "f32">) => down(gelu(up(x))));
 * console.log(describe(mlp, { n: 768 }).text);
 * // (  # 4,722,432
 * //   (up): (  # 2,362,368
 * //     weight: f32[768, 3072]
 * //     bias: f32[3072]
 * //   )
 * //   (down): (  # 2,360,064
 * //     weight: f32[3072, 768]
 * //     bias: f32[768]
 * //   )
 * // )
 * ```
 */
export function describe(m: AnyModule, dims: Readonly<Record<string, number>> = {}): Description {
  const tree = withScope({ dims, path: "" }, () => infoOf(m, "", ""));
  return { tree, elements: tree.elements, text: print(tree).join("\n") };
}

function infoOf(child: AnyModule | readonly AnyModule[], key: string, path: string): ModuleInfo {
  const parts: readonly (readonly [string, Child])[] = isModule(child)
    ? Object.entries(child[MODULE].children)
    : child.map((c, i) => [String(i), c] as const);
  const weights: NamedParam[] = [];
  const children: ModuleInfo[] = [];
  for (const [name, part] of parts) {
    const at = joinPath(path, name);
    if (!isTensor(part)) children.push(infoOf(part, name, at));
    else if (part.source.kind === "input" && part.source.role === "param") {
      weights.push({ name: at, shape: bindShape(part.shape), dtype: part.dtype });
    }
  }
  const elements = [...weights.map((w) => productDim(w.shape)), ...children.map((c) => c.elements)]
    .reduce<Dim>((a, b) => addDim(a, b), 0);
  return { key, elements, weights, children };
}

const count = (d: Dim): string => (typeof d === "number" ? d.toLocaleString("en-US") : d);

/** Lines of a module, without its key. */
function print(info: ModuleInfo): readonly string[] {
  const weights = info.weights.map((w) =>
    `${w.name.slice(w.name.lastIndexOf(".") + 1)}: ${w.dtype}${printShape(w.shape)}`
  );
  return [
    `(  # ${count(info.elements)}`,
    ...[...weights, ...printChildren(info.children)].map((line) => `  ${line}`),
    ")",
  ];
}

/** Lines of modules, those that follow each other under numbers and read the same as one: `(0-11): 12 x (`. */
function printChildren(children: readonly ModuleInfo[]): readonly string[] {
  const groups: { first: string; last: string; n: number; lines: readonly string[] }[] = [];
  for (const child of children) {
    const lines = print(child);
    const group = groups.at(-1);
    const follows = group !== undefined && Number(child.key) === Number(group.last) + 1;
    if (follows && group.lines.join("\n") === lines.join("\n")) {
      group.last = child.key;
      group.n++;
    } else groups.push({ first: child.key, last: child.key, n: 1, lines });
  }
  return groups.flatMap(({ first, last, n, lines: [head = "", ...rest] }) => [
    n === 1 ? `(${first}): ${head}` : `(${first}-${last}): ${n} x ${head}`,
    ...rest,
  ]);
}
