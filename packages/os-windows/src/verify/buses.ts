/** Buses that a guest's disk may hang on. */
export const BUSES = ['ide', 'sata', 'virtio-blk', 'virtio-scsi', 'nvme'] as const;

/** Name of such a bus. */
export type BootBus = (typeof BUSES)[number];

/** A device that must work for a bus, with the ids that it presents: the most specific first. */
export interface BusDevice {
  readonly name: string;
  readonly ids: readonly string[];
}

const pci = (
  vendor: string,
  device: string,
  subsystem: string,
  revision: string,
  classCode: string,
): readonly string[] => {
  const base = `PCI\\VEN_${vendor}&DEV_${device}`;
  return [
    `${base}&SUBSYS_${subsystem}&REV_${revision}`,
    `${base}&SUBSYS_${subsystem}`,
    `${base}&REV_${revision}`,
    base,
    `${base}&CC_${classCode}`,
    `${base}&CC_${classCode.slice(0, 4)}`,
    `PCI\\VEN_${vendor}&CC_${classCode}`,
    `PCI\\VEN_${vendor}&CC_${classCode.slice(0, 4)}`,
    `PCI\\CC_${classCode}`,
    `PCI\\CC_${classCode.slice(0, 4)}`,
  ];
};

/** What QEMU's machines have on each bus. The virtio devices have two forms; the machine type decides which one appears. */
export const BUS_DEVICES: Readonly<Record<BootBus, readonly BusDevice[]>> = {
  ide: [
    { name: 'PIIX3 controller', ids: pci('8086', '7010', '11001AF4', '00', '010180') },
    { name: 'IDE channel', ids: ['Internal_IDE_Channel', '*PNP0600'] },
  ],
  sata: [{ name: 'ICH9 AHCI controller', ids: pci('8086', '2922', '11001AF4', '02', '010601') }],
  'virtio-blk': [
    { name: 'legacy', ids: pci('1AF4', '1001', '00021AF4', '00', '010000') },
    { name: 'modern', ids: pci('1AF4', '1042', '11001AF4', '01', '010000') },
  ],
  'virtio-scsi': [
    { name: 'legacy', ids: pci('1AF4', '1004', '00081AF4', '00', '010000') },
    { name: 'modern', ids: pci('1AF4', '1048', '11001AF4', '01', '010000') },
  ],
  nvme: [{ name: 'NVMe controller', ids: pci('1B36', '0010', '11001AF4', '02', '010802') }],
};

/** Drivers between a controller and a file system that every boot needs. */
export const COMMON_SERVICES = ['disk', 'volmgr', 'partmgr', 'mountmgr'] as const;
