import fc from 'fast-check';
import type { Model, ModelNode } from './model.js';
import type { GuestPath, Operation } from './operations.js';

/** An operation before it is aimed: which kind, and numbers that choose everything else. */
export interface Intent {
  readonly kind: Operation['op'];
  /** Chooses the object or folder. */
  readonly pick: number;
  /** Chooses a second one. */
  readonly second: number;
  readonly name: number;
  /** Chooses sizes, modes, ids. */
  readonly a: number;
  readonly b: number;
  /** 0..99: rare variants. */
  readonly chance: number;
}

const WEIGHTS: Readonly<Record<Operation['op'], number>> = {
  create: 10,
  write: 16,
  append: 6,
  truncate: 6,
  unlink: 5,
  mkdir: 6,
  rmdir: 3,
  rename: 8,
  link: 4,
  symlink: 5,
  mknod: 3,
  chmod: 4,
  chown: 3,
  utimens: 3,
  setxattr: 10,
  removexattr: 4,
  punch: 5,
  allocate: 4,
  bulkCreate: 2,
  bulkUnlink: 2,
};

/** A sequence of intents. */
export function intents(length: number): fc.Arbitrary<Intent[]> {
  const kinds = Object.entries(WEIGHTS).map(([kind, weight]) => ({
    weight,
    arbitrary: fc.constant(kind as Operation['op']),
  }));
  const intent = fc.record({
    kind: fc.oneof(...kinds),
    pick: fc.nat(9999),
    second: fc.nat(9999),
    name: fc.nat(9999),
    a: fc.nat(0x3fffffff),
    b: fc.nat(0x3fffffff),
    chance: fc.nat(99),
  });
  return fc.array(intent, { minLength: length, maxLength: length, size: 'max' });
}

const NAMES = [
  ...'abcdefghijkl',
  'name with spaces',
  'x'.repeat(255),
  'ünïcödé-日本語-🗻',
  `${'日本'.repeat(42)}abc`,
  'bytes-\udcff\udc80\udcfe',
  '.hidden',
  'A',
  'UPPER.lower',
  'trailing.',
  '-rf',
  'new\nline',
  'y'.repeat(120),
];
const TOO_LONG = 'z'.repeat(256);

const ATTRIBUTES = [
  'user.a',
  'user.comment',
  'trusted.overlay',
  'security.vmcraft',
  `user.${'n'.repeat(100)}`,
  'user.z',
  'system.posix_acl_access',
];
const LARGE_OFFSETS = [70_000_000, 300_000, 5_000_000_000, 17_000_000, 1_100_000];

function fileSize(seed: number): number {
  const value = seed >>> 3;
  switch (seed & 7) {
    case 0:
      return value % 100;
    case 1:
      return 0;
    case 2:
      return value % 1025;
    case 3:
      return 4096 * (value % 20);
    case 4:
    case 5:
      return value % 70_000;
    default:
      return value % 9000;
  }
}

function fileOffset(intent: Intent): number {
  if (intent.chance < 6) return LARGE_OFFSETS[intent.second % LARGE_OFFSETS.length]! + (intent.a % 5000);
  return fileSize(intent.b) + (intent.chance < 30 ? intent.second * 16 : 0);
}

const hex16 = (value: number): string => Buffer.from([value & 255, value >> 8]).toString('hex');
const hex32 = (value: number): string => hex16(value & 0xffff) + hex16(value >>> 16);

/** An access control list as getxattr(2) gives it: version 2, then tag, permissions and id of each entry. */
export function accessList(seed: number): string {
  const entry = (tag: number, bits: number, id = -1): string => hex16(tag) + hex16(bits & 7) + hex32(id >>> 0);
  const owner = entry(1, seed);
  const group = entry(4, seed >> 3);
  const other = entry(0x20, seed >> 6);
  if (seed % 5 === 0) return hex32(2) + owner + group + other;
  let users = '';
  for (let i = 0; i < 1 + (seed % 4); i++) users += entry(2, seed >> i, 1000 + i);
  const groups = seed % 3 === 0 ? entry(8, seed >> 4, 70_000) : '';
  return hex32(2) + owner + users + group + groups + entry(0x10, seed >> 9) + other;
}

function attributeValue(intent: Intent): string {
  const size =
    intent.chance < 8
      ? 1500 + (intent.a % 2000)
      : intent.chance < 12
        ? 9000
        : intent.chance < 40
          ? intent.a % 400
          : intent.a % 40;
  return Buffer.alloc(size, (intent.b % 255) + 1).toString('hex');
}

function time(a: number, b: number): [number, number] {
  const seconds = a % 4 === 0 ? -(a % 2_000_000_000) : a % 4 === 1 ? 4_000_000_000 + a : a;
  return [seconds, b % 1_000_000_000];
}

const isDir = (n: ModelNode): boolean => n.kind === 'dir';
const isFile = (n: ModelNode): boolean => n.kind === 'file';

function join(folder: GuestPath, name: string): GuestPath {
  return folder === '' ? name : `${folder}/${name}`;
}

/** A path at which something new could go, now and then a hopeless one. */
function freshPath(model: Model, pick: number, name: number, chance: number): GuestPath {
  const leaf = chance === 99 ? TOO_LONG : NAMES[name % NAMES.length]!;
  if (chance === 98)
    return join(
      choose(model, pick, (n) => n.kind !== 'symlink'),
      leaf,
    );
  if (chance === 97) return join('missing', leaf);
  return join(choose(model, pick, isDir), leaf);
}

