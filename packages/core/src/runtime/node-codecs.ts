import type { BlockCodecs } from '../contracts/index.js';
import { nodeZlib } from './node-builtins.js';

/** zlib of Node. One output chunk of the whole size spares it joining chunks. */
export const nodeCodecs: BlockCodecs = {
  inflate: (data, limit) => nodeZlib().inflateSync(data, { maxOutputLength: limit, chunkSize: Math.max(64, limit) }),
};
