import { alignDown } from '../binary/index.js';
import { readOnly, SliceDevice, UnavailableDevice } from '../block/index.js';
import type {
  BlockDevice,
  Ciphers,
  FsSignature,
  KeyStore,
  Member,
  StorageActivator,
  StorageContext,
  Volume,
  WarningSink,
} from '../contracts/index.js';
import { isVmcraftError, LimitExceededError, messageOf, UsageError } from '../errors/index.js';
import { type Partition, type PartitionTable, readPartitionTable } from '../partition/index.js';
import { DeviceIndex } from './device-index.js';
import { diskName, partitionName } from './device-names.js';
import type { DiscoveredDevice, DiskInput } from './discovered-device.js';
import { type ProbeOptions, probeSignature } from './signatures/probe.js';

/** Bounds of a discovery. */
export interface DiscoveryLimits {
  /** Rounds of probing until nothing new may appear. */
  readonly maxRounds: number;
  /** Devices of all kinds. */
  readonly maxDevices: number;
}

/** Limits unless the caller gives others. */
export const DEFAULT_DISCOVERY_LIMITS: DiscoveryLimits = { maxRounds: 16, maxDevices: 4096 };

/** Linux gives an extended partition no more than this many bytes, enough for a boot loader to find it. */
const EXTENDED_WINDOW = 1024;

/** What of an activator's devices is not to be used. */
export interface ActivatorFilter {
  /** Members that are looked at. */
  readonly member?: (device: DiscoveredDevice) => boolean;
  /** Volumes that are brought up. */
  readonly volume?: (volume: Volume) => boolean;
}

/** What discovery works with. */
export interface DiscoveryOptions {
  readonly activators?: readonly StorageActivator[];
  readonly keys?: KeyStore;
  /** For activators that decrypt. */
  readonly ciphers?: Ciphers;
  readonly warn?: WarningSink;
  readonly limits?: Partial<DiscoveryLimits>;
  /** Names what lies on a device; the signature table unless file-system drivers do better. */
  readonly probe?: (device: BlockDevice, options: ProbeOptions) => Promise<FsSignature | undefined>;
}

const NO_KEYS: KeyStore = { keysFor: async () => [] };

type MutableDevice = { -readonly [K in keyof DiscoveredDevice]: DiscoveredDevice[K] };

/**
 * All devices that disks hold: partitions by their tables, volumes by the activators, whose volumes are searched in turn until
 * nothing new appears. One activator's failure is a warning and stops nothing else.
 *
 * @example
 * const tree = await StorageTree.discover([{ device }], { activators, keys });
 * for (const d of tree.devices) console.log(d.name, d.kind, d.signature?.type);
 */
export class StorageTree {
  readonly #devices = new Map<string, MutableDevice>();
  readonly #disks: readonly DiskInput[];
  readonly #activators: readonly StorageActivator[];
  readonly #keys: KeyStore;
  readonly #limits: DiscoveryLimits;
  readonly #options: DiscoveryOptions;
  /** For each group that came up, the members it came up with; and the group each volume belongs to. */
  readonly #active = new Map<string, string>();
  readonly #groupOf = new Map<string, string>();
  /** Groups whose volume was closed by hand. */
  readonly #takenDown = new Set<string>();
  /** Devices that were made read-only, as they were before. */
  readonly #writable = new Map<MutableDevice, BlockDevice>();
  readonly #filters = new Map<string, ActivatorFilter>();
  #index: DeviceIndex | undefined;
  /** The first look at all disks is over. */
  #isKnown = false;

  private constructor(disks: readonly DiskInput[], options: DiscoveryOptions) {
    this.#disks = disks;
    this.#options = options;
    this.#activators = options.activators ?? [];
    this.#keys = options.keys ?? NO_KEYS;
    this.#limits = { ...DEFAULT_DISCOVERY_LIMITS, ...options.limits };
  }

