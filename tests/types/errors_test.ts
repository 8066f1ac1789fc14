/**
 * Wrong programs: what the compiler says about each, all of it, on one line. What is refused for its shapes or dtypes
 * is refused when it is traced, too, in the same words.
 */
import { assert, assertEquals, fail } from "@std/assert";
import { ShapeError } from "../../ir/errors.ts";
import { type Wrong, WRONG_INDEX } from "./wrong_index.ts";

const x = `t(["b", "s", 768])`;
const q = `t(["b", "h", "s", 64])`;
const keys = `t(["b", "h", "past+s", 64])`;
const past = `t(["b", "h", "past", 64])`;
const table = `t([768, 3072])`;
/** A tensor whose last dim is one of two, and its value of the second. */
const either = `(x3072 as Tensor<["b", "s", 768 | 3072], "f32">)`;
const undecided = `(x as Tensor<["b", "s", 768], "f32" | "f16">)`;

const WRONG: Readonly<Record<string, Wrong>> = {
  "matmul: inner dims": {
    code: `w.matmul(${x}, t([3072, 768]))`,
    says: "matmul: inner dims 768 and 3072 differ: [b, s, 768] x [3072, 768]",
  },
  "matmul: names that differ": {
    code: `w.matmul(t(["s", "n_embd"]), t(["n_inner", "n_embd"]))`,
    says: "matmul: inner dims n_embd and n_inner differ: [s, n_embd] x [n_inner, n_embd]",
  },
  "matmul: batch dims": {
    code: `w.matmul(t(["b", 12, "s", 64]), t(["b", 16, 64, "t"]))`,
    says: "matmul: batch dims do not broadcast: [b, 12, s, 64] x [b, 16, 64, t]",
  },
  "matmul: a vector on the right": {
    code: `w.matmul(${x}, t([768]))`,
    says: "matmul: right operand needs rank >= 2, got [768]",
  },
  "matmul: a vector on the left": {
    code: `w.matmul(t([768]), ${table})`,
    says: "matmul: left operand needs rank >= 2, got [768]",
  },
  "matmul: dtypes": {
    code: `w.matmul(${x}, t([768, 768], "f16"))`,
    says: "matmul: operands are f32 and f16; cast one of them",
  },
  "matmul: a dim that may be right": {
    code: `w.matmul(${either}, t([768, 3072]))`,
    says: "matmul: inner dims 768 | 3072 and 768 differ: [b, s, 768 | 3072] x [768, 3072]",
    runs: "matmul: inner dims 3072 and 768 differ: [b, s, 3072] x [768, 3072]",
  },
  "matmul: keys that are not transposed": {
    code: `w.matmul(${q}, ${keys})`,
    says: "matmul: inner dims 64 and past+s differ: [b, h, s, 64] x [b, h, past+s, 64]",
  },
  "add: widths": {
    code: `w.add(${x}, t([3072]))`,
    says: "add: cannot broadcast [b, s, 768] with [3072]: 768 vs 3072",
  },
  "add: a name is not 1": {
    code: `w.add(${q}, ${keys})`,
    says: "add: cannot broadcast [b, h, s, 64] with [b, h, past+s, 64]: s vs past+s",
  },
  "add: dtypes": {
    code: `w.add(${x}, t(["b", "s", 768], "f16"))`,
    says: "add: operands are f32 and f16; cast one of them",
  },
  "add: a dtype that may be right": {
    code: `w.add(${undecided}, ${x})`,
    says: "add: operands are f32 | f16 and f32; cast one of them",
    runs: null,
  },
  "add: a dim that may be right": {
    code: `w.add(${either}, t([768]))`,
    says: "add: cannot broadcast [b, s, 768 | 3072] with [768]: 768 | 3072 vs 768",
    runs: "add: cannot broadcast [b, s, 3072] with [768]: 3072 vs 768",
  },
  "sub: both at once": {
    code: `w.sub(${x}, t([3072], "i32"))`,
    says: "sub: operands are f32 and i32; cast one of them",
  },
  "less: widths": {
    code: `w.less(t(["s", 2]), t(["s", 3]))`,
    says: "less: cannot broadcast [s, 2] with [s, 3]: 2 vs 3",
  },
  "logicalAnd: numbers": {
    code: `w.logicalAnd(t(["s"], "bool"), t(["s"]))`,
    says: "logicalAnd: operands are bool and f32; cast one of them",
  },
  "logicalNot: numbers": {
    code: `w.logicalNot(${x})`,
    says: "logicalNot: does not apply to f32, it takes bool tensors",
  },
  "where: a condition of numbers": {
    code: `w.where(${q}, ${q}, ${q})`,
    says: "where: does not apply to f32, it takes bool tensors",
  },
  "where: the mask of another length": {
    code: `w.where(w.causalMask("s", "s"), t(["h", "s", "past+s"]), w.full([1], -Infinity))`,
    says: "where: cannot broadcast [s, s] with [h, s, past+s]: s vs past+s",
  },
  "where: the other value": {
    code: `w.where(w.causalMask("s", "s"), t(["h", "s", "s"]), t([2]))`,
    says: "where: cannot broadcast [h, s, s] with [2]: s vs 2",
  },
  "where: dtypes": {
    code: `w.where(w.causalMask("s", "s"), t(["s", "s"]), w.full([1], 0, "i32"))`,
    says: "where: operands are f32 and i32; cast one of them",
  },
  "transpose: a vector": {
    code: `w.transpose(t([768]))`,
    says: "transpose: needs rank >= 2, got [768]",
  },
  "permute: an axis twice": {
    code: `w.permute(${x}, [0, 2, 2])`,
    says: "permute: [0, 2, 2] is not a permutation of the axes of [b, s, 768]",
  },
  "permute: an axis forgotten": {
    code: `w.permute(${x}, [1, 0])`,
    says: "permute: [1, 0] is not a permutation of the axes of [b, s, 768]",
  },
  "reshape: another number of elements": {
    code: `w.reshape(${x}, ["b", "s", 12, 60])`,
    says: "reshape: [b, s, 768] has 768*b*s elements, [b, s, 12, 60] has 720*b*s",
  },
  "reshape: -1 does not come out even": {
    code: `w.reshape(${x}, ["b", "s", 5, -1])`,
    says: "reshape: [b, s, 768] cannot be viewed as [b, s, 5, -1]",
  },
  "reshape: -1 twice": {
    code: `w.reshape(${x}, [-1, -1])`,
    says: "reshape: more than one -1 in [-1, -1]",
  },
  "split: does not come out even": {
    code: `w.split(${x}, 5, -1)`,
    says: "split: axis -1 of [b, s, 768] is 768, not divisible by 5",
  },
  "split: no such axis": {
    code: `w.split(${x}, 3, 3)`,
    says: "split: axis 3 is out of range for [b, s, 768]",
  },
  "concat: other dims": {
    code: `w.concat([${x}, t(["b", "t", 768])], -1)`,
    says: "concat: [b, s, 768] and [b, t, 768] differ outside axis -1",
  },
  "concat: ranks": {
    code: `w.concat([${x}, t([768])], 0)`,
    says: "concat: [b, s, 768] and [768] differ in rank",
  },
  "concat: dtypes": {
    code: `w.concat([${x}, ${x}, t(["b", "s", 768], "f16")], 1)`,
    says: "concat: operands are f32 and f16; cast one of them",
  },
  "concat: nothing": {
    code: `w.concat([], 0)`,
    says: "concat: needs at least one tensor",
  },
  "slice: beyond the end": {
    code: `w.slice(${x}, 2, 700, 100)`,
    says: "slice: axis 2 of [b, s, 768] is 768, no room for 100 from 700",
  },
  "softmax: no such axis": {
    code: `w.softmax(${x}, 3)`,
    says: "softmax: axis 3 is out of range for [b, s, 768]",
  },
  "sum: no such axis": {
    code: `w.sum(${x}, -4)`,
    says: "sum: axis -4 is out of range for [b, s, 768]",
  },
  "mean: an axis twice": {
    code: `w.mean(${x}, [0, -3])`,
    says: "mean: axis -3 of [b, s, 768] is given twice",
  },
  "argmax: no such axis": {
    code: `w.argmax(${x}, 7)`,
    says: "argmax: axis 7 is out of range for [b, s, 768]",
  },
  "append: dims swapped": {
    code: `w.append(${past}, t(["b", "s", "h", 64]), 2)`,
    says: "append: [b, h, past, 64] and [b, s, h, 64] differ outside axis 2",
  },
  "append: the wrong axis": {
    code: `w.append(${past}, ${q}, 1)`,
    says: "append: [b, h, past, 64] and [b, h, s, 64] differ outside axis 1",
  },
  "append: dtypes": {
    code: `w.append(${past}, t(["b", "h", "s", 64], "f16"), 2)`,
    says: "append: operands are f32 and f16; cast one of them",
  },
  "take: a scalar as the table": {
    code: `w.take(t([]), t(["b", "s"], "i32"))`,
    says: "take: table needs rank >= 1, got []",
  },
  "take: fractions as numbers": {
    code: `w.take(${table}, t(["b", "s"]))`,
    says: "take: does not apply to f32, it takes signed or unsigned tensors",
  },
  "linear: width": {
    code: `w.linear(${x}, t([3072, 768]))`,
    says: "linear: last axis of [b, s, 768] is 768, expected 3072",
  },
  "linear: weight of rank 3": {
    code: `w.linear(${x}, t([12, 768, 64]))`,
    says: "linear: weight needs rank 2, got [12, 768, 64]",
  },
  "linear: bias of the input's width": {
    code: `w.linear(${x}, ${table}, t([768]))`,
    says: "linear: bias is [768], expected [3072]",
  },
  "linear: bias of rank 2": {
    code: `w.linear(${x}, ${table}, t([1, 3072]))`,
    says: "linear: bias is [1, 3072], expected [3072]",
  },
  "linear: bias of another dtype": {
    code: `w.linear(${x}, ${table}, t([3072], "f16"))`,
    says: "linear: operands are f32 and f16; cast one of them",
  },
  "layerNorm: weight": {
    code: `w.layerNorm(${x}, t([3072]), t([3072]))`,
    says: "layerNorm: weight is [3072], expected [768]",
  },
  "layerNorm: bias": {
    code: `w.layerNorm(${x}, t([768]), t([3072]))`,
    says: "layerNorm: bias is [3072], expected [768]",
  },
  "layerNorm: a scalar": {
    code: `w.layerNorm(t([]), t([1]), t([1]))`,
    says: "layerNorm: needs at least one axis, got []",
  },
  "broadcastTo: a dim that is not 1": {
    code: `w.broadcastTo(${x}, ["b", "s", 3072])`,
    says: "broadcastTo: [b, s, 768] does not stretch to [b, s, 3072]",
  },
  "broadcastTo: fewer axes": {
    code: `w.broadcastTo(${x}, ["s", 768])`,
    says: "broadcastTo: [b, s, 768] does not stretch to [s, 768]",
  },
  "broadcastTo: smaller": {
    code: `w.broadcastTo(${x}, ["b", 1, 768])`,
    says: "broadcastTo: [b, s, 768] does not stretch to [b, 1, 768]",
  },
  "matchShape: another number": {
    code: `w.matchShape(${x}, ["b", "s", 3072])`,
    says: "matchShape: [b, s, 768] is not [b, s, 3072]",
  },
  "nn.linear: width": {
    code: `nn.linear(768, 3072)(t(["b", "s", 3072]))`,
    says: "linear: last axis of [b, s, 3072] is 3072, expected 768",
  },
  "nn.linear: dtype": {
    code: `nn.linear(768, 3072)(t(["b", "s", 768], "f16"))`,
    says: "linear: operands are f16 and f32; cast one of them",
  },
  "nn.layerNorm: width": {
    code: `nn.layerNorm(3072)(${x})`,
    says: "layerNorm: weight is [3072], expected [768]",
  },
  "nn.head: width": {
    code: `nn.head("n_inner", "vocab")(t(["b", "s", "n_embd"]))`,
    says: "linear: last axis of [b, s, n_embd] is n_embd, expected n_inner",
  },
  "nn.embedding: fractions as numbers": {
    code: `nn.embedding(50257, 768)(${x})`,
    says: "take: does not apply to f32, it takes signed or unsigned tensors",
  },
  ...WRONG_INDEX,
};

