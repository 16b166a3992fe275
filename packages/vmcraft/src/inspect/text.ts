import type { InspectedSystem, InspectionReport } from './report.js';
import { type Row, windowsLists, windowsRows } from './windows-text.js';

/** Sources are lined up behind values of up to this many characters. */
const WIDEST_VALUE = 40;

/** Facts in the order in which people read them. */
const ROWS: readonly (readonly [label: string, field: keyof InspectedSystem])[] = [
  ['Type', 'type'],
  ['Distribution', 'distro'],
  ['Version', 'versionText'],
  ['Codename', 'codename'],
  ['Variant', 'productVariant'],
  ['Build', 'buildId'],
  ['Architecture', 'arch'],
  ['Hostname', 'hostname'],
  ['Time zone', 'timezone'],
  ['Locale', 'locale'],
  ['Packages', 'packageFormat'],
  ['Package tool', 'packageManagement'],
  ['Init system', 'initSystem'],
  ['Boot loader', 'bootloader'],
  ['libosinfo id', 'osinfo'],
];

/** The report for people: each fact with the file that says so. */
export function renderText(report: InspectionReport): string {
  if (report.operatingSystems.length === 0) return 'No operating system found.\n';
  return report.operatingSystems.map(system).join('\n');
}

function system(os: InspectedSystem): string {
  const title = os.productName?.value ?? os.distro?.value ?? os.type.value;
  const lines = [
    `${title} on ${os.root}`,
    ...facts(os),
    ...mounts(os),
    ...filesystems(os),
    ...(os.windows === undefined ? [] : windowsLists(os.windows)),
    ...kernels(os),
    ...users(os),
  ];
  const applications = os.applications === undefined ? [] : [`  Applications     ${os.applications.length}`];
  const warnings = (os.warnings ?? []).map((w) => `  Warning: ${w}`);
  return `${[...lines, ...applications, ...warnings].join('\n')}\n`;
}

function facts(os: InspectedSystem): string[] {
  const rows: Row[] = [];
  for (const [label, field] of ROWS) {
    const fact = os[field] as { value: string | number; source: string } | undefined;
    if (fact !== undefined) rows.push([label, String(fact.value), fact.source]);
  }
  if (os.windows !== undefined) rows.push(...windowsRows(os.windows));
  const width = Math.min(Math.max(...rows.map(([, value]) => value.length), 0), WIDEST_VALUE);
  return rows.map(([label, value, source]) => `  ${label.padEnd(16)} ${value.padEnd(width)}  (${source})`);
}

function mounts(os: InspectedSystem): string[] {
  const width = Math.max(...os.mountPoints.map((m) => m.path.length), 0);
  return ['  Mount points', ...os.mountPoints.map((m) => `    ${m.path.padEnd(width)}  ${m.device}  (${m.source})`)];
}

function filesystems(os: InspectedSystem): string[] {
  const width = Math.max(...os.filesystems.map((f) => f.device.length), 0);
  const detail = (f: InspectedSystem['filesystems'][number]): string =>
    [f.type, f.label === undefined ? '' : `label ${f.label}`, f.uuid === undefined ? '' : `uuid ${f.uuid}`]
      .filter((t) => t !== '')
      .join(', ');
  return ['  File systems', ...os.filesystems.map((f) => `    ${f.device.padEnd(width)}  ${detail(f)}`)];
}

function kernels(os: InspectedSystem): string[] {
  if (os.kernels === undefined || os.kernels.length === 0) return [];
  return [
    '  Kernels',
    ...os.kernels.map((k) => `    ${k.version}  (${k.path}${k.initrd === undefined ? '' : `, ${k.initrd}`})`),
  ];
}

/** Accounts that people use: on Linux root and those from the first ordinary uid of login.defs(5) on, on Windows all that are enabled. */
function users(os: InspectedSystem): string[] {
  if (os.windows !== undefined) return windowsUsers(os);
  const FIRST_ORDINARY_UID = 1000;
  const NOBODY = 65534;
  const people = (os.users ?? []).filter((u) => u.uid === 0 || (u.uid >= FIRST_ORDINARY_UID && u.uid !== NOBODY));
  return people.length === 0 ? [] : [`  Users            ${people.map((u) => u.name).join(', ')}  (/etc/passwd)`];
}

function windowsUsers(os: InspectedSystem): string[] {
  const enabled = (os.users ?? []).filter((u) => u.disabled !== true).map((u) => u.name);
  const disabled = (os.users ?? []).filter((u) => u.disabled === true).map((u) => `${u.name} (disabled)`);
  const names = [...enabled, ...disabled];
  return names.length === 0 ? [] : [`  Users            ${names.join(', ')}`];
}
