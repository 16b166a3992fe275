import { type InfFileCopy, readInfCopies } from './copy-files.js';
import type { InfFile } from './inf-file.js';
import type { InfRegChange } from './registry-entries.js';
import { type InfService, readDeletedServices, readInfServices, readRegistry } from './services.js';
import { type InfTarget, sectionSuffixes } from './target.js';

/** How deep Needs may lead. */
const MAX_NEEDS = 32;

/** What one DDInstall section, with the sections that belong to it, does. */
export interface InfInstall {
  /** As PnP names it: with the decoration that was chosen, `rhelscsi_inst.NT`. */
  readonly section: string;
  readonly copies: readonly InfFileCopy[];
  /** Of the section itself: HKR is the driver's key. */
  readonly driverRegistry: readonly InfRegChange[];
  /** Of `.HW`: HKR is the device's key. */
  readonly hardwareRegistry: readonly InfRegChange[];
  readonly services: readonly InfService[];
  /** Names of services that DelService removes. */
  readonly deletedServices: readonly string[];
  /** Whether there is a `.Services` or `.HW` or `.CoInstallers` section. */
  readonly hasServices: boolean;
  readonly hasHardware: boolean;
  readonly hasCoInstallers: boolean;
  /** Other INFs that Include names, and sections of theirs that Needs names. */
  readonly includes: readonly string[];
  readonly foreignNeeds: readonly string[];
  /** FeatureScore directive: 0xff unless given. */
  readonly featureScore: number;
}

/**
 * Read the install section that Windows takes: decorated with the platform, else `.NT`, else plain. Undefined when there is none.
 * @throws CorruptImageError
 */
export function readInfInstall(inf: InfFile, name: string, target: InfTarget): InfInstall | undefined {
  const suffix = sectionSuffixes(target).find((s) => inf.has(`${name}${s}`));
  if (suffix === undefined) return undefined;
  const section = exactName(inf, `${name}${suffix}`);
  const sections = withNeeds(inf, section);
  const parts = (extension: string): string[] => sections.own.map((s) => `${s}${extension}`).filter((s) => inf.has(s));
  const services = parts('.Services');
  const featureScore = Number.parseInt(inf.value(section, 'FeatureScore') ?? 'ff', 16);
  return {
    section,
    copies: [...sections.own, ...parts('.CoInstallers')].flatMap((s) => readInfCopies(inf, s, target)),
    driverRegistry: sections.own.flatMap((s) => readRegistry(inf, s)),
    hardwareRegistry: parts('.HW').flatMap((s) => readRegistry(inf, s)),
    services: services.flatMap((s) => readInfServices(inf, s)),
    deletedServices: services.flatMap((s) => readDeletedServices(inf, s)),
    hasServices: services.length > 0,
    hasHardware: parts('.HW').length > 0,
    hasCoInstallers: parts('.CoInstallers').length > 0,
    includes: sections.own.flatMap((s) => inf.list(s, 'Include')),
    foreignNeeds: sections.foreign,
    featureScore: featureScore >= 0 && featureScore <= 0xff ? featureScore : 0xff,
  };
}

/** The section and those of the same INF that its Needs directives name. */
function withNeeds(inf: InfFile, section: string): { readonly own: string[]; readonly foreign: string[] } {
  const own: string[] = [];
  const foreign: string[] = [];
  const pending = [section];
  for (let next = pending.shift(); next !== undefined && own.length < MAX_NEEDS; next = pending.shift()) {
    const name = next.toLowerCase();
    if (own.some((known) => known.toLowerCase() === name)) continue;
    if (inf.has(next)) {
      own.push(next);
      pending.push(...inf.list(next, 'Needs'));
    } else foreign.push(next);
  }
  return { own, foreign };
}

function exactName(inf: InfFile, name: string): string {
  return inf.sectionName(name) ?? name;
}