/** A block of GPT-2 with a KV cache. */
const BLOCK = `
type X = Tensor<["b", "s", "n_embd"], "f32">;
type Past = Tensor<["b", "n_head", "past", "head_dim"], "f32">;
const heads = (x: X) => w.permute(w.reshape(x, ["b", "s", "n_head", "head_dim"]), [0, 2, 1, 3]);
const attention = w.module({
  c_attn: nn.linear("n_embd", "3*n_embd"),
  c_proj: nn.linear("n_embd", "n_embd"),
}, ({ c_attn, c_proj }) => (x: X, past: { readonly k: Past; readonly v: Past }) => {
  const [q, k, v] = w.split(c_attn(x), 3, -1);
  const keys = w.append(past.k, heads(k), 2);
  const values = w.append(past.v, heads(v), 2);
  const scores = w.mul(w.matmul(heads(q), w.transpose(keys)), w.full([1], 0.125));
  const masked = w.where(w.causalMask("s", "past+s"), scores, w.full([1], -Infinity));
  const y = w.matmul(w.softmax(masked, -1), values);
  return c_proj(w.reshape(w.permute(y, [0, 2, 1, 3]), ["b", "s", "n_embd"]));
});
const mlp = w.module({
  c_fc: nn.linear("n_embd", "4*n_embd"),
  c_proj: nn.linear("4*n_embd", "n_embd"),
}, ({ c_fc, c_proj }) => (x: X) => c_proj(w.gelu(c_fc(x))));
const block = w.module({
  ln_1: nn.layerNorm("n_embd"),
  attn: attention,
  ln_2: nn.layerNorm("n_embd"),
  mlp,
}, ({ ln_1, attn, ln_2, mlp }) => (x: X, past: { readonly k: Past; readonly v: Past }) => {
  const middle = w.add(x, attn(ln_1(x), past));
  return w.add(middle, mlp(ln_2(middle)));
});
const wte = t(["vocab", "n_embd"]);
return (x: X, past: { readonly k: Past; readonly v: Past }): Tensor<["b", "s", "vocab"], "f32"> =>
  w.matmul(block(x, past), w.transpose(wte));
`;

