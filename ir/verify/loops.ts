/**
 * Rules about loops bound to axes, and about who reads and writes what.
 *
 * @module
 */
import { boundVars } from "../reduction.ts";
import type { For } from "../stmt.ts";
import { stmtExprs, visitExpr } from "../visit.ts";
import type { FuncRule } from "./rule.ts";
import { loopsAround, type Scan, sitesOf } from "./scan.ts";

const threadAxes: FuncRule = {
  name: "thread-axes",
  about:
    "A blockIdx loop is not inside a threadIdx loop, and no loop is inside another of the same axis but one " +
    "over as many threads, of which each then runs its own iteration.",
  appliesTo: ["for"],
  level: "form",
  *check(scan) {
    for (const { stmt, path } of sitesOf(scan, "for")) {
      if (!isAxis(stmt)) continue;
      for (const outer of path.filter((s): s is For => s.kind === "for")) {
        if (outer.loop === stmt.loop) {
          if (stmt.loop.startsWith("threadIdx") && outer.extent === stmt.extent) continue;
          yield `loop ${stmt.var} is bound to ${stmt.loop}, which loop ${outer.var} around it has already`;
        } else if (stmt.loop.startsWith("blockIdx") && outer.loop.startsWith("threadIdx")) {
          yield `loop ${stmt.var} (${stmt.loop}) is inside loop ${outer.var} (${outer.loop}): ` +
            "a workgroup's threads cannot start workgroups";
        }
      }
    }
  },
};

function isAxis(loop: For): boolean {
  return loop.loop.startsWith("blockIdx") || loop.loop.startsWith("threadIdx");
}

const reduceLoops: FuncRule = {
  name: "reduce-loops",
  about: "A loop that feeds a reduce iterator is not parallel, vectorized or a blockIdx axis.",
  appliesTo: ["block", "for"],
  level: "form",
  *check(scan) {
    for (const site of sitesOf(scan, "block")) {
      const vars = boundVars(site.stmt, "reduce");
      for (const loop of loopsAround(site)) {
        if (!vars.has(loop.var)) continue;
        const { loop: kind } = loop;
        if (kind !== "parallel" && kind !== "vectorized" && !kind.startsWith("blockIdx")) continue;
        yield `loop ${loop.var} is ${kind} and feeds a reduce iterator of block ${site.stmt.name}: ` +
          "its iterations would write one element at once";
      }
    }
  },
};

const paramAccess: FuncRule = {
  name: "param-access",
  about:
    "What a read parameter holds is not written; what a write parameter holds is not read before it is written.",
  appliesTo: ["param", "store", "expr"],
  level: "form",
  *check(scan) {
    const access = new Map(scan.func.params.map((p) => [p.buffer.name, p.access] as const));
    const written = new Set<string>();
    const reported = new Set<string>();
    for (const { buffer, write, where } of accessesInOrder(scan)) {
      const how = access.get(buffer);
      if (write) written.add(buffer);
      const wrong = write
        ? how === "read" && `${where} stores to parameter ${buffer}, which is read only`
        : how === "write" && !written.has(buffer) &&
          `${where} reads parameter ${buffer} before anything writes it; make it read_write`;
      if (wrong === false || reported.has(wrong)) continue;
      reported.add(wrong);
      yield wrong;
    }
  },
};

const writtenBuffers: FuncRule = {
  name: "written-buffers",
  about: "An allocated buffer that is read is written somewhere, and so is every write parameter.",
  appliesTo: ["param", "alloc"],
  level: "form",
  *check(scan) {
    const accesses = accessesInOrder(scan);
    const written = new Set(accesses.filter((a) => a.write).map((a) => a.buffer));
    const read = new Set(accesses.filter((a) => !a.write).map((a) => a.buffer));
    for (const { stmt } of sitesOf(scan, "alloc")) {
      const { name } = stmt.buffer;
      if (read.has(name) && !written.has(name)) yield `buffer ${name} is read, but nothing writes it`;
    }
    for (const { buffer, access } of scan.func.params) {
      if (access !== "read" && !written.has(buffer.name)) {
        yield `parameter ${buffer.name} is ${access}, but nothing writes it`;
      }
    }
  },
};

/** Loads and stores in the order of the text; what a statement loads comes before what it stores. */
function accessesInOrder(scan: Scan): readonly { buffer: string; write: boolean; where: string }[] {
  return scan.sites.flatMap(({ stmt, where }) => {
    const found: { buffer: string; write: boolean; where: string }[] = [];
    // Regions only say what a block accesses.
    const exprs = stmt.kind === "block"
      ? [stmt.predicate, ...stmt.iters.map((i) => i.binding)]
      : stmtExprs(stmt);
    for (const e of exprs) {
      visitExpr(e, (n) => {
        if (n.kind === "load") found.push({ buffer: n.buffer, write: false, where });
      });
    }
    if (stmt.kind === "store") found.push({ buffer: stmt.buffer, write: true, where });
    return found;
  });
}

/** The rules about loops, and about reads and writes. */
export const LOOP_RULES: readonly FuncRule[] = [threadAxes, reduceLoops, paramAccess, writtenBuffers];
