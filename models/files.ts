/**
 * Reading files, the same in Deno, Bun and Node. `node:` modules are loaded at the first use, so that nothing
 * here keeps a program from running where there are no files.
 *
 * @module
 */

/** Path of a file or folder given as text or as a `file:` URL. */
export async function toPath(location: string | URL): Promise<string> {
  if (typeof location === "string") return location;
  const { fileURLToPath } = await import("node:url");
  return fileURLToPath(location);
}

/** Path of entry `name` in folder `dir`. */
export function joinPath(dir: string, name: string): string {
  return dir === "" || /[\\/]$/.test(dir) ? dir + name : `${dir}/${name}`;
}

/** The text of a file, or `undefined` where there is none. Other failures throw what the runtime throws. */
export async function readTextIfExists(path: string): Promise<string | undefined> {
  const { readFile } = await import("node:fs/promises");
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Names in a folder, or `undefined` where it is absent, no folder or not readable. For the help in errors. */
export async function listIfExists(dir: string): Promise<readonly string[] | undefined> {
  const { readdir } = await import("node:fs/promises");
  try {
    return (await readdir(dir)).sort();
  } catch {
    return undefined;
  }
}

/** Whether an error says that a file does not exist. */
export function isMissing(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === "ENOENT" || code === "ENOTDIR";
}

/** One line that says why a file could not be used and, where it is known, what would help. */
export function fileProblem(error: unknown): string {
  if (isMissing(error)) return "there is no such file";
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  if (name === "NotCapable") return `${message}`;
  if (code === "EACCES" || code === "EPERM") return "the operating system does not allow reading it";
  if (code === "EISDIR") return "it is a folder";
  return message ?? String(error);
}
