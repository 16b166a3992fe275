import type { Fact } from '@vmcraft/core';
import { decodeMultiString } from '@vmcraft/format-regf';
import type { CaseTree } from './case-tree.js';
import type { HiveReader } from './hive-reader.js';

const SERVICING = 'Microsoft\\Windows\\CurrentVersion\\Component Based Servicing';
const AUTO_UPDATE = 'Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update';

/** Where to look. */
export interface PendingSources {
  readonly tree: CaseTree;
  readonly systemRoot: string;
  readonly software: HiveReader | undefined;
  readonly system: HiveReader | undefined;
  readonly controlSet: string;
}

/** What waits for the next boot of a system; nothing when nothing does. */
export async function readPendingReboot(sources: PendingSources): Promise<readonly Fact<string>[]> {
  const { software, system, tree, systemRoot, controlSet } = sources;
  const found: Fact<string>[] = [];
  if ((await software?.key(`${SERVICING}\\RebootPending`)) !== undefined)
    found.push(software!.fact('servicing: a reboot is pending'));
  const packages = (await software?.subkeys(`${SERVICING}\\PackagesPending`)) ?? [];
  if (packages.length > 0) found.push(software!.fact(`servicing: ${packages.length} packages pending`));
  if ((await software?.key(`${AUTO_UPDATE}\\RebootRequired`)) !== undefined)
    found.push(software!.fact('Windows Update: a reboot is required'));
  const renames = await system?.bytes(`${controlSet}\\Control\\Session Manager`, 'PendingFileRenameOperations');
  if (renames !== undefined && decodeMultiString(renames).length > 0)
    found.push(system!.fact('files to be renamed or deleted at boot'));
  const setup = await system?.number('Setup', 'SystemSetupInProgress');
  if (setup !== undefined && setup.value !== 0) found.push({ value: 'setup has not ended', source: setup.source });
  const servicing = await tree.findFile(`${systemRoot}/WinSxS/pending.xml`);
  if (servicing !== undefined) found.push({ value: 'servicing: a transaction to be done at boot', source: servicing });
  return found;
}
