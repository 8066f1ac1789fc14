/**
 * Names of dims and axes, for the type checker: letters, digits and `_`, no digit first.
 *
 * @module
 */
import type { Digit } from "./digits.ts";

/** @internal Whether a text is a name. */
export type IsName<W extends string> = Lowercase<W> extends `${Letter}${infer Rest}` ? IsTail<Rest> : false;

/** @internal Whether a text is an integer from 0, as it is printed. */
export type IsInteger<W extends string> = W extends "0" ? true : W extends `0${string}` ? false : IsDigits<W>;

type IsDigits<W extends string> = W extends `${Digit}${infer Rest}` ? Rest extends "" ? true : IsDigits<Rest>
  : false;

type IsTail<W extends string> = W extends "" ? true
  : W extends `${Letter | Digit}${infer Rest}` ? IsTail<Rest>
  : false;

type Letter =
  | ("_" | "a" | "b" | "c" | "d" | "e" | "f" | "g" | "h" | "i" | "j" | "k" | "l" | "m")
  | ("n" | "o" | "p" | "q" | "r" | "s" | "t" | "u" | "v" | "w" | "x" | "y" | "z");
