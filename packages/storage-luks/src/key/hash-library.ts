/** What `hash-wasm` exports. */
export type HashLibrary = typeof import('hash-wasm');

/** The library of hashes, loaded when first needed. Bundlers that take it for CommonJS give its exports as `default`. */
export async function hashLibrary(): Promise<HashLibrary> {
  const module: HashLibrary & { readonly default?: HashLibrary } = await import('hash-wasm');
  return typeof module.createSHA256 === 'function' ? module : (module.default ?? module);
}
