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
