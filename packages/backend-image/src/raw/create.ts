import { type BackendContext, type CreateSpec, UsageError } from '@vmcraft/core';

/** Make a raw image: a sparse file of the size. */
export async function createRaw(spec: CreateSpec, context: BackendContext): Promise<void> {
  if (spec.backingFile !== undefined)
    throw new UsageError('a raw image has no backing file', { argument: 'backingFile' });
  for (const [name, value] of Object.entries(spec.options ?? {})) {
    if (name !== 'preallocation' || value !== 'off') {
      throw new UsageError(`unknown option ${name}=${value} for raw`, { argument: name });
    }
  }
  const file = await context.files.open(spec.path, { writable: true, create: 'truncate' });
  try {
    await file.truncate(spec.size);
    await file.flush();
  } finally {
    await file.close();
  }
}
