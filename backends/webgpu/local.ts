/**
 * Buffers inside a kernel: a thread's own variables and memory of a workgroup.
 *
 * @module
 */
import { type DType, DTYPES } from "../../ir/dtype.ts";
import { DeviceError, UnsupportedError } from "../../ir/errors.ts";
import type { Buffer } from "../../ir/stmt.ts";
import { VECTOR_LANES } from "../expand.ts";
import { type Context, helper, type Place, write, type Writer } from "./context.ts";
import { spanOf } from "./ints.ts";
import { component, vectorAccess, wgslType } from "./types.ts";

/** Declares a local or workgroup buffer and says how to get at it. */
export function declareLocal(ctx: Context, out: Writer, buffer: Buffer): Place {
  const size = spanOf(buffer);
  if (buffer.scope === "global" || size === undefined) {
    throw new UnsupportedError(
      `Cannot generate WGSL of ${ctx.launch.name}: ` +
        (buffer.scope === "global"
          ? `buffer ${buffer.name} is in global scope but allocated inside a nest; allocate it around all nests`
          : `buffer ${buffer.name} in ${buffer.scope} scope needs a constant size, not one that depends on dims`),
    );
  }
  const name = ctx.names.of(buffer.name);
  if (ctx.use.registers.has(buffer.name)) return declareRegisters(ctx, out, buffer, name, size);
  const scalar = size <= 1;
  const element = wgslType(DTYPES[buffer.dtype].register, ctx.target.f16);
  const vectors = !scalar && size % VECTOR_LANES === 0 && ctx.use.vectors.has(buffer.name) &&
    isWord(buffer.dtype, ctx.target.f16);
  const type = scalar
    ? element
    : vectors
    ? `array<vec${VECTOR_LANES}<${element}>, ${size / VECTOR_LANES}>`
    : `array<${element}, ${size}>`;
  if (buffer.scope === "local") write(out, `var ${name}: ${type};`);
  else if (!ctx.shared.declarations.has(name)) {
    ctx.shared.declarations.set(name, `var<workgroup> ${name}: ${type};`);
    ctx.shared.bytes += size * (element === "f16" ? 2 : 4);
    checkShared(ctx);
  }
  const at = (
    index: string,
  ): string => (scalar ? name : vectors ? component(name, index) : `${name}[${index}]`);
  return {
    buffer,
    scalar,
    load: at,
    store: (index, value) => `${at(index)} = ${narrowed(ctx, buffer.dtype, value)};`,
    ...(vectors ? { vector: vectorAccess(name) } : {}),
  };
}

/** A buffer that is accessed at constant places only: variables, vectors where it is accessed as such. */
function declareRegisters(ctx: Context, out: Writer, buffer: Buffer, name: string, size: number): Place {
  const element = wgslType(DTYPES[buffer.dtype].register, ctx.target.f16);
  const vectors = ctx.use.vectors.has(buffer.name) && size % VECTOR_LANES === 0;
  const step = vectors ? VECTOR_LANES : 1;
  for (let i = 0; i < size / step; i++) {
    write(out, `var ${name}_${i}: ${vectors ? `vec${VECTOR_LANES}<${element}>` : element};`);
  }
  const at = (index: string): string => {
    const i = Number(index);
    return vectors ? `${name}_${i >> 2}.${"xyzw"[i & 3]}` : `${name}_${i}`;
  };
  return {
    buffer,
    scalar: false,
    load: at,
    store: (index, value) => `${at(index)} = ${narrowed(ctx, buffer.dtype, value)};`,
    ...(vectors && isWord(buffer.dtype, ctx.target.f16)
      ? {
        vector: {
          load: (quad) => `${name}_${quad}`,
          store: (quad, value) => `${name}_${quad} = ${value};`,
        },
      }
      : {}),
  };
}

/** Whether a value is in memory as it is in a register. */
export function isWord(dtype: DType, f16: boolean): boolean {
  return dtype === "f32" || dtype === "i32" || dtype === "u32" || (dtype === "f16" && f16);
}

function checkShared(ctx: Context): void {
  const { bytes } = ctx.shared;
  const { maxWorkgroupMemory, name } = ctx.target;
  if (bytes <= maxWorkgroupMemory) return;
  throw new DeviceError(
    "limit",
    `Cannot generate WGSL of ${ctx.launch.name}: it needs ${bytes} bytes of workgroup memory, ${name} has ` +
      `${maxWorkgroupMemory}; use smaller tiles`,
  );
}

/** A value as a store to memory of this dtype would leave it. */
function narrowed(ctx: Context, dtype: DType, value: string): string {
  switch (dtype) {
    case "f32":
    case "i32":
    case "u32":
    case "bool":
      return value;
    case "f16":
      return ctx.target.f16 ? value : `${helper(ctx, "round_f16")}(${value})`;
    case "bf16":
      return `${helper(ctx, "round_bf16")}(${value})`;
    case "i8":
      return `${helper(ctx, "i8_from_bits")}(bitcast<u32>(${value}))`;
    case "u8":
      return `(${value}) & 0xffu`;
    default:
      return dtype satisfies never;
  }
}
