/**
 * Random launches of every statement, dtype and operator, and running launches by hand.
 *
 * @module
 */
import fc from "fast-check";
import type { Device } from "../../backends/backend.ts";
import { launchFunc } from "../../backends/launch.ts";
import type { Launch } from "../../backends/lower.ts";
import { fromNumbers, type TensorArray, viewBytes } from "../../ir/data.ts";
import { type DType, DTYPES } from "../../ir/dtype.ts";
import { ceildiv, type Expr, int, load, lt, mod, mul, sub, variable } from "../../ir/expr.ts";
import { interpret } from "../../ir/interpret.ts";
import { alloc, type Buffer, forLoop, ifThen, seq, type Stmt, store } from "../../ir/stmt.ts";
import { rewriteExpr } from "../../ir/traverse.ts";
import { assert } from "./assert.ts";
import { arbExprs, pseudoLoad } from "./random_expr.ts";

const v = variable;
const one = int(1);

/** A buffer. */
export function buffer(
  name: string,
  dtype: DType,
  shape: readonly Expr[],
  scope: Buffer["scope"] = "global",
): Buffer {
  return { name, dtype, shape, scope };
}

/** A launch of one workgroup of one thread, unless said otherwise. */
export function launch(parts: Partial<Launch> & Pick<Launch, "buffers" | "body">): Launch {
  return { name: "kernel", dims: [], grid: [one, one, one], workgroup: [1, 1, 1], ...parts };
}

/** Runs a launch on a device; gives what is in its buffers then. */
export async function run(
  device: Device,
  l: Launch,
  inputs: readonly TensorArray[],
  dims: Readonly<Record<string, number>> = {},
): Promise<readonly TensorArray[]> {
  const [kernel] = await device.prepare([device.generate(l)]);
  assert(kernel !== undefined);
  const buffers = inputs.map((data, i) => {
    const bytes = Math.ceil(data.byteLength / 4) * 4;
    const b = device.allocate(bytes, l.buffers[i]?.buffer.name ?? "");
    const padded = new Uint8Array(bytes);
    padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    device.write(b, 0, padded);
    return b;
  });
  const slices = buffers.map((b, i) => ({ buffer: b, offset: 0, bytes: inputs[i]?.byteLength ?? 0 }));
  device.submit(device.bind([{ kernel, buffers: slices }]), dims);
  const results = await Promise.all(slices.map((s) => device.read(s)));
  buffers.forEach((b) => device.free(b));
  return results.map((bytes, i) => viewBytes(l.buffers[i]?.buffer.dtype ?? "f32", bytes));
}

/** The same by the interpreter. */
export function expected(
  l: Launch,
  inputs: readonly TensorArray[],
  dims: Readonly<Record<string, number>> = {},
): readonly TensorArray[] {
  const copies = inputs.map((data) => data.slice());
  interpret(launchFunc(l), Object.fromEntries(l.buffers.map((b, i) => [b.buffer.name, copies[i]!])), dims);
  return copies;
}

const SIZE = 7;
const INPUTS = [["bi", "i32"], ["bu", "u32"], ["bf", "f32"], ["bh", "f16"], ["bb", "bool"]] as const;
const OUTPUTS = ["f32", "f16", "bf16", "i32", "u32", "i8", "u8", "bool"] as const;
const names = ["n", "blockIdx.x", "threadIdx.x", "i", "j"];
const exprs = arbExprs(names, { small: true, maxDepth: 3 });

/** Loads inside of the buffers, and every other from what the kernel has written. */
function inside(e: Expr): Expr {
  return rewriteExpr(e, (node) => {
    if (node.kind !== "load") return node;
    const at = mod(node.indices[0] ?? one, int(SIZE));
    const written: Readonly<Record<string, string>> = {
      bi: "o_i32",
      bu: "o_u32",
      bf: "o_f32",
      bh: "o_f16",
      bb: "o_bool",
    };
    const alternate = node.indices[0]?.kind === "binary" ? written[node.buffer] : undefined;
    return load(alternate ?? node.buffer, node.dtype, [at]);
  });
}

const statement: fc.Arbitrary<Stmt> = fc.constantFrom(...OUTPUTS).chain((dtype) =>
  fc.record({
    at: exprs.i32,
    value: exprs[DTYPES[dtype].register],
    cond: fc.option(exprs.bool),
    local: fc.nat(2),
  }).map(
    ({ at, value, cond, local }) => {
      const where = [mod(inside(at), int(SIZE))];
      const register = DTYPES[dtype].register;
      const write = store(`o_${dtype}`, where, inside(value));
      // Through a variable, an array of a thread, or directly.
      const temp = `t_${dtype}_${local}`;
      const [shape, slot] = local === 1 ? [[], []] : [[int(3)], [mod(inside(at), int(3))]];
      const held = load(temp, register, slot);
      const again = register === "bool" ? held : mul(held, held); // shows whether it was narrowed when stored
      const through = alloc(
        buffer(temp, dtype, shape, "local"),
        seq([store(temp, slot, inside(value)), store(`o_${dtype}`, where, again)]),
      );
      const whole = local === 0 ? write : through;
      return cond === null ? whole : ifThen(inside(cond), whole);
    },
  )
);

/** Launches that read `INPUTS` and write `OUTPUTS`, over a dim `n`. */
export const launches: fc.Arbitrary<Launch> = fc.record({
  first: statement,
  second: statement,
  third: statement,
  extents: fc.tuple(
    fc.constantFrom<Expr>(v("n"), int(2), one),
    fc.constantFrom<Expr>(int(3), one, sub(v("n"), one)),
  ),
  threads: fc.constantFrom(1, 3),
  blocks: fc.constantFrom<Expr>(one, v("n"), ceildiv(v("n"), int(2))),
}).map(({ first, second, third, extents: [i, j], threads, blocks }) =>
  launch({
    buffers: [
      ...INPUTS.map(([name, dtype]) => ({
        buffer: buffer(name, dtype, [int(SIZE)]),
        access: "read" as const,
      })),
      ...OUTPUTS.map((d) => ({ buffer: buffer(`o_${d}`, d, [int(SIZE)]), access: "read_write" as const })),
    ],
    dims: ["n"],
    grid: [blocks, one, one],
    workgroup: [threads, 1, 1],
    body: forLoop(
      "i",
      i,
      seq([forLoop("j", j, seq([first, second])), ifThen(lt(v("i"), one), forLoop("j", one, third))]),
    ),
  })
);

/** What is in the buffers of {@linkcode launches} at first. */
export const initial: readonly TensorArray[] = [
  ...INPUTS.map(([name, dtype]) =>
    fromNumbers(dtype, Array.from({ length: SIZE }, (_, i) => pseudoLoad(name, [i])))
  ),
  ...OUTPUTS.map((d) => fromNumbers(d, Array.from({ length: SIZE }, (_, i) => i))),
];
