/**
 * A rule at work: steps that depend on what the steps before have made.
 *
 * @module
 */
import type { PrimFunc } from "../../ir/prim_func.ts";
import { freshName, namesOf, Refusal } from "../loop/site.ts";
import { rewrite } from "../primitive.ts";
import type { Primitive } from "../schedule.ts";

/** Steps done on a function one by one, so that later ones can look at what there is. */
export class Work {
  readonly steps: Primitive[] = [];
  func: PrimFunc;
  /** Why the last step that was tried in vain is not legal. */
  reason = "";

  constructor(func: PrimFunc) {
    this.func = func;
  }

  name(base: string): string {
    return freshName(base, namesOf(this.func));
  }

  do(step: Primitive): void {
    this.func = rewrite(this.func, step);
    this.steps.push(step);
  }

  /** Does a step where it is legal. */
  try(step: Primitive): boolean {
    try {
      this.do(step);
      return true;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.reason = error.message;
      return false;
    }
  }

  /** What was done until now, for {@linkcode Work.reset}. */
  mark(): { readonly func: PrimFunc; readonly steps: number } {
    return { func: this.func, steps: this.steps.length };
  }

  /** Takes back what was done since. */
  reset(to: { readonly func: PrimFunc; readonly steps: number }): void {
    this.func = to.func;
    this.steps.length = to.steps;
  }
}
