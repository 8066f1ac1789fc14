/**
 * The kernels of GPT-2, one by one, under every rule that takes them: `deno task bench:kernels --help`.
 *
 * Method: each distinct kernel of a prefill and of a decode step is run alone, on random numbers, under the fallback, under
 * each other rule that takes it and under the default schedule. Rounds go through all of them in turn, so that a change of
 * the machine's mood meets all; given is the best of three runs in each, by the device's own time (timestamps where it
 * has them). Operations
 * and bytes are those that the computation needs at least, each element moved once (`costOf`), so that a schedule that
 * reads something twice shows as slow and not as busy. The roofline is measured on the same device: a copy of
 * 64 MiB, sums over as much, and chains of multiplications and additions in registers.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { Device, DeviceBuffer } from "../backends/backend.ts";
import { jsDevice } from "../backends/js/mod.ts";
import { lowerFunc } from "../backends/lower.ts";
import { wasmDevice } from "../backends/wasm/mod.ts";
import { webgpuDevice } from "../backends/webgpu/mod.ts";
import { lower } from "../compile.ts";
import { bufferSpan } from "../ir/address.ts";
import { DTYPES } from "../ir/dtype.ts";
import { evalInt } from "../ir/eval.ts";
import { parseFunc } from "../ir/parse.ts";
import { hashFunc } from "../ir/hash.ts";
import type { PrimFunc } from "../ir/prim_func.ts";
import { allBlocks } from "../ir/reduction.ts";
import { GPT2_CONFIGS, type GPT2Name, traceGPT2 } from "../models/gpt2/mod.ts";
import {
  apply,
  contractionOf,
  costOf,
  defaultSchedule,
  evalCount,
  fallback,
  rule,
  RULES,
  type Schedule,
} from "../schedule/mod.ts";
import { barChart } from "./bar_chart.ts";

const HELP = `deno task bench:kernels [--config gpt2] [--device webgpu|wasm|js] [--prompt 128] [--rounds 5]
                        [--only TEXT] [--out FILE]
Writes FILE.json, FILE.md and FILE.svg; without --out only the tables are printed.`;

const { values } = parseArgs({
  options: {
    config: { type: "string", default: "gpt2" },
    device: { type: "string", default: "webgpu" },
    prompt: { type: "string", default: "128" },
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const config = GPT2_CONFIGS[values.config as GPT2Name];
const [prompt, rounds] = [Number(values.prompt), Number(values.rounds)];
const known = ["webgpu", "wasm", "js"].includes(values.device);
const sizes = [prompt, rounds].every((n) => Number.isInteger(n) && n > 0);
if (values.help || config === undefined || !known || !sizes) {
  if (config === undefined) {
    console.error(`There is no config ${values.config}; there are ${Object.keys(GPT2_CONFIGS).join(", ")}`);
  }
  if (!known) console.error(`There is no device ${values.device}; there are webgpu, wasm, js`);
  if (!sizes) console.error("--prompt and --rounds take positive integers");
  console[values.help ? "log" : "error"](HELP);
  Deno.exit(values.help ? 0 : 2);
}

type Dims = Readonly<Record<string, number>>;

/** A kernel at a size. */
interface Subject {
  readonly entry: string;
  readonly func: PrimFunc;
  readonly dims: Dims;
  /** Rows, columns and depth of a contraction, else the shape of the result. */
  readonly size: string;
  readonly flops: number;
  readonly bytes: number;
}

/** A kernel under a schedule, ready to run. */
interface Rung {
  readonly subject: Subject;
  readonly name: string;
  readonly rule: string;
  readonly params: string;
  /** Of the scheduled function: rules that come to the same are measured once. */
  readonly key: string;
  readonly loaded: Loaded;
}

interface Loaded {
  /** Runs once; gives milliseconds. */
  readonly run: () => Promise<number>;
  readonly free: () => void;
}

const device: Device = values.device === "js"
  ? jsDevice()
  : values.device === "wasm"
  ? wasmDevice()
  : await webgpuDevice();

