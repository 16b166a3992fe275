import { concatBytes, decodeUtf16, encodeUtf16, viewOf } from '@vmcraft/core/binary';
import { AttributeType, fileName, RecordFlag, SystemFile, volumeInformation } from '../layout.js';
import { Collation, IndexName } from '../layout-index.js';
import { HOLE, RunList } from '../run-list.js';
import { encodeSid } from '../security/sid.js';
import { attributeDefinitions } from './attribute-definitions.js';
import { type NewSecure, readableFile, rootDescriptor, writableFile } from './descriptors.js';
import { DIRECTORY_TYPE, directoryEntry, rootValue, viewEntry } from './index-value.js';
import {
  ARCHIVE_ATTRIBUTE,
  BOOT_BYTES,
  DIRECTORY_ATTRIBUTE,
  FIRST_RECORDS,
  FIRST_RESERVED,
  INDEX_BLOCK_BYTES,
  LAST_RESERVED,
  SYSTEM_ATTRIBUTES,
  SYSTEM_READ_ID,
  SYSTEM_WRITE_ID,
  VIEW_INDEX_ATTRIBUTE,
} from './layout-format.js';
import { type FormatPlan, type PlaceName, placeOf } from './plan.js';
import { type NewAttribute, type NewRecord, nameValue, standardValue } from './record.js';
import { UPCASE_INFO } from './upcase-table.js';

const { standardInformation: SI, fileName: FN, securityDescriptor: SD, data: DATA } = AttributeType;
const { indexRoot: ROOT, indexAllocation: ALLOCATION, bitmap: BITMAP } = AttributeType;
const NTFS_VERSION = { majorVersion: 3, minorVersion: 1 };

/** What the records of a new volume are made of. */
export interface SystemContents {
  readonly secure: NewSecure;
  readonly upcase: Uint8Array;
}

/** A file of the root directory or of $Extend, before its record is encoded. */
export interface SystemRecord extends NewRecord {
  /** $FILE_NAME for its directory; none for records that are only kept. */
  readonly name?: Uint8Array;
  readonly parent: number;
}

interface FileFacts {
  readonly number: number;
  readonly name: string;
  readonly size?: number;
  readonly place?: PlaceName;
  /** In $FILE_NAME; $STANDARD_INFORMATION has the same unless `own` is given. */
  readonly fileAttributes?: number;
  readonly own?: number;
  readonly securityId?: number;
  readonly parent?: number;
  readonly flags?: number;
  readonly nameInstance?: number;
}

/** A record with $STANDARD_INFORMATION, $FILE_NAME and what else it has. */
function file(plan: FormatPlan, facts: FileFacts, others: readonly NewAttribute[]): SystemRecord {
  const { number, size = 0, fileAttributes = SYSTEM_ATTRIBUTES } = facts;
  const parent = facts.parent ?? SystemFile.root;
  const runs = facts.place === undefined ? undefined : placeOf(plan, facts.place);
  // A value within the record takes the eight-byte units that it fills.
  const allocatedSize = runs !== undefined && runs.end > 0 ? runs.end * plan.clusterSize : Math.ceil(size / 8) * 8;
  const name = nameValue({
    name: facts.name,
    parent,
    time: plan.time,
    fileAttributes,
    allocatedSize,
    dataSize: size,
  });
  const standard = standardValue(plan.time, facts.own ?? fileAttributes, facts.securityId);
  const attributes: NewAttribute[] = [
    { type: SI, instance: 0, value: standard },
    { type: FN, instance: facts.nameInstance ?? 2, value: name, indexed: true },
    ...others,
  ];
  const sequence = number === 0 ? 1 : number <= LAST_RESERVED ? number : 1;
  return { number, sequence, links: 1, flags: RecordFlag.inUse | (facts.flags ?? 0), attributes, name, parent };
}

function stored(plan: FormatPlan, place: PlaceName, size: number, instance = 1): NewAttribute {
  return { type: DATA, instance, runs: placeOf(plan, place), size };
}

