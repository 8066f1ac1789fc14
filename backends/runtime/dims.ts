/**
 * Values of symbolic dims, found from the shapes of what a call is given.
 *
 * @module
 */
import { dimEquals, dimVars, evalDim, printShape, type Shape } from "../../ir/dim.ts";
import { InputError } from "../../ir/errors.ts";

/** Dim values by name. */
export type DimValues = Readonly<Record<string, number>>;

/**
 * Finds the dims of a call: each shape is compared with what it is declared as. Throws {@linkcode InputError} where
 * ranks or sizes do not fit, two inputs disagree, or a bound is exceeded.
 */
export function solveDims(
  what: string,
  given: readonly { readonly name: string; readonly declared: Shape; readonly actual: readonly number[] }[],
  bounds: Readonly<Record<string, number>>,
): DimValues {
  const values: Record<string, number> = {};
  const from: Record<string, string> = {};
  for (const { name, declared, actual } of given) {
    const fits = declared.length === actual.length;
    if (!fits) {
      throw new InputError(`${what}: ${name} is ${printShape(actual)}, expected ${printShape(declared)}`);
    }
    declared.forEach((dim, d) => {
      const size = actual[d] ?? 0;
      const [only] = typeof dim === "string" ? dimVars(dim) : [];
      if (only === undefined || !dimEquals(dim, only)) return;
      const known = values[only];
      if (known !== undefined && known !== size) {
        throw new InputError(
          `${what}: dim ${only} is ${known} in ${from[only]} and ${size} in ${name}, which is ${
            printShape(actual)
          }`,
        );
      }
      values[only] = size;
      from[only] = name;
    });
  }
  for (const { name, declared, actual } of given) {
    declared.forEach((dim, d) => {
      const missing = dimVars(dim).find((v) => values[v] === undefined);
      if (missing !== undefined) {
        throw new InputError(`${what}: dim ${missing} of ${name} is not determined by any input`);
      }
      if (evalDim(dim, values) !== actual[d]) {
        const names = dimVars(dim).map((v) => `${v} = ${values[v]}`).join(", ");
        throw new InputError(
          `${what}: ${name} is ${printShape(actual)}, expected ${printShape(declared)}${
            names === "" ? "" : ` with ${names}`
          }`,
        );
      }
    });
  }
  checkBounds(what, values, bounds);
  return values;
}

/** Throws {@linkcode InputError} where a dim exceeds its bound. */
export function checkBounds(what: string, values: DimValues, bounds: Readonly<Record<string, number>>): void {
  for (const [dim, bound] of Object.entries(bounds)) {
    if (dimVars(dim).some((v) => values[v] === undefined)) continue;
    const value = evalDim(dim, values);
    if (value > bound) throw new InputError(`${what}: ${dim} is ${value}, more than its bound ${bound}`);
  }
}
