/** placeholder until the rule table lands */
import type { PrimFunc } from "./prim_func.ts";
/** accepts */
export function assertFunc(_f: PrimFunc): void {}
