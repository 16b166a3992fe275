/** Put in by the bundler. */
declare const VMCRAFT_VERSION: string | undefined;

/** Version of the program. */
export const version: string = typeof VMCRAFT_VERSION === 'string' ? VMCRAFT_VERSION : '0.1.0';
