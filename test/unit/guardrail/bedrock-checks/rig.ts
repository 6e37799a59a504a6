import { afterEach, beforeEach } from 'vitest'
import { bedrockChecks } from '../../../../src/guardrail/bedrock-checks/bedrock-checks.ts'
import type { Outcome, RemoteGuardrail, ScanSubject, Verdict } from '../../../../src/guardrail/guardrail.ts'
import { runRemoteScan } from '../../../../src/guardrail/run-scan.ts'
import type { ChecksStub } from '../../../support/bedrock-checks-stub.ts'
import { startChecksStub } from '../../../support/bedrock-checks-stub.ts'
import type { GuardHttp } from '../../../support/guard-http.ts'
import { openGuardHttp } from '../../../support/guard-http.ts'

export const KEY = 'bedrock-api-key-1'

/** A guardrail, a real HTTP client and a stub that takes KEY, anew for each test of the file that calls this. */
export function checksRig() {
  let client: GuardHttp
  let stub: ChecksStub
  const faults: unknown[] = []

  beforeEach(async () => {
    client = openGuardHttp()
    stub = await startChecksStub({ auth: { apiKey: KEY } })
    faults.length = 0
  })

  afterEach(async () => {
    await client.close()
    await stub.close()
  })

  function guardrail(config: object = {}): RemoteGuardrail {
    const parsed = bedrockChecks.configSchema.parse({
      kind: 'bedrock-checks',
      region: 'eu-west-1',
      endpoint: stub.origin,
      api_key: KEY,
      ...config,
    })
    return bedrockChecks.create('guard', parsed, client)
  }

  function scan(subject: ScanSubject, config: object = {}): Promise<Outcome> {
    const { signal } = new AbortController()
    return runRemoteScan(
      guardrail(config),
      subject,
      signal,
      () => 0,
      error => faults.push(error),
    )
  }

  async function flagged(
    subject: ScanSubject,
    config: object = {},
  ): Promise<Extract<Verdict, { readonly kind: 'flagged' }>> {
    const outcome = await scan(subject, config)
    if (outcome.kind !== 'verdict' || outcome.verdict.kind !== 'flagged') {
      throw new Error(`not flagged: ${JSON.stringify(outcome)}`)
    }
    return outcome.verdict
  }

  /** Each finding's detector and what its span covers. */
  async function covered(subject: ScanSubject, config: object = {}) {
    return (await flagged(subject, config)).findings.map(({ detector, span }) => [
      detector,
      span && subject.segments[span.segment]?.text.slice(span.start, span.end),
    ])
  }

  return {
    /** What failed scans threw. */
    faults,
    guardrail,
    scan,
    flagged,
    covered,
    stub: () => stub,
  }
}

export const verdict = (value: object) => ({ kind: 'verdict', verdict: value })
export const failure = (reason: string) => ({ kind: 'failure', reason })
