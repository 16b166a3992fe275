import type { z } from 'zod';
import type { ByteSink } from '../contracts/index.js';
import { isWindowsPath } from './windows-syntax.js';

/** The zod module, handed to the schema builders: whoever wants schemas has it, nothing here needs it to run. */
export type Zod = typeof z;

export type { ByteSink };

/** What a `FileIn` argument takes: a host path (`-` is standard input) or the bytes themselves. */
export type FileSource = string | AsyncIterable<Uint8Array>;
/** What a `FileOut` argument takes: a host path (`-` is standard output) or a sink. */
export type FileTarget = string | ByteSink;

/** Names of argument kinds, as the guestfs API description writes them. */
export type KindName =
  | 'Pathname'
  | 'Device'
  | 'Mountable'
  | 'Dev_or_Path'
  | 'Mountable_or_Path'
  | 'PlainString'
  | 'GUID'
  | 'Key'
  | 'FileIn'
  | 'FileOut'
  | 'Filename'
  | 'Int'
  | 'Int64'
  | 'Bool'
  | 'BufferIn'
  | 'OptString';

/** A kind of argument: what values it takes, and how a schema for it is built. */
export interface ArgKind<T = unknown> {
  readonly name: KindName;
  /** A list of such values (guestfs `StringList`). */
  readonly list: boolean;
  /** Check of a value; the schema says the same. */
  accepts(value: unknown): value is T;
  /** What a value must be, for errors: `must be true or false`. */
  readonly expects?: string;
  /** Of a list: what its values are. */
  readonly element?: ArgKind;
  schema(zod: Zod): z.ZodType<T>;
}

/** The TypeScript type of values of a kind. */
export type KindValue<K> = K extends ArgKind<infer T> ? T : never;

/** A named argument. */
export interface Arg<N extends string = string, T = unknown> {
  readonly name: N;
  readonly kind: ArgKind<T>;
}

/** Declare an argument. */
export function arg<const N extends string, T>(name: N, kind: ArgKind<T>): Arg<N, T> {
  return { name, kind };
}

const NUL = '\0';
/** C strings cannot hold NUL, and neither can paths of a guest. */
const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes(NUL);

function textKind(name: KindName, refine?: { test(value: string): boolean; message: string }): ArgKind<string> {
  return {
    name,
    list: false,
    accepts: (value): value is string => isText(value) && (refine === undefined || refine.test(value)),
    expects: refine?.message ?? 'must be a string without NUL',
    schema: (zod) => {
      const text = zod.string().refine((s) => !s.includes(NUL), 'must not contain NUL');
      return refine === undefined ? text : text.refine((s) => refine.test(s), refine.message);
    },
  };
}

function numberKind(name: KindName, min: number, max: number): ArgKind<number> {
  return {
    name,
    list: false,
    accepts: (value): value is number =>
      Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
    expects: `must be a whole number from ${min} to ${max}`,
    schema: (zod) => zod.number().int().min(min).max(max),
  };
}

const absolute = {
  test: (s: string) => s.startsWith('/') || isWindowsPath(s),
  message: "must be an absolute path that starts with '/'",
};
const deviceName = {
  test: (s: string) => s.startsWith('/dev/'),
  message: "must be a device name that starts with '/dev/'",
};
const mountable = {
  test: (s: string) => s.startsWith('/dev/') || s.startsWith('btrfsvol:/dev/'),
  message: "must be a device name or 'btrfsvol:DEVICE/SUBVOLUME'",
};

/** Absolute path in the guest; a path as Windows writes it means the one of its drive. */
export const Pathname = textKind('Pathname', absolute);
/** Name of a block device of the session, `/dev/sda1`. */
export const Device = textKind('Device', deviceName);
/** A device, or `btrfsvol:DEVICE/SUBVOLUME`. */
export const Mountable = textKind('Mountable', mountable);
/** A device name or a path in the guest. */
export const Dev_or_Path = textKind('Dev_or_Path', absolute);
/** A mountable or a path in the guest. */
export const Mountable_or_Path = textKind('Mountable_or_Path', {
  test: (s) => absolute.test(s) || mountable.test(s),
  message: 'must be a mountable or an absolute path',
});
/** Any text. */
export const PlainString = textKind('PlainString');
/** A GUID in its usual form. */
export const GUID = textKind('GUID', {
  test: (s) => /^\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i.test(s),
  message: 'must be a GUID',
});
/** A secret; never traced. */
export const Key = textKind('Key');
/** One component of a path: no slash, not empty. */
export const Filename = textKind('Filename', {
  test: (s) => s !== '' && !s.includes('/'),
  message: 'must be a file name without a slash',
});
/** 32-bit signed integer. */
export const Int = numberKind('Int', -(2 ** 31), 2 ** 31 - 1);
/** 64-bit integer, within the safe integers of JavaScript. */
export const Int64 = numberKind('Int64', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

/** True or false. */
export const Bool: ArgKind<boolean> = {
  name: 'Bool',
  list: false,
  accepts: (value): value is boolean => typeof value === 'boolean',
  expects: 'must be true or false',
  schema: (zod) => zod.boolean(),
};

/** Bytes; a string stands for its UTF-8 bytes. */
export const BufferIn: ArgKind<Uint8Array | string> = {
  name: 'BufferIn',
  list: false,
  accepts: (value): value is Uint8Array | string => typeof value === 'string' || value instanceof Uint8Array,
  expects: 'must be bytes or a string',
  schema: (zod) => zod.union([zod.string(), zod.instanceof(Uint8Array)]),
};

/** Text or nothing. */
export const OptString: ArgKind<string | null | undefined> = {
  name: 'OptString',
  list: false,
  accepts: (value): value is string | null | undefined => value === null || value === undefined || isText(value),
  expects: 'must be a string without NUL, or nothing',
  schema: (zod) =>
    zod
      .string()
      .refine((s) => !s.includes(NUL), 'must not contain NUL')
      .nullish(),
};

const isByteStream = (value: unknown): value is AsyncIterable<Uint8Array> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
const isSink = (value: unknown): value is ByteSink =>
  typeof value === 'object' && value !== null && typeof (value as Partial<ByteSink>).write === 'function';

/** Where an action reads bytes of the host from. */
export const FileIn: ArgKind<FileSource> = {
  name: 'FileIn',
  list: false,
  accepts: (value): value is FileSource => isText(value) || isByteStream(value),
  expects: 'must be a host path or an async iterable of bytes',
  schema: (zod) => zod.custom<FileSource>((v) => isText(v) || isByteStream(v)),
};

/** Where an action writes bytes to on the host. */
export const FileOut: ArgKind<FileTarget> = {
  name: 'FileOut',
  list: false,
  accepts: (value): value is FileTarget => isText(value) || isSink(value),
  expects: 'must be a host path or a byte sink',
  schema: (zod) => zod.custom<FileTarget>((v) => isText(v) || isSink(v)),
};

/** A list of values of a kind of text. */
export function StringList(kind: ArgKind<string>): ArgKind<readonly string[]> {
  return {
    name: kind.name,
    list: true,
    accepts: (value): value is readonly string[] => Array.isArray(value) && value.every((v) => kind.accepts(v)),
    expects: 'must be a list',
    element: kind,
    schema: (zod) => zod.array(kind.schema(zod)),
  };
}
