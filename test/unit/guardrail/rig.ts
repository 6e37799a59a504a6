import { afterEach, beforeEach } from 'vitest'
import type { Outcome, RemoteGuardrail, ScanSubject } from '../../../src/guardrail/guardrail.ts'
import { runRemoteScan } from '../../../src/guardrail/run-scan.ts'
import { type GuardHttp, openGuardHttp } from '../../support/guard-http.ts'

/** Asks the guardrail of the config, as policy does. */
export type Scan = (subject: ScanSubject, config?: object, signal?: AbortSignal) => Promise<Outcome>

/** A service and a way to ask it, new for every test. */
export interface Rig<Stub> {
  readonly stub: Stub
  readonly client: GuardHttp
  readonly guardrail: (config?: object) => RemoteGuardrail
  readonly scan: Scan
  /** What scans threw. */
  readonly faults: readonly unknown[]
}

export interface RigParts<Stub> {
  start(): Promise<Stub>
  /** The guardrail by a config that says nothing but what `config` does. */
  create(stub: Stub, config: object, client: GuardHttp): RemoteGuardrail
}

/** Call it at the top of a test file; the returned function gives the running test's rig. */
export function useRig<Stub extends { close(): Promise<void> }>(parts: RigParts<Stub>): () => Rig<Stub> {
  let open: Rig<Stub> | undefined
  beforeEach(async () => {
    open = openRig(parts, await parts.start(), openGuardHttp())
  })
  afterEach(async () => {
    await open?.client.close()
    await open?.stub.close()
  })
  return () => {
    if (open === undefined) throw new Error('no test is running')
    return open
  }
}

function openRig<Stub>({ create }: RigParts<Stub>, stub: Stub, client: GuardHttp): Rig<Stub> {
  const faults: unknown[] = []
  const guardrail = (config: object = {}) => create(stub, config, client)
  return {
    stub,
    client,
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

export const verdict = (value: object) => ({ kind: 'verdict', verdict: value })
export const clean = verdict({ kind: 'clean' })
export const failure = (reason: string) => ({ kind: 'failure', reason })
