import { FsError } from '@vmcraft/core/errors';
import type { FormatSpace } from './format-space.js';
import {
  baseBlocksOf,
  blocksInGroup,
  descriptorBlockAt,
  firstBlockOf,
  type Geometry,
  hasSuperblock,
} from './geometry.js';

/** Where the tables of a group lie. */
export interface TablePlaces {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
}

type Slot = keyof TablePlaces;

/** Take superblock copies, descriptors and reserved descriptor blocks of every group. */
export function takeBaseBlocks(space: FormatSpace): void {
  const g = space.geometry;
  for (let group = 0; group < g.groupCount; group++) {
    const count = baseBlocksOf(g, group);
    if (count > 0) space.take(firstBlockOf(g, group), Math.min(count, blocksInGroup(g, group)));
  }
}

/**
 * Place bitmaps and inode tables of the groups from `first` on and take their blocks, all within those groups. With flex_bg, those of a flex group lie side by side from its
 * first group on: all block bitmaps, all inode bitmaps, all inode tables. Otherwise every group holds its own.
 * @throws FsError ENOSPC
 */
export function placeTables(space: FormatSpace, first = 0): TablePlaces[] {
  const g = space.geometry;
  const places: TablePlaces[] = [];
  for (let group = first; group < g.groupCount; group++) {
    const previous = places.at(-1);
    const place = (slot: Slot, size: number, behind?: number): number => {
      const at =
        g.groupsPerFlex > 1
          ? placeInFlex(space, { group, first }, size, previous?.[slot], behind)
          : placeInGroup(space, group, size);
      space.take(at, size);
      return at;
    };
    const blockBitmap = place('blockBitmap', 1);
    const inodeBitmap = place('inodeBitmap', 1, blockBitmap);
    places.push({ blockBitmap, inodeBitmap, inodeTable: place('inodeTable', g.inodeTableBlocks, inodeBitmap) });
  }
  return places;
}

function noSpace(): FsError {
  return new FsError('ENOSPC', { operation: 'format', reason: 'the group tables do not fit' });
}

function placeInGroup(space: FormatSpace, group: number, size: number): number {
  const g = space.geometry;
  const first = firstBlockOf(g, group);
  const at = space.find(first, first + blocksInGroup(g, group), size);
  if (at === undefined) throw noSpace();
  return at;
}

/**
 * Next to the previous group's, if there is still room for all the rest of the flex group; else the first fitting gap.
 * @param behind where this group's table of the kind before lies: a flex group's first one leaves room for its siblings
 */
function placeInFlex(
  space: FormatSpace,
  { group, first }: { readonly group: number; readonly first: number },
  size: number,
  previous: number | undefined,
  behind?: number,
): number {
  const g = space.geometry;
  const flexStart = group - (group % g.groupsPerFlex);
  const firstGroup = Math.max(flexStart, first);
  const lastGroup = Math.min(flexStart + g.groupsPerFlex, g.groupCount) - 1;
  const rest = Math.min((lastGroup - group + 1) * size, Math.floor(g.blocksPerGroup / 4));
  if (previous !== undefined && group !== firstGroup && space.isFree(previous + size, size)) return previous + size;
  // A flex group of a single group leaves the room of a full one, as mke2fs does.
  const siblings = lastGroup === group ? g.groupsPerFlex : lastGroup - group + 1;
  const from = behind === undefined || group !== firstGroup ? firstBlockOf(g, firstGroup) : behind + siblings;
  const limit = firstBlockOf(g, lastGroup) + blocksInGroup(g, lastGroup);
  const at =
    space.find(from, limit, Math.max(rest, size)) ??
    space.find(from, limit, size) ??
    space.find(firstBlockOf(g, first), g.blocksCount, size);
  if (at === undefined) throw noSpace();
  return at;
}

/** Groups with a copy of the superblock and of the descriptors, the primary one not counted. */
export function backupGroups(g: Geometry): number[] {
  const groups: number[] = [];
  for (let group = 1; group < g.groupCount; group++) if (hasSuperblock(g, group)) groups.push(group);
  return groups;
}

/** Every block that holds descriptor block `index`: the primary first, then its copies. */
export function descriptorCopies(g: Geometry, index: number): number[] {
  const primary = descriptorBlockAt(g, index);
  if (g.metaBg && index >= g.firstMetaGroup) {
    const first = index * g.descriptorsPerBlock;
    return [
      primary,
      ...[first + 1, first + g.descriptorsPerBlock - 1]
        .filter((group, i, all) => group < g.groupCount && group !== first && all.indexOf(group) === i)
        .map((group) => firstBlockOf(g, group) + (hasSuperblock(g, group) ? 1 : 0)),
    ];
  }
  return [primary, ...backupGroups(g).map((group) => firstBlockOf(g, group) + 1 + index)];
}
