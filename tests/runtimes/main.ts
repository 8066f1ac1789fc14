/** Prints the reports of this runtime's devices as JSON. @module */
import { check } from "./program.ts";

console.log(JSON.stringify(await check()));
