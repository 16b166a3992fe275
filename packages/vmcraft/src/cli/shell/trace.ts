import { encodeFileName } from '@vmcraft/core/binary';
import type { AnyAction, ReturnKind } from '@vmcraft/core/guest';
import { structs } from '@vmcraft/core/guest';
import type { ActionArguments } from './arguments.js';

const LONGEST = 256;

/** `mount "/dev/sda1" "/"`: a call as guestfs traces it. Secrets become `***`. */
export function traceCall(action: AnyAction, { args, options }: ActionArguments): string {
  const shown = action.args.map((arg, i) => (arg.kind.name === 'Key' ? '"***"' : show(args[i])));
  const named = Object.entries(options).map(([name, value]) => quote(`${name}:${plain(value)}`));
  return [action.name, ...shown, ...named].join(' ');
}

/** `is_dir = 1`: a result as guestfs traces it. */
export function traceResult(action: AnyAction, value: unknown): string {
  return `${action.name} = ${showResult(action.returns, value)}`;
}

/** `mkdir = -1 (error)`: a failure as guestfs traces it. */
export function traceFailure(action: AnyAction): string {
  const numeric =
    action.returns === 'void' || action.returns === 'RInt' || action.returns === 'RInt64' || action.returns === 'RBool';
  return `${action.name} = ${numeric ? '-1' : 'NULL'} (error)`;
}

function showResult(returns: ReturnKind, value: unknown): string {
  if (returns === 'void') return '0';
  if (returns === 'RBool') return value === true ? '1' : '0';
  if (returns === 'RStringList') return showList(value as readonly string[]);
  if (returns === 'RHashtable') return showList(Object.entries(value as Record<string, string>).flat());
  if (typeof returns !== 'object') return show(value);
  if ('struct' in returns) return `<struct guestfs_${returns.struct} = ${fields(returns.struct, value)}>`;
  const list = value as readonly unknown[];
  const items = list
    .map((item, i) => `[${i}]{${fields(returns.structList, item)}} `)
    .join('')
    .trimEnd();
  return `<struct guestfs_${returns.structList}_list(${list.length})${list.length === 0 ? '' : ` = ${items}`}>`;
}

function fields(name: keyof typeof structs, value: unknown): string {
  const record = value as Record<string, unknown>;
  return Object.keys(structs[name])
    .map((field) => `${field}: ${plain(record[field])}, `)
    .join('');
}

function showList(list: readonly string[]): string {
  return `[${list.map(quote).join(', ')}]`;
}

function show(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value === 'string' || value instanceof Uint8Array) return quote(value);
  if (Array.isArray(value)) return quote(value.join(' '));
  // What is left are streams: standard input or output.
  return Symbol.asyncIterator in (value as object) ? '"/dev/stdin"' : '"/dev/stdout"';
}

function plain(value: unknown): string {
  return typeof value === 'string' || value instanceof Uint8Array ? quote(value).slice(1, -1) : show(value);
}

/** Quoted, with everything unprintable escaped, and cut off where it gets long. */
function quote(value: string | Uint8Array): string {
  const bytes = typeof value === 'string' ? encodeFileName(value) : value;
  const end = Math.min(bytes.length, LONGEST);
  let text = '';
  for (let i = 0; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === 10) text += '\\n';
    else text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return bytes.length > end ? `"${text}"<truncated, original size ${bytes.length} bytes>` : `"${text}"`;
}
