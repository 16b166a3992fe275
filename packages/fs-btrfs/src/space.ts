import { toSafeInteger } from '@vmcraft/core/binary';
import type { ChunkInfo } from './chunk-map.js';
import { BlockGroup, BlockGroupItem, CompatReadOnly, Id, Profile, RootItem, Type } from './layout.js';
import { LAST_OFFSET } from './tree.js';
import type { Volume } from './volume.js';

/** Bytes, as a file of the file system counts them: a copy of each is not counted. */
export interface Space {
  readonly total: number;
  readonly free: number;
  /** What of it can be had for contents of files. */
  readonly available: number;
}

/** How the kernel allots: elements of 64 KiB, and the first megabyte of each device is not for chunks ("Storage model", btrfs(5)). */
const STRIPE = 65_536;
const RESERVED = 1 << 20;
/** Most that is kept back for changes of metadata. */
const MAX_RESERVE = 512 << 20;
/** Metadata is not had below this. */
const METADATA_LEFT = 4 << 20;

/** What each profile needs: copies of a byte, devices of a chunk (0 takes all), least devices. In the order in which one is preferred. */
const PROFILES = [
  { bit: Profile.raid1c4, copies: 4, stripes: 4, least: 4 },
  { bit: Profile.raid6, copies: 1, stripes: 1, least: 3 },
  { bit: Profile.raid1c3, copies: 3, stripes: 3, least: 3 },
  { bit: Profile.raid5, copies: 1, stripes: 1, least: 2 },
  { bit: Profile.raid10, copies: 2, stripes: 4, least: 2 },
  { bit: Profile.raid1, copies: 2, stripes: 2, least: 2 },
  { bit: Profile.raid0, copies: 1, stripes: 0, least: 1 },
  { bit: Profile.dup, copies: 2, stripes: 1, least: 1 },
  { bit: 0n, copies: 1, stripes: 1, least: 1 },
] as const;
type ProfileFacts = (typeof PROFILES)[number];

const profileOf = (type: bigint): ProfileFacts =>
  PROFILES.find(({ bit }) => (type & bit) !== 0n) ?? (PROFILES.at(-1) as ProfileFacts);

/** One block group: a chunk and how much of it is used. */
interface Group {
  readonly chunk: ChunkInfo;
  readonly used: number;
  readonly profile: ProfileFacts;
}

/**
 * How much there is and how much is free, as statvfs(3) tells under Linux: raw space divided by the copies that data have, with what the
 * profile of data can use of space that is in no chunk yet.
 * @throws CorruptImageError, MissingDeviceError
 */
export async function spaceOf(volume: Volume): Promise<Space> {
  const groups = await blockGroups(volume);
  const isData = ({ chunk }: Group): boolean => (chunk.type & BlockGroup.data) !== 0n;
  const data = groups.filter(isData);
  const profile = PROFILES.find((known) => data.some((group) => group.profile === known)) ?? profileOf(0n);
  const { copies } = profile;
  const reserve = await reserved(volume);
  const raw = sum(groups, ({ used, profile: own }) => used * own.copies);
  const total = Math.floor(volume.facts.totalBytes / copies);
  const free = Math.max(0, total - Math.floor(raw / copies) - reserve);
  const unused = ({ chunk, used, profile: own }: Group): number => (chunk.length - used) * own.copies;
  const inGroups = sum(
    data.filter(({ chunk }) => !isOnSeed(volume, chunk)),
    unused,
  );
  const available = Math.floor((inGroups + unallotted(volume, profile)) / copies);
  const metadata = groups.filter((group) => (group.chunk.type & BlockGroup.metadata) !== 0n && !isData(group));
  const isFull = metadata.length > 0 && unallotted(volume, profile) === 0;
  const left = sum(metadata, unused) - METADATA_LEFT;
  return { total, free, available: isFull && left < reserve ? 0 : Math.min(available, free) };
}

async function blockGroups(volume: Volume): Promise<readonly Group[]> {
  const hasOwnTree = (volume.facts.compatReadOnly & CompatReadOnly.blockGroupTree) !== 0n;
  const tree = await volume.tree(hasOwnTree ? Id.blockGroupTree : Id.extentTree);
  const groups: Group[] = [];
  for (const chunk of tree === undefined ? [] : volume.space.chunks.chunks) {
    const item = await tree?.find({ objectid: chunk.start, type: Type.blockGroupItem, offset: chunk.length });
    // A chunk without a group is about to go.
    if (item === undefined) continue;
    const used = Math.min(chunk.length, toSafeInteger(BlockGroupItem.decode(item.data).used, 'block group used'));
    groups.push({ chunk, used, profile: profileOf(chunk.type) });
  }
  return groups;
}

/** What is on the devices of a seed is only read. */
function isOnSeed({ space }: Volume, { stripes }: ChunkInfo): boolean {
  return stripes.some(({ devid }) => space.devices.known.get(devid)?.isSeed === true);
}

/**
 * What is in no chunk yet, as far as chunks of a profile can use it: again and again one over the devices that have most left, as long as
 * there are enough of them.
 * @returns raw bytes
 */
function unallotted({ space }: Volume, { stripes, least }: ProfileFacts): number {
  const left: number[] = [];
  for (const { size, used, isSeed } of space.devices.known.values()) {
    const room = Math.floor(Math.max(0, size - used) / STRIPE) * STRIPE;
    if (!isSeed && room > RESERVED + STRIPE) left.push(room - RESERVED);
  }
  left.sort((a, b) => b - a);
  let raw = 0;
  for (let count = left.length; count >= least; count--) {
    const wide = Math.min(stripes === 0 ? left.length : stripes, count);
    const least = left[count - 1] as number;
    if (least < STRIPE) continue;
    raw += least * wide;
    for (let i = count - wide; i < count; i++) left[i] = (left[i] as number) - least;
  }
  return raw;
}

/** Trees whose growth a change of anything may need. */
const GROWING = [Id.extentTree, Id.csumTree, Id.freeSpaceTree, Id.blockGroupTree] as const;
/** Items that freeing a file changes, besides. */
const ITEMS_OF_UNLINK = 7;

/** What Linux keeps back for changes of metadata: the size of the trees that record space, and never less than some paths from a root. */
async function reserved({ rootTree, facts }: Volume): Promise<number> {
  let size = 0;
  let items = 1 + ITEMS_OF_UNLINK;
  let factor = 1;
  for (const id of GROWING) {
    const item = await rootTree.last({ objectid: id, type: Type.rootItem, offset: LAST_OFFSET });
    if (item?.objectid !== id || item.type !== Type.rootItem) continue;
    size += Number(RootItem.decode(item.data).bytesUsed);
    items++;
    if (id === Id.freeSpaceTree) factor = 2;
  }
  const LEVELS = 8;
  return Math.min(MAX_RESERVE, Math.max(size, facts.nodesize * LEVELS * 2 * items * factor));
}

const sum = <T>(all: readonly T[], of: (one: T) => number): number => all.reduce((total, one) => total + of(one), 0);
