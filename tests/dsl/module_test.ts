import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import * as w from "../../dsl/mod.ts";
import { ConfigError, ShapeError } from "../../ir/errors.ts";
import { isMethod } from "../../dsl/spec.ts";
import { withScope } from "../../dsl/scope.ts";

type X = w.Tensor<["b", "n"], "f32">;
const x = w.spec(["b", "n"], "f32");

const mlp = w.module({
  up: w.nn.linear("n", "4*n"),
  down: w.nn.linear("4*n", "n"),
}, ({ up, down }) => (x: X): X => down(w.gelu(w.named("up_out", up(x)))));

const blocks = w.module({
  h: w.list(
    3,
    () => w.module({ norm: w.nn.layerNorm("n"), mlp }, ({ norm, mlp }) => (x: X): X => mlp(norm(x))),
  ),
  norm: w.nn.layerNorm("n"),
  table: w.nn.embedding("v", "n"),
}, ({ h, norm }) => ({
  forward: w.method({ x }, ({ x }) => ({ y: norm(h.reduce((x, block) => block(x), x)) })),
}));

/** Paths of everything that can be tapped in a program, in order. */
function tapPaths(model: w.AnyModule | w.Methods): readonly string[] {
  const { graphs } = w.trace(model, { taps: "all" });
  return Object.values(graphs)[0]!.outputs.map((o) => o.name).slice(1);
}

