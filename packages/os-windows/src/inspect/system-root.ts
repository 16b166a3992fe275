import type { CaseTree } from './case-tree.js';

/** Names that the system folder has had; most are called Windows. */
const NAMES = ['Windows', 'WINNT', 'WIN32', 'WIN', 'ReactOS'];

/** The system folder of a Windows volume, and its hives. Paths are as the disk has them. */
export interface SystemRoot {
  /** `/Windows`. */
  readonly path: string;
  readonly software: string | undefined;
  readonly system: string | undefined;
}

/** Look for Windows by its files: a system folder with programs and hives. Undefined when there is none. */
export async function findSystemRoot(tree: CaseTree): Promise<SystemRoot | undefined> {
  for (const name of NAMES) {
    const path = await tree.findDirectory(`/${name}`);
    if (path === undefined) continue;
    const config = await tree.findDirectory(`${path}/System32/config`);
    if (config === undefined) continue;
    const software = await tree.findFile(`${config}/SOFTWARE`);
    const system = await tree.findFile(`${config}/SYSTEM`);
    const program = await tree.findFile(`${path}/System32/cmd.exe`);
    if (software === undefined && (system === undefined || program === undefined)) continue;
    return { path, software, system };
  }
  return undefined;
}