/** A function ready to run on buffers of random numbers. */
async function load(func: PrimFunc, dims: Dims): Promise<Loaded> {
  const lowered = lowerFunc(func);
  const kernels = await device.prepare(lowered.launches.map((l) => device.generate(l)));
  const buffers = new Map<string, DeviceBuffer>();
  for (const b of [...lowered.func.params.map((p) => p.buffer), ...lowered.scratch]) {
    const bytes = Math.max(4, Math.ceil(evalInt(bufferSpan(b), dims) * DTYPES[b.dtype].bytes / 4) * 4);
    const made = device.allocate(bytes, b.name);
    buffers.set(b.name, made);
    // Integers stay 0, which is a token and a place everywhere.
    if (b.dtype === "f32") {
      const data = Float32Array.from({ length: bytes / 4 }, (_, i) => ((i * 7919) % 2003) / 1001 - 1);
      device.write(made, 0, new Uint8Array(data.buffer));
    }
  }
  const commands = device.bind(lowered.launches.map((l, i) => ({
    kernel: kernels[i]!,
    buffers: l.buffers.map(({ buffer }) => {
      const made = buffers.get(buffer.name)!;
      return { buffer: made, offset: 0, bytes: made.bytes };
    }),
  })));
  return {
    run: async () => (await device.profile(commands, dims)).reduce((sum, { ms }) => sum + ms, 0),
    free: () => {
      commands.dispose();
      for (const b of buffers.values()) device.free(b);
    },
  };
}

/** Bytes a second of a copy of 64 MiB, and float operations a second of chains in registers: the best of some runs. */
async function ceilings(): Promise<
  { readonly copy: number; readonly read: number; readonly flops: number }
> {
  const count = 16 * 1024 * 1024;
  const copy = parseFunc(`fn copy(x: read f32[${count}], y: write f32[${count}]) { for i in 0..${count} {
    block copy(vi: spatial 0..${count} = i) { reads x[vi] writes y[vi] y[vi] = x[vi] } } }`);
  const [threads, steps, chains] = [device.target.software ? 8192 : 131072, 4096, 8];
  // Independent chains, so that one does not wait for the other.
  const chain = parseFunc(`fn chains(x: read f32[4], y: write f32[${threads}, ${chains}, 4]) {
    for b in 0..${threads / 8} @blockIdx.x { for t in 0..8 @threadIdx.x { alloc acc: local f32[${chains}, 4] {
      for c0 in 0..${chains} @unrolled { for v0 in 0..4 @vectorized {
        block start(vc: spatial 0..${chains} = c0, vv: spatial 0..4 = v0) { reads x[vv] writes acc[vc, vv]
          acc[vc, vv] = x[vv] } } }
      for k in 0..${steps} { for c in 0..${chains} @unrolled { for v in 0..4 @vectorized {
        block step(wc: spatial 0..${chains} = c, wv: spatial 0..4 = v) { reads acc[wc, wv] writes acc[wc, wv]
          acc[wc, wv] = acc[wc, wv] * 0.999 + 0.001 } } } }
      for c1 in 0..${chains} @unrolled { for v1 in 0..4 @vectorized {
        block end(ub: spatial 0..${threads} = b * 8 + t, uc: spatial 0..${chains} = c1, uv: spatial 0..4 = v1) {
          reads acc[uc, uv] writes y[ub, uc, uv] y[ub, uc, uv] = acc[uc, uv] } } } } } } }`);
  const best = async (func: PrimFunc): Promise<number> => {
    const { run, free } = await load(func, {});
    const times: number[] = [];
    for (let i = 0; i < 8; i++) times.push(await run());
    free();
    return Math.min(...times) / 1000;
  };
  // As many elements a thread as are best: where threads cost, few of them.
  const copies = [defaultSchedule(), ...[16, 64, 256].map((items) => rule("elementwise", { items }))].flatMap(
    (s) => {
      const result = apply(copy, s, { target: device.target });
      return result.ok ? [result.func] : [];
    },
  );
  const copied: number[] = [];
  for (const func of copies) copied.push(await best(func));
  const sums = parseFunc(
    `fn sums(x: read f32[4096, 4096], y: write f32[4096]) { for i in 0..4096 { for k in 0..4096 {
    block sums(vi: spatial 0..4096 = i, vk: reduce 0..4096 = k) { reads x[vi, vk] writes y[vi]
      init { y[vi] = 0.0 } y[vi] = y[vi] + x[vi, vk] } } } }`,
  );
  const read = apply(sums, defaultSchedule(), { target: device.target });
  return {
    copy: 2 * 4 * count / Math.min(...copied),
    read: read.ok ? 4 * 4096 * 4096 / await best(read.func) : 0,
    flops: 2 * 4 * threads * steps * chains / await best(chain),
  };
}

/** The distinct kernels of an entry point. */
function subjects(entry: string, method: Dims, dims: Dims): readonly Subject[] {
  const program = traceGPT2({ ...config, n_layer: 1 }, { [entry]: method });
  const { kernels } = lower(program, device.target, { schedule: fallback() });
  return [...kernels.values()].map(({ func }) => {
    const cost = costOf(func);
    return {
      entry,
      func,
      dims,
      size: sizeOf(func, dims),
      flops: evalCount(cost.flops, dims),
      // What lies between the nests of a kernel need not be moved by a schedule that joins them.
      bytes: outerBytes(func, dims),
    };
  });
}

