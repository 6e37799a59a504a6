import { afterEach, beforeEach } from 'vitest'
import type {
  Finding,
  Outcome,
  RemoteGuardrail,
  ScanSubject,
  Verdict,
} from '../../../src/guardrail/guardrail.ts'
import { runRemoteScan } from '../../../src/guardrail/run-scan.ts'
import { type GuardHttp, openGuardHttp } from '../../support/guard-http.ts'

/** Asks the guardrail of the config, as policy does. */
export type Scan = (subject: ScanSubject, config?: object, signal?: AbortSignal) => Promise<Outcome>

/** A service and a way to ask it, new for every test: to be used within one. Its functions may be taken out before. */
export interface Rig<Stub> {
  readonly stub: Stub
  readonly client: GuardHttp
  guardrail(config?: object): RemoteGuardrail
  readonly scan: Scan
  /** The verdict of a scan that flags; throws for any other outcome. */
  flagged(subject: ScanSubject, config?: object): Promise<Flagged>
  /** The findings of such a scan. */
  findings(subject: ScanSubject, config?: object): Promise<readonly Finding[]>
  /** Of such a scan each finding's detector and what its span covers. */
  covered(subject: ScanSubject, config?: object): Promise<(readonly [string, string | undefined])[]>
  /** What scans threw. */
  readonly faults: unknown[]
}

export type Flagged = Extract<Verdict, { readonly kind: 'flagged' }>

export interface RigParts<Stub> {
  start(): Promise<Stub>
  /** The guardrail by a config that says nothing but what `config` does. */
  create(stub: Stub, config: object, client: GuardHttp): RemoteGuardrail
}

/** Call it at the top of a test file. */
export function useRig<Stub extends { close(): Promise<void> }>(parts: RigParts<Stub>): Rig<Stub> {
  let open: { readonly stub: Stub; readonly client: GuardHttp } | undefined
  const faults: unknown[] = []
  beforeEach(async () => {
    faults.length = 0
    open = { stub: await parts.start(), client: openGuardHttp() }
  })
  afterEach(async () => {
    await open?.client.close()
    await open?.stub.close()
  })
  const running = () => {
    if (open === undefined) throw new Error('no test is running')
    return open
  }
  const guardrail = (config: object = {}) => parts.create(running().stub, config, running().client)
  const scan: Scan = (subject, config, signal = new AbortController().signal) =>
    runRemoteScan(
      guardrail(config),
      subject,
      signal,
      () => 0,
      error => faults.push(error),
    )
  const flagged = async (subject: ScanSubject, config?: object) => flaggedBy(await scan(subject, config))
  const findings = async (subject: ScanSubject, config?: object) => (await flagged(subject, config)).findings
  return {
    get stub() {
      return running().stub
    },
    get client() {
      return running().client
    },
    guardrail,
    scan,
    flagged,
    findings,
    covered: async (subject, config) =>
      (await findings(subject, config)).map(({ detector, span }) => [
        detector,
        span && subject.segments[span.segment]?.text.slice(span.start, span.end),
      ]),
    faults,
  }
}

function flaggedBy(outcome: Outcome): Flagged {
  if (outcome.kind === 'verdict' && outcome.verdict.kind === 'flagged') return outcome.verdict
  throw new Error(`not flagged: ${JSON.stringify(outcome)}`)
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
