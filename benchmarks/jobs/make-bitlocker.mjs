// node make-bitlocker.mjs IMAGE KEYFILE BYTES: a BitLocker volume with AES-XTS of 128 bits that a startup key file opens.
import { randomFillSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { makeBek, makeVolume } from '../../packages/storage-bitlocker/test/make-volume.ts';

const ID = '7b2f3e66-0001-4c0f-9d3a-5d6f0a1b2c3d';
const [, , image, keyFile, bytes] = process.argv;
const plain = new Uint8Array(Number(bytes));
for (let at = 0; at < plain.length; at += 1 << 20) randomFillSync(plain.subarray(at, at + (1 << 20)));
writeFileSync(image, (await makeVolume({ plain, method: 0x8004, protectors: [{ kind: 'bek', id: ID }] })).image);
writeFileSync(keyFile, makeBek(ID));