function outerBytes(func: PrimFunc, dims: Dims): number {
  const { bytesRead, bytesWritten } = costOf(func);
  const moved = evalCount(bytesRead, dims) + evalCount(bytesWritten, dims);
  const all = func.params.reduce((sum, { buffer, access }) => {
    const elements = buffer.shape.reduce((n, e) => n * evalInt(e, dims), 1);
    return sum + elements * DTYPES[buffer.dtype].bytes * (access === "read_write" ? 2 : 1);
  }, 0);
  return Math.min(moved, all);
}

function sizeOf(func: PrimFunc, dims: Dims): string {
  for (const { block } of allBlocks(func.body)) {
    const c = contractionOf(func, block.name);
    if (typeof c === "string") continue;
    const [m, n, k] = [c.m?.extent, c.n.extent, c.k.extent].map((e) =>
      e === undefined ? 1 : evalInt(e, dims)
    );
    const batch = c.batch.reduce((p, l) => p * evalInt(l.extent, dims), 1);
    return `${batch > 1 ? `${batch} x ` : ""}${m} x ${n} x ${k}`;
  }
  const out = func.params.find((p) => p.access !== "read")?.buffer;
  return `[${out?.shape.map((e) => evalInt(e, dims)).filter((n) => n !== 1).join(", ") ?? ""}]`;
}

const FULL = "full";

/** The schedules of a kernel: the fallback, every other rule that takes it alone, and the default one. */
async function rungs(subject: Subject): Promise<readonly Rung[]> {
  const made: Rung[] = [];
  const done = new Map<string, Loaded>();
  const wanted: readonly (readonly [string, Schedule])[] = [
    ["fallback", fallback()],
    ...[...RULES.keys()].filter((name) => name !== "fallback").map((name) => [name, rule(name)] as const),
    [FULL, defaultSchedule()],
  ];
  for (const [name, schedule] of wanted) {
    const result = apply(subject.func, schedule, { target: device.target });
    if (!result.ok) continue;
    const params = Object.entries(result.rule?.params ?? {}).map(([key, value]) => `${key}=${value}`).join(
      " ",
    );
    const taken = result.rule?.name ?? name;
    const key = hashFunc(result.func);
    const loaded = done.get(key) ?? await load(result.func, subject.dims);
    done.set(key, loaded);
    made.push({ subject, name, rule: taken, params, key, loaded });
  }
  return made;
}

interface Measured {
  readonly name: string;
  readonly rule: string;
  readonly params: string;
  readonly ms: number;
  readonly gflops: number;
  readonly gbytes: number;
  /** Of the roofline, in per cent. */
  readonly share: number;
  /** Against the fallback. */
  readonly speedup: number;
}

const rounded = (value: number, digits = 2): number => Number(value.toPrecision(digits + 1));
const ceiling = await ceilings();
/** Most kernels read far more than they write, and some devices read faster than they copy. */
const roof = { bytes: Math.max(ceiling.copy, ceiling.read), flops: ceiling.flops };
console.error(
  `${device.target.name}: copy ${(ceiling.copy / 1e9).toFixed(1)} GB/s, read ${
    (ceiling.read / 1e9).toFixed(1)
  } GB/s, ${(roof.flops / 1e9).toFixed(1)} GFLOP/s`,
);
const all = [
  ...subjects("prefill", {}, { s: prompt, past: 0 }),
  ...subjects("decode", { s: 1 }, { past: prompt }),
].filter((s) => `${s.entry} ${s.func.name} ${s.size}`.includes(values.only));
const results: { readonly subject: Subject; readonly rungs: readonly Measured[] }[] = [];
for (const subject of all) {
  const ladder = await rungs(subject);
  const distinct = new Map(ladder.map((r) => [r.key, { loaded: r.loaded, times: [] as number[] }]));
  for (const { loaded } of distinct.values()) await loaded.run(); // drivers compile at the first dispatch
  for (let round = 0; round < rounds; round++) {
    for (const { loaded, times } of distinct.values()) {
      for (let i = 0; i < 3; i++) times.push(await loaded.run());
    }
  }
  for (const { loaded } of distinct.values()) loaded.free();
  // The best: what else the machine does can only add.
  const timeOf = (r: Rung | undefined): number => Math.min(...distinct.get(r?.key ?? "")?.times ?? [NaN]);
  const base = timeOf(ladder[0]);
  results.push({
    subject,
    rungs: ladder.map((r) => {
      const { name, rule, params } = r;
      const ms = timeOf(r);
      const least = 1000 * Math.max(subject.flops / roof.flops, subject.bytes / roof.bytes);
      return {
        name,
        rule,
        params,
        ms: rounded(ms, 3),
        gflops: rounded(subject.flops / ms / 1e6),
        gbytes: rounded(subject.bytes / ms / 1e6),
        share: rounded(100 * least / ms),
        speedup: rounded(base / ms),
      };
    }),
  });
  const full = results.at(-1)?.rungs.at(-1);
  console.error(
    `${subject.entry} ${subject.func.name} ${subject.size}: ${
      base.toFixed(3)
    } ms -> ${full?.ms} ms (${full?.rule})`,
  );
}

