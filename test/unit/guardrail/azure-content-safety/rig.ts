import { afterEach, beforeEach } from 'vitest'
import { azureContentSafety } from '../../../../src/guardrail/azure-content-safety/azure-content-safety.ts'
import type { Outcome, RemoteGuardrail, ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import type { HttpClient } from '../../../../src/guardrail/http-client.ts'
import { createHttpClient } from '../../../../src/guardrail/http-client.ts'
import { runRemoteScan } from '../../../../src/guardrail/run-scan.ts'
import type { ContentSafetyStub } from '../../../support/azure-content-safety-stub.ts'
import { startContentSafetyStub } from '../../../support/azure-content-safety-stub.ts'

const KEY = 'azure-content-safety-key'

/** A service and a way to ask it, new for every test. */
export interface Rig {
  readonly stub: ContentSafetyStub
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
    open = { rig: openRig(client, await startContentSafetyStub({ apiKey: KEY })), client }
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

function openRig(client: HttpClient, stub: ContentSafetyStub): Rig {
  const faults: unknown[] = []
  const guardrail = (config: object = {}) => {
    const parsed = azureContentSafety.configSchema.parse({
      kind: 'azure-content-safety',
      api_key: KEY,
      endpoint: stub.endpoint,
      ...config,
    })
    return azureContentSafety.create('guard', parsed, client)
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

/** The detectors of a verdict, with their level where there is one; throws when there is no verdict. */
export function detectorsOf(outcome: Outcome): readonly string[] {
  if (outcome.kind === 'failure') throw new Error(`no verdict: ${outcome.reason}`)
  if (outcome.verdict.kind === 'clean') return []
  return outcome.verdict.findings.map(({ detector, level }) =>
    level === undefined ? detector : `${detector} ${level}`,
  )
}

export const clean = { kind: 'verdict', verdict: { kind: 'clean' } }
export const failure = (reason: string) => ({ kind: 'failure', reason })