/** Mistakes in the block: what is written instead of what, and what the compiler says (wherever it says anything). */
const MISTAKES: readonly (readonly [right: string, wrong: string, says: string])[] = [
  [
    `w.append(past.k, heads(k), 2)`,
    `w.append(past.k, heads(k), 1)`,
    "append: [b, n_head, past, head_dim] and [b, n_head, s, head_dim] differ outside axis 1",
  ],
  [
    `w.append(past.k, heads(k), 2)`,
    `w.append(past.k, k, 2)`,
    "append: [b, n_head, past, head_dim] and [b, s, n_embd] differ in rank",
  ],
  [
    `Tensor<["b", "n_head", "past", "head_dim"], "f32">`,
    `Tensor<["b", "past", "n_head", "head_dim"], "f32">`,
    "append: [b, past, n_head, head_dim] and [b, n_head, s, head_dim] differ outside axis 2",
  ],
  [
    `"head_dim"]), [0, 2, 1, 3])`,
    `"head_dim"]), [0, 1, 2, 3])`,
    "append: [b, n_head, past, head_dim] and [b, s, n_head, head_dim] differ outside axis 2",
  ],
  [
    `"head_dim"]), [0, 2, 1, 3])`,
    `"head_dim"]), [0, 2, 1])`,
    "permute: [0, 2, 1] is not a permutation of the axes of [b, s, n_head, head_dim]",
  ],
  [
    `w.transpose(keys)`,
    `keys`,
    "matmul: inner dims head_dim and past+s differ: [b, n_head, s, head_dim] x [b, n_head, past+s, head_dim]",
  ],
  [
    `w.transpose(keys)`,
    `w.transpose(heads(k))`,
    "where: cannot broadcast [s, past+s] with [b, n_head, s, s]: past+s vs s",
  ],
  [
    `w.causalMask("s", "past+s")`,
    `w.causalMask("s", "s")`,
    "where: cannot broadcast [s, s] with [b, n_head, s, past+s]: s vs past+s",
  ],
  [
    `w.causalMask("s", "past+s")`,
    `w.causalMask("past+s", "s")`,
    "where: cannot broadcast [past+s, s] with [b, n_head, s, past+s]: s vs past+s",
  ],
  [
    `w.softmax(masked, -1)`,
    `w.softmax(masked, 4)`,
    "softmax: axis 4 is out of range for [b, n_head, s, past+s]",
  ],
  [
    `w.matmul(w.softmax(masked, -1), values)`,
    `w.matmul(values, w.softmax(masked, -1))`,
    "matmul: inner dims head_dim and s differ: [b, n_head, past+s, head_dim] x [b, n_head, s, past+s]",
  ],
  [
    `w.full([1], 0.125)`,
    `w.full([1], 0.125, "f16")`,
    "mul: operands are f32 and f16; cast one of them",
  ],
  [
    `c_proj(w.reshape(w.permute(y, [0, 2, 1, 3]), ["b", "s", "n_embd"]))`,
    `c_proj(w.permute(y, [0, 2, 1, 3]))`,
    "linear: last axis of [b, s, n_head, head_dim] is head_dim, expected n_embd",
  ],
  [
    `nn.linear("4*n_embd", "n_embd")`,
    `nn.linear("n_embd", "4*n_embd")`,
    "linear: last axis of [b, s, 4*n_embd] is 4*n_embd, expected n_embd",
  ],
  [
    `c_proj(w.gelu(c_fc(x)))`,
    `c_proj(w.gelu(x))`,
    "linear: last axis of [b, s, n_embd] is n_embd, expected 4*n_embd",
  ],
  [
    `ln_1: nn.layerNorm("n_embd")`,
    `ln_1: nn.layerNorm("head_dim")`,
    "layerNorm: weight is [head_dim], expected [n_embd]",
  ],
  [
    `w.matmul(block(x, past), w.transpose(wte))`,
    `w.matmul(block(x, past), wte)`,
    "matmul: inner dims n_embd and vocab differ: [b, s, n_embd] x [vocab, n_embd]",
  ],
  [
    `t(["vocab", "n_embd"])`,
    `t(["vocab", "n_embd"], "i32")`,
    "matmul: operands are f32 and i32; cast one of them",
  ],
];

