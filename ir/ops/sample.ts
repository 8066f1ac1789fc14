/**
 * Drawing from distributions: the inverse of the cumulated probabilities at a given number from 0 to 1.
 *
 * @module
 */
import { dimExpr } from "../dim_expr.ts";
import {
  add,
  type Axis,
  binary,
  cast,
  ceildiv,
  type Expr,
  f32,
  int,
  lt,
  max,
  min,
  mul,
  reduce,
  select,
  sub,
  variable,
} from "../expr.ts";
import type { TensorType } from "../graph.ts";
import { sampleShape } from "../shape/layout.ts";
import { arity, family, nth, type OpDef, sameDType, shapeOrThrow, widen } from "./op.ts";

/** Probabilities are added up in groups of this many, and the groups after that: work is n + (n / GROUP)^2 + GROUP^2. */
const GROUP = 256;

/**
 * The first place along the last axis where the sum of the weights so far exceeds `u` times the sum of all. A weight of 0
 * is never drawn while another is positive, however the sums round.
 */
const sample: OpDef = {
  name: "sample",
  pattern: "reduce",
  infer(inputs): TensorType {
    arity("sample", inputs, 2);
    const [weights, u] = [nth(inputs, 0), nth(inputs, 1)];
    family("sample", sameDType("sample", inputs), ["float"]);
    return { shape: shapeOrThrow("sample", sampleShape(weights.shape, u.shape)), dtype: "i32" };
  },
  lower({ inputs, fresh }, indices): Expr {
    const [weights, u] = [nth(inputs, 0), nth(inputs, 1)];
    const n = dimExpr(nth(weights.shape, -1));
    const groups = ceildiv(n, int(GROUP));
    // A reduction in a branch of a choice would be computed anew for its condition, so here are no branches: factors of
    // 0 and 1 instead. Sums that are needed twice are over the same axes, so that they are computed once.
    const groupAxis = (): Axis => ({ name: fresh("group"), extent: groups });
    const placeAxis = (): Axis => ({ name: fresh("place"), extent: min(n, int(GROUP)) });
    const [group, other] = [groupAxis(), groupAxis()];
    const [member, place, upTo] = [placeAxis(), placeAxis(), placeAxis()];
    const weight = (g: Expr, i: Expr): Expr => {
      const at = add(mul(g, int(GROUP)), i);
      const inside = max(min(at, sub(n, int(1))), int(0));
      return mul(widen(weights.at([...indices, inside])), cast("f32", lt(at, n)));
    };
    const sum = (a: Axis, body: (i: Expr) => Expr): Expr => reduce("sum", [a], body(variable(a.name)));
    const groupSum = (g: Expr): Expr => sum(member, (i) => weight(g, i));
    const target = mul(widen(u.at(indices)), sum(other, groupSum));
    const before = (g: Expr): Expr => sum(other, (o) => mul(groupSum(o), cast("f32", lt(o, g))));
    /**
     * The first place with a weight where the sum is over the target, else the last with a weight, else 0. Places of the
     * first kind are numbered from 0, those of the second from the axis's length on, backwards; the least number wins.
     */
    const choose = (a: Axis, own: (i: Expr) => Expr, total: (i: Expr) => Expr): Expr => {
      const i = variable(a.name);
      const twice = mul(a.extent, int(2));
      const backwards = (e: Expr): Expr => sub(sub(twice, int(1)), e);
      const number = select(lt(target, total(i)), i, backwards(i));
      const none = mul(cast("i32", binary("le", own(i), f32(0))), twice);
      const best = min(reduce("min", [a], max(number, none)), twice);
      return max(min(best, backwards(best)), int(0));
    };
    const chosen = choose(group, groupSum, (g) => add(before(g), groupSum(g)));
    const prefix = (i: Expr): Expr =>
      sum(upTo, (k) => mul(weight(chosen, k), cast("f32", binary("le", k, i))));
    const at = choose(place, (i) => weight(chosen, i), (i) => add(before(chosen), prefix(i)));
    return max(min(add(mul(chosen, int(GROUP)), at), sub(n, int(1))), int(0));
  },
};

/** Drawing. */
export const SAMPLE_OPS: readonly OpDef[] = [sample];
