import { accessSync, appendFileSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Folders searched after PATH: an ordinary user's PATH often lacks the sbin folders. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Absolute path of a host program, or undefined. */
export function findTool(name: string): string | undefined {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/**
 * Whether a test's needs are met. Where they are not, the reason goes to the file named by `VMCRAFT_SKIP_LOG`, which the test
 * command prints at its end; in CI a missing need is an error.
 * @param needs names of host programs, or `root`, or `data:` and a path that must exist
 * @example describe.runIf(requireTools('qemu-img', 'root'))('…', () => {})
 */
export function requireTools(...needs: string[]): boolean {
  const missing = needs.filter((need) => !isMet(need));
  if (missing.length === 0) return true;
  const reason = `needs ${missing.join(', ')}`;
  if (process.env.CI !== undefined && missing.some((need) => !need.startsWith('data:'))) {
    throw new Error(`a test cannot run in CI: ${reason}`);
  }
  const log = process.env.VMCRAFT_SKIP_LOG;
  if (log !== undefined) appendFileSync(log, `${callerOf(new Error().stack)}: ${reason}\n`);
  return false;
}

function isMet(need: string): boolean {
  if (need === 'root') return process.getuid?.() === 0;
  if (need.startsWith('data:')) {
    try {
      accessSync(need.slice('data:'.length));
      return true;
    } catch {
      return false;
    }
  }
  return findTool(need) !== undefined;
}

/** The test file that asked, from a stack trace. */
function callerOf(stack: string | undefined): string {
  const line = stack?.split('\n').find((l) => l.includes('.test.ts'));
  return line?.match(/([\w-]+\/[\w-]+\/[^/\s]*\.test\.ts|[^/\s]+\.test\.ts)/)?.[1] ?? 'a test';
}

/**
 * Run qemu's programs where they make LUKS headers: they measure how fast this host derives keys, and give up when its clock was too coarse
 * at that moment.
 */
export async function withSteadyClock<T>(work: () => T | Promise<T>): Promise<T> {
  const TRIES = 12;
  for (let i = 1; ; i++) {
    try {
      return await work();
    } catch (error) {
      const said = `${String(error)} ${String((error as { stderr?: unknown }).stderr ?? '')}`;
      if (i === TRIES || !said.includes('Unable to get accurate CPU usage')) throw error;
    }
  }
}
