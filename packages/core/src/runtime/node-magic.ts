import type { WASMagic } from 'wasmagic';

/** libmagic in WebAssembly; loaded when the first file is looked at. */
let loaded: Promise<WASMagic> | undefined;

async function load(): Promise<WASMagic> {
  const { WASMagic: Magic, WASMagicFlags } = await import('wasmagic');
  return Magic.create({ flags: WASMagicFlags.NONE });
}

/** What file(1) says of bytes. */
export async function describeContent(head: Uint8Array): Promise<string> {
  loaded ??= load();
  return (await loaded).detect(head);
}
