import type { Application, Fact, WindowsService } from '@vmcraft/core';
import type { CaseTree } from './case-tree.js';
import { type HiveReader, textOf } from './hive-reader.js';

const HISTORY = 'Microsoft\\Windows\\CurrentVersion\\Group Policy\\History';
const PROVIDERS = 'Microsoft\\Security Center\\Provider\\Av';
const GUID = /^\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}$/i;

/** Makers and names of virus scanners, as their Uninstall keys have them. */
const SCANNERS =
  /\b(avast|avg|avira|bitdefender|carbon black|cisco (?:amp|secure endpoint)|crowdstrike|cylance|eset|f-secure|g data|kaspersky|malwarebytes|mcafee|norton|panda|sentinel(?:one| agent)|sophos|symantec|trellix|trend micro|webroot|withsecure)\b/i;

/** Whether policies of a domain, or of the machine itself, are applied. */
export async function readGroupPolicy(
  software: HiveReader | undefined,
  tree: CaseTree,
  systemRoot: string,
): Promise<Fact<boolean> | undefined> {
  const history = (await software?.subkeys(HISTORY)) ?? [];
  if (history.some((key) => GUID.test(key.name))) return software!.fact(true);
  const local = await tree.findFile(`${systemRoot}/System32/GroupPolicy/Machine/Registry.pol`);
  if (local !== undefined) return { value: true, source: local };
  return software?.fact(false);
}

/** Names of products that scan for viruses. Windows' own counts while its service may start. */
export async function readAntivirus(
  software: HiveReader | undefined,
  applications: readonly Application[],
  services: Fact<readonly WindowsService[]> | undefined,
): Promise<readonly Fact<string>[]> {
  const found = new Map<string, Fact<string>>();
  for (const key of (await software?.subkeys(PROVIDERS)) ?? []) {
    const values = await software!.values(`${PROVIDERS}\\${key.name}`);
    const name = textOf(values.find((v) => v.name.toUpperCase() === 'DISPLAYNAME'));
    if (name !== undefined) found.set(name, software!.fact(name));
  }
  for (const { displayName, publisher } of applications) {
    if (displayName === undefined || !SCANNERS.test(`${displayName} ${publisher ?? ''}`)) continue;
    found.set(displayName, software!.fact(displayName));
  }
  const defender = services?.value.find((s) => s.name.toLowerCase() === 'windefend');
  const already = [...found.keys()].some((name) => /defender/i.test(name));
  if (defender !== undefined && defender.start !== 'disabled' && !already) {
    found.set('Windows Defender', { value: 'Windows Defender', source: services!.source });
  }
  return [...found.values()];
}
