import { afterEach, beforeEach } from 'vitest'
import { bedrock } from '../../../../src/guardrail/bedrock/bedrock.ts'
import type { Finding, Outcome, RemoteGuardrail, ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import { runRemoteScan } from '../../../../src/guardrail/run-scan.ts'
import type { BedrockStub } from '../../../support/bedrock-guardrail-stub.ts'
import { startBedrockStub } from '../../../support/bedrock-guardrail-stub.ts'
import type { GuardHttp } from '../../../support/guard-http.ts'
import { openGuardHttp } from '../../../support/guard-http.ts'

export const KEY = 'bedrock-api-key-1'

/** A guardrail, a real HTTP client and a stub that takes KEY, anew for each test of the file that calls this. */
export function bedrockRig() {
  let client: GuardHttp
  let stub: BedrockStub
  const faults: unknown[] = []

  beforeEach(async () => {
    client = openGuardHttp()
    stub = await startBedrockStub({ auth: { apiKey: KEY } })
    faults.length = 0
  })

  afterEach(async () => {
    await client.close()
    await stub.close()
  })

  function guardrail(config: object = {}): RemoteGuardrail {
    const parsed = bedrock.configSchema.parse({
      kind: 'bedrock',
      guardrail_id: 'gr1',
      guardrail_version: '1',
      region: 'eu-west-1',
      endpoint: stub.origin,
      api_key: KEY,
      ...config,
    })
    return bedrock.create('guard', parsed, client)
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

  async function findings(subject: ScanSubject, config: object = {}): Promise<readonly Finding[]> {
    const outcome = await scan(subject, config)
    if (outcome.kind !== 'verdict' || outcome.verdict.kind !== 'flagged') {
      throw new Error(`not flagged: ${JSON.stringify(outcome)}`)
    }
    return outcome.verdict.findings
  }

  /** Each finding's detector and what its span covers. */
  async function covered(subject: ScanSubject, config: object = {}) {
    return (await findings(subject, config)).map(({ detector, span }) => [
      detector,
      span && subject.segments[span.segment]?.text.slice(span.start, span.end),
    ])
  }

  return {
    /** What failed scans threw. */
    faults,
    guardrail,
    scan,
    findings,
    covered,
    stub: () => stub,
  }
}

export const verdict = (value: object) => ({ kind: 'verdict', verdict: value })
export const failure = (reason: string) => ({ kind: 'failure', reason })
