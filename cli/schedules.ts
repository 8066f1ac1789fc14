/**
 * Schedules by name, for the command line.
 *
 * @module
 */
import { defaultSchedule, fallback } from "../schedule/rules/mod.ts";
import type { Schedule } from "../schedule/schedule.ts";

/** Names that `--schedule` takes. */
export const SCHEDULE_NAMES = ["default", "fallback"] as const;

/** A name that `--schedule` takes. */
export type ScheduleName = typeof SCHEDULE_NAMES[number];

/** The schedule of a name: the first rule that fits, or the simplest rule for every kernel. */
export function scheduleOf(name: ScheduleName): Schedule {
  switch (name) {
    case "default":
      return defaultSchedule();
    case "fallback":
      return fallback();
    default:
      return name satisfies never;
  }
}
