import { readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Personality } from '../personality.js';

const MAX_LINES = 1000;

/** Where the lines typed are kept: `~/.vmcraft-history`, or guestfish's own file under its name. */
export function historyPath(personality: Personality): string {
  const home = process.env.HOME ?? homedir();
  return join(home, personality.guestfish ? '.guestfish' : '.vmcraft-history');
}

/** The lines of earlier sessions, oldest first; none when there is no such file. */
export function loadHistory(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .slice(-MAX_LINES);
  } catch {
    return [];
  }
}

/** Keep the lines for later sessions. The file is private, because lines may hold secrets; a failure is no reason to complain. */
export function saveHistory(path: string, lines: readonly string[]): void {
  try {
    writeFileSync(path, `${lines.slice(-MAX_LINES).join('\n')}\n`, { mode: 0o600 });
  } catch {
    // A read-only home directory: there is no history then.
  }
}
