/** Launches for the tests of the WebGPU backend. @module */
import type { Launch, LaunchBuffer } from "../../../backends/lower.ts";
import { WEBGPU_BASELINE } from "../../../backends/webgpu/mod.ts";
import type { DType } from "../../../ir/dtype.ts";
import { add, type Expr, f32, floordiv, int, load, lt, mul, variable } from "../../../ir/expr.ts";
import { alloc, type Buffer, forLoop, ifThen, seq, type Stmt, store } from "../../../ir/stmt.ts";
import type { Target } from "../../../ir/target.ts";

/** A target with WebGPU's default limits. */
export const TARGET: Target = { ...WEBGPU_BASELINE, name: "test adapter" };

/** `blockIdx.x`, `threadIdx.x`. */
export const bx: Expr = variable("blockIdx.x");
export const tx: Expr = variable("threadIdx.x");

/** A global buffer; numbers are constant extents. */
export function buf(name: string, dtype: DType, shape: readonly (number | Expr)[]): Buffer {
  return { name, dtype, shape: shape.map((n) => (typeof n === "number" ? int(n) : n)), scope: "global" };
}

/** A launch; by default one workgroup of one thread. */
export function launch(
  name: string,
  buffers: readonly (readonly [Buffer, LaunchBuffer["access"]])[],
  body: Stmt,
  parts: Partial<Launch> = {},
): Launch {
  return {
    name,
    buffers: buffers.map(([buffer, access]) => ({ buffer, access })),
    dims: [],
    grid: [int(1), int(1), int(1)],
    workgroup: [1, 1, 1],
    body,
    ...parts,
  };
}

/** A launch with one thread for each of `count` elements: `body` of the element's index, guarded. */
export function elementwise(
  name: string,
  buffers: readonly (readonly [Buffer, LaunchBuffer["access"]])[],
  count: number,
  body: (i: Expr) => Stmt,
  threads = 64,
): Launch {
  const i = add(mul(bx, int(threads)), tx);
  return launch(name, buffers, ifThen(lt(i, int(count)), body(i)), {
    grid: [int(Math.ceil(count / threads)), int(1), int(1)],
    workgroup: [threads, 1, 1],
  });
}

/** `y[n] = sum over k of w[n, k] x[k]` for a symbolic `n`, accumulated in a register. */
export function gemv(k: number): Launch {
  const n = variable("n");
  const row = add(mul(bx, int(64)), tx);
  const w = buf("w", "f32", [n, k]);
  const x = buf("x", "f32", [k]);
  const y = buf("y", "f32", [n]);
  const acc: Buffer = { name: "acc", dtype: "f32", shape: [], scope: "local" };
  const i = variable("k");
  const body = alloc(
    acc,
    seq([
      store("acc", [], f32(0)),
      forLoop(
        "k",
        int(k),
        store(
          "acc",
          [],
          add(load("acc", "f32", []), mul(load("w", "f32", [row, i]), load("x", "f32", [i]))),
        ),
      ),
      store("y", [row], load("acc", "f32", [])),
    ]),
  );
  return launch("gemv", [[w, "read"], [x, "read"], [y, "write"]], ifThen(lt(row, n), body), {
    dims: ["n"],
    grid: [ceil64(n), int(1), int(1)],
    workgroup: [64, 1, 1],
  });
}

/** `n / 64`, rounded up. */
export function ceil64(n: Expr): Expr {
  return floordiv(add(n, int(63)), int(64));
}
