/**
 * Schedules: how a kernel is made, as data.
 *
 * @module
 */
export * from "./schedule.ts";
export { parseSchedule, printSchedule, scheduleFromJson } from "./text.ts";
export {
  type Applied,
  apply,
  type ApplyOptions,
  type ApplyResult,
  type Failure,
  type FailureCode,
  printFailure,
} from "./strategy.ts";
export { explain } from "./explain.ts";
export * from "./rules/mod.ts";
export { type ScheduleFor, scheduleFor } from "./typed.ts";
export { type Contraction, contractionOf, type Operand } from "./analysis/contraction.ts";
export * from "./tune/mod.ts";
export { allLoops, type LoopSite, type RefusalCode } from "./loop/site.ts";
export {
  accessesOf,
  type BlockAccess,
  type BlockRegion,
  type IterRole,
  iterRoles,
  regionsOf,
} from "./analysis/access.ts";
export { type BlockKind, blockKind } from "./analysis/block_kind.ts";
export { coalescing, type ThreadStride } from "./analysis/coalescing.ts";
export { costOf, type KernelCost, type NestCost } from "./analysis/cost.ts";
export { type Count, evalCount, printCount } from "./analysis/count.ts";
export { type Dependence, dependencesOf } from "./analysis/dependences.ts";
export { type ReductionOrder, reductionOrder } from "./analysis/reduction_order.ts";
export type { AxisRange } from "./analysis/region.ts";
export { type NestResources, overLimits, resourcesOf } from "./analysis/resources.ts";
