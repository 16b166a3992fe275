import type { NbdClient } from '@vmcraft/backend-nbd';

/** Size of the export, bytes. */
export const SIZE = 1 << 20;

/** What a server said, and how much the client had said before each part. */
export type Schedule = readonly (readonly [heard: number, length: number])[];

/** What our client is asked to do in the recording, and with every damaged answer. */
export async function useClient(client: NbdClient): Promise<void> {
  await client.read(0, 4096);
  await client.read(65_536, 70_000);
  await client.allocation(0, SIZE);
  await client.write(8192, new Uint8Array(5000).fill(2));
  await client.writeZeroes(131_072, 65_536);
  await client.flush();
  await client.read(SIZE - 512, 512);
}
