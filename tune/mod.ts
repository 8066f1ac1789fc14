/**
 * Tuning on the device at hand: schedules are measured, recorded in a database, and used by `compile`.
 *
 * @module
 */
export { type Bench, type BenchOptions, openBench, type Prepared } from "./bench.ts";
export { WrongResultError } from "./check.ts";
export { figuresOf, median } from "./figures.ts";
export { HangError } from "./timing.ts";
export {
  type DatabaseOptions,
  mergeDatabases,
  openDatabase,
  thisRuntime,
  type TuneDatabase,
  userDatabasePath,
} from "./database.ts";
export {
  knownTrials,
  type TunedKernel,
  tuneKernel,
  type TuneKernelOptions,
  type TuneProgress,
} from "./tune_kernel.ts";
export {
  type EntrySizes,
  type KernelUse,
  kernelUses,
  type TunedProgram,
  tuneProgram,
  type TuneProgramOptions,
} from "./tune_program.ts";
export { countBytes, countStmt, type Dims, labelOf } from "./work.ts";
export { processDevice } from "./process_device.ts";
