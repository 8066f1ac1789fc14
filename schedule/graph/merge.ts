/**
 * Several kernel calls as one function.
 *
 * @module
 */
import { renameStmt } from "../../ir/rename.ts";
import { type Param, type PrimFunc, primFunc } from "../../ir/prim_func.ts";
import { alloc, type Buffer, seq, type Stmt } from "../../ir/stmt.ts";
import { freshName, namesOf } from "../loop/site.ts";
import type { KernelCall } from "./legalize.ts";

/**
 * One call that does what these do, one after the other. Values that are in `inner` are the function's own: nothing else may
 * want them. What several of the calls use is one parameter.
 */
export function mergeCalls(
  name: string,
  calls: readonly KernelCall[],
  inner: ReadonlySet<string>,
): KernelCall {
  const taken = new Set<string>(calls.flatMap((c) => c.func.dims));
  const params = new Map<string, Param>();
  const own = new Map<string, Buffer>();
  const between: Buffer[] = [];
  const bodies: Stmt[] = [];
  // Written values come last, the result of the last call at the end.
  const written = calls.map((c) => c.args.at(-1) ?? "").filter((value) => !inner.has(value));
  const values = [...new Set(calls.flatMap((c) => c.args))].filter((v) => !inner.has(v));
  const order = [...values.filter((v) => !written.includes(v)), ...written];
  const nameOf = new Map(
    order.map((value, i) => {
      const at = written.indexOf(value);
      const param = at < 0 ? `in${i}` : at === written.length - 1 ? "out" : `out${at}`;
      return [value, freshName(param, taken)] as const;
    }),
  );
  for (const value of inner) nameOf.set(value, freshName("inner", taken));
  for (const { func, args } of calls) {
    const names = new Map<string, string>();
    func.params.forEach(({ buffer, access }, i) => {
      const value = args[i] ?? "";
      const known = params.get(value)?.access;
      const name = nameOf.get(value) ?? "";
      names.set(buffer.name, name);
      if (inner.has(value)) {
        own.set(value, { ...buffer, name, scope: "global" });
        return;
      }
      params.set(value, {
        buffer: { ...buffer, name },
        access: known === undefined || known === access ? access : "read_write",
      });
    });
    const dims = new Set<string>(func.dims);
    for (const name of namesOf(func)) {
      if (!names.has(name) && !dims.has(name)) names.set(name, freshName(name, taken));
    }
    // What lives between launches is allocated around all of them.
    let nest = renameStmt(func.body, names);
    for (; nest.kind === "alloc" && nest.buffer.scope === "global"; nest = nest.body) {
      between.push(nest.buffer);
    }
    bodies.push(nest);
  }
  const body = [...own.values(), ...between].reduceRight<Stmt>(
    (inside, buffer) => alloc(buffer, inside),
    seq(bodies),
  );
  const func: PrimFunc = primFunc(
    name,
    order.flatMap((value) => params.get(value) ?? []),
    calls.flatMap((c) => c.func.dims),
    body,
  );
  return callOf(calls, func, order);
}

/** The call of a function that does what these calls do. */
export function callOf(calls: readonly KernelCall[], func: PrimFunc, args: readonly string[]): KernelCall {
  const path = calls.at(-1)?.path;
  return { func, args, ops: calls.flatMap((c) => c.ops), ...(path === undefined ? {} : { path }) };
}
