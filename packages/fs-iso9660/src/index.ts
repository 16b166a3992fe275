/**
 * ISO 9660 for VMCraft: Rock Ridge, Joliet, zisofs, El Torito.
 * @packageDocumentation
 */
export {};
