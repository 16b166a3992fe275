/** How one field is read from and written to bytes. `size` is in bytes. */
export interface FieldType<T> {
  readonly size: number;
  read(view: DataView, offset: number): T;
  write(view: DataView, offset: number, value: T): void;
}

type Getter<T> = (view: DataView, offset: number) => T;
type Setter<T> = (view: DataView, offset: number, value: T) => void;

function field<T>(size: number, read: Getter<T>, write: Setter<T>): FieldType<T> {
  return { size, read, write };
}

/** Unsigned 8-bit integer. */
export const u8 = field<number>(
  1,
  (v, o) => v.getUint8(o),
  (v, o, x) => v.setUint8(o, x),
);
/** Signed 8-bit integer. */
export const i8 = field<number>(
  1,
  (v, o) => v.getInt8(o),
  (v, o, x) => v.setInt8(o, x),
);
/** Unsigned 16-bit integer, little-endian. */
export const u16le = field<number>(
  2,
  (v, o) => v.getUint16(o, true),
  (v, o, x) => v.setUint16(o, x, true),
);
/** Unsigned 16-bit integer, big-endian. */
export const u16be = field<number>(
  2,
  (v, o) => v.getUint16(o),
  (v, o, x) => v.setUint16(o, x),
);
/** Signed 16-bit integer, little-endian. */
export const i16le = field<number>(
  2,
  (v, o) => v.getInt16(o, true),
  (v, o, x) => v.setInt16(o, x, true),
);
/** Unsigned 32-bit integer, little-endian. */
export const u32le = field<number>(
  4,
  (v, o) => v.getUint32(o, true),
  (v, o, x) => v.setUint32(o, x, true),
);
/** Unsigned 32-bit integer, big-endian. */
export const u32be = field<number>(
  4,
  (v, o) => v.getUint32(o),
  (v, o, x) => v.setUint32(o, x),
);
/** Signed 32-bit integer, little-endian. */
export const i32le = field<number>(
  4,
  (v, o) => v.getInt32(o, true),
  (v, o, x) => v.setInt32(o, x, true),
);
/** Unsigned 64-bit integer, little-endian, as a bigint; convert with `toSafeInteger` at the edge. */
export const u64le = field<bigint>(
  8,
  (v, o) => v.getBigUint64(o, true),
  (v, o, x) => v.setBigUint64(o, x, true),
);
/** Unsigned 64-bit integer, big-endian, as a bigint. */
export const u64be = field<bigint>(
  8,
  (v, o) => v.getBigUint64(o),
  (v, o, x) => v.setBigUint64(o, x),
);
/** Signed 64-bit integer, little-endian, as a bigint. */
export const i64le = field<bigint>(
  8,
  (v, o) => v.getBigInt64(o, true),
  (v, o, x) => v.setBigInt64(o, x, true),
);

/** A run of raw bytes. Decoding copies, so the value outlives the buffer. */
export function bytes(length: number): FieldType<Uint8Array> {
  return field<Uint8Array>(
    length,
    (v, o) => new Uint8Array(v.buffer, v.byteOffset + o, length).slice(),
    (v, o, x) => {
      const target = new Uint8Array(v.buffer, v.byteOffset + o, length);
      target.fill(0);
      target.set(x.subarray(0, length));
    },
  );
}

/** `count` values of one type in a row. */
export function array<T>(type: FieldType<T>, count: number): FieldType<T[]> {
  return field<T[]>(
    type.size * count,
    (v, o) => Array.from({ length: count }, (_, i) => type.read(v, o + i * type.size)),
    (v, o, values) => {
      for (const [i, x] of values.slice(0, count).entries()) type.write(v, o + i * type.size, x);
    },
  );
}

/** Text of one byte a character (ISO 8859-1), padded with NUL; decoding stops at the first NUL. */
export function latin1(length: number): FieldType<string> {
  const raw = bytes(length);
  return field<string>(
    length,
    (v, o) => {
      const all = raw.read(v, o);
      const end = all.indexOf(0);
      return String.fromCharCode(...all.subarray(0, end < 0 ? length : end));
    },
    (v, o, x) =>
      raw.write(
        v,
        o,
        Uint8Array.from(x, (c) => c.charCodeAt(0) & 0xff),
      ),
  );
}

/** UTF-8 text padded with NUL; decoding stops at the first NUL. */
export function utf8(length: number): FieldType<string> {
  const raw = bytes(length);
  return field<string>(
    length,
    (v, o) => {
      const all = raw.read(v, o);
      const end = all.indexOf(0);
      return new TextDecoder().decode(all.subarray(0, end < 0 ? length : end));
    },
    (v, o, x) => raw.write(v, o, new TextEncoder().encode(x)),
  );
}
