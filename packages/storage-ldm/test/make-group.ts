import { pattern } from '@vmcraft/testkit';

/** A volume to be made, over disks by their place in the list. */
export interface VolumeRecipe {
  readonly name: string;
  readonly kind: 'simple' | 'spanned' | 'striped' | 'mirrored' | 'raid5';
  readonly disks: readonly number[];
  /** What it holds, as long as the columns are whole chunks; a pattern unless given. */
  readonly content?: Uint8Array;
  /** Its GUID. */
  readonly uuid?: string;
}

const SECTOR = 512;
/** Least sectors of a disk, and those of the database at its end. */
export const DISK_SECTORS = 8192;
const CONFIG_SECTORS = 2048;
const DATA_START = 63;
/** Sectors of a partition unless contents are given, and of a chunk. */
const PART = 512;
const CHUNK = 128;
const VBLK = 128;

export const GROUP_ID = '03c0c4fe-8b6c-402b-9e4e-61bd6bd66a1f';
export const diskId = (disk: number): string => `0000000${disk + 1}-6d51-11e6-a5fd-806e6f6e6963`;
const volumeId = (volume: number): string => `0000000${volume + 1}-1111-11e6-a5fd-806e6f6e6963`;

const u = (size: 2 | 4 | 8, value: number): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value));
  return out.subarray(8 - size);
};
/** A number with its length in front. */
const number = (value: number): Buffer => Buffer.from([4, ...u(4, value)]);
const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
const zeros = (length: number): Buffer => Buffer.alloc(length);
const record = (type: number, flags: number, ...body: Buffer[]): Buffer => {
  const data = Buffer.concat(body);
  return Buffer.concat([u(2, 0), Buffer.from([flags, type]), u(4, data.length), data]);
};

/** Contents of each volume, and the disks that hold them. */
export interface Group {
  readonly disks: Uint8Array[];
  readonly volumes: ReadonlyMap<string, Uint8Array>;
}

/** A partition; all of one volume have the same size. Sectors. */
interface Span {
  readonly disk: number;
  readonly index: number;
  readonly start: number;
  readonly size: number;
}

const guidBytes = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex');

/** Make disks with volumes, from the Linux-NTFS project's documentation. */
export function makeGroup(recipes: readonly VolumeRecipe[], diskCount = 3, sequence = 7): Group {
  const next = new Array<number>(diskCount).fill(0);
  const counted = new Array<number>(diskCount).fill(0);
  const plans = recipes.map((recipe, v) => {
    const columns = columnsOf(recipe);
    const content = recipe.content ?? pattern(columns * PART * SECTOR, v + 1);
    const size = content.length / SECTOR / columns;
    const spans = recipe.disks.map((disk): Span => {
      const start = next[disk]!;
      next[disk]! += size;
      counted[disk]! += 1;
      return { disk, index: counted[disk]!, start, size };
    });
    return { ...recipe, content, spans };
  });
  const sectors = Math.max(DISK_SECTORS, DATA_START + Math.max(...next) + CONFIG_SECTORS);
  const disks = Array.from({ length: diskCount }, () => new Uint8Array(sectors * SECTOR));
  const records: Buffer[] = [record(0x45, 0, number(1), text('WIN-Dg0'), zeros(40))];
  const counts = { volumes: recipes.length, components: 0, partitions: 0, disks: diskCount };
  for (let d = 0; d < diskCount; d++) {
    records.push(record(0x44, 0, number(10 + d), text(`Disk${d + 1}`), guidBytes(diskId(d)), zeros(20)));
  }
  const volumes = new Map<string, Uint8Array>();
  let id = 100;
  for (const [v, { name, kind, content, spans, uuid: given }] of plans.entries()) {
    volumes.set(name, content);
    place(kind, content, spans, disks);
    const volume = id++;
    const components = kind === 'mirrored' ? spans.map((s) => [s]) : [spans];
    const uuid = guidBytes(given ?? volumeId(v));
    const state = [zeros(14), Buffer.from([kind === 'raid5' ? 4 : 3]), zeros(6)];
    const hint = text(`${String.fromCharCode(69 + v)}:`);
    const head = [number(volume), text(name), text(kind === 'raid5' ? 'raid5' : 'gen'), text('8000000000000000')];
    const rest = [
      number(components.length),
      zeros(16),
      number(content.length / SECTOR),
      zeros(4),
      Buffer.from([7]),
      uuid,
      hint,
    ];
    records.push(record(0x51, 2, ...head, ...state, ...rest));
    for (const parts of components) {
      const component = id;
      id += 1 + parts.length;
      counts.components += 1;
      counts.partitions += parts.length;
      records.push(...componentRecords(kind, component, volume, parts));
    }
  }
  const config = database(records, counts, sequence);
  for (const [d, disk] of disks.entries()) describe(disk, d, config);
  return { disks, volumes };
}

const columnsOf = ({ kind, disks }: VolumeRecipe): number =>
  ({ simple: 1, spanned: disks.length, striped: disks.length, mirrored: 1, raid5: disks.length - 1 })[kind];

const COMPONENT_TYPES = { simple: 2, spanned: 2, mirrored: 2, striped: 1, raid5: 3 } as const;

