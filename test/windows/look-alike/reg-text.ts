/** A registry value: its type number and its bytes. */
export interface RegValue {
  readonly type: number;
  readonly data: Uint8Array;
}

/** Keys by path, values by name; `@` is the default value. */
export type RegKeys = Readonly<Record<string, Readonly<Record<string, RegValue>>>>;

const utf16 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf16le'));
const text = (type: number, value: string): RegValue => ({ type, data: utf16(`${value}\0`) });

/** REG_SZ. */
export const sz = (value: string): RegValue => text(1, value);
/** REG_EXPAND_SZ. */
export const expand = (value: string): RegValue => text(2, value);
/** REG_BINARY. */
export const binary = (...data: readonly number[]): RegValue => ({ type: 3, data: Uint8Array.from(data) });
/** REG_BINARY from bytes. */
export const bytes = (data: Uint8Array): RegValue => ({ type: 3, data });
/** REG_MULTI_SZ. */
export const multi = (...values: readonly string[]): RegValue => ({
  type: 7,
  data: utf16(`${values.map((v) => `${v}\0`).join('')}\0`),
});

/** REG_DWORD. */
export function dword(value: number): RegValue {
  const data = Buffer.alloc(4);
  data.writeUInt32LE(value >>> 0);
  return { type: 4, data: new Uint8Array(data) };
}

/** REG_QWORD. */
export function qword(value: bigint): RegValue {
  const data = Buffer.alloc(8);
  data.writeBigUInt64LE(value);
  return { type: 11, data: new Uint8Array(data) };
}

/** 100 ns units since 1601 of a moment in seconds since 1970. */
export const filetime = (unixSeconds: number): bigint => BigInt(unixSeconds) * 10_000_000n + 116_444_736_000_000_000n;

const quoted = (name: string): string => (name === '@' ? '@' : `"${name.replace(/[\\"]/g, '\\$&')}"`);
const hex = (data: Uint8Array): string => [...data].map((b) => b.toString(16).padStart(2, '0')).join(',');

function valueText({ type, data }: RegValue): string {
  if (type === 4 && data.length === 4)
    return `dword:${[...data]
      .reverse()
      .map((b) => b.toString(16).padStart(2, '0'))
      .join('')}`;
  return `hex(${type.toString(16)}):${hex(data)}`;
}

/** The text of a .reg file (version 5); every parent key is written before its children. */
export function regText(prefix: string, keys: RegKeys): string {
  const all = new Map<string, Readonly<Record<string, RegValue>>>();
  for (const [path, values] of Object.entries(keys)) {
    const names = path.split('\\');
    for (let i = 1; i < names.length; i++) {
      const parent = names.slice(0, i).join('\\');
      if (!all.has(parent)) all.set(parent, {});
    }
    all.set(path, { ...all.get(path), ...values });
  }
  const lines = ['Windows Registry Editor Version 5.00', ''];
  for (const [path, values] of all) {
    lines.push(`[${prefix}\\${path}]`);
    for (const [name, value] of Object.entries(values)) lines.push(`${quoted(name)}=${valueText(value)}`);
    lines.push('');
  }
  return `${lines.join('\n')}\n`;
}
