import { inspect } from 'node:util'
import { expect } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import type { Outcome, RemoteGuardrail, ScanSubject } from '../../src/guardrail/guardrail.ts'
import { runRemoteScan } from '../../src/guardrail/run-scan.ts'
import { type GuardKind, KEY_CANARY, snapshotOfKind } from '../support/guard-kinds.ts'
import { type FrontOptions, type ServiceFront, startServiceFront } from '../support/service-front.ts'

/** In every text that is scanned: nothing that a scan leaves behind may hold it. */
export const TEXT_CANARY = 'text-canary-c40b2e'

/** Shows single faults: no second request, and no circuit that opens. */
export const BARE = { retry: false, circuit_breaker: { failure_ratio: 1 } }

/** A kind's guardrail, built of a config as `serve` does it, in front of its strict stub. */
export interface KindRig extends AsyncDisposable {
  readonly front: ServiceFront
  /** One guardrail for all scans of the rig. */
  readonly guardrail: RemoteGuardrail
  scan(subject: ScanSubject, signal?: AbortSignal): Promise<Outcome>
}

export async function openKind(
  kind: GuardKind,
  config: object = {},
  options?: FrontOptions,
): Promise<KindRig> {
  const service = await kind.start()
  const front = await startServiceFront(service.origin, options)
  const snapshot = snapshotOfKind(kind, front.origin, config)
  const guardrail = remote(snapshot)
  return {
    front,
    guardrail,
    async scan(subject, signal = new AbortController().signal) {
      const faults: unknown[] = []
      const outcome = await runRemoteScan(
        guardrail,
        subject,
        signal,
        () => performance.now(),
        error => faults.push(error),
      )
      expectNoSecrets(outcome, faults)
      return outcome
    },
    async [Symbol.asyncDispose]() {
      await snapshot.close()
      await front.close()
      await service.close()
    },
  }
}

function remote({ guardrails }: Snapshot): RemoteGuardrail {
  const guardrail = guardrails.get('guard')
  if (guardrail?.locality !== 'remote') throw new Error('not a remote guardrail')
  return guardrail
}

/** Neither in what the policy gets nor in what the log hook does, its stack and its causes included. */
function expectNoSecrets(outcome: Outcome, faults: readonly unknown[]): void {
  const left =
    JSON.stringify(outcome) + inspect(faults, { depth: Number.POSITIVE_INFINITY, showHidden: true })
  for (const secret of [TEXT_CANARY, KEY_CANARY]) {
    if (left.includes(secret)) expect.fail(`a secret is left behind in ${left.slice(0, 2000)}`)
  }
}
