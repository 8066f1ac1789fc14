/**
 * The safetensors format: strict reading of files and sharded checkpoints, tensor by tensor, and writing of small
 * files.
 *
 * @module
 */

export type { DType } from "../../ir/dtype.ts";
export {
  parseSafetensorsHeader,
  SAFETENSORS_DTYPES,
  type SafetensorsDType,
  type SafetensorsIndex,
  type TensorInfo,
} from "./header.ts";
export { openSafetensors, type SafetensorsFile, type TakeChunk } from "./file.ts";
export { openCheckpoint } from "./checkpoint.ts";
export { type TensorData, writeSafetensors } from "./write.ts";
