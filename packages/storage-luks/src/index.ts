/**
 * LUKS1 and LUKS2 containers for VMCraft.
 * @packageDocumentation
 */
export {};
