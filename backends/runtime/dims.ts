/**
 * Values of symbolic dims, found from the shapes of what a call is given.
 *
 * @module
 */
import { type Dim, dimEquals, dimTerms, dimVars, evalDim, printShape, type Shape } from "../../ir/dim.ts";
import { InputError } from "../../ir/errors.ts";

/** Dim values by name. */
export type DimValues = Readonly<Record<string, number>>;

/** An input of a call: the shape that it is declared with, and the sizes that it has. */
export interface GivenShape {
  readonly name: string;
  readonly declared: Shape;
  readonly actual: readonly number[];
}

/**
 * Finds the dims of a call: each shape is compared with what it is declared as. A size says what a dim is (`n`), or
 * the one dim in a sum or product that no other says (`2*n`, or `past+s` where `past` is known).
 *
 * Throws {@linkcode InputError} where ranks or sizes do not fit, two inputs disagree, or a bound is exceeded.
 */
export function solveDims(
  what: string,
  given: readonly GivenShape[],
  bounds: Readonly<Record<string, number>>,
): DimValues {
  for (const { name, declared, actual } of given) {
    if (declared.length !== actual.length) {
      throw new InputError(`${what}: ${name} is ${printShape(actual)}, expected ${printShape(declared)}`);
    }
  }
  // Without a prototype: a dim may be called like a method of Object.
  const values: Record<string, number> = Object.create(null);
  const from: Record<string, string> = Object.create(null);
  for (const { name, declared, actual } of given) {
    declared.forEach((dim, d) => {
      const [only] = dimVars(dim);
      if (only === undefined || !dimEquals(dim, only)) return;
      const [known, size] = [values[only], actual[d] ?? 0];
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
  while (given.some((shape) => solveOne(what, shape, values)));
  for (const shape of given) checkShape(what, shape, values);
  checkBounds(what, values, bounds);
  return values;
}

/** Finds a dim that is the only unknown one of an axis; whether there was one. */
function solveOne(what: string, shape: GivenShape, values: Record<string, number>): boolean {
  const { name, declared, actual } = shape;
  return declared.some((dim, d) => {
    const [unknown, ...more] = dimVars(dim).filter((v) => values[v] === undefined);
    if (unknown === undefined || more.length > 0) return false;
    // dim = factor * unknown + rest
    let [factor, rest] = [0, 0];
    for (const { coef, vars } of dimTerms(dim)) {
      const others = vars.filter((v) => v !== unknown);
      const product = others.reduce((all, v) => all * (values[v] ?? 0), coef);
      if (others.length === vars.length) rest += product;
      else if (others.length === vars.length - 1) factor += product;
      else return false;
    }
    if (factor === 0) return false;
    const size = ((actual[d] ?? 0) - rest) / factor;
    if (!Number.isInteger(size) || size < 0) {
      throw new InputError(
        `${what}: ${name} is ${printShape(actual)}, expected ${
          printShape(declared)
        }: there is no ${unknown} for ` +
          `${dim} = ${actual[d]}${known(dim, values)}`,
      );
    }
    values[unknown] = size;
    return true;
  });
}

function checkShape(what: string, { name, declared, actual }: GivenShape, values: DimValues): void {
  declared.forEach((dim, d) => {
    const missing = dimVars(dim).find((v) => values[v] === undefined);
    if (missing !== undefined) {
      throw new InputError(`${what}: dim ${missing} of ${name} is not determined by any input`);
    }
    if (evalDim(dim, values) === actual[d]) return;
    throw new InputError(
      `${what}: ${name} is ${printShape(actual)}, expected ${printShape(declared)}${known(dim, values)}`,
    );
  });
}

/** The values of a dim's names that are known: ` with past = 3, s = 2`. */
function known(dim: Dim, values: DimValues): string {
  const names = dimVars(dim).filter((v) => values[v] !== undefined).map((v) => `${v} = ${values[v]}`);
  return names.length === 0 ? "" : ` with ${names.join(", ")}`;
}

/** Throws {@linkcode InputError} where a dim exceeds its bound. */
export function checkBounds(what: string, values: DimValues, bounds: Readonly<Record<string, number>>): void {
  for (const [dim, bound] of Object.entries(bounds)) {
    if (dimVars(dim).some((v) => values[v] === undefined)) continue;
    const value = evalDim(dim, values);
    if (value > bound) throw new InputError(`${what}: ${dim} is ${value}, more than its bound ${bound}`);
  }
}
