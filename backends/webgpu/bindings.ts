/**
 * How a kernel's buffers are bound, declared, loaded from and stored to.
 *
 * `f32`, `i32` and `u32` are arrays of their own type, `f16` too where the target has it. Smaller dtypes lie packed in
 * 32-bit words; where such a buffer is written its words are atomic, so that threads can write neighbours
 * without seeing each other. A buffer over the target's binding limit is bound in several parts.
 *
 * @module
 */
import { type DType, DTYPES } from "../../ir/dtype.ts";
import { DeviceError } from "../../ir/errors.ts";
import { VECTOR_LANES } from "../expand.ts";
import type { Target } from "../../ir/target.ts";
import type { Launch, LaunchBuffer } from "../lower.ts";
import { spanOf } from "./ints.ts";
import type { Helper } from "./math.ts";
import type { Names } from "./names.ts";
import { component, vectorAccess } from "./types.ts";

/** One binding of a kernel: a part of one of its launch's buffers. */
export interface Binding {
  /** Index in `launch.buffers`. */
  readonly buffer: number;
  /** The part covers bytes from here on, up to the next part or the end. */
  readonly offset: number;
  /** Bytes at most, where the buffer has several parts. */
  readonly maxBytes?: number;
  /** Whether the kernel writes it. */
  readonly writable: boolean;
}

/** How generated code gets at a global buffer. */
export interface BufferText {
  /** Declarations at module level, functions included. */
  readonly declarations: readonly string[];
  readonly bindings: readonly Binding[];
  readonly helpers: readonly Helper[];
  /** The widened element at a flat index. */
  load(index: string): string;
  /** The statement that narrows and stores a value at a flat index. */
  store(index: string, value: string): string;
  /** The same for four elements; see `Place`. */
  readonly vector?: {
    load(quad: string): string;
    store(quad: string, value: string): string;
  };
}

/** Where and how to declare a buffer. */
export interface BufferPlacing {
  /** Bindings that it comes in, and the number of the first. */
  readonly parts: number;
  readonly first: number;
  /** Whether the kernel loads or stores whole vectors of it. */
  readonly vectors: boolean;
  readonly target: Target;
  readonly names: Names;
}

/** Bytes of each part but the last of a buffer that is bound in parts. */
export function partBytes(target: Target): number {
  return Math.floor(target.maxBindingSize / 256) * 256;
}

/** Parts that each buffer of a launch needs: more than one only where the size is constant and over the limit. */
export function partsOf(launch: Launch, target: Target): readonly number[] {
  return launch.buffers.map(({ buffer }) => {
    const bytes = (spanOf(buffer) ?? 0) * DTYPES[buffer.dtype].bytes;
    return bytes <= target.maxBindingSize ? 1 : Math.ceil(bytes / partBytes(target));
  });
}

/** Throws {@linkcode DeviceError} `limit` where a launch needs more bindings than the target has. */
export function checkBindings(launch: Launch, target: Target, parts: readonly number[]): void {
  const needed = parts.reduce((a, b) => a + b, 0);
  if (needed <= target.maxBindings) return;
  const list = launch.buffers.map((b, i) =>
    (parts[i] ?? 1) > 1 ? `${b.buffer.name} in ${parts[i]} parts` : b.buffer.name
  );
  throw new DeviceError(
    "limit",
    `Cannot generate WGSL of ${launch.name}: it binds ${needed} buffers (${
      list.join(", ")
    }), ${target.name} ` +
      `allows ${target.maxBindings} a kernel; fuse fewer operators into it or store weights in a smaller dtype`,
  );
}

interface Stored {
  /** Element type of the WGSL array. */
  readonly element: string;
  /** Elements in a word, and how a word's field becomes a value and back; absent for native arrays. */
  readonly packed?: {
    readonly perWord: 2 | 4;
    readonly decode: (bits: string) => string;
    readonly encode: (value: string) => string;
    readonly helpers: { readonly load?: Helper; readonly store?: Helper };
    readonly register: string;
  };
}

function storedAs(dtype: DType, f16: boolean): Stored {
  const same = (bits: string): string => bits;
  switch (dtype) {
    case "f32":
    case "i32":
    case "u32":
      return { element: dtype };
    case "f16":
      if (f16) return { element: "f16" };
      return packed(2, "f32", (b) => `f16_from_bits(${b})`, (v) => `f16_to_bits(${v})`, {
        load: "f16_from_bits",
        store: "f16_to_bits",
      });
    case "bf16":
      return packed(2, "f32", (b) => `bf16_from_bits(${b})`, (v) => `bf16_to_bits(${v})`, {
        load: "bf16_from_bits",
        store: "bf16_to_bits",
      });
    case "i8":
      return packed(4, "i32", (b) => `i8_from_bits(${b})`, (v) => `bitcast<u32>(${v})`, {
        load: "i8_from_bits",
      });
    case "u8":
      return packed(4, "u32", (b) => `(${b}) & 0xffu`, same, {});
    case "bool":
      return packed(4, "bool", (b) => `((${b}) & 0xffu) != 0u`, (v) => `select(0u, 1u, ${v})`, {});
    default:
      return dtype satisfies never;
  }
}

