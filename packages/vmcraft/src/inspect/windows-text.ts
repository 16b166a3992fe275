import type { WindowsReport } from './windows-report.js';

/** A line of a report: label, value, and where it came from. */
export type Row = readonly [label: string, value: string, source: string];

/** Facts of one value, in the order in which people read them. */
const ROWS: readonly (readonly [label: string, field: keyof WindowsReport])[] = [
  ['Edition', 'edition'],
  ['Release', 'displayVersion'],
  ['Service pack', 'servicePack'],
  ['Installed', 'installed'],
  ['Windows zone', 'timezone'],
  ['Domain', 'domain'],
  ['Owner', 'owner'],
  ['Organization', 'organization'],
  ['Firmware', 'firmware'],
  ['Hibernated', 'hibernated'],
  ['Fast startup', 'fastStartup'],
  ['Group policy', 'groupPolicy'],
];

/** Rows of the facts that only Windows has. */
export function windowsRows(facts: WindowsReport): Row[] {
  const rows: Row[] = [];
  for (const [label, field] of ROWS) {
    const fact = facts[field] as { value: string | boolean; source: string } | undefined;
    if (fact !== undefined)
      rows.push([label, typeof fact.value === 'boolean' ? (fact.value ? 'yes' : 'no') : fact.value, fact.source]);
  }
  for (const { value, source } of facts.antivirus ?? []) rows.push(['Antivirus', value, source]);
  for (const { value, source } of facts.pendingReboot ?? []) rows.push(['Pending reboot', value, source]);
  const { services, hotfixes } = facts;
  if (services !== undefined) {
    const drivers = services.value.filter((s) => s.kind === 'driver').length;
    rows.push(
      ['Services', String(services.value.length - drivers), services.source],
      ['Drivers', String(drivers), services.source],
    );
  }
  if (hotfixes !== undefined && hotfixes.value.length > 0)
    rows.push(['Updates', hotfixes.value.map((h) => h.id).join(', '), hotfixes.source]);
  return rows;
}

/** Drive letters and boot entries, a line each. */
export function windowsLists(facts: WindowsReport): string[] {
  const lines: string[] = [];
  if (facts.drives !== undefined && facts.drives.value.length > 0) {
    lines.push(`  Drives  (${facts.drives.source})`);
    for (const { letter, device, protection, identity } of facts.drives.value) {
      lines.push(
        `    ${letter}:  ${device ?? `not on these disks: ${identity}`}${protection === undefined ? '' : `, ${protection}`}`,
      );
    }
  }
  if (facts.bootEntries !== undefined) {
    lines.push(`  Boot entries  (${facts.bootEntries.source})`);
    for (const { description, id, kind, path, device, isDefault } of facts.bootEntries.value) {
      const place = [device, path].filter((part) => part !== undefined).join(' ');
      lines.push(
        `    ${isDefault ? '*' : ' '} ${kind.padEnd(7)}  ${description ?? id}${place === '' ? '' : `  ${place}`}`,
      );
    }
  }
  return lines;
}
