import { InternalError, TruncatedImageError } from '../errors/index.js';
import type { FieldType } from './field.js';

/** One field of a declared structure: its offset in bytes, as the specification's table has it, and its type. */
export type FieldSpec = readonly [offset: number, type: FieldType<unknown>];

/** What a structure of `F` decodes to. */
export type Decoded<F extends Record<string, readonly [number, FieldType<unknown>]>> = {
  -readonly [K in keyof F]: F[K][1] extends FieldType<infer T> ? T : never;
};

/** A declared on-disk structure: one definition that decodes and encodes. */
export interface Struct<T> extends FieldType<T> {
  /** The specification's name, used in errors. */
  readonly name: string;
  /** Offset of a field in bytes. */
  offsetOf(field: keyof T & string): number;
  /**
   * Decode from `data` at `offset`.
   * @param base absolute position of `data` on its device, in bytes; only for error messages
   * @throws TruncatedImageError when `data` is too short
   */
  decode(data: Uint8Array, offset?: number, base?: number): T;
  /** Write the fields of `value` into `data` at `offset`; bytes not declared stay as they are. */
  encodeInto(value: Partial<T>, data: Uint8Array, offset?: number): void;
  /** A new buffer of `size` bytes with `value` in it and zeros elsewhere. */
  encode(value: Partial<T>): Uint8Array;
}

/** A view of exactly these bytes; never use `data.buffer` bare, as it misreads sub-arrays. */
export function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Declare an on-disk structure with explicit offsets, so that it can be proof-read against its specification.
 *
 * @param name the specification's name of the structure
 * @param size total size in bytes
 * @param fields offset and type of each field
 * @throws InternalError at definition when a field does not fit or two overlap without being listed in `unions`
 * @example
 * const RegionEntry = struct('vhdx.regionEntry', 32, { fileOffset: [16, u64le], length: [24, u32le] });
 */
export function struct<F extends Record<string, readonly [number, FieldType<unknown>]>>(
  name: string,
  size: number,
  fields: F,
  options: { unions?: readonly (keyof F & string)[] } = {},
): Struct<Decoded<F>> {
  type T = Decoded<F>;
  const entries = Object.entries(fields) as unknown as [keyof T & string, FieldSpec][];
  checkFields(name, size, entries, new Set<string>(options.unions ?? []));
  const read = (view: DataView, at: number): T => {
    const out: Record<string, unknown> = {};
    for (const [key, [offset, type]] of entries) out[key] = type.read(view, at + offset);
    return out as T;
  };
  const write = (view: DataView, at: number, value: Partial<T>): void => {
    for (const [key, [offset, type]] of entries) {
      if (value[key] !== undefined) type.write(view, at + offset, value[key]);
    }
  };
  const need = (data: Uint8Array, offset: number, base: number): void => {
    if (offset < 0 || offset + size > data.length) {
      const available = Math.max(0, data.length - offset);
      throw new TruncatedImageError({ structure: name, offset: base + offset, needed: size, available });
    }
  };
  return {
    name,
    size,
    read,
    write,
    offsetOf: (field) => (fields[field] as FieldSpec)[0],
    decode: (data, offset = 0, base = 0) => {
      need(data, offset, base);
      return read(viewOf(data), offset);
    },
    encodeInto: (value, data, offset = 0) => {
      need(data, offset, 0);
      write(viewOf(data), offset, value);
    },
    encode: (value) => {
      const data = new Uint8Array(size);
      write(viewOf(data), 0, value);
      return data;
    },
  };
}

function checkFields(name: string, size: number, entries: [string, FieldSpec][], unions: Set<string>): void {
  let end = 0;
  const sorted = [...entries].sort((a, b) => a[1][0] - b[1][0]);
  for (const [key, [offset, type]] of sorted) {
    if (offset < 0 || offset + type.size > size) throw new InternalError(`${name}.${key} lies outside ${size} bytes`);
    if (unions.has(key)) continue;
    if (offset < end) throw new InternalError(`${name}.${key} at ${offset} overlaps the field before it`);
    end = offset + type.size;
  }
}