function packed(
  perWord: 2 | 4,
  register: string,
  decode: (bits: string) => string,
  encode: (value: string) => string,
  helpers: { readonly load?: Helper; readonly store?: Helper },
): Stored {
  return { element: "u32", packed: { perWord, register, decode, encode, helpers } };
}

/** Declares buffer number `index` of a launch. */
export function bufferText(
  { buffer, access }: LaunchBuffer,
  index: number,
  placing: BufferPlacing,
): BufferText {
  const { parts, first, target, names } = placing;
  const stored = storedAs(buffer.dtype, target.f16);
  const { packed: pack } = stored;
  const writable = access !== "read";
  // Single elements of a vector cannot be stored through the function that chooses a part.
  const vectors = placing.vectors && pack === undefined && (parts === 1 || !writable);
  const atomic = writable && pack !== undefined;
  const step = partBytes(target);
  const name = names.of(buffer.name);
  const arrays = parts === 1
    ? [name]
    : Array.from({ length: parts }, (_, part) => names.fresh(`${name}_${part}`));
  const element = atomic ? "atomic<u32>" : vectors ? `vec${VECTOR_LANES}<${stored.element}>` : stored.element;
  const mode = writable ? "read_write" : "read";
  const declarations = arrays.map((array, part) =>
    `@group(0) @binding(${first + part}) var<storage, ${mode}> ${array}: array<${element}>;`
  );
  const bindings = arrays.map((_, part): Binding => ({
    buffer: index,
    offset: part * step,
    writable,
    ...(parts === 1 ? {} : { maxBytes: step }),
  }));
  if (vectors && parts === 1) {
    return {
      declarations,
      bindings,
      helpers: [],
      load: (i) => component(name, i),
      store: (i, value) => `${component(name, i)} = ${value};`,
      vector: vectorAccess(name),
    };
  }
  if (pack === undefined && parts === 1) {
    return {
      declarations,
      bindings,
      helpers: [],
      load: (i) => `${name}[${i}]`,
      store: (i, value) => `${name}[${i}] = ${value};`,
    };
  }
  const bytes = pack === undefined ? DTYPES[buffer.dtype].bytes * (vectors ? VECTOR_LANES : 1) : 4;
  const perPart = step / bytes;
  const functions: string[] = [];
  /** `text` of the array and position that `i` (an element of the WGSL arrays) is at, part by part. */
  const choose = (text: (array: string, at: string) => string): string[] =>
    arrays.map((array, part) => {
      const at = text(array, part === 0 ? "i" : `i - ${part * perPart}`);
      return part === arrays.length - 1 ? `  ${at}` : `  if (i < ${(part + 1) * perPart}) { ${at} }`;
    });
  const loadName = names.fresh(`load_${name}`);
  const storeName = names.fresh(`store_${name}`);

  if (pack === undefined) {
    if (access !== "write") {
      functions.push(
        `fn ${loadName}(i: i32) -> ${element} {`,
        ...choose((array, at) => `return ${array}[${at}];`),
        "}",
      );
    }
    if (writable) {
      functions.push(
        `fn ${storeName}(i: i32, value: ${element}) {`,
        ...choose((array, at) => `${array}[${at}] = value;${parts > 1 ? " return;" : ""}`),
        "}",
      );
    }
  } else {
    const shift = pack.perWord === 2 ? "(n & 1) << 4u" : "(n & 3) << 3u";
    const word = pack.perWord === 2 ? "n >> 1u" : "n >> 2u";
    if (access !== "write") {
      const one = (array: string, at: string): string => {
        const value = atomic ? `atomicLoad(&${array}[${at}])` : `${array}[${at}]`;
        return `return ${pack.decode(`${value} >> shift`)};`;
      };
      functions.push(
        `fn ${loadName}(n: i32) -> ${pack.register} {`,
        `  let i = ${word};`,
        `  let shift = u32(${shift});`,
        ...choose(one),
        "}",
      );
    }
    if (writable) {
      const mask = pack.perWord === 2 ? "0xffffu" : "0xffu";
      const one = (array: string, at: string): string =>
        `atomicAnd(&${array}[${at}], ~(${mask} << shift)); atomicOr(&${array}[${at}], bits);${
          parts > 1 ? " return;" : ""
        }`;
      functions.push(
        `fn ${storeName}(n: i32, value: ${pack.register}) {`,
        `  let i = ${word};`,
        `  let shift = u32(${shift});`,
        `  let bits = (${pack.encode("value")} & ${mask}) << shift;`,
        ...choose(one),
        "}",
      );
    }
  }
  const helpers = [
    access === "write" ? undefined : pack?.helpers.load,
    writable ? pack?.helpers.store : undefined,
  ];
  const loadVector = (quad: string): string => `${loadName}(${quad})`;
  const store = (i: string, value: string): string => `${storeName}(${i}, ${value});`;
  return {
    declarations: [...declarations, ...functions],
    bindings,
    helpers: helpers.filter((h): h is Helper => h !== undefined),
    load: (i) => (vectors ? `${loadVector(`(${i}) >> 2u`)}[(${i}) & 3]` : `${loadName}(${i})`),
    store,
    ...(vectors ? { vector: { load: loadVector, store } } : {}),
  };
}
