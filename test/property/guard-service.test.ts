import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RemoteGuardrail } from '../../src/guardrail/guardrail.ts'
import { createGuardrail, guardrailConfigSchema } from '../../src/guardrail/registry.ts'
import { runRemoteScan } from '../../src/guardrail/run-scan.ts'
import { createHttpClient, type HttpClient } from '../../src/service/http-client.ts'
import { guardrailDeps } from '../support/guard-http.ts'
import {
  FLAG_MARKER,
  flaggedNull,
  garbage,
  type LakeraStubFault,
  startLakeraStub,
  truncatedJson,
} from '../support/lakera-stub.ts'
import { input } from '../unit/guardrail/segments.ts'

let http: HttpClient

beforeEach(() => {
  http = createHttpClient()
})
afterEach(() => http.close())

/** Judges, as without a fault. */
const judges: LakeraStubFault = { kind: 'gate', until: Promise.resolve() }

/** What the service does with one request. */
const behaviour = fc.constantFrom<LakeraStubFault>(
  judges,
  judges,
  judges,
  garbage,
  truncatedJson,
  flaggedNull,
  { kind: 'body', body: 'null' },
  { kind: 'body', body: '{}' },
  { kind: 'body', body: '{"flagged":"false"}' },
  { kind: 'cut' },
  { kind: 'reset' },
  { kind: 'hang' },
  { kind: 'stall' },
  { kind: 'redirect', location: 'http://127.0.0.1:1/' },
  ...[400, 401, 404, 500, 503].map(status => ({ kind: 'status' as const, status })),
  { kind: 'status', status: 429, retryAfterSec: 0 },
  { kind: 'status', status: 503, retryAfterSec: 0 },
)

const scenario = fc.record({
  behaviours: fc.array(behaviour, { minLength: 1, maxLength: 8 }),
  texts: fc.array(fc.constantFrom('all fine', `so ${FLAG_MARKER} it is`), { minLength: 1, maxLength: 4 }),
  hedge: fc.boolean(),
  scans: fc.integer({ min: 1, max: 4 }),
})

function guardrailOf(url: string, hedge: boolean, scans: number): RemoteGuardrail {
  const config = guardrailConfigSchema.parse({
    kind: 'lakera',
    api_key: 'k',
    lakera_endpoint: url,
    timeout: 150,
    first_byte_timeout: 40,
    hedge,
    max_concurrent: 2,
    circuit_breaker: { scans, open_ms: 1 },
  })
  const guardrail = createGuardrail('guard', config, guardrailDeps(http.connect))
  if (guardrail.locality !== 'remote') throw new Error('the kind is remote')
  return guardrail
}

test('a scan comes to a verdict only if an answer of the service gave this very one', async () => {
  let verdicts = 0
  await fc.assert(
    fc.asyncProperty(scenario, async ({ behaviours, texts, hedge, scans }) => {
      const stub = await startLakeraStub({ apiKey: 'k' })
      // The first requests get these, one each and in order; the later ones are judged.
      for (const fault of behaviours) stub.failNext(fault)
      const guardrail = guardrailOf(stub.url, hedge, scans)
      for (const text of texts) {
        const before = stub.requests.length
        const never = new AbortController().signal
        const outcome = await runRemoteScan(guardrail, input(text), never, () => performance.now())
        if (outcome.kind !== 'verdict') continue
        verdicts += 1
        const met = stub.requests.map((_, index) => behaviours[index] ?? judges).slice(before)
        expect(met).toContain(judges)
        expect(outcome.verdict.kind).toBe(text.includes(FLAG_MARKER) ? 'flagged' : 'clean')
      }
      await stub.close()
    }),
    { numRuns: 40 },
  )
  expect(verdicts).toBeGreaterThan(0)
})
