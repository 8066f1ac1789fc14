/**
 * A device that keeps bytes and remembers what it was asked for, but runs nothing.
 *
 * @module
 */
import type { Commands, Device, DeviceBuffer } from "../../../backends/backend.ts";
import { jsDevice } from "../../../backends/js/mod.ts";

/** A {@linkcode Device} and what it saw. */
export interface FakeDevice extends Device {
  readonly log: readonly string[];
  /** Bytes of a buffer, by label. */
  bytes(label: string): Uint8Array;
}

/** Makes a {@linkcode FakeDevice} with the target of the js device. */
export function fakeDevice(): FakeDevice {
  const js = jsDevice();
  const { target } = js;
  js.dispose();
  const log: string[] = [];
  const memory = new Map<DeviceBuffer, Uint8Array<ArrayBuffer>>();
  const of = (buffer: DeviceBuffer): Uint8Array<ArrayBuffer> => {
    const found = memory.get(buffer);
    if (found === undefined) throw new Error(`${buffer.label} is not allocated`);
    return found;
  };
  return {
    target,
    log,
    bytes(label) {
      for (const [buffer, data] of memory) if (buffer.label === label) return data;
      throw new Error(`there is no buffer ${label}`);
    },
    generate: (launch) => ({ launch, source: launch.name }),
    allocate(bytes, label) {
      const buffer = { bytes, label };
      memory.set(buffer, new Uint8Array(bytes));
      log.push(`allocate ${label} ${bytes}`);
      return buffer;
    },
    free(buffer) {
      of(buffer);
      memory.delete(buffer);
      log.push(`free ${buffer.label}`);
    },
    write(buffer, offset, data) {
      of(buffer).set(data, offset);
    },
    copy({ buffer, offset, bytes }, to) {
      of(to).set(of(buffer).subarray(offset, offset + bytes));
    },
    read: ({ buffer, offset, bytes }) => Promise.resolve(of(buffer).slice(offset, offset + bytes)),
    prepare: (codes) => Promise.resolve(codes.map((code) => ({ code }))),
    bind(dispatches): Commands {
      dispatches.forEach((d) => d.buffers.forEach((s) => of(s.buffer)));
      log.push("bind");
      return { dispatches, dispose: () => void log.push("unbind") };
    },
    submit(commands, dims) {
      commands.dispatches.forEach((d) => d.buffers.forEach((s) => of(s.buffer)));
      log.push(`submit ${JSON.stringify(dims)}`);
    },
    profile: () => Promise.resolve([]),
    sync: () => Promise.resolve(),
    dispose: () => {},
  };
}
