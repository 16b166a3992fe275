/** Characters of an LVM UUID. */
const CHARACTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const GROUPS = [6, 4, 4, 4, 4, 4, 6];

/** `K994MB-Sn1r-7rpS-hQEW-DgUP-87Dr-9d0MFa`: 32 characters with dashes, as the metadata text has them. */
export function dashedUuid(plain: string): string {
  let at = 0;
  return GROUPS.map((length) => {
    const group = plain.slice(at, at + length);
    at += length;
    return group;
  }).join('-');
}

/** The 32 characters alone, as PV headers and guestfs have them. */
export function plainUuid(uuid: string): string {
  return uuid.replaceAll('-', '');
}

/** Whether text is an LVM UUID with its dashes. */
export function isUuid(text: string): boolean {
  return /^[a-zA-Z0-9!#]{6}(-[a-zA-Z0-9!#]{4}){5}-[a-zA-Z0-9!#]{6}$/.test(text);
}

/** A new UUID, with dashes. */
export function newUuid(): string {
  const random = globalThis.crypto.getRandomValues(new Uint32Array(32));
  return dashedUuid(Array.from(random, (n) => CHARACTERS[n % CHARACTERS.length]).join(''));
}
