/**
 * Windows guests for VMCraft: inspection, registry, drivers.
 * @packageDocumentation
 */
export {};
