/** `node:crypto`, which takes milliseconds to load: only when something is hashed, drawn or ciphered. */
export const nodeCrypto = (): typeof import('node:crypto') => process.getBuiltinModule('node:crypto');

/** `node:zlib`, likewise. */
export const nodeZlib = (): typeof import('node:zlib') => process.getBuiltinModule('node:zlib');
