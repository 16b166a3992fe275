import { atLeast, type Release } from './releases.js';

/** A driver that comes with Windows. */
export interface InboxDriver {
  readonly service: string;
  readonly inf: string;
  /** Section of the inf that installs it. */
  readonly section: string;
  /** Hardware and compatible ids. */
  readonly ids: readonly string[];
  readonly classGuid: string;
  readonly group?: string;
  readonly tag?: number;
  readonly start: number;
  readonly errorControl: number;
  readonly displayName: string;
  /** File in System32\drivers. */
  readonly file: string;
}

const HDC = '{4d36e96a-e325-11ce-bfc1-08002be10318}';
const SCSI = '{4d36e97b-e325-11ce-bfc1-08002be10318}';
const DISK = '{4d36e967-e325-11ce-bfc1-08002be10318}';
const SYSTEM = '{4d36e97d-e325-11ce-bfc1-08002be10318}';

function driver(
  service: string,
  inf: string,
  section: string,
  ids: string[],
  classGuid: string,
  more: Partial<InboxDriver> = {},
): InboxDriver {
  return {
    service,
    inf,
    section,
    ids,
    classGuid,
    start: 0,
    errorControl: 3,
    group: 'SCSI Miniport',
    displayName: `@${inf},%${service}_desc%;${service}`,
    file: `${service.toLowerCase()}.sys`,
    ...more,
  };
}

/** Storage and bus drivers that a release boots with. */
export function inboxDrivers(r: Release): readonly InboxDriver[] {
  const isModern = atLeast(r, 6, 2);
  const all = [
    driver('disk', 'disk.inf', 'disk_install.NT', ['GenDisk'], DISK, { errorControl: 1, group: undefined }),
    driver('volmgr', 'volmgr.inf', 'Volmgr', ['ROOT\\VOLMGR'], SYSTEM, { group: 'System Bus Extender', tag: 9 }),
    driver('pci', 'pci.inf', 'PCI_ROOT', ['*PNP0A03', '*PNP0A08'], SYSTEM, { group: 'Boot Bus Extender', tag: 3 }),
    driver('atapi', 'mshdc.inf', 'atapi_Inst', ['*PNP0600', 'Internal_IDE_Channel'], HDC, { tag: 0x1e }),
    driver('intelide', 'mshdc.inf', 'intelide_Inst', ['PCI\\VEN_8086&DEV_7010', 'PCI\\VEN_8086&DEV_7111'], HDC, {
      group: 'System Bus Extender',
      tag: 4,
    }),
    driver('pciide', 'mshdc.inf', 'pciide_Inst', ['PCI\\CC_0101'], HDC, { group: 'System Bus Extender', tag: 5 }),
    isModern
      ? driver('storahci', 'mshdc.inf', 'msahci_Inst', ['PCI\\CC_010601'], HDC, { tag: 0x1f })
      : driver('msahci', 'mshdc.inf', 'msahci_Inst', ['PCI\\CC_010601'], HDC, { group: 'System Bus Extender', tag: 6 }),
  ];
  if (atLeast(r, 6, 3))
    all.push(driver('stornvme', 'stornvme.inf', 'Stornvme_Inst', ['PCI\\CC_010802'], SCSI, { tag: 0x20 }));
  return all;
}

/** Name of a package in DriverDatabase and of its folder in the driver store. */
export function packageName(r: Release, inf: string): string {
  const digest = [...`${r.id}/${inf}`].reduce(
    (h, c) => BigInt.asUintN(64, (h ^ BigInt(c.charCodeAt(0))) * 0x100000001b3n),
    0xcbf29ce484222325n,
  );
  return `${inf}_${r.arch}_${digest.toString(16).padStart(16, '0')}`;
}
