/**
 * Tuning: spaces of parameters, cost models, searches and records of what was found. Nothing here runs a kernel.
 *
 * @module
 */
export {
  type Axis as SpaceAxis,
  type Constraint,
  fixed,
  neighbours,
  outside,
  pick,
  pointKey,
  points,
  type Random,
  samplePoint,
  seeded,
  sizeOf,
  type Space,
  space,
} from "./space.ts";
export {
  elementwiseSpace,
  fallbackSpace,
  gemvSpace,
  matmulSpace,
  powersOfTwo,
  reductionSpace,
  rowSpace,
  SPACES,
  studyGemvSpace,
  transposeSpace,
} from "./spaces.ts";
export { type CostModel, fitCostModel, rankCorrelation, type Sample } from "./cost_model.ts";
export {
  costOf,
  type Measure,
  type Outcome,
  search,
  type SearchOptions,
  type SearchResult,
  type Strategy,
  type Trial,
} from "./search.ts";
export {
  type DimRanges,
  type Figures,
  parseRecord,
  printRecord,
  RECORD_FORMAT,
  type RecordKey,
  recordKey,
  type RecordOutcome,
  sameKey,
  scheduleOf,
  searchOutcome,
  targetFingerprint,
  type TuneRecord,
} from "./record.ts";
