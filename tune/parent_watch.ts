/**
 * A process that ends when its parent is gone, however busy its main thread is.
 *
 * @module
 */
import process from "node:process";
import { Worker } from "node:worker_threads";

/** How often to look, in ms. */
const EVERY = 500;

/**
 * Kills this process once its parent has ended: a parent that was killed by force could not do so, and a main thread
 * within a kernel that never ends does not learn that its input has. A worker looks, as its own thread is free. The
 * system gives an orphan another parent, by which it is told; Windows does not, and there only the end of the input
 * counts. In Deno it takes the permission to run (to kill).
 */
export function endWithParent(): void {
  const text = `
    const { process } = globalThis;
    setInterval(() => {
      if (process.ppid !== ${process.ppid}) process.kill(process.pid, "SIGKILL");
    }, ${EVERY});`;
  new Worker(text, { eval: true }).unref();
}
