import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Folders whose tests start servers and wait for them, or run for half a minute by themselves. */
const LONG = /\/test\/(?:fuzz|faults|hostile|clients|console|workers|deploy|docs|envoy)\//

/** Long files first, so that no core is idle at the end. A fresh checkout knows no durations from earlier runs. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId }: TestSpecification): number => (LONG.test(moduleId) ? 0 : 1)
    return (await super.sort(files)).sort((a, b) => rankOf(a) - rankOf(b))
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // By itself vitest leaves one core out: half of a machine that has two.
    maxWorkers: '100%',
    sequence: { sequencer: LongFirst },
    // Weir is started by many tests, as its image starts it: with what an earlier start has compiled.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('.cache/compiled', import.meta.url)) },
    // What a test that failed did not get to.
    restoreMocks: true,
    unstubEnvs: true,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A busy machine needs more than the second that there is by default.
    expect: { poll: { timeout: 20_000 } },
  },
})
