/** What a test runner must have; vitest, node:test, mocha and jest all do. */
export interface TestRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
}

/** Outcome of one test of a suite run by {@link collect}. */
export interface CollectedResult {
  readonly name: string;
  readonly error?: unknown;
}

/** Run a suite without a test runner, one test after another, and report each outcome. */
export async function collect(suite: (runner: TestRunner) => void): Promise<readonly CollectedResult[]> {
  const tests: { name: string; body: () => Promise<void> }[] = [];
  const path: string[] = [];
  suite({
    describe: (name, body) => {
      path.push(name);
      body();
      path.pop();
    },
    it: (name, body) => tests.push({ name: [...path, name].join(' > '), body }),
  });
  const results: CollectedResult[] = [];
  for (const { name, body } of tests) {
    try {
      await body();
      results.push({ name });
    } catch (error) {
      results.push({ name, error });
    }
  }
  return results;
}
