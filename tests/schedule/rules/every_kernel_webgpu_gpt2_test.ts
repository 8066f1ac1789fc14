/** Every rule on every kernel of GPT-2 on WebGPU. @module */
import { everyRuleOnWebGPU } from "../../support/every_rule.ts";
import { smallGPT2 } from "../../support/model_kernels.ts";

everyRuleOnWebGPU("GPT-2", smallGPT2());