/** A component and its partitions, numbered on from `id`. */
function componentRecords(kind: VolumeRecipe['kind'], id: number, volume: number, parts: readonly Span[]): Buffer[] {
  const isStriped = kind === 'striped' || kind === 'raid5';
  const type = Buffer.from([COMPONENT_TYPES[kind]]);
  const columns = isStriped ? [number(CHUNK), number(parts.length)] : [];
  const named = [number(id), text(`component-${id}`), text('ACTIVE'), type, zeros(4)];
  const belongs = [number(parts.length), zeros(16), number(volume), zeros(1)];
  const records = [record(0x32, isStriped ? 0x10 : 0, ...named, ...belongs, ...columns)];
  for (const [column, { disk, index, start, size }] of parts.entries()) {
    const label = [number(id + 1 + column), text(`Disk${disk + 1}-0${index}`), zeros(12)];
    const where = [u(8, start), u(8, kind === 'spanned' ? column * size : 0), number(size)];
    records.push(record(0x33, 8, ...label, ...where, number(id), number(10 + disk), number(column)));
  }
  return records;
}

/** Write the contents to where the kind of volume has them. */
function place(kind: VolumeRecipe['kind'], content: Uint8Array, spans: readonly Span[], disks: Uint8Array[]): void {
  const put = (span: Span, at: number, data: Uint8Array): void =>
    disks[span.disk]!.set(data, (DATA_START + span.start) * SECTOR + at);
  const part = spans[0]!.size * SECTOR;
  const chunk = CHUNK * SECTOR;
  for (const [i, span] of spans.entries()) {
    if (kind === 'simple' || kind === 'spanned') put(span, 0, content.subarray(i * part, (i + 1) * part));
    if (kind === 'mirrored') put(span, 0, content);
  }
  const n = spans.length;
  for (let c = 0; kind === 'striped' && c * chunk < content.length; c++) {
    put(spans[c % n]!, Math.floor(c / n) * chunk, content.subarray(c * chunk, (c + 1) * chunk));
  }
  for (let row = 0; kind === 'raid5' && row * chunk < part; row++) {
    // Left-symmetric: parity goes from the last disk down, data begins behind it.
    const p = n - 1 - (row % n);
    const parity = new Uint8Array(chunk);
    for (let k = 0; k < n - 1; k++) {
      const data = content.subarray((row * (n - 1) + k) * chunk, (row * (n - 1) + k + 1) * chunk);
      for (let i = 0; i < chunk; i++) parity[i]! ^= data[i]!;
      put(spans[(p + 1 + k) % n]!, row * chunk, data);
    }
    put(spans[p]!, row * chunk, parity);
  }
}

type Counts = Readonly<Record<'volumes' | 'components' | 'partitions' | 'disks', number>>;

function database(records: readonly Buffer[], counts: Counts, sequence: number): Buffer {
  const out = Buffer.alloc(CONFIG_SECTORS * SECTOR);
  for (const sector of [1, 2]) {
    const toc = out.subarray(sector * SECTOR);
    toc.write('TOCBLOCK', 0, 'latin1');
    toc.write('config', 36, 'latin1');
    toc.set(u(8, 17), 46);
    toc.set(u(8, 1480), 54);
    toc.write('log', 70, 'latin1');
  }
  const vmdb = out.subarray(17 * SECTOR);
  vmdb.write('VMDB', 0, 'latin1');
  vmdb.set(Buffer.concat([u(4, 64), u(4, VBLK), u(4, SECTOR), u(2, 1), u(2, 4), u(2, 10)]), 4);
  vmdb.write('WIN-Dg0', 22, 'latin1');
  vmdb.write(GROUP_ID, 53, 'latin1');
  const { volumes, components, partitions, disks } = counts;
  vmdb.set(
    Buffer.concat([u(8, sequence), u(8, sequence), ...[volumes, components, partitions, disks].map((c) => u(4, c))]),
    117,
  );
  let slot = SECTOR / VBLK;
  const room = VBLK - 16;
  for (const [n, data] of records.entries()) {
    const pieces = Math.ceil(data.length / room);
    for (let i = 0; i < pieces; i++, slot++) {
      const at = vmdb.subarray(slot * VBLK, (slot + 1) * VBLK);
      at.write('VBLK', 0, 'latin1');
      at.set(Buffer.concat([u(4, slot), u(4, n + 1), u(2, i), u(2, pieces)]), 4);
      at.set(data.subarray(i * room, (i + 1) * room), 16);
    }
  }
  return out;
}

/** The MBR, the private header and the database of one disk. */
function describe(disk: Uint8Array, index: number, config: Buffer): void {
  const out = Buffer.from(disk.buffer);
  const sectors = disk.length / SECTOR;
  const data = sectors - CONFIG_SECTORS - DATA_START;
  out.set([0, 0, 1, 0, 0x42, 0xfe, 0xff, 0xff], 446);
  out.writeUInt32LE(DATA_START, 454);
  out.writeUInt32LE(data, 458);
  out.set([0x55, 0xaa], 510);
  const head = out.subarray(6 * SECTOR);
  head.write('PRIVHEAD', 0, 'latin1');
  head.set(Buffer.concat([u(2, 2), u(2, 11)]), 12);
  head.write(diskId(index), 48, 'latin1');
  head.write('1b77da20-c717-11d0-a5be-00a0c91db73c', 112, 'latin1');
  head.write(GROUP_ID, 176, 'latin1');
  head.write('WIN-Dg0', 240, 'latin1');
  const places = [DATA_START, data, sectors - CONFIG_SECTORS, CONFIG_SECTORS, 1, 1];
  head.set(Buffer.concat(places.map((p) => u(8, p))), 283);
  out.set(config, (sectors - CONFIG_SECTORS) * SECTOR);
}
