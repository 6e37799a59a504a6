import { afterEach, beforeEach } from 'vitest'
import type { Outcome, RemoteGuardrail, ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import { lakera } from '../../../../src/guardrail/lakera/lakera.ts'
import { runRemoteScan } from '../../../../src/guardrail/run-scan.ts'
import type { GuardHttp } from '../../../support/guard-http.ts'
import { openGuardHttp } from '../../../support/guard-http.ts'
import type { LakeraStub } from '../../../support/lakera-stub.ts'
import { startLakeraStub } from '../../../support/lakera-stub.ts'

export const KEY = 'lakera-key'

/** The guardrail and a service that takes only its key and `project-1`; both new for each test of the file. */
export interface LakeraRig {
  readonly stub: LakeraStub
  guardrail(config?: object): RemoteGuardrail
  scan(subject: ScanSubject, config?: object): Promise<Outcome>
  /** The outcome of a scan that the service answers so, whatever it was asked. */
  answered(answer: unknown, subject: ScanSubject): Promise<Outcome>
}

export function lakeraRig(): LakeraRig {
  let client: GuardHttp
  let stub: LakeraStub
  beforeEach(async () => {
    client = openGuardHttp()
    stub = await startLakeraStub({ apiKey: KEY, projects: ['project-1'], maxBytes: 1_000_000 })
  })
  afterEach(async () => {
    await client.close()
    await stub.close()
  })
  const guardrail = (config: object = {}): RemoteGuardrail => {
    const given = { kind: 'lakera', api_key: KEY, lakera_endpoint: stub.url, ...config }
    return lakera.create('guard', lakera.configSchema.parse(given), client)
  }
  const scan = (subject: ScanSubject, config: object = {}): Promise<Outcome> =>
    runRemoteScan(guardrail(config), subject, new AbortController().signal, () => 0)
  return {
    get stub() {
      return stub
    },
    guardrail,
    scan,
    answered(answer, subject) {
      stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
      return scan(subject)
    },
  }
}

export const verdict = (value: object) => ({ kind: 'verdict', verdict: value })
export const failure = (reason: string) => ({ kind: 'failure', reason })
