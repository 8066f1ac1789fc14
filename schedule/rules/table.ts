/**
 * The rules by name, and which parameters suit which capabilities.
 *
 * @module
 */
import { attentionRule } from "./attention.ts";
import { elementwiseRule, transposeRule } from "./elementwise.ts";
import { fallbackRule } from "./fallback.ts";
import { generalReductionRule } from "./general_reduction.ts";
import { gemvRule, matmulRule } from "./matmul.ts";
import { reductionRule } from "./reduction.ts";
import type { Rule } from "./rule.ts";

/** Every rule. */
export const RULES: ReadonlyMap<string, Rule> = new Map(
  [
    attentionRule,
    matmulRule,
    gemvRule,
    reductionRule,
    generalReductionRule,
    transposeRule,
    elementwiseRule,
    fallbackRule,
  ]
    .map((
      r,
    ) => [r.name, r]),
);
