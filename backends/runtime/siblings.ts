/**
 * Launches that do not depend on each other as one: their workgroups lie side by side in one grid.
 *
 * @module
 */
import { bufferSpan } from "../../ir/address.ts";
import { DTYPES } from "../../ir/dtype.ts";
import { type Expr, exprId, int, lt, sub, variable } from "../../ir/expr.ts";
import { renameStmt } from "../../ir/rename.ts";
import { simplify } from "../../ir/simplify.ts";
import { simplifyStmt } from "../../ir/simplify_stmt.ts";
import { type Buffer, ifThen, type Stmt } from "../../ir/stmt.ts";
import type { Target } from "../../ir/target.ts";
import { mapStmtExprs, substitute } from "../../ir/traverse.ts";
import { visitStmt } from "../../ir/visit.ts";
import { launchFunc, launchRanges } from "../launch.ts";
import type { Launch, LaunchBuffer, LoweredFunc } from "../lower.ts";
import type { LoweredCall } from "./plan.ts";

/** Calls after a launch among which its siblings are looked for: what is far away would only lie in memory longer. */
const WINDOW = 16;

/**
 * Makes one launch of launches that do not depend on each other, in the order in which the first of them runs. They must
 * have workgroups of the same size in grids of constant sizes (a launch that grows fills the device alone), and together
 * stay within the target's limits. What each workgroup does is unchanged, so every result is the same bit by bit.
 *
 * `root` gives the value whose buffer a value shares.
 *
 * rewrite: `q = f(x); k = g(x)`  becomes  `q, k = if workgroup < workgroups of f: f(x) else: g(x)`
 */
export type JoinSiblings = (
  calls: readonly LoweredCall[],
  root: (value: string) => string,
) => readonly LoweredCall[];

/** The function that does so for a target; what it made of equal functions is known from then on. */
export function siblingsOf(target: Target): JoinSiblings {
  const known = new Map<string, LoweredFunc>();
  const ids = new Map<LoweredFunc, number>();
  const idOf = (lowered: LoweredFunc): number => {
    const id = ids.get(lowered) ?? ids.size;
    ids.set(lowered, id);
    return id;
  };
  const join = (members: readonly Member[]): LoweredCall => {
    const calls = members.map((m) => m.call);
    const values = [...new Set(members.flatMap((m) => m.values))];
    const key = members.map((m) => `${idOf(m.call.lowered)}(${m.values.map((v) => values.indexOf(v))})`)
      .join();
    const lowered = known.get(key) ?? joined(members, values);
    known.set(key, lowered);
    const path = commonPath(calls.map((c) => c.path));
    const parts = calls.map((c) => ({ func: c.lowered.func, position: 0 }));
    return { lowered, args: values, parts, ...(path === undefined ? {} : { path }) };
  };
  return (calls, root) => {
    const result: LoweredCall[] = [];
    let rest = calls.map((call): readonly [LoweredCall, Uses] => [call, usesOf(call, root)]);
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
      const [call, uses] = next;
      const first = memberOf(call, target);
      if (first === undefined) {
        result.push(call);
        continue;
      }
      const members = [first];
      const left: typeof rest = [];
      // Who joins runs before all that is passed over.
      let before = uses;
      for (const other of rest.slice(0, WINDOW)) {
        const member = memberOf(other[0], target);
        if (member !== undefined && areApart(before, other[1]) && fits([...members, member], target)) {
          members.push(member);
        } else left.push(other);
        before = { reads: before.reads.union(other[1].reads), writes: before.writes.union(other[1].writes) };
      }
      rest = [...left, ...rest.slice(WINDOW)];
      result.push(members.length === 1 ? call : join(members));
    }
    return result;
  };
}

interface Uses {
  readonly reads: ReadonlySet<string>;
  readonly writes: ReadonlySet<string>;
}

function usesOf({ lowered, args }: LoweredCall, root: (value: string) => string): Uses {
  const of = (not: "read" | "write"): ReadonlySet<string> =>
    new Set(lowered.func.params.flatMap((p, i) => (p.access === not ? [] : [root(args[i] ?? "")])));
  return { reads: of("write"), writes: of("read") };
}

/** Whether neither writes what the other uses. */
function areApart(a: Uses, b: Uses): boolean {
  return a.writes.isDisjointFrom(b.writes) && a.writes.isDisjointFrom(b.reads) &&
    a.reads.isDisjointFrom(b.writes);
}

/** A call of one launch that may be joined, with the value of each of the launch's buffers. */
interface Member {
  readonly call: LoweredCall;
  readonly launch: Launch;
  readonly values: readonly string[];
  readonly workgroups: number;
}

