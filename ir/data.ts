/**
 * Tensor elements in the program's memory: which typed array holds which dtype, and what its elements are as numbers.
 *
 * @module
 */
import { type DType, DTYPES } from "./dtype.ts";
import { bf16ToNumber, f16ToNumber, numberToBF16, numberToF16 } from "./float.ts";

/** The arrays that hold elements: `f16` and `bf16` as their bits in a `Uint16Array`, `bool` as bytes 0 and 1. */
export type TensorArray = Float32Array | Int32Array | Uint32Array | Int8Array | Uint8Array | Uint16Array;

/** The array that holds elements of a dtype. */
export interface ArrayTypes {
  readonly f32: Float32Array;
  readonly f16: Uint16Array;
  readonly bf16: Uint16Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly i8: Int8Array;
  readonly u8: Uint8Array;
  readonly bool: Uint8Array;
}

/** An array constructor over a part of a buffer. */
type ArrayClass = new (buffer: ArrayBufferLike, byteOffset?: number, length?: number) => TensorArray;

const CLASSES: Readonly<Record<DType, ArrayClass>> = {
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

/** A zeroed array of `n` elements. */
export function arrayFor(dtype: DType, n: number): TensorArray {
  return viewBuffer(dtype, new ArrayBuffer(n * DTYPES[dtype].bytes));
}

/** The elements in a part of a buffer, not copied; `byteOffset` must be a multiple of their size. */
export function viewBuffer(
  dtype: DType,
  buffer: ArrayBufferLike,
  byteOffset = 0,
  length: number = Math.floor((buffer.byteLength - byteOffset) / DTYPES[dtype].bytes),
): TensorArray {
  return new CLASSES[dtype](buffer, byteOffset, length);
}

/** The elements that some bytes are; copied only where the bytes are not aligned to the element's size. */
export function viewBytes(dtype: DType, bytes: Uint8Array): TensorArray {
  const size = DTYPES[dtype].bytes;
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return viewBuffer(dtype, aligned.buffer, aligned.byteOffset, Math.floor(bytes.length / size));
}

/** Whether an array is of the class that holds `dtype`. */
export function holds(dtype: DType, array: TensorArray): boolean {
  return array instanceof CLASSES[dtype];
}

/** A function that gives element `i` as a number, widened; `undefined` as NaN where there is no such element. */
export type ElementReader = (array: TensorArray, i: number) => number;
/** A function that sets element `i` to a number, narrowed. */
export type ElementWriter = (array: TensorArray, i: number, value: number) => void;

/** How elements of a dtype are read. */
export function elementReader(dtype: DType): ElementReader {
  switch (dtype) {
    case "f16":
      return (array, i) => f16ToNumber(array[i]!);
    case "bf16":
      return (array, i) => bf16ToNumber(array[i]!);
    case "bool":
      return (array, i) => (array[i] === 0 ? 0 : 1);
    case "f32":
    case "i32":
    case "u32":
    case "i8":
    case "u8":
      return (array, i) => array[i]!;
    default:
      return dtype satisfies never;
  }
}

/** How elements of a dtype are written: floats rounded to nearest even, integers wrapped, booleans 0 or 1. */
export function elementWriter(dtype: DType): ElementWriter {
  switch (dtype) {
    case "f16":
      return (array, i, value) => void (array[i] = numberToF16(value));
    case "bf16":
      return (array, i, value) => void (array[i] = numberToBF16(value));
    case "bool":
      return (array, i, value) => void (array[i] = value === 0 ? 0 : 1);
    case "f32":
    case "i32":
    case "u32":
    case "i8":
    case "u8":
      // The arrays of these dtypes round or wrap by themselves.
      return (array, i, value) => void (array[i] = value);
    default:
      return dtype satisfies never;
  }
}

/** Element `i` as a number. */
export function readElement(dtype: DType, array: TensorArray, i: number): number {
  return elementReader(dtype)(array, i);
}

/** Sets element `i` to a number, narrowed. */
export function writeElement(dtype: DType, array: TensorArray, i: number, value: number): void {
  elementWriter(dtype)(array, i, value);
}

/**
 * All elements as numbers.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fromNumbers, toNumbers } from "./data.ts";
 *
 * const halves = fromNumbers("f16", [1, 0.1]);
 * assertEquals(halves, Uint16Array.of(0x3c00, 0x2e66));
 * assertEquals(toNumbers("f16", halves), Float64Array.of(1, 0.0999755859375));
 * ```
 */
export function toNumbers(dtype: DType, array: TensorArray): Float64Array {
  const read = elementReader(dtype);
  return Float64Array.from({ length: array.length }, (_, i) => read(array, i));
}

/** An array of these numbers, narrowed. */
export function fromNumbers(dtype: DType, values: ArrayLike<number>): TensorArray {
  const array = arrayFor(dtype, values.length);
  const write = elementWriter(dtype);
  for (let i = 0; i < values.length; i++) write(array, i, values[i]!);
  return array;
}
