import { CorruptImageError } from '@vmcraft/core/errors';

/** A JSON object of a header. */
export type JsonObject = Record<string, unknown>;

const CITATION = 'LUKS2 On-Disk Format 1.1.2, section 3';

/** What is wrong with the metadata of an image. */
export function badJson(field: string, reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'LUKS2 metadata', field: field.slice(0, 80), reason, citation: CITATION });
}

/** Typed access to the fields of one JSON object; every getter names the field when it is not what it has to be. */
export class Fields {
  constructor(
    readonly raw: JsonObject,
    readonly path: string,
  ) {}

  static of(value: unknown, path: string): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badJson(path, 'is not an object');
    return new Fields(value as JsonObject, path);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.raw, name);
  }

  object(name: string): Fields {
    return Fields.of(this.#get(name), this.#at(name));
  }

  /** Entries named by numbers below `limit`, in order. */
  entries(name: string, limit: number): readonly (readonly [id: number, fields: Fields])[] {
    const object = this.object(name);
    const names = Object.keys(object.raw);
    if (names.length > limit) throw badJson(object.path, `has ${names.length} entries, at most ${limit} are possible`);
    return names.map((key) => {
      if (!/^(0|[1-9]\d{0,2})$/.test(key)) throw badJson(object.path, 'has an entry whose name is no number');
      return [Number(key), object.object(key)] as const;
    });
  }

  string(name: string): string {
    const value = this.#get(name);
    if (typeof value !== 'string' || value.length > 65536) throw badJson(this.#at(name), 'is not a string');
    return value;
  }

  /** An integer from `min` to `max`. */
  integer(name: string, min: number, max: number): number {
    const value = this.#get(name);
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      throw badJson(this.#at(name), `is not an integer from ${min} to ${max}`);
    }
    return value as number;
  }

  /** 64 bits, which LUKS2 writes as text. */
  uint64(name: string): number {
    const text = this.string(name);
    const value = Number(text);
    if (!/^\d{1,20}$/.test(text) || !Number.isSafeInteger(value)) throw badJson(this.#at(name), 'is not a number');
    return value;
  }

  base64(name: string, max: number): Uint8Array {
    const text = this.string(name);
    if (text.length > max * 2 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw badJson(this.#at(name), 'is not base64');
    try {
      return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    } catch (cause) {
      throw new CorruptImageError(
        { structure: 'LUKS2 metadata', field: this.#at(name), reason: 'is not base64' },
        cause,
      );
    }
  }

  strings(name: string): readonly string[] {
    const value = this.#get(name);
    if (!Array.isArray(value) || value.length > 1000 || value.some((v) => typeof v !== 'string')) {
      throw badJson(this.#at(name), 'is not a list of strings');
    }
    return value as string[];
  }

  #get(name: string): unknown {
    if (!this.has(name)) throw badJson(this.#at(name), 'is missing');
    return this.raw[name];
  }

  #at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

/** Base64 as LUKS2 writes it. */
export function toBase64(data: Uint8Array): string {
  return btoa(String.fromCharCode(...data));
}
