import { createHash } from 'node:crypto';
import { type FsStat, S_IFLNK, S_IFMT, S_IFREG, type Timestamp } from '@vmcraft/core/contracts';
import { type Location, walkTree } from '@vmcraft/core/vfs';
import { humanSize } from '../output/human-size.js';
import type { Output } from '../output/output.js';
import { formatCsv } from '../output/table.js';
import { call, type OpenedGuest } from '../shell/guest.js';
import { guestPath } from './guest-path.js';
import type { DiskOptions, TaskContext } from './task-context.js';
import { mountGuest, withGuest } from './with-guest.js';

/** Checksums that `--checksum` can name. */
export const CHECKSUMS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const;

/** Options of `vmcraft ls`, as virt-ls has them. */
export interface LsOptions extends DiskOptions {
  readonly long?: boolean;
  readonly recursive?: boolean;
  readonly human?: boolean;
  readonly csv?: boolean;
  readonly uids?: boolean;
  readonly times?: boolean;
  /** Algorithm. */
  readonly checksum?: string;
}

/** One object in a listing. */
export interface ListedEntry {
  readonly path: string;
  /** As `ls -l` begins its lines: `-`, `d`, `l`, `b`, `c`, `p`, `s`. */
  readonly type: string;
  /** Permission bits, octal: `0644`. */
  readonly mode: string;
  /** Bytes. */
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly ino: number;
  /** ISO 8601 with nanoseconds, UTC. */
  readonly atime: string;
  readonly mtime: string;
  readonly ctime: string;
  readonly target?: string;
  readonly checksum?: string;
}

/** List directories of the guest. Entries are printed as they are found. */
export async function lsTask(context: TaskContext, options: LsOptions, paths: readonly string[]): Promise<void> {
  await withGuest(context, options, {
    async run(guest) {
      await mountGuest(context, guest, options, true);
      const lister = new Lister(guest, context, options);
      await lister.begin();
      for (const path of paths) await lister.list(path);
      await lister.end();
    },
  });
}

const TYPE_LETTERS: Readonly<Record<number, string>> = {
  4096: 'p',
  8192: 'c',
  16384: 'd',
  24576: 'b',
  32768: '-',
  40960: 'l',
  49152: 's',
};
/** Pieces of output are written when this many characters are there. */
const FLUSH_AT = 65536;

/** Walks and prints. */
class Lister {
  #text = '';
  #separator = '';
  readonly #output: Output;

  constructor(
    private readonly guest: OpenedGuest,
    private readonly context: TaskContext,
    private readonly options: LsOptions,
  ) {
    this.#output = context.output;
  }

  async begin(): Promise<void> {
    if (this.context.global.json) this.#text += '{"entries":[';
  }

  async end(): Promise<void> {
    if (this.context.global.json) this.#text += ']}\n';
    await this.#flush();
  }

  /** List a directory, or one other object. */
  async list(path: string): Promise<void> {
    const { vfs } = this.guest.session;
    const start = await vfs.resolve(await guestPath(this.guest.session, path), 'ls');
    if (!(await start.isDirectory())) return this.#entry(start, path);
    if (this.#isPlainLong()) {
      await this.#flush();
      return this.#output.write(`${await call<string>(this.guest, 'll', path)}`);
    }
    const { recursive = false, long = false } = this.options;
    const detailed = long || this.context.global.json;
    if (detailed) await this.#entry(start, detailed && !recursive ? '.' : path);
    const prune = recursive ? () => false : () => true;
    for await (const { location, relative } of walkTree(vfs, start, { sorted: true, prune })) {
      const shown = recursive ? `${detailed && path !== '/' ? path : ''}/${relative}` : relative;
      await this.#entry(location, shown);
    }
  }