/** The same where a module or a declared type is at fault: the first line of what TypeScript itself says. */
const DECLARED: readonly (readonly [right: string, wrong: string, says: string])[] = [
  [
    `"3*n_embd"`,
    `"2*n_embd"`,
    `TS2345: Argument of type 'Tensor<["b", "s", number], "f32">' is not assignable to parameter of type 'X'.`,
  ],
  [
    `attn: attention`,
    `attn: mlp`,
    `TS2554: Expected 1 arguments, but got 2.`,
  ],
  [
    `attn(ln_1(x), past)`,
    `attn(ln_1(x))`,
    `TS2554: Expected 2 arguments, but got 1.`,
  ],
  [
    `attn(ln_1(x), past)`,
    `attn(past, ln_1(x))`,
    `TS2345: Argument of type '{ readonly k: Past; readonly v: Past; }' is not assignable to parameter of type 'X'.`,
  ],
  [
    `w.full([1], 0.125)`,
    `0.125`,
    `TS2345: Argument of type 'number' is not assignable to parameter of type 'Tensor<Shape, DType>'.`,
  ],
  [
    `w.matmul(block(x, past), w.transpose(wte))`,
    `block(x, past)`,
    `TS2322: Type 'Tensor<["b", "s", "n_embd"], "f32">' is not assignable to type 'Tensor<["b", "s", "vocab"], "f32">'.`,
  ],
  [
    `w.gelu(c_fc(x))`,
    `w.gelu(w.cast(c_fc(x), "i32"))`,
    `TS2345: Argument of type 'Tensor<["b", "s", "4*n_embd"], "i32">' is not assignable to parameter of type ` +
    `'Tensor<["b", "s", "4*n_embd"], Float>'.`,
  ],
];