  /**
   * Find everything on the disks; the n-th is `/dev/sd` and its letter.
   * @throws LimitExceededError when more devices appear than allowed
   */
  static async discover(disks: readonly DiskInput[], options: DiscoveryOptions = {}): Promise<StorageTree> {
    const tree = new StorageTree(disks, options);
    for (const [index, disk] of disks.entries()) {
      await tree.#add({ name: diskName(index), kind: 'disk', device: disk.device, parents: [], index });
    }
    await tree.activate();
    tree.#isKnown = true;
    return tree;
  }

  /** Every device, disks and their partitions first, volumes in the order they came up. */
  get devices(): readonly DiscoveredDevice[] {
    const all = [...this.#devices.values()];
    const disks = all.filter((d) => d.kind === 'disk');
    const under = (parent: DiscoveredDevice): DiscoveredDevice[] => [
      parent,
      ...all.filter((d) => d.kind === 'partition' && d.parents[0] === parent.name),
    ];
    return [...disks, ...all.filter((d) => d.kind === 'volume')].flatMap(under);
  }

  /** Devices made from this one. */
  childrenOf(name: string): readonly DiscoveredDevice[] {
    return this.devices.filter((d) => d.parents.includes(name));
  }

  /**
   * A device by name or alias: the names of other buses (`/dev/vda1`, `/dev/nvme0n1p1`), `UUID=`, `LABEL=`, `PARTUUID=`,
   * `PARTLABEL=` and their `/dev/disk/by-…` forms, `/dev/disk/guestfs/LABEL`, `/dev/mapper/VG-LV`.
   */
  find(name: string): DiscoveredDevice | undefined {
    this.#index ??= new DeviceIndex(this.devices, this.#disks);
    return this.#index.find(name);
  }

  /**
   * Let the activators look again at devices nobody claimed yet, for instance after a key was added, until nothing new appears.
   * What was forgotten comes up again.
   * @returns names of the devices that came up
   */
  async activate(): Promise<readonly string[]> {
    this.#takenDown.clear();
    return this.#activate();
  }

  async #activate(): Promise<readonly string[]> {
    const added: string[] = [];
    const tried = new Map<string, string>();
    for (let round = 0; round < this.#limits.maxRounds; round++) {
      for (const device of [...this.#devices.values()]) await this.#claim(device);
      const before = new Set(this.#devices.values());
      for (const activator of this.#activators) await this.#bringUp(activator, tried);
      const fresh = [...this.#devices.values()].filter((d) => !before.has(d));
      if (fresh.length === 0) return added;
      added.push(...fresh.map((d) => d.name));
    }
    this.#warn('storage', `still finding volumes after ${this.#limits.maxRounds} rounds: gave up`);
    return added;
  }

  /**
   * Read the table of a disk or volume again after it was edited: its partitions and everything made from them are
   * replaced. Devices of partitions that did not move stay the same objects.
   * @throws UsageError when there is no such device
   */
  async rescan(name: string): Promise<void> {
    const device = this.#devices.get(this.find(name)?.name ?? name);
    if (device === undefined) throw new UsageError(`no such device: ${name}`);
    const old = new Map<string, DiscoveredDevice>();
    for (const child of this.childrenOf(device.name)) {
      if (child.kind === 'partition') old.set(child.name, child);
    }
    const isUp = this.childrenOf(device.name).some((d) => d.kind === 'volume');
    if (!isUp) {
      delete device.member;
      delete device.claimedBy;
    }
    const kept = await this.#describe(device, old);
    for (const partition of old.keys()) if (!kept.has(partition)) this.#remove(partition);
    await this.#activate();
  }

  /** What activators are handed. */
  get context(): StorageContext {
    const { warn, ciphers } = this.#options;
    return { keys: this.#keys, warn: warn ?? (() => {}), ...(ciphers === undefined ? {} : { ciphers }) };
  }

  /**
   * Forget a volume and what was made from it, as when a LUKS container is closed: only {@link activate} brings it up again. Does
   * not close the device.
   */
  forget(name: string): void {
    if (this.#devices.get(name)?.kind !== 'volume') throw new UsageError(`${name} is not a volume`);
    const group = this.#groupOf.get(name);
    if (group !== undefined) this.#takenDown.add(group);
    this.#remove(name);
  }

  /**
   * Show a volume that was brought up by hand from `parent`, and everything that is on it.
   * @throws UsageError when the name is taken, or there is no such device
   */
  async adopt(activator: StorageActivator, parent: string, volume: Volume): Promise<void> {
    const device = this.#devices.get(parent);
    if (device === undefined) throw new UsageError(`no such device: ${parent}`);
    if (this.#devices.has(volume.name)) throw new UsageError(`${volume.name} exists already`);
    const member: Member = {
      type: '',
      groupId: parent,
      uuid: '',
      ...device.member,
      deviceName: parent,
      device: device.device,
    };
    const group = `${activator.name}\0${member.groupId}`;
    await this.#addVolume(activator, group, [member], volume);
    this.#active.set(group, parent);
    this.#takenDown.delete(group);
    await this.#activate();
  }

  /**
   * Let an activator look at all of its members again, after what describes its volumes was edited. Volumes that are as before stay
   * the same devices.
   * @param filter what the activator may use from now on; as before when left out
   * @param changed names of volumes that are made anew
   */
  async refresh(activator: string, filter?: ActivatorFilter, changed: readonly string[] = []): Promise<void> {
    if (filter !== undefined) this.#filters.set(activator, filter);
    const { volume } = this.#filters.get(activator) ?? {};
    for (const name of changed) if (this.#devices.has(name)) this.#remove(name);
    for (const d of [...this.#devices.values()]) {
      if (d.activator !== activator || volume === undefined) continue;
      if (!volume({ name: d.name, kind: d.volumeKind ?? '', device: d.device })) this.#remove(d.name);
    }
    for (const group of [...this.#active.keys(), ...this.#takenDown]) {
      if (!group.startsWith(`${activator}\0`)) continue;
      this.#active.delete(group);
      this.#takenDown.delete(group);
    }
    await this.#activate();
  }

  /** Close the devices of all volumes, the last made first. The disks stay open. */
  async closeVolumes(): Promise<void> {
    for (const { kind, device } of [...this.#devices.values()].reverse()) if (kind === 'volume') await device.close();
  }

  /** Make one device refuse writes from now on, or take them again as its disk does. Who has it open is not concerned. */
  setReadOnly(name: string, on: boolean): void {
    const device = this.#devices.get(this.find(name)?.name ?? name);
    if (device === undefined) throw new UsageError(`no such device: ${name}`);
    const before = this.#writable.get(device);
    if (on && before === undefined && device.device.writable) {
      this.#writable.set(device, device.device);
      device.device = readOnly(device.device, 'it was set read-only');
    } else if (!on && before !== undefined) {
      this.#writable.delete(device);
      device.device = before;
    }
  }

  #remove(name: string): void {
    this.#devices.delete(name);
    this.#index = undefined;
    const group = this.#groupOf.get(name);
    this.#groupOf.delete(name);
    if (group !== undefined) this.#active.delete(group);
    for (const d of [...this.#devices.values()]) if (d.parents.includes(name)) this.#remove(d.name);
  }

  #warn(source: string, message: string, cause?: unknown): void {
    this.#options.warn?.({ source, message, ...(cause === undefined ? {} : { cause }) });
  }

  async #add(device: MutableDevice): Promise<void> {
    if (this.#devices.has(device.name)) {
      this.#warn('storage', `two devices are named ${device.name}: the second is not shown`);
      return;
    }
    if (this.#devices.size >= this.#limits.maxDevices) {
      const max = this.#limits.maxDevices;
      throw new LimitExceededError({ limit: 'devices', value: max + 1, max, option: 'maxDevices' });
    }
    this.#devices.set(device.name, device);
    this.#index = undefined;
    await this.#describe(device, new Map());
  }

  /** Read table and signature of a device and add its partitions. @returns names of partitions kept from `old` */
  async #describe(device: MutableDevice, old: ReadonlyMap<string, DiscoveredDevice>): Promise<ReadonlySet<string>> {
    this.#index = undefined;
    // Whoever made it has told why it cannot be read.
    if (device.device instanceof UnavailableDevice || device.isPiece === true) return new Set();
    // A partition inside a partition is none to Linux; BSD slices come with the table of the disk.
    const found = device.kind === 'partition' ? undefined : await this.#readTable(device);
    const partitions = found?.partitions.filter((p) => p.kind !== 'extended') ?? [];
    const probe = this.#options.probe ?? probeSignature;
    const signature = await this.#attempt(device.name, () => probe(device.device, { partitions }));
    if (signature === undefined) delete device.signature;
    else device.signature = signature;
    // What a member of an array shows at its start is the array's table: mdadm drops its partitions, too.
    const table = found !== undefined && (await this.#isArrayMember(device, signature)) ? undefined : found;
    if (table === undefined) delete device.table;
    else device.table = table;
    const kept = new Set<string>();
    for (const partition of table?.partitions ?? []) {
      const name = partitionName(device.name, partition.number, device.kind === 'volume');
      kept.add(name);
      const before = old.get(name);
      const same = isSamePlace(before?.partition, partition) ? this.#devices.get(name) : undefined;
      if (same !== undefined) {
        same.partition = partition;
        await this.#describe(same, old);
        continue;
      }
      if (before !== undefined) this.#remove(name);
      await this.#addPartition(device, table!, partition, name);
    }
    return kept;
  }

  async #isArrayMember(device: MutableDevice, signature: FsSignature | undefined): Promise<boolean> {
    const type = signature?.type;
    const activator = this.#activators.find((a) => type !== undefined && a.memberTypes?.includes(type) === true);
    if (type !== 'linux_raid_member' || activator === undefined) return false;
    return (await this.#attempt(device.name, () => activator.probe(device.device))) !== undefined;
  }

  #readTable(device: DiscoveredDevice): Promise<PartitionTable | undefined> {
    const warn: WarningSink = (w) => this.#warn(w.source, `${device.name}: ${w.message}`, w.cause);
    return this.#attempt(device.name, () => readPartitionTable(device.device, { warn }));
  }

  async #addPartition(
    disk: DiscoveredDevice,
    table: PartitionTable,
    partition: Partition,
    name: string,
  ): Promise<void> {
    const window = windowOf(disk.device, table, partition);
    if (window === 0) {
      this.#warn('storage', `${name} lies past the end of ${disk.name} and is not shown`);
      return;
    }
    if (partition.kind !== 'extended' && window < partition.size) {
      this.#warn('storage', `${name} ends past the end of ${disk.name} and is cut short`);
    }
    const device = new SliceDevice(disk.device, partition.start, window, { name });
    await this.#add({ name, kind: 'partition', device, parents: [disk.name], partition });
  }

  /** Ask the activators whose member the device is. The first to claim it has it. */
  async #claim(device: MutableDevice): Promise<void> {
    if (device.device instanceof UnavailableDevice || device.isPiece === true) return;
    if (device.member !== undefined || device.partition?.kind === 'extended') return;
    const isPartitioned = (device.table?.partitions.length ?? 0) > 0;
    for (const activator of this.#activators) {
      const { signature } = device;
      if (isPartitioned && activator.claimsPartitioned !== true) continue;
      if (signature !== undefined && activator.memberTypes?.includes(signature.type) === false) continue;
      const member = await this.#attempt(`${device.name}: ${activator.name}`, () => activator.probe(device.device));
      if (member === undefined) continue;
      device.member = { ...member, deviceName: device.name };
      device.claimedBy = activator.name;
      return;
    }
  }

  /** Activate each group of members that is new or has grown. `tried` keeps one run from asking twice. */
  async #bringUp(activator: StorageActivator, tried: Map<string, string>): Promise<void> {
    const groups = new Map<string, Member[]>();
    const filter = this.#filters.get(activator.name);
    for (const d of this.#devices.values()) {
      if (d.member === undefined || d.claimedBy !== activator.name || filter?.member?.(d) === false) continue;
      groups.set(d.member.groupId, [...(groups.get(d.member.groupId) ?? []), d.member]);
    }
    const context = this.context;
    for (const [groupId, members] of groups) {
      const group = `${activator.name}\0${groupId}`;
      const names = members.map((m) => m.deviceName).join('\0');
      if (this.#active.get(group) === names || tried.get(group) === names || this.#takenDown.has(group)) continue;
      tried.set(group, names);
      const volumes = await this.#attempt(activator.name, () => activator.activate(members, context));
      if (volumes === undefined || volumes.length === 0) continue;
      this.#active.set(group, names);
      const wanted = volumes.filter((volume) => filter?.volume?.(volume) !== false);
      for (const volume of wanted) await this.#addVolume(activator, group, members, volume);
    }
  }

  async #addVolume(
    activator: StorageActivator,
    group: string,
    members: readonly Member[],
    volume: Volume,
  ): Promise<void> {
    const parents = (volume.members ?? members).flatMap((m) => (m.deviceName === undefined ? [] : [m.deviceName]));
    // The group came up again with more members: what it was before is replaced, unless nothing about it changed.
    if (this.#groupOf.get(volume.name) === group) {
      if (isSameVolume(this.#devices.get(volume.name), volume, parents)) return;
      this.#remove(volume.name);
      this.#active.set(group, members.map((m) => m.deviceName).join('\0'));
    }
    await this.#add({
      name: volume.name,
      kind: 'volume',
      device: volume.device,
      parents,
      activator: activator.name,
      volumeKind: volume.kind,
      ...(volume.uuid === undefined ? {} : { uuid: volume.uuid }),
      ...(volume.label === undefined ? {} : { label: volume.label }),
      ...(volume.aliases === undefined ? {} : { aliases: volume.aliases }),
      ...(volume.isPiece === true ? { isPiece: true } : {}),
    });
    this.#groupOf.set(volume.name, group);
  }

  /** A step whose failure concerns this device or activator only. */
  async #attempt<T>(subject: string, step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      if (!isVmcraftError(error) || error.code === 'VMC_ABORTED') throw error;
      // Once everything was looked at, a container that is locked is nothing new.
      if (error.code === 'VMC_KEY_REQUIRED' && this.#isKnown) return undefined;
      this.#warn('storage', `${subject}: ${messageOf(error)}`, error);
      return undefined;
    }
  }
}

/** Bytes of a partition that are on its disk. Of an extended one only the start, as Linux does. */
function windowOf(disk: BlockDevice, table: PartitionTable, partition: Partition): number {
  const there = Math.max(0, Math.min(partition.size, disk.size - partition.start));
  const size = partition.kind === 'extended' ? Math.min(there, EXTENDED_WINDOW) : there;
  return alignDown(size, Math.min(table.sectorSize, disk.sectorSize));
}

function isSamePlace(a: Partition | undefined, b: Partition): boolean {
  return a !== undefined && a.start === b.start && a.size === b.size && a.kind === b.kind;
}

/** Whether a volume that came up again is the one that is there: it says on which members it lies, and all of that is as it was. */
function isSameVolume(before: DiscoveredDevice | undefined, volume: Volume, parents: readonly string[]): boolean {
  if (before === undefined || volume.members === undefined || volume.uuid === undefined) return false;
  const isSame = before.uuid === volume.uuid && before.device.size === volume.device.size;
  return isSame && before.parents.join('\0') === parents.join('\0');
}
