import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writevSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

/** A file that is larger was not written by us. */
const MAX_FILE_SIZE = 64 * 1024 * 1024;
/** Length of what describes the parts, as a 32-bit number in front of it. */
const LENGTH_SIZE = 4;

/** What V8 compiled of a program in earlier runs. */
export interface CompiledCode {
  /** The program: names of parts hold a digest of their text, so that of the first one stands for all. */
  readonly program: string;
  /** Bytes of compiled functions that the process had which wrote it. */
  readonly compiledBytes: number;
  /** For `cachedData` of `vm.Script`, by the name of the part. */
  readonly parts: ReadonlyMap<string, Uint8Array>;
}

interface Description {
  readonly program: string;
  readonly compiledBytes: number;
  readonly parts: readonly (readonly [name: string, length: number])[];
}

/** The folder that holds compiled code for this user; undefined when none may be kept. */
export function codeCacheFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string | undefined {
  if (env.NODE_DISABLE_COMPILE_CACHE !== undefined) return undefined;
  const base = cacheBase(env, platform);
  return base === undefined || !isAbsolute(base) ? undefined : join(base, 'vmcraft', 'code');
}

function cacheBase(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string | undefined {
  if (platform === 'win32') return env.LOCALAPPDATA;
  if (env.XDG_CACHE_HOME !== undefined && env.XDG_CACHE_HOME !== '') return env.XDG_CACHE_HOME;
  return join(env.HOME ?? homedir(), platform === 'darwin' ? 'Library/Caches' : '.cache');
}

/** Whether a file or folder is this user's, and nobody else may change it. */
function isOwn({ uid, mode }: { uid: number; mode: number }): boolean {
  const user = process.geteuid?.();
  return user === undefined || (uid === user && (mode & 0o022) === 0);
}

/**
 * What is kept in a file for a program. It is run as it is, so the file must be this user's, and nobody else may write it.
 * Undefined when there is nothing that fits.
 */
export function readCompiledCode(path: string, program: string): CompiledCode | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      const stat = fstatSync(file);
      if (!stat.isFile() || !isOwn(stat) || stat.size > MAX_FILE_SIZE) return undefined;
      return decode(readFileSync(file), program);
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

function decode(bytes: Buffer, program: string): CompiledCode | undefined {
  let at = LENGTH_SIZE + bytes.readUInt32LE(0);
  const description = JSON.parse(bytes.toString('latin1', LENGTH_SIZE, at)) as Description;
  if (description.program !== program) return undefined;
  const parts = new Map<string, Uint8Array>();
  for (const [name, length] of description.parts) {
    parts.set(name, bytes.subarray(at, at + length));
    at += length;
  }
  return at === bytes.length ? { ...description, parts } : undefined;
}

function encode({ program, compiledBytes, parts }: CompiledCode): Uint8Array[] {
  const description: Description = {
    program,
    compiledBytes,
    parts: [...parts].map(([name, data]) => [name, data.length]),
  };
  const text = Buffer.from(JSON.stringify(description), 'latin1');
  const length = Buffer.alloc(LENGTH_SIZE);
  length.writeUInt32LE(text.length);
  return [length, text, ...parts.values()];
}

/** The nearest folder that exists. */
function existing(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    if (statSync(at, { throwIfNoEntry: false }) !== undefined || dirname(at) === at) return at;
  }
}

/**
 * Keep compiled code in a file. Whoever reads sees all of it or nothing, after a crash of the host too. Does nothing where this user
 * has no folder of its own (as under `sudo` with the home of another), or writing fails: then the next start is slower, no more.
 */
export function writeCompiledCode(path: string, code: CompiledCode): void {
  const folder = dirname(path);
  const fresh = `${path}.${process.pid}`;
  try {
    if (!isOwn(statSync(existing(folder)))) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = openSync(fresh, 'wx', 0o600);
    try {
      writevSync(file, encode(code));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, path);
  } catch {
    rmSync(fresh, { force: true });
  }
}