function plainFiles(plan: FormatPlan): SystemRecord[] {
  const { mftSize, mirrorSize, logSize, bitmapSize, clusterSize } = plan;
  const definitions = attributeDefinitions();
  const bad = new RunList();
  bad.append(HOLE, plan.totalClusters);
  const securityId = SYSTEM_READ_ID;
  const readable: NewAttribute = { type: SD, instance: 3, value: readableFile() };
  const definitionsData: NewAttribute = plan.places.has('attributeDefinitions')
    ? stored(plan, 'attributeDefinitions', definitions.length)
    : { type: DATA, instance: 1, value: definitions };
  return [
    file(plan, { number: SystemFile.mft, name: '$MFT', size: mftSize, place: 'mft', securityId }, [
      stored(plan, 'mft', mftSize),
      { type: BITMAP, instance: 3, runs: placeOf(plan, 'mftBitmap'), size: plan.mftBitmapSize },
    ]),
    file(plan, { number: SystemFile.mftMirror, name: '$MFTMirr', size: mirrorSize, place: 'mirror', securityId }, [
      stored(plan, 'mirror', mirrorSize),
    ]),
    file(plan, { number: SystemFile.logFile, name: '$LogFile', size: logSize, place: 'log', securityId }, [
      stored(plan, 'log', logSize),
    ]),
    file(
      plan,
      { number: SystemFile.attrDef, name: '$AttrDef', size: definitions.length, place: 'attributeDefinitions' },
      [readable, definitionsData],
    ),
    file(plan, { number: SystemFile.bitmap, name: '$Bitmap', size: bitmapSize, place: 'bitmap', securityId }, [
      stored(plan, 'bitmap', bitmapSize),
    ]),
    file(plan, { number: SystemFile.boot, name: '$Boot', size: BOOT_BYTES, place: 'boot' }, [
      readable,
      stored(plan, 'boot', BOOT_BYTES),
    ]),
    file(plan, { number: SystemFile.badClusters, name: '$BadClus', securityId, nameInstance: 3 }, [
      { type: DATA, instance: 2, value: new Uint8Array(0) },
      { type: DATA, name: '$Bad', instance: 1, runs: bad, size: plan.totalClusters * clusterSize, initialized: 0 },
    ]),
  ];
}

function volumeFile(plan: FormatPlan): SystemRecord {
  const label = encodeUtf16(plan.label);
  return file(plan, { number: SystemFile.volume, name: '$Volume', nameInstance: 1 }, [
    { type: SD, instance: 2, value: writableFile() },
    { type: AttributeType.volumeName, instance: 4, value: label },
    { type: AttributeType.volumeInformation, instance: 5, value: volumeInformation.encode(NTFS_VERSION) },
    { type: DATA, instance: 3, value: new Uint8Array(0) },
  ]);
}

function tables(plan: FormatPlan, contents: SystemContents): SystemRecord[] {
  const { clusterSize } = plan;
  const { secure, upcase } = contents;
  const view = { number: SystemFile.secure, name: '$Secure', nameInstance: 1, securityId: SYSTEM_WRITE_ID };
  const fileAttributes = SYSTEM_ATTRIBUTES | VIEW_INDEX_ATTRIBUTE;
  const root = (collation: number, entries: readonly Uint8Array[]): Uint8Array =>
    rootValue({ collation, clusterSize }, entries);
  return [
    file(plan, { ...view, fileAttributes, flags: RecordFlag.viewIndex }, [
      { type: DATA, name: '$SDS', instance: 2, runs: placeOf(plan, 'descriptors'), size: secure.sds.length },
      { type: ROOT, name: IndexName.securityHash, instance: 3, value: root(Collation.securityHash, secure.sdh) },
      { type: ROOT, name: IndexName.securityId, instance: 4, value: root(Collation.ulong, secure.sii) },
    ]),
    file(
      plan,
      {
        number: SystemFile.upcase,
        name: '$UpCase',
        size: upcase.length,
        place: 'upcase',
        nameInstance: 3,
        securityId: SYSTEM_READ_ID,
      },
      [stored(plan, 'upcase', upcase.length), { type: DATA, name: '$Info', instance: 2, value: UPCASE_INFO }],
    ),
  ];
}

const QUOTA = 24;
const OBJECT_ID = 25;
const REPARSE = 26;
/** Owner ids of quotas: the defaults, and that of the first owner. Linux-NTFS documentation, "$Quota". */
const DEFAULT_OWNER = 1;
const FIRST_OWNER = 0x100;
const QUOTA_VERSION = 2;
const QUOTA_DEFAULTS_USED = 1;
const ADMINISTRATORS = 'S-1-5-32-544';

function ownerKey(id: number): Uint8Array {
  const key = new Uint8Array(4);
  viewOf(key).setUint32(0, id, true);
  return key;
}

/** Quota of an owner without limits. */
function quotaValue(time: bigint, sid: Uint8Array): Uint8Array {
  const value = new Uint8Array(48);
  const view = viewOf(value);
  view.setUint32(0, QUOTA_VERSION, true);
  view.setUint32(4, QUOTA_DEFAULTS_USED, true);
  view.setBigUint64(16, time, true);
  view.setBigInt64(24, -1n, true);
  view.setBigInt64(32, -1n, true);
  return concatBytes([value, sid]);
}

