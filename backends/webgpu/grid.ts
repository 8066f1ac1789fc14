/**
 * Dispatches of any size: a grid that may exceed the device's workgroups along an axis is numbered through and
 * folded over x, y and z.
 *
 * @module
 */
import { DeviceError } from "../../ir/errors.ts";
import type { Expr } from "../../ir/expr.ts";
import type { Launch } from "../lower.ts";
import { constantOf } from "./ints.ts";

/** Whether a launch's grid needs folding: unless every extent is a constant within the limit. */
export function isFolded(grid: readonly Expr[], maxWorkgroups: number): boolean {
  return grid.some((extent) => {
    const n = constantOf(extent);
    return n === undefined || n > maxWorkgroups;
  });
}

/** Workgroups to dispatch for `total` of them: at least as many, as few more as the limits allow. */
export function foldGrid(
  launch: Launch,
  total: number,
  maxWorkgroups: number,
): readonly [number, number, number] {
  if (total > 0x7fffffff) {
    throw new DeviceError(
      "limit",
      `Cannot run ${launch.name}: its grid has ${total} workgroups, more than 2^31 - 1; ` +
        "give each thread more work or run smaller pieces",
    );
  }
  const z = Math.ceil(total / maxWorkgroups ** 2);
  const y = Math.ceil(total / z / maxWorkgroups);
  return [Math.ceil(total / z / y), y, z];
}

/** What the frame needs to find a workgroup's position. */
export interface GridFrame {
  /** Statements at the beginning of the kernel. */
  readonly lines: readonly string[];
  /** Products of extents that must come as uniforms, and the names under which the lines use them. */
  readonly uniforms: readonly { readonly name: string; readonly axes: readonly number[] }[];
  /** Whether the lines use the number of workgroups. */
  readonly counts: boolean;
}

const AXIS_NAMES = ["bx", "by", "bz"] as const;

/** The statements that define `bx`, `by` and `bz`, those that are `used`, and end workgroups beyond the grid. */
export function gridFrame(grid: readonly Expr[], folded: boolean, used: ReadonlySet<number>): GridFrame {
  if (!folded) {
    return {
      lines: [...used].sort().map((d) => `let ${AXIS_NAMES[d]} = i32(wg.${"xyz"[d]});`),
      uniforms: [],
      counts: false,
    };
  }
  const constants = grid.map((extent) => constantOf(extent));
  const uniforms: { name: string; axes: readonly number[] }[] = [];
  const extent = (name: string, axes: readonly number[]): string => {
    const values = axes.map((d) => constants[d]);
    const product = values.reduce<number | undefined>(
      (p, v) => (p === undefined || v === undefined ? undefined : p * v),
      1,
    );
    if (product !== undefined && product <= 0x7fffffff) return String(product);
    if (!uniforms.some((u) => u.name === name)) uniforms.push({ name, axes });
    return name;
  };
  const onlyX = constants[1] === 1 && constants[2] === 1;
  const block = onlyX ? "bx" : "block";
  const lines = [
    `let ${block} = i32(wg.x + num.x * (wg.y + num.y * wg.z));`,
    `if (${block} >= ${extent(onlyX ? "gx" : "blocks", onlyX ? [0] : [0, 1, 2])}) { return; }`,
  ];
  if (onlyX) {
    if (used.has(1)) lines.push("let by = 0;");
    if (used.has(2)) lines.push("let bz = 0;");
    return { lines, uniforms, counts: true };
  }
  if (used.has(0)) lines.push(`let bx = block % ${extent("gx", [0])};`);
  if (used.has(1)) lines.push(`let by = block / ${extent("gx", [0])} % ${extent("gy", [1])};`);
  if (used.has(2)) lines.push(`let bz = block / ${extent("gx", [0])} / ${extent("gy", [1])};`);
  return { lines, uniforms, counts: true };
}
