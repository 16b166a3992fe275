import { FsError } from '@vmcraft/core/errors';
import type { Attribute } from './attribute.js';
import { type EncodedAttribute, encodeAttribute, encodedSize } from './attribute-codec.js';
import { encodeAttributeList, type ListEntry, MAX_LIST_SIZE } from './attribute-list.js';
import type { Inode } from './inode.js';
import { AttributeType, SystemFile } from './layout.js';

/** What goes into one record. */
export interface RecordPlan {
  readonly parts: EncodedAttribute[];
  room: number;
}

/** Room that the base record keeps for a non-resident $ATTRIBUTE_LIST. */
const LIST_ROOM = 128;
/** More records than this hold no list that Windows takes. */
const MAX_RECORDS = 4096;
/** A split attribute gets no part smaller than this, where it can have a record of its own. */
const MIN_PART = 160;

/** Bytes that all attributes of a file take together. */
export function totalSize(inode: Inode): number {
  let total = 0;
  for (const attribute of inode.attributes) total += encodedSize(attribute);
  return total;
}

/** All attributes whole in one record. */
export function planSingle(inode: Inode, clusterSize: number): EncodedAttribute[] {
  return inode.attributes.map((attribute) => encodeAttribute(attribute, clusterSize)!);
}

/**
 * Spread the attributes of a file over its base record and extension records. The base keeps $STANDARD_INFORMATION (and the beginning
 * of $MFT's own data) and takes of the others what it has room for.
 * @param capacity bytes for attributes in one record
 * @returns the base record first
 * @throws FsError ENOSPC when a value does not fit into any record
 */
export function planSpread(inode: Inode, clusterSize: number, capacity: number): RecordPlan[] {
  const base: RecordPlan = { parts: [], room: capacity - LIST_ROOM };
  const plans = [base];
  const openRecord = (): RecordPlan => {
    if (plans.length >= MAX_RECORDS) throw new FsError('ENOSPC', { operation: 'write', reason: 'too many fragments' });
    const plan = { parts: [], room: capacity };
    plans.push(plan);
    return plan;
  };
  const place = (plan: RecordPlan, part: EncodedAttribute): void => {
    plan.parts.push(part);
    plan.room -= part.bytes.length;
  };
  for (const attribute of ordered(inode)) {
    const whole = encodedSize(attribute);
    const fitting = plans.find((plan) => plan.room >= whole);
    if (fitting !== undefined) {
      place(fitting, encodeAttribute(attribute, clusterSize)!);
      continue;
    }
    if (attribute.nonResident === undefined) {
      const plan = openRecord();
      if (plan.room < whole) throw new FsError('ENOSPC', { operation: 'write', reason: 'an attribute is too large' });
      place(plan, encodeAttribute(attribute, clusterSize)!);
      continue;
    }
    split(attribute, clusterSize, plans, openRecord, place, inode.number === SystemFile.mft ? 0 : MIN_PART);
  }
  return plans;
}

/** $STANDARD_INFORMATION first; what is split last, so that what is left of the base record takes the first part (as $MFT needs it). */
function ordered(inode: Inode): Attribute[] {
  const rank = (a: Attribute): number => (a.type === AttributeType.standardInformation ? 0 : isLarge(a) ? 2 : 1);
  return [...inode.attributes].sort((a, b) => rank(a) - rank(b));
}

/** Whether an attribute has more runs than go well into one record. */
function isLarge(attribute: Attribute): boolean {
  return (attribute.nonResident?.runs.runs.length ?? 0) > 32;
}

function split(
  attribute: Attribute,
  clusterSize: number,
  plans: readonly RecordPlan[],
  openRecord: () => RecordPlan,
  place: (plan: RecordPlan, part: EncodedAttribute) => void,
  minimum: number,
): void {
  const { end } = attribute.nonResident!.runs;
  const taken = new Set<RecordPlan>();
  for (let vcn = 0; vcn < end; ) {
    let plan = plans.find((p) => p.room >= Math.max(minimum, 1) && !taken.has(p)) ?? openRecord();
    let part = encodeAttribute(attribute, clusterSize, vcn, plan.room);
    if (part === undefined) {
      taken.add(plan);
      plan = openRecord();
      part = encodeAttribute(attribute, clusterSize, vcn, plan.room)!;
    }
    // Two extents of an attribute in one record would be one.
    taken.add(plan);
    place(plan, part);
    vcn = part.endVcn;
  }
}

/** The list of what lies where, sorted as Windows wants it. @throws FsError ENOSPC when it is too long */
export function listOf(
  plans: readonly RecordPlan[],
  references: readonly { readonly record: number; readonly sequence: number }[],
  instances: ReadonlyMap<EncodedAttribute, number>,
): Uint8Array {
  const entries: (ListEntry & { readonly order: number })[] = [];
  for (const [i, plan] of plans.entries()) {
    for (const part of plan.parts) {
      const { type, name } = part.attribute;
      entries.push({
        type,
        name,
        lowestVcn: part.lowestVcn,
        reference: references[i]!,
        instance: instances.get(part)!,
        order: entries.length,
      });
    }
  }
  entries.sort(
    (a, b) => a.type - b.type || compareText(a.name, b.name) || a.lowestVcn - b.lowestVcn || a.order - b.order,
  );
  const bytes = encodeAttributeList(entries);
  if (bytes.length > MAX_LIST_SIZE) throw new FsError('ENOSPC', { operation: 'write', reason: 'too many fragments' });
  return bytes;
}

function compareText(a: string, b: string): number {
  const x = a.toUpperCase();
  const y = b.toUpperCase();
  return x < y ? -1 : x > y ? 1 : a < b ? -1 : a > b ? 1 : 0;
}

/** Parts of a record in the order in which they lie there. */
export function sortParts(parts: readonly EncodedAttribute[]): EncodedAttribute[] {
  return [...parts].sort((a, b) => {
    const x = a.attribute;
    const y = b.attribute;
    return x.type - y.type || compareText(x.name, y.name) || a.lowestVcn - b.lowestVcn;
  });
}