function extendedFiles(plan: FormatPlan): SystemRecord[] {
  const { clusterSize } = plan;
  const sid = encodeSid(ADMINISTRATORS);
  const root = (collation: number, entries: readonly Uint8Array[]): Uint8Array =>
    rootValue({ collation, clusterSize }, entries);
  const fileAttributes = SYSTEM_ATTRIBUTES | ARCHIVE_ATTRIBUTE | VIEW_INDEX_ATTRIBUTE;
  const flags = RecordFlag.viewIndex | RecordFlag.extend;
  const facts = { fileAttributes, flags, parent: SystemFile.extend, securityId: SYSTEM_WRITE_ID, nameInstance: 1 };
  const owners = [viewEntry(sid, ownerKey(FIRST_OWNER))];
  const quotas = [
    viewEntry(ownerKey(DEFAULT_OWNER), quotaValue(plan.time, new Uint8Array(0))),
    viewEntry(ownerKey(FIRST_OWNER), quotaValue(plan.time, sid)),
  ];
  return [
    file(plan, { ...facts, number: QUOTA, name: '$Quota' }, [
      { type: ROOT, name: '$O', instance: 3, value: root(Collation.sid, owners) },
      { type: ROOT, name: IndexName.quota, instance: 2, value: root(Collation.ulong, quotas) },
    ]),
    file(plan, { ...facts, number: OBJECT_ID, name: '$ObjId' }, [
      { type: ROOT, name: IndexName.objectId, instance: 2, value: root(Collation.ulongs, []) },
    ]),
    file(plan, { ...facts, number: REPARSE, name: '$Reparse' }, [
      { type: ROOT, name: IndexName.reparse, instance: 2, value: root(Collation.ulongs, []) },
    ]),
  ];
}

function keptRecords(plan: FormatPlan): SystemRecord[] {
  const short = { type: SI, instance: 0, value: standardValue(plan.time, SYSTEM_ATTRIBUTES) };
  const records: SystemRecord[] = [];
  for (let number = SystemFile.extend + 1; number <= LAST_RESERVED; number++) {
    const isFile = number < FIRST_RESERVED;
    const others: NewAttribute[] = [
      { type: SD, instance: 2, value: writableFile() },
      { type: DATA, instance: 1, value: new Uint8Array(0) },
    ];
    const attributes = isFile ? [short, ...others] : [short];
    const flags = isFile ? RecordFlag.inUse : 0;
    records.push({ number, sequence: number, links: 0, flags, attributes, parent: SystemFile.root });
  }
  // What is left of the first cluster are records that never were in use.
  for (let number = FIRST_RECORDS; number < plan.mftSize / plan.recordSize; number++) {
    records.push({ number, sequence: number, links: 0, flags: 0, attributes: [], parent: SystemFile.root });
  }
  return records;
}

/** Entries of one directory, in the order of their names; the names of system files are ASCII. */
export function entriesOf(records: readonly SystemRecord[], parent: number): Uint8Array[] {
  const text = ({ name }: SystemRecord): string =>
    name === undefined ? '' : decodeUtf16(name.subarray(fileName.size)).toUpperCase();
  return records
    .filter((record) => record.name !== undefined && record.parent === parent)
    .sort((a, b) => (text(a) < text(b) ? -1 : 1))
    .map(({ number, sequence, name }) => directoryEntry(number, sequence, name ?? new Uint8Array(0)));
}

function directories(plan: FormatPlan, extended: readonly SystemRecord[]): SystemRecord[] {
  const { clusterSize } = plan;
  const kind = { indexedType: DIRECTORY_TYPE, collation: Collation.fileName, clusterSize };
  const fileAttributes = SYSTEM_ATTRIBUTES | DIRECTORY_ATTRIBUTE;
  const name = IndexName.directory;
  const common = { fileAttributes, flags: RecordFlag.directory, nameInstance: 1 };
  const root = { ...common, number: SystemFile.root, name: '.', own: SYSTEM_ATTRIBUTES | ARCHIVE_ATTRIBUTE };
  const extend = { ...common, number: SystemFile.extend, name: '$Extend', own: SYSTEM_ATTRIBUTES };
  return [
    file(plan, root, [
      { type: SD, instance: 2, runs: placeOf(plan, 'rootDescriptor'), size: rootDescriptor().length },
      { type: ROOT, name, instance: 3, value: rootValue(kind, undefined) },
      { type: ALLOCATION, name, instance: 5, runs: placeOf(plan, 'rootIndex'), size: INDEX_BLOCK_BYTES },
      { type: BITMAP, name, instance: 4, value: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) },
    ]),
    file(plan, { ...extend, securityId: SYSTEM_WRITE_ID }, [
      { type: ROOT, name, instance: 2, value: rootValue(kind, entriesOf(extended, SystemFile.extend)) },
    ]),
  ];
}

/** All records of a new volume, in the order of their numbers. */
export function systemRecords(plan: FormatPlan, contents: SystemContents): SystemRecord[] {
  const extended = extendedFiles(plan);
  const all = [
    ...plainFiles(plan),
    volumeFile(plan),
    ...tables(plan, contents),
    ...directories(plan, extended),
    ...keptRecords(plan),
    ...extended,
  ];
  return all.sort((a, b) => a.number - b.number);
}
