import type { IHasher } from 'hash-wasm';

type HashLibrary = typeof import('hash-wasm');

/** A new SHA-256 hasher. Bundlers that take the library for CommonJS give its exports as `default`. */
export async function createSha256(): Promise<IHasher> {
  const module: HashLibrary & { readonly default?: HashLibrary } = await import('hash-wasm');
  const library = typeof module.createSHA256 === 'function' ? module : (module.default ?? module);
  return library.createSHA256();
}

/** SHA-256 of one run of bytes. */
export function digest(hasher: IHasher, data: Uint8Array): Uint8Array {
  hasher.init();
  hasher.update(data);
  return hasher.digest('binary');
}
