import type { AnyAction } from './action.js';
import { withSecret } from './remote-drive.js';

/** Characters of a value that a trace shows. */
const MAX_SHOWN = 256;

/** One line for a call, as libguestfs writes it: `mkdir_mode "/x" 0x1ed`. Secrets are not shown. */
export function traceCall(action: AnyAction, args: readonly unknown[]): string {
  const shown = action.args.map(({ kind }, i) => (kind.name === 'Key' ? '"***"' : show(args[i])));
  const options = Object.entries((args[action.args.length] ?? {}) as Record<string, unknown>)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `"${name}:${name === 'secret' ? '***' : show(value).replaceAll('"', '')}"`);
  return [action.name, ...shown, ...options].join(' ');
}

/** One line for a result: `mkdir = 0`. */
export function traceResult(action: AnyAction, result: unknown): string {
  return `${action.name} = ${result === undefined ? '0' : show(result)}`;
}

function show(value: unknown): string {
  if (typeof value === 'string') return quote(withSecret(value, undefined).uri);
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (value === null || value === undefined) return 'NULL';
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (Array.isArray(value)) return `[${shorten(value.map(show).join(', '))}]`;
  if (typeof value === 'object' && Symbol.asyncIterator in value) return '<stream>';
  return typeof value === 'object'
    ? `<${shorten(
        Object.entries(value)
          .map(([k, v]) => `${k}: ${show(v)}`)
          .join(', '),
      )}>`
    : String(value);
}

function quote(text: string): string {
  return `"${shorten(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

function shorten(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