Deno.test("parameters have the paths of their keys, lists those of their indices", () => {
  assertEquals(w.parameters(mlp).map((p) => [p.name, p.shape, p.dtype]), [
    ["up.weight", ["n", "4*n"], "f32"],
    ["up.bias", ["4*n"], "f32"],
    ["down.weight", ["4*n", "n"], "f32"],
    ["down.bias", ["n"], "f32"],
  ]);
  const names = w.parameters(blocks).map((p) => p.name);
  assertEquals(names.filter((name) => name.startsWith("h.2.")), [
    "h.2.norm.weight",
    "h.2.norm.bias",
    "h.2.mlp.up.weight",
    "h.2.mlp.up.bias",
    "h.2.mlp.down.weight",
    "h.2.mlp.down.bias",
  ]);
  assertEquals(names.slice(-3), ["norm.weight", "norm.bias", "table.weight"]);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("a traced program has the parameters it uses, under their paths, with the dims put in", () => {
  const { inputs } = w.trace(blocks, { dims: { n: 8, v: 100 } }).graphs["forward"]!;
  const params = inputs.filter((i) => i.role === "param");
  const declared = new Map(w.parameters(blocks).map((p) => [p.name, p]));
  assert(params.every((p) => declared.has(p.name)));
  assertEquals(
    declared.keys().filter((name) => !params.some((p) => p.name === name)).toArray(),
    ["table.weight"], // nothing reads it
  );
  assertEquals(params.find((p) => p.name === "h.1.mlp.up.weight")?.shape, [8, 32]);
});

Deno.test("instantiate names parameters and puts the scope's dims in; the module itself stays as it was", () => {
  const before = w.parameters(blocks);
  const placed = withScope({ dims: { n: 5 } }, () => w.instantiate(mlp, "a.b"));
  assertEquals(placed.params.up.params.weight.shape as unknown, [5, 20]);
  assertEquals(placed.params.up.params.weight.source, {
    kind: "input",
    role: "param",
    name: "a.b.up.weight",
  });
  assertEquals(mlp.params.up.params.weight.source, { kind: "input", role: "param", name: "" });
  assertEquals(mlp.params.up.params.weight.shape, ["n", "4*n"]);
  w.trace(blocks, { dims: { n: 8, v: 100 } });
  assertEquals(w.parameters(blocks), before);
});

Deno.test("modules, their children and their parameters cannot be changed", () => {
  for (const m of [mlp, blocks]) {
    assert(Object.isFrozen(m) && Object.isFrozen(m.params));
    for (const p of w.parameters(m)) assert(Object.isFrozen(p.shape));
  }
  assertThrows(() => Object.assign(mlp, { params: {} }), TypeError);
  assertThrows(() => Object.assign(mlp.params, { up: mlp.params.down }), TypeError);
  // What the caller does with its own record afterwards changes nothing.
  const children = { norm: w.nn.layerNorm("n") };
  const m = w.module(children, ({ norm }) => (x: X): X => norm(x));
  children.norm = w.nn.layerNorm("m") as never;
  assertEquals(w.parameters(m)[0]?.shape, ["n"]);
});

Deno.test("values inside a module and results of modules can be tapped by path", () => {
  assertEquals(tapPaths(blocks), [
    ...[0, 1, 2].flatMap((i) => [
      `h.${i}.norm`,
      `h.${i}.mlp.up`,
      `h.${i}.mlp.up_out`,
      `h.${i}.mlp.down`,
      `h.${i}.mlp`,
      `h.${i}`,
    ]),
    "norm",
  ]);
});

Deno.test("a module that is called again has further paths: path#2, path#3", () => {
  const twice = w.module({ mlp }, ({ mlp }) => ({
    forward: w.method({ x }, ({ x }) => ({ y: mlp(mlp(mlp(x))) })),
  }));
  assertEquals(tapPaths(twice).filter((path) => !path.includes("up") && !path.includes("down")), [
    "mlp",
    "mlp#2",
    "mlp#3",
  ]);
  const g = w.trace(twice, { taps: ["mlp", "mlp#2"] }).graphs["forward"]!;
  const [y, first, second] = g.outputs.map((o) => o.value);
  assertEquals(new Set([y, first, second]).size, 3);
  // One set of weights for all calls.
  assertEquals(g.inputs.filter((i) => i.role === "param").length, 4);
});

Deno.test("named gives the tensor itself, and means nothing outside of a trace", () => {
  assertStrictEquals(w.named("x", x), x);
});

Deno.test("a module may be a record of functions and methods", () => {
  const m = w.module({ norm: w.nn.layerNorm("n") }, ({ norm }) => ({
    twice: (x: X): X => norm(norm(x)),
    width: 7,
    forward: w.method({ x }, ({ x }) => ({ y: norm(x) })),
  }));
  assert(w.isModule(m) && w.isModule(mlp) && !w.isModule({}) && !w.isModule(null) && !w.isModule(() => 1));
  assert(isMethod(m.forward) && !isMethod(m.twice) && !isMethod(m.width));
  assertEquals(m.width, 7);
  assertEquals(m.twice(x).shape, ["b", "n"]);
  const outer = w.module({ m }, ({ m }) => ({ forward: w.method({ x }, ({ x }) => ({ y: m.twice(x) })) }));
  assertEquals(tapPaths(outer), ["m.norm", "m.norm#2", "m"]);
});

Deno.test("one module in two places is two sets of weights", () => {
  const norm = w.nn.layerNorm("n");
  const m = w.module({ a: norm, b: norm }, ({ a, b }) => ({
    forward: w.method({ x }, ({ x }) => ({ y: a(b(x)) })),
  }));
  const names = w.trace(m).graphs["forward"]!.inputs.map((i) => i.name);
  assertEquals(names, ["x", "b.weight", "b.bias", "a.weight", "a.bias"]);
});

Deno.test("children that are not what can be one are refused by name", async (t) => {
  const build = () => () => x;
  const wrong: readonly unknown[] = [
    3,
    undefined,
    null,
    "weight",
    () => x,
    { weight: w.param([2], "f32") },
    [w.param([2], "f32")],
    x,
  ];
  const messages = wrong.map((child) =>
    assertThrows(() => w.module({ inner: child as w.Child }, build), ConfigError).message
  );
  const results = [undefined, null, 3, x].map((result) =>
    assertThrows(() => w.module({}, () => result as object), ConfigError).message
  );
  await t.assertSnapshot([...messages, ...results]);
});

Deno.test("a module that uses weights from outside instead of its children is refused", async (t) => {
  const forgotten = w.nn.linear("n", "n");
  const m = w.module({ norm: w.nn.layerNorm("n") }, ({ norm }) => ({
    forward: w.method({ x }, ({ x }) => ({ y: forgotten(norm(x)) })),
  }));
  await t.assertSnapshot(assertThrows(() => w.trace(m), ShapeError).message);
});

Deno.test("constants may be children; they are no parameters", () => {
  const m = w.module({ scale: w.full([1], 2) }, ({ scale }) => ({
    forward: w.method({ x }, ({ x }) => ({ y: w.mul(x, scale) })),
  }));
  assertEquals(w.parameters(m), []);
  assertEquals(w.trace(m).graphs["forward"]!.nodes.map((n) => n.op), ["full", "mul"]);
});

Deno.test("property: the parameters of any tree of modules are the paths to its weights", () => {
  type Tree = { readonly [key: string]: Tree | number | readonly Tree[] };
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.dictionary(
      fc.constantFrom("a", "b", "c", "weight"),
      fc.oneof({ depthSize: "small" }, fc.nat(9), tie("tree"), fc.array(tie("tree"), { maxLength: 3 })),
      { maxKeys: 3, noNullPrototype: true },
    ),
  }));
  const paths = (t: Tree): string[] =>
    Object.entries(t).flatMap(([key, child]) =>
      typeof child === "number"
        ? [`${key}:${child}`]
        : Array.isArray(child)
        ? child.flatMap((c: Tree, i) => paths(c).map((p) => `${key}.${i}.${p}`))
        : paths(child as Tree).map((p) => `${key}.${p}`)
    );
  const build = (t: Tree): w.AnyModule =>
    w.module(
      Object.fromEntries(
        Object.entries(t).map(([key, child]): [string, w.Child] => [
          key,
          typeof child === "number"
            ? w.param([child], "f32")
            : Array.isArray(child)
            ? child.map(build)
            : build(child as Tree),
        ]),
      ),
      () => ({}),
    );
  fc.assert(fc.property(tree, (t) => {
    const m = build(t);
    assertEquals(w.parameters(m).map((p) => `${p.name}:${p.shape[0]}`), paths(t));
    const placed = w.instantiate(m, "");
    assertEquals(w.parameters(placed), w.parameters(m));
  }));
});
