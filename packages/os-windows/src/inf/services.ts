import type { InfEntry, InfFile } from './inf-file.js';
import { broken, type InfRegChange, readAddReg, readDelReg, readNumber } from './registry-entries.js';

/** AddService flag: the service is the function driver of the device. */
const ASSOCIATED = 0x0000_0002;

/** Values of StartType (INF AddService Directive). */
export const START = { BOOT: 0, SYSTEM: 1, AUTO: 2, DEMAND: 3, DISABLED: 4 } as const;

/** A service that an INF installs. */
export interface InfService {
  readonly name: string;
  /** The function driver of the device, as the flag of AddService says. */
  readonly isFunctionDriver: boolean;
  /** SERVICE_* type bits: 1 is a kernel driver. */
  readonly type: number;
  /** 0 boot … 4 disabled. */
  readonly start: number;
  readonly errorControl: number;
  /** With directory ids: `%12%\viostor.sys`. */
  readonly binary: string;
  readonly displayName?: string;
  /** As the INF writes it, for `@oem1.inf,%token%;text`. */
  readonly rawDisplayName?: string;
  readonly description?: string;
  readonly loadOrderGroup?: string;
  readonly dependencies: readonly string[];
  readonly startName?: string;
  /** Relative (HKR) to the key of the service. */
  readonly registry: readonly InfRegChange[];
  /** Event log of the service: name of the section's keys relative to `EventLog\<log>\<name>`. */
  readonly eventLog?: { readonly log: string; readonly name: string; readonly registry: readonly InfRegChange[] };
}

/** Services of the `.Services` section of an install section. @throws CorruptImageError when a section it names is missing */
export function readInfServices(inf: InfFile, section: string): readonly InfService[] {
  return inf.entriesOf(section, 'AddService').flatMap((entry) => {
    const [name = '', flags = '', install = ''] = entry.values;
    // `AddService = ,2` says that the device has no function driver.
    if (name === '') return [];
    if (!inf.has(install)) throw broken(inf, section, entry, `there is no section [${install}]`);
    return [readService(inf, section, entry, readNumber(inf, section, entry, flags), install)];
  });
}

/** Names of services that a DelService directive removes. */
export function readDeletedServices(inf: InfFile, section: string): readonly string[] {
  return inf.entriesOf(section, 'DelService').flatMap(({ values }) => (values[0] ? [values[0]] : []));
}

function readService(inf: InfFile, section: string, add: InfEntry, flags: number, install: string): InfService {
  const required = (key: string): number => {
    const entry = inf.entriesOf(install, key)[0];
    if (entry === undefined) throw broken(inf, section, add, `[${install}] has no ${key}`);
    return readNumber(inf, install, entry, entry.values[0] ?? '');
  };
  const binary = inf.value(install, 'ServiceBinary');
  if (binary === undefined) throw broken(inf, section, add, `[${install}] has no ServiceBinary`);
  const eventLog = readEventLog(inf, add);
  return {
    name: add.values[0] ?? '',
    isFunctionDriver: (flags & ASSOCIATED) !== 0,
    type: required('ServiceType'),
    start: required('StartType'),
    errorControl: required('ErrorControl'),
    binary,
    dependencies: inf.list(install, 'Dependencies'),
    registry: readRegistry(inf, install),
    ...optional('displayName', inf.value(install, 'DisplayName')),
    ...optional('rawDisplayName', inf.entriesOf(install, 'DisplayName')[0]?.rawValues[0]),
    ...optional('description', inf.value(install, 'Description')),
    ...optional('loadOrderGroup', inf.value(install, 'LoadOrderGroup')),
    ...optional('startName', inf.value(install, 'StartName')),
    ...(eventLog === undefined ? {} : { eventLog }),
  };
}

/** `AddService = name,flags,section[,event-log-install-section[,[EventLogType][,EventName]]]` */
function readEventLog(inf: InfFile, { values }: InfEntry): InfService['eventLog'] {
  const [name = '', , , section = '', log = '', source = ''] = values;
  if (section === '' || !inf.has(section)) return undefined;
  return { log: log || 'System', name: source || name, registry: readRegistry(inf, section) };
}

/** All AddReg and DelReg sections that a section names; deletions come first, as SetupAPI does them. */
export function readRegistry(inf: InfFile, section: string): readonly InfRegChange[] {
  return [
    ...inf.list(section, 'DelReg').flatMap((name) => readDelReg(inf, name)),
    ...inf.list(section, 'AddReg').flatMap((name) => readAddReg(inf, name)),
  ];
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [P in K]: string });
}