/** The block with something else written in one place. */
function mistaken(right: string, wrong: string): string {
  assertEquals(BLOCK.split(right).length, 2, `${right} stands once in the block`);
  return `{${BLOCK.replace(right, wrong)}}`;
}

const url = (path: string): string => new URL(path, import.meta.url).href;
const HEADER = `
import * as w from "${url("../../dsl/mod.ts")}";
import type { DType, Dim, Tensor } from "${url("../../dsl/mod.ts")}";
const { nn } = w;
const t = <const S extends readonly Dim[], const T extends DType = "f32">(
  shape: readonly [...S],
  dtype?: T,
): Tensor<S, NoInfer<T>> => w.spec(shape, (dtype ?? "f32") as T);
const x = t(["b", "s", 768]);
const x3072 = t(["b", "s", 3072]) as Tensor<["b", "s", number], "f32">;
`.trim().split("\n");

/** Checks programs (the bodies of functions); gives all that the compiler says about each. */
async function complaints(programs: readonly string[]): Promise<readonly (readonly string[])[]> {
  const lines = [...HEADER];
  const starts = programs.map((code, i) => {
    const start = lines.length;
    lines.push(...`export const p${i} = () => ${code};`.split("\n"));
    return start;
  });
  const dir = await Deno.makeTempDir({ prefix: "weft-types-" });
  try {
    const file = `${dir}/programs.ts`;
    await Deno.writeTextFile(file, lines.join("\n"));
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--no-lock", "--no-config", file],
      env: { NO_COLOR: "1" },
    }).output();
    const found: string[][] = programs.map(() => []);
    // An error: what is wrong (all lines of it), the line of the program, a marker, where.
    for (const part of new TextDecoder().decode(stderr).split(/^(?=TS\d+ \[ERROR\]: )/m)) {
      const line = Number(/programs\.ts:(\d+):/.exec(part)?.[1] ?? 0);
      if (line === 0) continue;
      const text = part.split("\n");
      const of = found[starts.findLastIndex((start) => start < line)];
      if (of === undefined) fail(`an error outside of the programs:\n${part}`);
      of.push(text.slice(0, text.indexOf(lines[line - 1]!)).join("\n").replace(" [ERROR]", ""));
    }
    return found;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Runs the programs without checking their types; gives what each throws. */
