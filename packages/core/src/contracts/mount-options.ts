import { UsageError } from '../errors/index.js';
import type { WarningSink } from './io.js';

/** Options of mount(8) that are about the kernel's view of a mount, not about what is on the disk. */
const GENERIC = new Set(
  (
    'ro rw defaults sync async dirsync atime noatime relatime nodiratime strictatime lazytime dev nodev suid nosuid exec noexec auto noauto ' +
    'user nouser users nofail _netdev'
  ).split(' '),
);

/** Options as mount(8) has them: words and `key=value`, separated by commas; the last of a name counts. */
export class MountOptionTable {
  readonly #found = new Map<string, string>();

  constructor(options: readonly string[]) {
    for (const option of options.flatMap((o) => o.split(','))) {
      const equals = option.indexOf('=');
      const key = (equals < 0 ? option : option.slice(0, equals)).trim();
      if (key !== '') this.#found.set(key, equals < 0 ? '' : option.slice(equals + 1));
    }
  }

  has(key: string): boolean {
    return this.#found.has(key);
  }

  /** Warn of each option that is neither `known`, nor generic, nor a comment (`x-…`). */
  warnOfOthers(known: ReadonlySet<string>, source: string, warn: WarningSink | undefined): void {
    for (const key of this.#found.keys()) {
      if (known.has(key) || GENERIC.has(key) || key.startsWith('x-')) continue;
      warn?.({ source, message: `mount option '${key}' is not known and ignored` });
    }
  }

  /** @throws UsageError when the value is not a whole number from `min` to `max` */
  integer(key: string, { radix = 10, min = 0, max }: IntegerRange, otherwise: number): number {
    const text = this.#found.get(key);
    if (text === undefined) return otherwise;
    const value = (radix === 8 ? /^[0-7]+$/ : /^-?\d+$/).test(text) ? Number.parseInt(text, radix) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new UsageError(`mount option ${key}=${text} is not a number from ${min} to ${max.toString(radix)}`);
    return value;
  }

  /** @throws UsageError when the value is none of `values` */
  choice<T extends string>(key: string, values: readonly T[], otherwise: T): T {
    const text = this.#found.get(key);
    if (text === undefined) return otherwise;
    const value = values.find((v) => v === text);
    if (value === undefined) throw new UsageError(`mount option ${key}=${text} is none of ${values.join(', ')}`);
    return value;
  }
}

/** What a number in an option may be. */
export interface IntegerRange {
  /** 10 unless given; masks are octal. */
  readonly radix?: 8 | 10;
  /** 0 unless given. */
  readonly min?: number;
  readonly max: number;
}
