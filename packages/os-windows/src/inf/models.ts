import { LimitExceededError } from '@vmcraft/core/errors';
import type { InfEntry, InfFile } from './inf-file.js';
import { type InfTarget, parseTargetOsVersion, selectDecoration, type TargetOsVersion } from './target.js';

/** Devices that one INF may name for one target. */
const MAX_DEVICES = 20_000;

/** One device of a Models section. */
export interface InfDevice {
  readonly description: string;
  /** As the INF writes it: `%VirtioScsi.DeviceDesc%`. */
  readonly rawDescription: string;
  readonly manufacturer: string;
  readonly rawManufacturer: string;
  /** Undecorated name of the DDInstall section. */
  readonly installSection: string;
  /** `PCI\VEN_1AF4&DEV_1001`, upper case as PnP compares them. */
  readonly hardwareId: string;
  readonly compatibleIds: readonly string[];
  /** The Models section it comes from. */
  readonly modelsSection: string;
}

/** The devices an INF has for a target, and what it has for others, to say why nothing fits. */
export interface InfModels {
  readonly devices: readonly InfDevice[];
  /** Decorations of all manufacturers: `NTamd64.10.0`; `none` where there is none. */
  readonly decorations: readonly string[];
}

/** Read the devices that Windows would see in an INF: INF Manufacturer and Models Sections. @throws LimitExceededError */
export function readInfModels(inf: InfFile, target: InfTarget): InfModels {
  const devices: InfDevice[] = [];
  const decorations = new Set<string>();
  for (const maker of inf.entries('Manufacturer')) {
    const [models = maker.key ?? '', ...offered] = maker.values;
    for (const text of offered.length === 0 ? ['none'] : offered) if (text !== '') decorations.add(text);
    const section = modelsSection(models, offered, target);
    if (section === undefined) continue;
    for (const entry of inf.entries(section)) {
      const device = readDevice(entry, maker, section);
      if (device !== undefined) devices.push(device);
      if (devices.length > MAX_DEVICES) {
        throw new LimitExceededError({ limit: 'devices of an INF', value: devices.length, max: MAX_DEVICES });
      }
    }
  }
  return { devices, decorations: [...decorations] };
}

/**
 * The name of the Models section that Windows takes. One without decoration counts for x86 alone: since Windows Server 2003 SP1 the
 * 64-bit systems install from decorated sections only.
 */
function modelsSection(models: string, offered: readonly string[], target: InfTarget): string | undefined {
  const known = offered.flatMap((text): TargetOsVersion[] => {
    const decoration = parseTargetOsVersion(text);
    return decoration === undefined ? [] : [decoration];
  });
  const chosen = selectDecoration(known, target);
  if (chosen !== undefined) return `${models}.${chosen.text}`;
  return target.architecture === 'x86' ? models : undefined;
}

/** `device-description = install-section-name[,hw-id][,compatible-id …]` */
function readDevice(entry: InfEntry, maker: InfEntry, modelsSection: string): InfDevice | undefined {
  const [installSection = '', hardwareId = '', ...compatible] = entry.values;
  if (entry.key === undefined || installSection === '' || hardwareId === '') return undefined;
  return {
    description: entry.key,
    rawDescription: entry.rawKey ?? entry.key,
    manufacturer: maker.key ?? maker.values[0] ?? '',
    rawManufacturer: maker.rawKey ?? maker.rawValues[0] ?? '',
    installSection,
    hardwareId: hardwareId.toUpperCase(),
    compatibleIds: compatible.filter((id) => id !== '').map((id) => id.toUpperCase()),
    modelsSection,
  };
}