async function refusals(programs: readonly string[]): Promise<readonly unknown[]> {
  const dir = await Deno.makeTempDir({ prefix: "weft-run-" });
  try {
    const body = programs.map((code) => `() => ${code},`).join("\n");
    await Deno.writeTextFile(`${dir}/programs.ts`, `${HEADER.join("\n")}\nexport default [\n${body}\n];\n`);
    const { default: run } = await import(`file://${dir}/programs.ts`) as {
      default: readonly (() => unknown)[];
    };
    return run.map((program) => {
      try {
        program();
        return undefined;
      } catch (error) {
        return error;
      }
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The whole line about an argument whose parameter has become the message `says`. */
function isAbout(line: string, says: string): boolean {
  return line.startsWith("TS2345: Argument of type '") &&
    line.endsWith(` is not assignable to parameter of type '"${says}"'.`) && !line.includes("\n");
}

Deno.test("wrong programs are refused by the compiler, with one line that says why", async (t) => {
  const found = await complaints(Object.values(WRONG).map(({ code }) => code));
  for (const [i, [name, { code, says }]] of Object.entries(WRONG).entries()) {
    const [message = "nothing: it accepts it", ...more] = found[i]!;
    assertEquals(more, [], `${name}: more than one error`);
    assert(isAbout(message, says), `${name}: ${code}\nexpected "${says}", but the compiler says\n${message}`);
  }
  await t.step("all of it", (t) => t.assertSnapshot(found.flat()));
});

Deno.test("a mistake in a block of GPT-2 is refused where it is made, and nowhere else", async () => {
  const found = await complaints([`{${BLOCK}}`, ...MISTAKES.map(([right, wrong]) => mistaken(right, wrong))]);
  assertEquals(found[0], [], "the block as it should be");
  for (const [i, [right, wrong, says]] of MISTAKES.entries()) {
    const lines = found[i + 1]!;
    assert(
      lines.length > 0 && lines.every((line) => isAbout(line, says)),
      `${wrong} for ${right}: expected "${says}", but the compiler says\n${lines.join("\n") || "nothing"}`,
    );
  }
});

Deno.test("what does not fit a declared type is refused by TypeScript's own message", async () => {
  const found = await complaints(DECLARED.map(([right, wrong]) => mistaken(right, wrong)));
  for (const [i, [right, wrong, says]] of DECLARED.entries()) {
    assertEquals(found[i]![0]?.split("\n")[0], says, `${wrong} for ${right}`);
  }
});

Deno.test("what the compiler refuses, tracing refuses in the same words", async () => {
  const thrown = await refusals(Object.values(WRONG).map(({ code }) => code));
  for (const [i, [name, { says, runs = says }]] of Object.entries(WRONG).entries()) {
    const error = thrown[i];
    if (runs === null) assertEquals(error, undefined, name);
    else assertEquals(error instanceof ShapeError ? error.reason : error, runs, name);
  }
});
