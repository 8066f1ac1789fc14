/**
 * Arithmetic on natural numbers written as decimal strings, for the type checker.
 *
 * TypeScript does not calculate with number literals. Counting with tuple lengths, the usual way round that,
 * is slow and silently becomes `any` at ten thousand elements; schoolbook arithmetic on digits is exact for
 * any size.
 *
 * @module
 */

/** A decimal digit. */
export type Digit = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9";

type Carry = "0" | "1";

/** `Sums[a][b]` is `a + b` with two digits. Row 10 is row 9 with a carry. */
interface Sums {
  "0": ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09"];
  "1": ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10"];
  "2": ["02", "03", "04", "05", "06", "07", "08", "09", "10", "11"];
  "3": ["03", "04", "05", "06", "07", "08", "09", "10", "11", "12"];
  "4": ["04", "05", "06", "07", "08", "09", "10", "11", "12", "13"];
  "5": ["05", "06", "07", "08", "09", "10", "11", "12", "13", "14"];
  "6": ["06", "07", "08", "09", "10", "11", "12", "13", "14", "15"];
  "7": ["07", "08", "09", "10", "11", "12", "13", "14", "15", "16"];
  "8": ["08", "09", "10", "11", "12", "13", "14", "15", "16", "17"];
  "9": ["09", "10", "11", "12", "13", "14", "15", "16", "17", "18"];
  "10": ["10", "11", "12", "13", "14", "15", "16", "17", "18", "19"];
}

/** `Products[a][b]` is `a * b` with two digits. */
interface Products {
  "0": ["00", "00", "00", "00", "00", "00", "00", "00", "00", "00"];
  "1": ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09"];
  "2": ["00", "02", "04", "06", "08", "10", "12", "14", "16", "18"];
  "3": ["00", "03", "06", "09", "12", "15", "18", "21", "24", "27"];
  "4": ["00", "04", "08", "12", "16", "20", "24", "28", "32", "36"];
  "5": ["00", "05", "10", "15", "20", "25", "30", "35", "40", "45"];
  "6": ["00", "06", "12", "18", "24", "30", "36", "42", "48", "54"];
  "7": ["00", "07", "14", "21", "28", "35", "42", "49", "56", "63"];
  "8": ["00", "08", "16", "24", "32", "40", "48", "56", "64", "72"];
  "9": ["00", "09", "18", "27", "36", "45", "54", "63", "72", "81"];
}

interface Successor {
  "0": "1";
  "1": "2";
  "2": "3";
  "3": "4";
  "4": "5";
  "5": "6";
  "6": "7";
  "7": "8";
  "8": "9";
  "9": "10";
}

/** `Nines[d]` is `9 - d`. */
type Nines = ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"];

type Row<A extends Digit, C extends Carry> = C extends "0" ? A : Successor[A];

type Reverse<S extends string, Out extends string = ""> = S extends `${infer D}${infer Rest}`
  ? Reverse<Rest, `${D}${Out}`>
  : Out;

/** Drops leading zeros. */
type Trim<S extends string> = S extends `0${infer Rest}` ? Rest extends "" ? "0" : Trim<Rest> : S;

/** `A + B`. */
export type AddN<A extends string, B extends string> = A extends "0" ? B
  : B extends "0" ? A
  : AddReversed<Reverse<A>, Reverse<B>>;

/** Adds from the last digit on; `Out` is the part of the sum that is known. */
type AddReversed<A extends string, B extends string, C extends Carry = "0", Out extends string = ""> =
  A extends `${infer X extends Digit}${infer P}`
    ? B extends `${infer Y extends Digit}${infer Q}`
      ? Sums[Row<X, C>][Y] extends `${infer Next extends Carry}${infer D}`
        ? AddReversed<P, Q, Next, `${D}${Out}`>
      : never
    : C extends "0" ? `${Reverse<A>}${Out}`
    : AddReversed<A, "1", "0", Out>
    : B extends "" ? C extends "0" ? Out : `1${Out}`
    : AddReversed<B, "", C, Out>;

/** `A - B`, or `undefined` if that is negative. */
export type SubtractN<A extends string, B extends string> = B extends "0" ? A
  : A extends B ? "0"
  : SubtractReversed<Reverse<A>, Reverse<B>>;

/** Adds the nine's complement of `B` and 1; a carry out of the first digit says that `A >= B`. */
type SubtractReversed<A extends string, B extends string, C extends Carry = "1", Out extends string = ""> =
  A extends `${infer X extends Digit}${infer P}`
    ? B extends `${infer Y extends Digit}${infer Q}`
      ? Sums[Row<X, C>][Nines[Y]] extends `${infer Next extends Carry}${infer D}`
        ? SubtractReversed<P, Q, Next, `${D}${Out}`>
      : never
    : C extends "1" ? Trim<`${Reverse<A>}${Out}`>
    : SubtractReversed<A, "0", C, Out>
    : B extends "" ? C extends "1" ? Trim<Out> : undefined
    : undefined;

/** `A * B`. */
export type MultiplyN<A extends string, B extends string> = A extends "0" ? "0"
  : A extends "1" ? B
  : B extends "0" ? "0"
  : B extends "1" ? A
  : MultiplyDigits<A, B>;

/** Takes the digits of `B` from the first: each makes the product so far ten times as large. */
type MultiplyDigits<A extends string, B extends string, Out extends string = "0"> = B extends
  `${infer D extends Digit}${infer Rest}`
  ? MultiplyDigits<A, Rest, AddN<Out extends "0" ? "0" : `${Out}0`, TimesDigit<A, D>>>
  : Out;

/** `A` times one digit: the last digits of the products, plus their first digits one place further left. */
type TimesDigit<A extends string, B extends Digit, High extends string = "", Low extends string = ""> =
  A extends `${infer D extends Digit}${infer Rest}`
    ? Products[D][B] extends `${infer H}${infer L}` ? TimesDigit<Rest, B, `${High}${H}`, `${Low}${L}`> : never
    : AddN<Trim<`${High}0`>, Trim<Low>>;

/** `A / B` if it is exact, else `undefined`. */
export type DivideN<A extends string, B extends string> = B extends "0" ? undefined
  : B extends "1" ? A
  : A extends B ? "1"
  : DivideDigits<A, B>;

/** `A / B` rounded down; `B` is not 0. */
export type FloorN<A extends string, B extends string> = B extends "1" ? A : FloorDigits<A, B>;

type FloorDigits<A extends string, B extends string, Rest extends string = "0", Out extends string = "0"> =
  A extends `${infer D}${infer More}`
    ? CountOf<Trim<`${Rest}${D}`>, B> extends [infer Q extends string, infer R extends string]
      ? FloorDigits<More, B, R, Trim<`${Out}${Q}`>>
    : never
    : Out;

/** Long division: brings the digits of `A` down one by one. */
type DivideDigits<A extends string, B extends string, Rest extends string = "0", Out extends string = "0"> =
  A extends `${infer D}${infer More}`
    ? CountOf<Trim<`${Rest}${D}`>, B> extends [infer Q extends string, infer R extends string]
      ? DivideDigits<More, B, R, Trim<`${Out}${Q}`>>
    : never
    : Rest extends "0" ? Out
    : undefined;

/** How often `B` goes into `A` (at most 9 times), and what is left. */
type CountOf<A extends string, B extends string, Count extends Digit = "0"> = SubtractN<A, B> extends
  infer Rest extends string ? CountOf<Rest, B, Extract<Successor[Count], Digit>>
  : [Count, A];
