import { assertEquals } from "@std/assert";
import type { Device } from "../../backends/backend.ts";
import { deviceDataTest } from "../support/devices.ts";
import { type Case, loadSuite } from "./webnn/data.ts";
import { type Outcome, runCases } from "./webnn/run.ts";

/** A line an operator: passed, failed, not supported and why. */
function report(target: string, outcomes: ReadonlyMap<string, Outcome>): string {
  const lines = [...outcomes].map(([name, { passed, failed, unsupported }]) => {
    const reasons = [...unsupported].map(([reason, n]) => `${n} not supported (${reason})`);
    return [`  ${name}: ${passed} passed, ${failed.length} failed`, ...reasons].join(", ");
  });
  const sum = (of: (o: Outcome) => number): number => [...outcomes.values()].reduce((n, o) => n + of(o), 0);
  const passed = sum((o) => o.passed);
  const failed = sum((o) => o.failed.length);
  const unsupported = sum((o) => [...o.unsupported.values()].reduce((a, b) => a + b, 0));
  return [
    `WebNN conformance on ${target}: ${passed} passed, ${failed} failed, ${unsupported} not supported`,
    ...lines,
  ].join("\n");
}

async function checkAll(device: Device, dir: string): Promise<void> {
  const outcomes = new Map<string, Outcome>();
  for (const [name, cases] of loadSuite<Case>(`${dir}/webnn`)) {
    outcomes.set(name, await runCases(cases, device));
  }
  console.log(report(device.target.name, outcomes));
  assertEquals([...outcomes.values()].flatMap((o) => o.failed), []);
  // A suite that is read wrongly would pass nothing, and so fail nothing.
  const idle = [...outcomes].filter(([, o]) => o.passed === 0).map(([name]) => name);
  assertEquals(idle, device.target.f16 ? ["conv_transpose2d", "resample2d"] : idle);
}

deviceDataTest("WebNN's conformance cases pass within their tolerances", "op-conformance", checkAll);
