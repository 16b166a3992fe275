import { decodeFileName } from '@vmcraft/core';
import { type ReturnKind, type StructFieldType, type StructName, structs } from '@vmcraft/core/guest';
import type { Wire } from './codec.js';
import { asText } from './library.js';
import { fieldsOf } from './stat.js';

const list = (value: Wire | undefined): readonly Wire[] => (Array.isArray(value) ? (value as readonly Wire[]) : []);
const text = (value: Wire | undefined): string => (value instanceof Uint8Array ? decodeFileName(value) : '');

/** What a function returned, as an action of that kind returns it. */
export function resultOf(returns: ReturnKind, result: readonly Wire[]): unknown {
  const [first] = result;
  if (typeof returns !== 'string') {
    if ('struct' in returns) return structOf(returns.struct, result);
    if ('structList' in returns) return result.map((entry) => structOf(returns.structList, list(entry)));
    return result;
  }
  switch (returns) {
    case 'void':
      return undefined;
    case 'RInt':
    case 'RInt64':
      return Number(asText(first));
    case 'RBool':
      return asText(first) !== '' && asText(first) !== '0';
    case 'RConstOptString':
      return first instanceof Uint8Array ? text(first) : null;
    case 'RStringList':
      return result.map(text);
    case 'RBufferOut':
      return first instanceof Uint8Array ? first : new Uint8Array(0);
    case 'RHashtable':
      return Object.fromEntries([...fieldsOf(result)].map(([key, value]) => [key, text(value)]));
    default:
      return text(first);
  }
}

function structOf(name: StructName, value: readonly Wire[]): Record<string, unknown> {
  const fields = fieldsOf(value);
  const types = Object.entries(structs[name]) as [string, StructFieldType][];
  return Object.fromEntries(types.map(([field, type]) => [field, fieldValue(type, fields.get(field))]));
}

function fieldValue(type: StructFieldType, value: Wire | undefined): unknown {
  switch (type) {
    case 'FString':
    case 'FChar':
    case 'FDevice':
    case 'FUUID':
      return text(value);
    case 'FBuffer':
      return value instanceof Uint8Array ? value : new Uint8Array(0);
    default:
      return Number(asText(value));
  }
}
