/** Every rule on every kernel of Llama on WebGPU. @module */
import { everyRuleOnWebGPU } from "../../support/every_rule.ts";
import { smallLlama } from "../../support/model_kernels.ts";

everyRuleOnWebGPU("Llama", smallLlama());
