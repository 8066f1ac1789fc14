/**
 * The few error classes of Weft. Each message says what was attempted, on what, what was found and what would
 * work; the facts are fields, so that a program can react to them without reading the text.
 *
 * @module
 */

/** Base class of every error that Weft throws on purpose. */
export class WeftError extends Error {
  override readonly name: string = "WeftError";
}

/** Where a shape error happened. */
export interface ErrorPlace {
  /** Path of the module, such as `h.0.attn`; empty outside of modules. */
  readonly path?: string;
  /** The line that applied the operator, as `LOCATION:LINE:COLUMN`. */
  readonly at?: string | undefined;
}

/** Shapes, dtypes or axes of an operator do not fit. */
export class ShapeError extends WeftError {
  override readonly name: string = "ShapeError";
  /** Operator that refused, for example `"matmul"`. */
  readonly op: string;
  /** What is wrong, without the place: the words that the type checker uses too. */
  readonly reason: string;
  /** Path of the module, such as `h.0.attn`; empty outside of modules. */
  readonly path: string;
  /** The line that applied the operator, as `LOCATION:LINE:COLUMN`, if it is known. */
  readonly at: string | undefined;

  /** Builds the error of operator `op`. The text says the place too, with the file's name alone. */
  constructor(op: string, reason: string, place: ErrorPlace = {}) {
    const { path = "", at } = place;
    const shortAt = at === undefined ? "" : `\n    at ${at.slice(at.lastIndexOf("/") + 1)}`;
    super(`${path === "" ? "" : `${path}: `}${reason}${shortAt}`);
    this.op = op;
    this.reason = reason;
    this.path = path;
    this.at = at;
  }
}

/** A printed graph, nest or schedule cannot be read back. */
export class ParseError extends WeftError {
  override readonly name: string = "ParseError";
  /** Line of the fault, counted from 1. */
  readonly line: number;
  /** Column of the fault, counted from 1. */
  readonly column: number;

  /** Builds the error for a position of the text. */
  constructor(message: string, line: number, column: number) {
    super(`${line}:${column}: ${message}`);
    this.line = line;
    this.column = column;
  }
}

/** A graph or nest breaks a rule of the IR; all broken rules are listed. */
export class VerifyError extends WeftError {
  override readonly name: string = "VerifyError";
  /** One entry a broken rule: `rule: what, where`. */
  readonly problems: readonly string[];

  /** Builds the error from the list of broken rules. */
  constructor(subject: string, problems: readonly string[]) {
    super(`Cannot accept ${subject}:\n${problems.map((p) => `  - ${p}`).join("\n")}`);
    this.problems = problems;
  }
}

/** A schedule step is not legal on a nest. */
export class ScheduleError extends WeftError {
  override readonly name: string = "ScheduleError";
  /** Primitive or rule that refused. */
  readonly step: string;

  /** Builds the error of schedule step `step`. */
  constructor(step: string, message: string) {
    super(message);
    this.step = step;
  }
}

/** Something valid that this target, device or version cannot do. */
export class UnsupportedError extends WeftError {
  override readonly name: string = "UnsupportedError";
}

/** The device refused, failed or was lost. */
export class DeviceError extends WeftError {
  override readonly name: string = "DeviceError";
  /** What kind of failure: what a caller may want to branch on. */
  readonly reason: "unavailable" | "limit" | "validation" | "lost" | "out-of-memory" | "internal";

  /** Builds the error with its reason. */
  constructor(reason: DeviceError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** A checkpoint does not fit the model or its file is malformed. */
export class WeightsError extends WeftError {
  override readonly name: string = "WeightsError";
  /** One entry a fault (missing, unexpected, misshapen tensors; malformed header...). */
  readonly problems: readonly string[];

  /** Builds the error from the list of faults. */
  constructor(message: string, problems: readonly string[] = [], options?: ErrorOptions) {
    super(
      problems.length === 0 ? message : `${message}\n${problems.map((p) => `  - ${p}`).join("\n")}`,
      options,
    );
    this.problems = problems;
  }
}

/** A configuration file or option has a value that cannot be used. */
export class ConfigError extends WeftError {
  override readonly name: string = "ConfigError";
}

/** Input to a run (token ids, lengths, tensors) is out of range. */
export class InputError extends WeftError {
  override readonly name: string = "InputError";
}