function choose(model: Model, pick: number, wanted: (n: ModelNode) => boolean): GuestPath {
  const paths = model.paths(wanted);
  return paths.length === 0 ? 'missing' : paths[pick % paths.length]!;
}

/** Any object but the root. */
function chooseInner(model: Model, pick: number, wanted: (n: ModelNode) => boolean = () => true): GuestPath {
  const paths = model.paths((n) => n !== model.root && wanted(n));
  return paths.length === 0 ? 'missing' : paths[pick % paths.length]!;
}

/** Aim an intent at the tree as it stands. */
export function aim(model: Model, intent: Intent, serial: number): Operation {
  const { kind, pick, second, name, a, b, chance } = intent;
  const file = (): GuestPath => choose(model, pick, chance > 96 ? (n) => isFile(n) || isDir(n) : isFile);
  const range = { offset: fileOffset(intent), length: Math.max(1, fileSize(a)) };
  switch (kind) {
    case 'create':
      return { op: kind, path: freshPath(model, pick, name, chance), mode: a & 0o7777 };
    case 'mkdir':
      return { op: kind, path: freshPath(model, pick, name, chance), mode: a & 0o1777 };
    case 'chmod': {
      const path = choose(model, pick, (n) => n.kind !== 'symlink');
      const found = model.find(path);
      return { op: kind, path, mode: found !== undefined && isDir(found) ? a & 0o1777 : a & 0o7777 };
    }
    case 'write':
    case 'append':
      return { op: kind, path: file(), ...range, seed: chance % 10 === 0 ? -1 : b };
    case 'truncate':
      return { op: kind, path: file(), size: chance === 50 ? 2 ** 45 : fileOffset(intent) };
    case 'unlink':
      return { op: kind, path: chooseInner(model, pick, (n) => chance > 90 || !isDir(n)) };
    case 'rmdir':
      return { op: kind, path: chooseInner(model, pick, (n) => chance > 90 || isDir(n)) };
    case 'rename':
      return {
        op: kind,
        path: chooseInner(model, pick),
        to: chance < 40 ? chooseInner(model, second) : freshPath(model, second, name, chance),
      };
    case 'link':
      return {
        op: kind,
        path: chooseInner(model, pick, (n) => chance > 90 || !isDir(n)),
        to: freshPath(model, second, name, chance),
      };
    case 'symlink':
      return {
        op: kind,
        path: freshPath(model, pick, name, chance),
        target: 't'.repeat(1 + (chance < 50 ? a % 64 : a % 4095)),
      };
    default:
      return aimAttributes(model, intent, serial, file, range);
  }
}

function aimAttributes(
  model: Model,
  intent: Intent,
  serial: number,
  file: () => GuestPath,
  range: { offset: number; length: number },
): Operation {
  const { kind, pick, name, a, b, chance } = intent;
  switch (kind) {
    case 'mknod': {
      const type = [0o020000, 0o060000, 0o010000, 0o140000][a % 4]!;
      const device = a % 4 < 2;
      const large = chance < 30;
      return {
        op: kind,
        path: freshPath(model, pick, name, chance),
        mode: type | (b & 0o777),
        major: device ? (large ? b % 4096 : b % 256) : 0,
        minor: device ? (large ? a % 0x100000 : a % 256) : 0,
      };
    }
    case 'chown':
      return { op: kind, path: choose(model, pick, () => true), uid: chance < 50 ? a % 70_000 : a, gid: b % 100_000 };
    case 'utimens':
      return { op: kind, path: choose(model, pick, () => true), atime: time(a, b), mtime: time(b, a) };
    case 'setxattr':
    case 'removexattr': {
      const path = choose(model, pick, (n) => isFile(n) || isDir(n) || (chance < 20 && n.kind === 'symlink'));
      const plain = model.find(path)?.kind !== 'symlink';
      const key = plain ? ATTRIBUTES[name % ATTRIBUTES.length]! : 'trusted.link';
      if (kind === 'removexattr') return { op: kind, path, name: key };
      if (key.startsWith('system.')) return { op: kind, path, name: key, value: accessList(a) };
      // Large values of links go to inodes of their own with ea_inode, and e2fsck 1.47 then misreads the link's target.
      const value = attributeValue(intent);
      return { op: kind, path, name: key, value: plain ? value : value.slice(0, 60) };
    }
    case 'punch':
    case 'allocate':
      return { op: kind, path: file(), ...range };
    case 'bulkCreate':
      return {
        op: kind,
        path: choose(model, pick, isDir),
        prefix: `bulk-${serial}-${'p'.repeat(a % 60)}-`,
        first: 0,
        count: chance < 90 ? 20 + (b % 100) : 300 + (b % 300),
      };
    default: {
      const path = choose(model, pick, (n) => n.bulk.length > 0);
      const bulk = model.find(path)?.bulk[0];
      if (bulk === undefined) return { op: 'unlink', path: 'missing' };
      return { op: 'bulkUnlink', path, ...pickBulk(bulk), step: 1 + (a % 3) };
    }
  }
}

const pickBulk = ({ prefix, first, count }: { prefix: string; first: number; count: number }) => ({
  prefix,
  first,
  count,
});