function memberOf(call: LoweredCall, target: Target): Member | undefined {
  const { launches, scratch, func } = call.lowered;
  const launch = launches[0];
  if (launch === undefined || launches.length > 1 || scratch.length > 0) return undefined;
  const [x, ...others] = launch.grid;
  if (x.kind !== "const" || x.value < 1 || others.some((e) => e.kind !== "const" || e.value !== 1)) {
    return undefined;
  }
  // What is bound in parts needs bindings for each of them.
  if (launch.buffers.some(({ buffer }) => bytesOf(buffer) > target.maxBindingSize)) return undefined;
  const values = new Map(func.params.map((p, i) => [p.buffer.name, call.args[i] ?? ""]));
  return {
    call,
    launch,
    values: launch.buffers.map(({ buffer }) => values.get(buffer.name) ?? ""),
    workgroups: x.value,
  };
}

/** Whether one launch can do what these do. */
function fits(members: readonly Member[], target: Target): boolean {
  const launches = members.map((m) => m.launch);
  const [first] = launches;
  const bound = new Map<string, string>();
  for (const { launch, values } of members) {
    for (const [i, { buffer }] of launch.buffers.entries()) {
      const { dtype, shape, strides = [] } = buffer;
      const text = `${dtype}[${shape.map(exprId)}][${strides.map(exprId)}]`;
      const value = values[i] ?? "";
      if ((bound.get(value) ?? text) !== text) return false;
      bound.set(value, text);
    }
  }
  const workgroups = members.reduce((n, m) => n + m.workgroups, 0);
  const memory = launches.reduce((bytes, l) => bytes + sharedBytes(l.body), 0);
  return launches.every((l) => l.workgroup.every((n, d) => n === first?.workgroup[d])) &&
    bound.size <= target.maxBindings && workgroups <= target.maxWorkgroups &&
    memory <= target.maxWorkgroupMemory;
}

function bytesOf(buffer: Buffer): number {
  const span = simplify(bufferSpan(buffer));
  return span.kind === "const" ? span.value * DTYPES[buffer.dtype].bytes : 0;
}

/** Workgroup memory of a launch, each buffer up to the largest alignment. */
function sharedBytes(body: Stmt): number {
  let bytes = 0;
  visitStmt(body, (s) => {
    if (s.kind === "alloc" && s.buffer.scope === "workgroup") bytes += Math.ceil(bytesOf(s.buffer) / 16) * 16;
  });
  return bytes;
}

/** One launch that binds `values` in this order and does what the members do. */
function joined(members: readonly Member[], values: readonly string[]): LoweredFunc {
  const x = variable("blockIdx.x");
  const taken = new Set(members.flatMap((m) => m.launch.dims));
  const fresh = (base: string): string => {
    let name = base;
    for (let n = 1; taken.has(name); n++) name = `${base}_${n}`;
    taken.add(name);
    return name;
  };
  const nameOf = new Map(values.map((value, i) => [value, fresh(`b${i}`)]));
  const buffers = new Map<string, LaunchBuffer>();
  const parts: { readonly end: number; readonly body: Stmt }[] = [];
  let start = 0;
  for (const { launch, values: own, workgroups } of members) {
    const names = new Map<string, string>();
    launch.buffers.forEach(({ buffer, ...how }, i) => {
      const value = own[i] ?? "";
      const name = nameOf.get(value) ?? "";
      names.set(buffer.name, name);
      buffers.set(value, { ...how, buffer: { ...buffer, name } });
    });
    visitStmt(launch.body, (s) => {
      if (s.kind === "for") names.set(s.var, fresh(s.var));
      if (s.kind === "alloc") names.set(s.buffer.name, fresh(s.buffer.name));
    });
    const shifted = new Map<string, Expr>([["blockIdx.x", sub(x, int(start))]]);
    const body = mapStmtExprs(renameStmt(launch.body, names), (e) => substitute(e, shifted));
    start += workgroups;
    parts.push({ end: start, body });
  }
  const body = parts.map((p) => p.body).reduceRight((rest, own, i) =>
    ifThen(lt(x, int(parts[i]?.end ?? 0)), own, rest)
  );
  const launches = members.map((m) => m.launch);
  const whole: Omit<Launch, "body"> = {
    name: [...new Set(launches.map((l) => l.name))].join("_and_"),
    buffers: values.flatMap((value) => buffers.get(value) ?? []),
    dims: [...new Set(launches.flatMap((l) => l.dims))].sort(),
    grid: [int(start), int(1), int(1)],
    workgroup: launches[0]?.workgroup ?? [1, 1, 1],
  };
  const launch: Launch = { ...whole, body: simplifyStmt(body, launchRanges(whole)) };
  return { func: launchFunc(launch), scratch: [], launches: [launch] };
}

/** The modules that all paths are in. */
function commonPath(paths: readonly (string | undefined)[]): string | undefined {
  const [first, ...others] = paths.map((path) => path?.split(".") ?? []);
  const end = first?.findIndex((name, i) => others.some((other) => other[i] !== name)) ?? -1;
  const common = end < 0 ? first : first?.slice(0, end);
  return common === undefined || common.length === 0 ? undefined : common.join(".");
}
