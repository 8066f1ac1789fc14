/**
 * The instructions that generated code uses, as one table: their codes and what follows them.
 *
 * Codes and formats are those of the WebAssembly core specification, release 2.0 (vectors), with its threads and
 * relaxed-simd proposals.
 *
 * @module
 */

/** What follows an instruction's code. */
export type Immediate =
  | "none"
  | "block"
  | "depth"
  | "local"
  | "func"
  | "i32"
  | "f32"
  | "f64"
  | "v128"
  | "shuffle"
  | "lane4"
  | "memory"
  | "memory_lane2"
  | "memory_lane4";

/**
 * Code, kind of immediate (none if left out), and for accesses of memory the natural alignment as a power of 2. Codes
 * over 0xff are a prefix byte times 0x1000 and a number that is written in LEB128.
 */
type Row = readonly [code: number, immediate?: Immediate, align?: number];

const TABLE = {
  "unreachable": [0x00],
  "nop": [0x01],
  "block": [0x02, "block"],
  "loop": [0x03, "block"],
  "if": [0x04, "block"],
  "else": [0x05],
  "end": [0x0b],
  "br": [0x0c, "depth"],
  "br_if": [0x0d, "depth"],
  "return": [0x0f],
  "call": [0x10, "func"],
  "drop": [0x1a],
  "select": [0x1b],
  "local.get": [0x20, "local"],
  "local.set": [0x21, "local"],
  "local.tee": [0x22, "local"],
  "i32.load": [0x28, "memory", 2],
  "f32.load": [0x2a, "memory", 2],
  "f64.load": [0x2b, "memory", 3],
  "i32.load8_s": [0x2c, "memory", 0],
  "i32.load8_u": [0x2d, "memory", 0],
  "i32.load16_s": [0x2e, "memory", 1],
  "i32.load16_u": [0x2f, "memory", 1],
  "i32.store": [0x36, "memory", 2],
  "f32.store": [0x38, "memory", 2],
  "f64.store": [0x39, "memory", 3],
  "i32.store8": [0x3a, "memory", 0],
  "i32.store16": [0x3b, "memory", 1],
  "i32.const": [0x41, "i32"],
  "i64.const": [0x42, "i32"],
  "f32.const": [0x43, "f32"],
  "f64.const": [0x44, "f64"],
  "i32.eqz": [0x45],
  "i32.eq": [0x46],
  "i32.ne": [0x47],
  "i32.lt_s": [0x48],
  "i32.lt_u": [0x49],
  "i32.gt_s": [0x4a],
  "i32.gt_u": [0x4b],
  "i32.le_s": [0x4c],
  "i32.le_u": [0x4d],
  "i32.ge_s": [0x4e],
  "i32.ge_u": [0x4f],
  "f32.eq": [0x5b],
  "f32.ne": [0x5c],
  "f32.lt": [0x5d],
  "f32.gt": [0x5e],
  "f32.le": [0x5f],
  "f32.ge": [0x60],
  "f64.eq": [0x61],
  "f64.ne": [0x62],
  "f64.lt": [0x63],
  "f64.gt": [0x64],
  "f64.le": [0x65],
  "f64.ge": [0x66],
  "i32.clz": [0x67],
  "i32.ctz": [0x68],
  "i32.popcnt": [0x69],
  "i32.add": [0x6a],
  "i32.sub": [0x6b],
  "i32.mul": [0x6c],
  "i32.div_s": [0x6d],
  "i32.div_u": [0x6e],
  "i32.rem_s": [0x6f],
  "i32.rem_u": [0x70],
  "i32.and": [0x71],
  "i32.or": [0x72],
  "i32.xor": [0x73],
  "i32.shl": [0x74],
  "i32.shr_s": [0x75],
  "i32.shr_u": [0x76],
  "i32.rotl": [0x77],
  "i32.rotr": [0x78],
  "f32.abs": [0x8b],
  "f32.neg": [0x8c],
  "f32.ceil": [0x8d],
  "f32.floor": [0x8e],
  "f32.trunc": [0x8f],
  "f32.nearest": [0x90],
  "f32.sqrt": [0x91],
  "f32.add": [0x92],
  "f32.sub": [0x93],
  "f32.mul": [0x94],
  "f32.div": [0x95],
  "f32.min": [0x96],
  "f32.max": [0x97],
  "f32.copysign": [0x98],
  "f64.abs": [0x99],
  "f64.neg": [0x9a],
  "f64.ceil": [0x9b],
  "f64.floor": [0x9c],
  "f64.trunc": [0x9d],
  "f64.nearest": [0x9e],
  "f64.sqrt": [0x9f],
  "f64.add": [0xa0],
  "f64.sub": [0xa1],
  "f64.mul": [0xa2],
  "f64.div": [0xa3],
  "f64.min": [0xa4],
  "f64.max": [0xa5],
  "f64.copysign": [0xa6],
  "f32.convert_i32_s": [0xb2],
  "f32.convert_i32_u": [0xb3],
  "f32.demote_f64": [0xb6],
  "f64.convert_i32_s": [0xb7],
  "f64.convert_i32_u": [0xb8],
  "f64.promote_f32": [0xbb],
  "i32.reinterpret_f32": [0xbc],
  "f32.reinterpret_i32": [0xbe],
  "i32.trunc_sat_f32_s": [0xfc000],
  "i32.trunc_sat_f32_u": [0xfc001],
  "i32.trunc_sat_f64_s": [0xfc002],
  "i32.trunc_sat_f64_u": [0xfc003],
  "v128.load": [0xfd000, "memory", 4],
  "v128.load8x8_s": [0xfd001, "memory", 3],
  "v128.load8x8_u": [0xfd002, "memory", 3],
  "v128.load16x4_s": [0xfd003, "memory", 3],
  "v128.load16x4_u": [0xfd004, "memory", 3],
  "v128.load32_splat": [0xfd009, "memory", 2],
  "v128.store": [0xfd00b, "memory", 4],
  "v128.load32_zero": [0xfd05c, "memory", 2],
  "v128.load64_zero": [0xfd05d, "memory", 3],
  "v128.const": [0xfd00c, "v128"],
  "i8x16.shuffle": [0xfd00d, "shuffle"],
  "i8x16.splat": [0xfd00f],
  "i16x8.splat": [0xfd010],
  "i32x4.splat": [0xfd011],
  "f32x4.splat": [0xfd013],
  "i32x4.extract_lane": [0xfd01b, "lane4"],
  "i32x4.replace_lane": [0xfd01c, "lane4"],
  "f32x4.extract_lane": [0xfd01f, "lane4"],
  "f32x4.replace_lane": [0xfd020, "lane4"],
  "i32x4.eq": [0xfd037],
  "i32x4.ne": [0xfd038],
  "i32x4.lt_s": [0xfd039],
  "i32x4.lt_u": [0xfd03a],
  "i32x4.gt_s": [0xfd03b],
  "i32x4.gt_u": [0xfd03c],
  "i32x4.le_s": [0xfd03d],
  "i32x4.le_u": [0xfd03e],
  "i32x4.ge_s": [0xfd03f],
  "i32x4.ge_u": [0xfd040],
  "f32x4.eq": [0xfd041],
  "f32x4.ne": [0xfd042],
  "f32x4.lt": [0xfd043],
  "f32x4.gt": [0xfd044],
  "f32x4.le": [0xfd045],
  "f32x4.ge": [0xfd046],
  "v128.not": [0xfd04d],
  "v128.and": [0xfd04e],
  "v128.andnot": [0xfd04f],
  "v128.or": [0xfd050],
  "v128.xor": [0xfd051],
  "v128.bitselect": [0xfd052],
  "v128.any_true": [0xfd053],
  "v128.load32_lane": [0xfd056, "memory_lane4", 2],
  "v128.store32_lane": [0xfd05a, "memory_lane4", 2],
  "v128.store64_lane": [0xfd05b, "memory_lane2", 3],
  "f32x4.ceil": [0xfd067],
  "f32x4.floor": [0xfd068],
  "f32x4.trunc": [0xfd069],
  "f32x4.nearest": [0xfd06a],
  "i16x8.narrow_i32x4_u": [0xfd086],
  "i16x8.extend_low_i8x16_s": [0xfd087],
  "i16x8.extend_high_i8x16_s": [0xfd088],
  "i16x8.extend_low_i8x16_u": [0xfd089],
  "i16x8.extend_high_i8x16_u": [0xfd08a],
  "i32x4.abs": [0xfd0a0],
  "i32x4.neg": [0xfd0a1],
  "i32x4.extend_low_i16x8_s": [0xfd0a7],
  "i32x4.extend_high_i16x8_s": [0xfd0a8],
  "i32x4.extend_low_i16x8_u": [0xfd0a9],
  "i32x4.extend_high_i16x8_u": [0xfd0aa],
  "i32x4.shl": [0xfd0ab],
  "i32x4.shr_s": [0xfd0ac],
  "i32x4.shr_u": [0xfd0ad],
  "i32x4.add": [0xfd0ae],
  "i32x4.sub": [0xfd0b1],
  "i32x4.mul": [0xfd0b5],
  "i32x4.min_s": [0xfd0b6],
  "i32x4.min_u": [0xfd0b7],
  "i32x4.max_s": [0xfd0b8],
  "i32x4.max_u": [0xfd0b9],
  "i32x4.dot_i16x8_s": [0xfd0ba],
  "f32x4.abs": [0xfd0e0],
  "f32x4.neg": [0xfd0e1],
  "f32x4.sqrt": [0xfd0e3],
  "f32x4.add": [0xfd0e4],
  "f32x4.sub": [0xfd0e5],
  "f32x4.mul": [0xfd0e6],
  "f32x4.div": [0xfd0e7],
  "f32x4.min": [0xfd0e8],
  "f32x4.max": [0xfd0e9],
  "f32x4.pmin": [0xfd0ea],
  "f32x4.pmax": [0xfd0eb],
  "i32x4.trunc_sat_f32x4_s": [0xfd0f8],
  "i32x4.trunc_sat_f32x4_u": [0xfd0f9],
  "f32x4.convert_i32x4_s": [0xfd0fa],
  "f32x4.convert_i32x4_u": [0xfd0fb],
  "f32x4.relaxed_madd": [0xfd105],
  "f32x4.relaxed_nmadd": [0xfd106],
  "memory.atomic.notify": [0xfe000, "memory", 2],
  "memory.atomic.wait32": [0xfe001, "memory", 2],
  "i32.atomic.load": [0xfe010, "memory", 2],
  "i32.atomic.store": [0xfe017, "memory", 2],
  "i32.atomic.rmw.add": [0xfe01e, "memory", 2],
} as const;

/** Name of an instruction, as in Wasm's text format. */
export type Op = keyof typeof TABLE;

/** One instruction: its name and its immediates. A function is called by its name. */
export type Instr = readonly [op: Op, ...immediates: readonly (number | string)[]];

/** Facts about an instruction. */
export interface OpInfo {
  readonly code: number;
  readonly immediate: Immediate;
  /** Exponent of the natural alignment of the memory that it accesses. */
  readonly align: number;
}

/** Every instruction. */
export const OPS: Readonly<Record<Op, OpInfo>> = Object.fromEntries(
  Object.entries<Row>(TABLE).map(([op, [code, immediate = "none", align = 0]]) => [
    op,
    { code, immediate, align },
  ]),
) as Record<Op, OpInfo>;
