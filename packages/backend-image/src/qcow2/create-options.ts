import { isPowerOfTwo, UsageError } from '@vmcraft/core';
import { MAX_CLUSTER_BITS, MIN_CLUSTER_BITS, MIN_EXTENDED_CLUSTER_BITS } from './layout.js';

/** Options of a new image, checked. */
export interface CreateOptions {
  readonly version: 2 | 3;
  readonly clusterSize: number;
  readonly refcountBits: number;
  readonly extendedL2: boolean;
  readonly lazyRefcounts: boolean;
  readonly preallocate: boolean;
  readonly zstd: boolean;
}

const COMPAT: Readonly<Record<string, 2 | 3>> = { '0.10': 2, v2: 2, '1.1': 3, v3: 3 };
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2 };
const DEFAULT_CLUSTER = 65536;
const DEFAULT_REFCOUNT_BITS = 16;

/**
 * Options as `qemu-img create -o` names them: compat, cluster_size, refcount_bits, extended_l2, lazy_refcounts, preallocation,
 * compression_type.
 * @throws UsageError for an unknown option or value, or ones that do not go together
 */
export function parseCreateOptions(given: Readonly<Record<string, string>>): CreateOptions {
  const rest = new Map(Object.entries(given));
  const take = <T>(name: string, fallback: T, parse: (text: string) => T | undefined): T => {
    const text = rest.get(name);
    rest.delete(name);
    if (text === undefined) return fallback;
    const value = parse(text);
    if (value === undefined) throw new UsageError(`qcow2 option ${name} cannot be '${text}'`, { argument: name });
    return value;
  };
  const version = take<2 | 3>('compat', 3, (text) => COMPAT[text]);
  const options: CreateOptions = {
    version,
    clusterSize: take('cluster_size', DEFAULT_CLUSTER, clusterSize),
    refcountBits: take('refcount_bits', DEFAULT_REFCOUNT_BITS, refcountBits),
    extendedL2: take('extended_l2', false, flag),
    lazyRefcounts: take('lazy_refcounts', false, flag),
    preallocate: take('preallocation', false, (text) => choice(text, { off: false, metadata: true })),
    zstd: take('compression_type', false, (text) => choice(text, { zlib: false, zstd: true })),
  };
  for (const name of rest.keys()) throw new UsageError(`unknown option ${name} for qcow2`, { argument: name });
  checkTogether(options);
  return options;
}

function checkTogether(o: CreateOptions): void {
  const onlyV3 = o.extendedL2 || o.lazyRefcounts || o.zstd || o.refcountBits !== DEFAULT_REFCOUNT_BITS;
  if (o.version === 2 && onlyV3) {
    throw new UsageError('compat=0.10 has no extended_l2, lazy_refcounts, compression_type or refcount_bits', {
      argument: 'compat',
    });
  }
  if (o.extendedL2 && o.clusterSize < 2 ** MIN_EXTENDED_CLUSTER_BITS) {
    throw new UsageError('extended_l2 needs clusters of at least 16k', { argument: 'cluster_size' });
  }
}

function flag(text: string): boolean | undefined {
  return choice(text, { on: true, off: false, true: true, false: false, yes: true, no: false });
}

function choice<T>(text: string, values: Readonly<Record<string, T>>): T | undefined {
  return Object.hasOwn(values, text) ? values[text] : undefined;
}

function clusterSize(text: string): number | undefined {
  const match = /^(\d{1,9})([km]?)$/i.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * (UNITS[(match[2] as string).toLowerCase()] as number);
  const bits = Math.log2(bytes);
  return isPowerOfTwo(bytes) && bits >= MIN_CLUSTER_BITS && bits <= MAX_CLUSTER_BITS ? bytes : undefined;
}

function refcountBits(text: string): number | undefined {
  const bits = Number(text);
  return isPowerOfTwo(bits) && bits <= 64 ? bits : undefined;
}
