/**
 * The same program in Deno, Bun, Node and Chromium: every device computes the same everywhere, threads to the bit.
 *
 * What is not there is skipped, unless WEFT_REQUIRE_RUNTIMES=1 is set. Bun comes by npx; Node and Chromium run a bundle.
 */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { Report } from "./program.ts";

type Reports = Readonly<Record<string, Report>>;

const REQUIRED = Deno.env.get("WEFT_REQUIRE_RUNTIMES") === "1";
const BUN = "bun@1.4.5";
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Runs a command; its output, or nothing where it is not there. */
async function output(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(120_000),
    }).output();
    if (success) return new TextDecoder().decode(stdout);
    console.log(`${command}: ${new TextDecoder().decode(stderr).slice(0, 500)}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return undefined;
}

async function bundle(entry: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".mjs" });
  const done = await output(Deno.execPath(), ["bundle", "--quiet", "--output", file, path(entry)]);
  assert(done !== undefined, "cannot bundle");
  return file;
}

const reportsIn = (text: string | undefined): Reports | undefined =>
  text === undefined ? undefined : JSON.parse(text.trim().split("\n").at(-1) ?? "") as Reports;

async function inDeno(): Promise<Reports | undefined> {
  return reportsIn(await output(Deno.execPath(), ["run", "-A", "--no-check", path("./main.ts")]));
}

async function inBun(): Promise<Reports | undefined> {
  const own = await output("bun", ["run", path("./main.ts")]);
  return reportsIn(own ?? await output("npx", ["-y", BUN, "run", path("./main.ts")]));
}

async function inNode(): Promise<Reports | undefined> {
  if (await output("node", ["--version"]) === undefined) return undefined;
  const file = await bundle("./main.ts");
  try {
    return reportsIn(await output("node", [file]));
  } finally {
    await Deno.remove(file);
  }
}

/** A page that is isolated from other origins, so that it may share memory with its workers. */
async function inChromium(): Promise<Reports | undefined> {
  if (await output("chromium", ["--version"]) === undefined) return undefined;
  const file = await bundle("./page.ts");
  const script = await Deno.readTextFile(file);
  await Deno.remove(file);
  const headers = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
  };
  const { promise, resolve } = Promise.withResolvers<string>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/report") resolve(await request.text());
    const page = pathname === "/page.mjs";
    return new Response(page ? script : '<!doctype html><script type="module" src="/page.mjs"></script>', {
      headers: { ...headers, "Content-Type": page ? "text/javascript" : "text/html" },
    });
  });
  const profile = await Deno.makeTempDir();
  const browser = new Deno.Command("chromium", {
    args: [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      `--user-data-dir=${profile}`,
      `http://127.0.0.1:${server.addr.port}/`,
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const late = setTimeout(() => resolve('{ "error": "no report within a minute" }'), 60_000);
  try {
    const reports = JSON.parse(await promise) as Reports & { readonly error?: string };
    assertEquals(reports.error, undefined);
    return reports;
  } finally {
    clearTimeout(late);
    browser.kill("SIGKILL");
    await browser.status;
    await server.shutdown();
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
}

const expected = inDeno();

for (
  const [name, reports] of [
    ["Deno", () => expected],
    ["Bun", inBun],
    ["Node", inNode],
    ["Chromium", inChromium],
  ] as const
) {
  Deno.test(`${name}: js, wasm and wasm with threads compute what they compute elsewhere`, async () => {
    const [own, deno] = [await reports(), await expected];
    assert(deno !== undefined);
    if (own === undefined) {
      assert(!REQUIRED, `${name} is not there, and WEFT_REQUIRE_RUNTIMES=1 is set`);
      console.log(`skipped: ${name} is not on this machine`);
      return;
    }
    for (const device of ["js", "wasm", "threads"]) {
      assertEquals(own[device]?.tokens, deno["js"]?.tokens, `${name}, ${device}`);
      assertEquals(own[device]?.numbers, deno["js"]?.numbers, `${name}, ${device}`);
    }
    // Engines may round a product and a sum once or twice, but no number of threads changes a bit.
    assertEquals(own["threads"]?.bits, own["wasm"]?.bits, name);
    assertEquals(own["js"]?.bits, deno["js"]?.bits, name);
  });
}
