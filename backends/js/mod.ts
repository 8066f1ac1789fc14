/**
 * The JavaScript backend: runs everywhere, needs nothing, exact.
 *
 * @module
 */
export { JS_TARGET, jsDevice, type JsDeviceOptions } from "./device.ts";
export { generateJs } from "./codegen.ts";
