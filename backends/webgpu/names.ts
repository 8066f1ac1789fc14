/**
 * WGSL identifiers for the names of the IR.
 *
 * @module
 */

/** Keywords and reserved words of WGSL. */
const RESERVED =
  `alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if
let loop override requires return struct switch true var while
NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become binding_array cast
catch class co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast
consteval constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit
export extends extern external fallthrough filter final finally friend from fxgroup get goto groupshared highp impl
implements import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut
mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null nullptr of
operator package packoffset partition pass patch pixelfragment precise precision premerge priv protected pub public
readonly ref regardless register reinterpret_cast require resource restrict self set shared sizeof smooth snorm
static static_assert static_cast std subroutine super target template this thread_local throw trait try type typedef
typeid typename typeof union unless unorm unsafe unsized use using varying virtual volatile wgsl where with writeonly
yield`.split(/\s+/);

/** Predeclared names that generated code uses, so that a buffer called `max` must not hide them. */
const PREDECLARED =
  `abs array atomic atomicAnd atomicLoad atomicOr bitcast bool ceil clamp cos exp f16 f32 floor i32 inverseSqrt log
max min pack2x16float pow round select sign sin sqrt tan tanh u32 unpack2x16float vec2 vec3 vec4 workgroupBarrier`
    .split(/\s+/);

/** Names that the generated frame declares itself. */
const FRAME = "main u wg tid num block bx by bz tx ty tz gx gy blocks".split(" ");

/** Gives every name of a launch an identifier of its own; the same names in the same order give the same ones. */
export interface Names {
  /** The identifier of an IR name: always the same one. */
  of(name: string): string;
  /** A new identifier like `base`. */
  fresh(base: string): string;
}

/** An empty name table that keeps clear of WGSL's own words, of the frame and of `taken`. */
export function createNames(taken: Iterable<string>): Names {
  const used = new Set([...RESERVED, ...PREDECLARED, ...FRAME, ...taken]);
  const known = new Map<string, string>();
  const fresh = (base: string): string => {
    const stem = sanitize(base);
    let candidate = stem;
    for (let n = 1; used.has(candidate); n++) candidate = `${stem}_${n}`;
    used.add(candidate);
    return candidate;
  };
  return {
    fresh,
    of(name) {
      const found = known.get(name) ?? fresh(name);
      known.set(name, found);
      return found;
    },
  };
}

/** Only ASCII letters, digits and single underscores, a letter first. */
function sanitize(name: string): string {
  const text = name.replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  return /^[A-Za-z]/.test(text) ? text : `v${text}`;
}