async function commit(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("git", { args: ["rev-parse", "--short", "HEAD"] }).output();
    return new TextDecoder().decode(stdout).trim();
  } catch {
    return "unknown";
  }
}

const about = {
  model: values.config,
  device: device.target.name,
  backend: device.target.kind,
  timestamps: device.target.timestamps,
  date: new Date().toISOString().slice(0, 10),
  commit: await commit(),
  runtime: `Deno ${Deno.version.deno}`,
  promptTokens: prompt,
  rounds,
  copyGBytes: rounded(ceiling.copy / 1e9),
  readGBytes: rounded(ceiling.read / 1e9),
  fmaGFlops: rounded(roof.flops / 1e9),
};
/** What the default schedule makes slower than the fallback, by more than a tenth. */
const slower = results.filter(({ rungs }) => (rungs.at(-1)?.speedup ?? 1) < 1 / 1.1);
const verdict = slower.length === 0
  ? "Under the default schedule no kernel is slower than under the fallback by more than 10%."
  : `Under the default schedule ${slower.length} of ${results.length} kernels are slower than under the fallback by ` +
    `more than 10%: ${
      slower.map(({ subject: s, rungs }) => `${s.entry} ${s.func.name} ${s.size} (${rungs.at(-1)?.speedup}x)`)
        .join(", ")
    }.`;
const table = [
  `Kernels of ${about.model}, f32, ${prompt} prompt tokens and one decode step after them, on ${about.device} ` +
  `(${about.runtime}, commit ${about.commit}, ${about.date}); the best of ${rounds} rounds of three, ` +
  `${about.timestamps ? "device timestamps" : "times on the host"}.`,
  "",
  `The roofline, measured in the same run: ${about.copyGBytes} GB/s (copy) and ${about.readGBytes} GB/s (sums of ` +
  `rows), of which the larger counts, and ${about.fmaGFlops} GFLOP/s (multiply and add in registers). A product's size ` +
  "is rows x columns x depth. Where operands stay in caches from run to run, a kernel may be over the roof.",
  "",
  verdict,
  "",
  "| Kernel | Size | Schedule | ms | GFLOP/s | GB/s | Of the roof | Speed-up |",
  "|---|---|---|---|---|---|---|---|",
  ...results.flatMap(({ subject: s, rungs }) =>
    rungs.map((r, i) =>
      `| ${i === 0 ? `${s.entry} ${s.func.name}` : ""} | ${i === 0 ? s.size : ""} | ` +
      `${
        r.name === FULL ? `**full: ${r.rule}** ${r.params}`.trim() : r.name
      } | ${r.ms} | ${r.gflops} | ${r.gbytes} | ` +
      `${r.share}% | ${r.speedup}x |`
    )
  ),
  "",
].join("\n");
console.log(table);
if (values.out !== undefined) {
  const kernels = results.map(({ subject: { entry, func, dims, size, flops, bytes }, rungs }) => ({
    entry,
    kernel: func.name,
    dims,
    size,
    flops,
    bytes,
    rungs,
  }));
  await Deno.writeTextFile(
    `${values.out}.json`,
    `${JSON.stringify({ ...about, verdict, kernels }, null, 2)}\n`,
  );
  await Deno.writeTextFile(`${values.out}.md`, table);
  const chart = barChart(
    `GPT-2's kernels on ${about.device}, ${about.date}: per cent of the roofline`,
    results.filter(({ subject: s }) => /linear|matmul|softmax|layerNorm/.test(s.func.name)).map((
      { subject: s, rungs },
    ) => ({
      title: `${s.entry} ${s.func.name} ${s.size}`,
      bars: rungs.map((r) => ({ name: r.name, value: r.share })),
    })),
  );
  await Deno.writeTextFile(`${values.out}.svg`, chart);
}
device.dispose();
Deno.exit(0);
