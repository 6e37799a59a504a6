import { afterEach, beforeEach } from 'vitest'
import type { Outcome, RemoteGuardrail, ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import type { HttpClient } from '../../../../src/guardrail/http-client.ts'
import { createHttpClient } from '../../../../src/guardrail/http-client.ts'
import { openaiModeration } from '../../../../src/guardrail/openai-moderation/openai-moderation.ts'
import { runRemoteScan } from '../../../../src/guardrail/run-scan.ts'
import type { ModerationStub } from '../../../support/openai-moderation-stub.ts'
import { startModerationStub } from '../../../support/openai-moderation-stub.ts'

const KEY = 'sk-moderation-key'

/** A service and a way to ask it, new for every test. */
export interface Rig {
  readonly stub: ModerationStub
  readonly guardrail: (config?: object) => RemoteGuardrail
  readonly scan: (subject: ScanSubject, config?: object, signal?: AbortSignal) => Promise<Outcome>
  /** What scans threw. */
  readonly faults: readonly unknown[]
}

/** Call it at the top of a test file; the returned function gives the running test's rig. */
export function useRig(): () => Rig {
  let open: { readonly rig: Rig; readonly client: HttpClient } | undefined
  beforeEach(async () => {
    const client = createHttpClient()
    open = { rig: openRig(client, await startModerationStub(KEY)), client }
  })
  afterEach(async () => {
    await open?.client.close()
    await open?.rig.stub.close()
  })
  return () => {
    if (open === undefined) throw new Error('no test is running')
    return open.rig
  }
}

function openRig(client: HttpClient, stub: ModerationStub): Rig {
  const faults: unknown[] = []
  const guardrail = (config: object = {}) => {
    const parsed = openaiModeration.configSchema.parse({
      kind: 'openai-moderation',
      api_key: KEY,
      endpoint: stub.url,
      ...config,
    })
    return openaiModeration.create('guard', parsed, client)
  }
  return {
    stub,
    guardrail,
    scan: (subject, config, signal = new AbortController().signal) =>
      runRemoteScan(
        guardrail(config),
        subject,
        signal,
        () => 0,
        error => faults.push(error),
      ),
    faults,
  }
}

/** The detectors of a verdict; throws when there is none. */
export function detectorsOf(outcome: Outcome): readonly string[] {
  if (outcome.kind === 'failure') throw new Error(`no verdict: ${outcome.reason}`)
  return outcome.verdict.kind === 'clean' ? [] : outcome.verdict.findings.map(({ detector }) => detector)
}

export const verdict = (value: object) => ({ kind: 'verdict', verdict: value })
export const clean = verdict({ kind: 'clean' })
export const failure = (reason: string) => ({ kind: 'failure', reason })
