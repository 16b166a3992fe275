import { UsageError } from '../../errors/index.js';

/**
 * How parity moves from stripe to stripe, by the names of mdadm(8) and lvmraid(7); the numbers are those of the `layout` field of the md
 * superblock and of dm-raid's (`ALGORITHM_*`, Linux Documentation/admin-guide/device-mapper/dm-raid.rst).
 */
export const PARITY_ALGORITHMS = {
  'left-asymmetric': 0,
  'right-asymmetric': 1,
  'left-symmetric': 2,
  'right-symmetric': 3,
  'parity-first': 4,
  'parity-last': 5,
  'ddf-zero-restart': 8,
  'ddf-N-restart': 9,
  'ddf-N-continue': 10,
  'left-asymmetric-6': 16,
  'right-asymmetric-6': 17,
  'left-symmetric-6': 18,
  'right-symmetric-6': 19,
  'parity-first-6': 20,
} as const;

/** Name of a way parity moves. */
export type ParityAlgorithm = keyof typeof PARITY_ALGORITHMS;

/** Which disk has what in one stripe. */
export interface StripeRoles {
  /** Disk of each data chunk, in the order of the array's addresses. */
  readonly data: readonly number[];
  /** Disk of P. */
  readonly p: number;
  /** Disk of Q; -1 where there is none. */
  readonly q: number;
  /** Power of the generator with which each data chunk counts in Q, in the order of `data`. */
  readonly exponents: readonly number[];
  /** For each disk the place of its data chunk in `data`; -1 for P and Q. */
  readonly slots: readonly number[];
}

/** The address map of an array with parity. Stripe `s` has the roles `stripes[s % stripes.length]`. */
export interface ParityLayout {
  readonly disks: number;
  readonly dataDisks: number;
  /** 1: P; 2: P and Q. */
  readonly parities: 1 | 2;
  readonly stripes: readonly StripeRoles[];
}

/** The algorithm that a number of an md or dm-raid superblock means; undefined when none does. */
export function parityAlgorithm(number: number): ParityAlgorithm | undefined {
  return (Object.keys(PARITY_ALGORITHMS) as ParityAlgorithm[]).find((name) => PARITY_ALGORITHMS[name] === number);
}

/**
 * The address map of RAID 4, 5 or 6. RAID 4 is RAID 5 with `parity-last`.
 * @throws UsageError when there is no such map: too few disks, or an algorithm of the other level
 */
export function parityLayout(algorithm: ParityAlgorithm, disks: number, parities: 1 | 2): ParityLayout {
  if (!Number.isInteger(disks) || disks < parities + 1 || disks > 256 - parities) {
    throw new UsageError(`no RAID ${parities + 4} has ${disks} disks`);
  }
  if (parities === 1 && PARITY_ALGORITHMS[algorithm] > PARITY_ALGORITHMS['parity-last']) {
    throw new UsageError(`layout ${algorithm} is of RAID 6 only`);
  }
  const isFixed = algorithm.startsWith('parity-');
  const period = isFixed ? 1 : algorithm.endsWith('-6') ? disks - 1 : disks;
  const stripes = Array.from({ length: period }, (_, s) => rolesOf(algorithm, disks, parities, s));
  return { disks, dataDisks: disks - parities, parities, stripes };
}

function rolesOf(algorithm: ParityAlgorithm, disks: number, parities: 1 | 2, stripe: number): StripeRoles {
  const rotation = parities === 1 ? singleParity(algorithm, disks, stripe) : doubleParity(algorithm, disks, stripe);
  const { p, q, first } = rotation;
  const data: number[] = [];
  for (let i = 0; data.length < disks - parities; i++) {
    const disk = (first + i) % disks;
    if (disk !== p && disk !== q) data.push(disk);
  }
  const slots = Array.from({ length: disks }, (_, disk) => data.indexOf(disk));
  return { data, p, q, exponents: exponentsOf(algorithm, disks, q, data, p), slots };
}

interface Rotation {
  readonly p: number;
  readonly q: number;
  /** Disk at which to begin looking for the first data chunk. */
  readonly first: number;
}

function singleParity(algorithm: ParityAlgorithm, disks: number, stripe: number): Rotation {
  const turn = stripe % disks;
  const left = disks - 1 - turn;
  switch (algorithm) {
    case 'left-asymmetric':
      return { p: left, q: -1, first: 0 };
    case 'right-asymmetric':
      return { p: turn, q: -1, first: 0 };
    case 'left-symmetric':
      return { p: left, q: -1, first: left + 1 };
    case 'right-symmetric':
      return { p: turn, q: -1, first: turn + 1 };
    case 'parity-first':
      return { p: 0, q: -1, first: 1 };
    default:
      return { p: disks - 1, q: -1, first: 0 };
  }
}

function doubleParity(algorithm: ParityAlgorithm, disks: number, stripe: number): Rotation {
  if (algorithm.endsWith('-6')) {
    // RAID 5 on all disks but the last, which has Q: what a RAID 5 becomes that gets a disk more.
    const { p, first } = singleParity(algorithm.slice(0, -2) as ParityAlgorithm, disks - 1, stripe);
    return { p, q: disks - 1, first: first % (disks - 1) };
  }
  const turn = stripe % disks;
  const left = disks - 1 - turn;
  const next = (disk: number): number => (disk + 1) % disks;
  switch (algorithm) {
    case 'left-asymmetric':
      return { p: left, q: next(left), first: 0 };
    case 'right-asymmetric':
    case 'ddf-zero-restart':
      return { p: turn, q: next(turn), first: 0 };
    case 'left-symmetric':
      return { p: left, q: next(left), first: left + 2 };
    case 'right-symmetric':
      return { p: turn, q: next(turn), first: turn + 2 };
    case 'parity-first':
      return { p: 0, q: 1, first: 2 };
    case 'ddf-N-restart': {
      const p = disks - 1 - ((stripe + 1) % disks);
      return { p, q: next(p), first: 0 };
    }
    case 'ddf-N-continue':
      return { p: left, q: (left + disks - 1) % disks, first: left + 1 };
    default:
      return { p: disks - 2, q: disks - 1, first: 0 };
  }
}

/**
 * md counts the powers of Q from the disk behind Q, leaving out P (Linux drivers/md/raid5.c documents it with its layouts); the DDF
 * layouts count by the place of the disk, P and Q counting as zeros (SNIA DDF 2.0, section 4.3).
 */
function exponentsOf(
  algorithm: ParityAlgorithm,
  disks: number,
  q: number,
  data: readonly number[],
  p: number,
): readonly number[] {
  if (q < 0) return data.map(() => 0);
  if (algorithm.startsWith('ddf-')) return data;
  const exponents = new Map<number, number>();
  for (let i = 1; i <= disks; i++) {
    const disk = (q + i) % disks;
    if (disk !== p && disk !== q) exponents.set(disk, exponents.size);
  }
  return data.map((disk) => exponents.get(disk)!);
}