  /** `-l` alone is `ls -l`, as in virt-ls; everything more has lines of its own. */
  #isPlainLong(): boolean {
    const { long, recursive, csv, uids, human, times: withTimes, checksum } = this.options;
    const more = [recursive, csv, uids, human, withTimes, this.context.global.json].includes(true);
    return long === true && !more && checksum === undefined;
  }

  async #entry(location: Location, shown: string): Promise<void> {
    const { json } = this.context.global;
    if (!json && this.options.long !== true) {
      this.#text += this.options.csv === true ? formatCsv([[shown]]) : `${shown}\n`;
    } else {
      const entry = await this.#describe(location, shown);
      if (json) {
        this.#text += this.#separator + JSON.stringify(entry);
        this.#separator = ',';
      } else {
        this.#text += this.options.csv === true ? formatCsv([this.#cells(entry)]) : this.#line(entry);
      }
    }
    if (this.#text.length >= FLUSH_AT) await this.#flush();
  }

  async #describe(location: Location, path: string): Promise<ListedEntry> {
    const stat = await this.guest.session.vfs.statAt(location);
    const type = stat.mode & S_IFMT;
    const target = type === S_IFLNK ? await location.mount.fs.readlink(location.node) : undefined;
    const checksum = type === S_IFREG ? await this.#checksum(location) : undefined;
    return {
      path,
      type: TYPE_LETTERS[type] ?? 'u',
      mode: (stat.mode & 0o7777).toString(8).padStart(4, '0'),
      size: stat.size,
      uid: stat.uid,
      gid: stat.gid,
      nlink: stat.nlink,
      ino: stat.ino,
      ...times(stat),
      ...(target === undefined ? {} : { target }),
      ...(checksum === undefined ? {} : { checksum }),
    };
  }

  async #checksum(location: Location): Promise<string | undefined> {
    if (this.options.checksum === undefined) return undefined;
    const hash = createHash(this.options.checksum);
    const file = await this.guest.session.vfs.openAt(location, 'checksum', location.path);
    for await (const chunk of file.stream()) hash.update(chunk);
    return hash.digest('hex');
  }

  #titles(withLinks: boolean): string[] {
    const { uids, times: withTimes, checksum } = this.options;
    return [
      'type',
      'mode',
      'size',
      ...(uids === true ? ['uid', 'gid'] : []),
      ...(withTimes === true ? ['atime', 'mtime', 'ctime'] : []),
      ...(checksum === undefined ? [] : ['checksum']),
      'path',
      ...(withLinks ? ['target'] : []),
    ];
  }

  /** Cells of a CSV line, in the order of virt-ls. */
  #cells(entry: ListedEntry): string[] {
    return this.#titles(entry.target !== undefined).map((title) => {
      const value = String(entry[title as keyof ListedEntry] ?? '');
      return /^[amc]time$/.test(title) ? plainTime(value) : value;
    });
  }

  /** `- 0644        123 /etc/hostname`, as virt-ls. */
  #line(entry: ListedEntry): string {
    const { uids, human, times: withTimes, checksum } = this.options;
    const size = human === true ? humanSize(entry.size) : String(entry.size);
    const parts = [
      entry.type,
      entry.mode,
      size.padStart(10),
      ...(uids === true ? [String(entry.uid).padStart(4), String(entry.gid).padStart(4)] : []),
      ...(withTimes === true ? [entry.atime, entry.mtime, entry.ctime].map(plainTime) : []),
      ...(checksum === undefined ? [] : [(entry.checksum ?? '').padEnd(CHECKSUM_WIDTH[checksum] ?? 0)]),
      entry.path,
    ];
    return `${parts.join(' ')}${entry.target === undefined ? '' : ` -> ${entry.target}`}\n`;
  }

  async #flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    await this.#output.write(text);
  }
}

const CHECKSUM_WIDTH: Readonly<Record<string, number>> = {
  md5: 32,
  sha1: 40,
  sha224: 56,
  sha256: 64,
  sha384: 96,
  sha512: 128,
};

function times(stat: FsStat): Pick<ListedEntry, 'atime' | 'mtime' | 'ctime'> {
  return { atime: isoTime(stat.atime), mtime: isoTime(stat.mtime), ctime: isoTime(stat.ctime) };
}

/** `2026-11-23 00:59:04` of an ISO time. */
function plainTime(iso: string): string {
  return iso.replace('T', ' ').replace(/\..*$/, '');
}

/** `2026-11-23T00:59:04.780000546Z`; seconds since the epoch where a date cannot say it. */
function isoTime({ sec, nsec }: Timestamp): string {
  const date = new Date(sec * 1000);
  if (Number.isNaN(date.getTime())) return `@${sec}`;
  return `${date.toISOString().slice(0, -'.000Z'.length)}.${String(nsec).padStart(9, '0')}Z`;
}
