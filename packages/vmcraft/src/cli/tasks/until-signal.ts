const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Resolves at the first signal that asks to end, which then does not end the process; or when `ended` is. */
export function untilSignal(ended?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      for (const signal of SIGNALS) process.off(signal, end);
      ended?.removeEventListener('abort', end);
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, end);
    ended?.addEventListener('abort', end);
  });
}
