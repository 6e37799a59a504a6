import type { RemoteGuardrail, ScanSubject } from '../../src/guardrail/guardrail.ts'
import type { Policy, Rule, StreamSettings } from '../../src/policy/policy.ts'
import type { EnvoyMode } from './bootstrap.ts'
import { flagWord, flagWordAsItGrows, policy, rule } from './policies.ts'
import { gate } from './upstream.ts'

/** The word that every guard here flags. */
export const FLAGGED = 'secret'
/** A text that the remote guard never gives an answer about, and that the local one holds: it may become FLAGGED. */
export const STALLING = 'unanswered sec'

/** How a policy has streams judged. */
export interface Way {
  readonly delivery: StreamSettings['delivery']
  readonly guard: 'local' | 'remote'
  readonly headers: StreamSettings['headers']
}

export function waysOf(mode: EnvoyMode): readonly Way[] {
  const ways = (['window', 'withhold'] as const).flatMap(delivery =>
    (['local', 'remote'] as const).map(guard => ({ delivery, guard, headers: 'at_once' as const })),
  )
  // Elsewhere the headers are not Weir's to hold.
  if (mode !== 'full-duplex') return ways
  return [...ways, ...ways.map(way => ({ ...way, headers: 'on_first_release' as const }))]
}

/** A remote guardrail that flags FLAGGED and never answers about STALLING. */
export class RemoteWords implements RemoteGuardrail {
  readonly locality = 'remote'
  readonly name = 'remote-words'
  readonly timeoutMs: number
  /** The texts it was asked about, oldest first. */
  readonly asked: string[] = []
  /** No answer is given before. */
  answering: Promise<void> = Promise.resolve()
  /** Opens when a scan that never gets its answer was given up. */
  readonly givenUp = gate()

  constructor(timeoutMs = 30_000) {
    this.timeoutMs = timeoutMs
  }

  async scan(subject: ScanSubject, signal: AbortSignal) {
    const texts = subject.segments.map(segment => segment.text).join('\n')
    this.asked.push(texts)
    if (texts.includes(STALLING)) {
      const given = Promise.withResolvers<never>()
      signal.addEventListener('abort', () => {
        this.givenUp.open()
        given.reject(new Error('given up'))
      })
      return given.promise
    }
    await this.answering
    return flagWord(FLAGGED).scan(subject)
  }
}

export function guardOf({ guard }: Way): Rule['guardrail'] {
  return guard === 'local' ? flagWordAsItGrows(FLAGGED) : new RemoteWords()
}

/** Scans by windows wait for a limit, or for the end. */
export const LAZY_WINDOW = {
  firstChars: 10_000,
  growth: 1,
  maxChars: 10_000,
  contextChars: 500,
  maxHeldMs: 60_000,
}

/** The policy of a way. Every piece of text is a window of its own. */
export function policyOf(
  way: Way,
  changes: Partial<Omit<Policy, 'stream'>> & { stream?: Partial<StreamSettings> } = {},
): Policy {
  const { delivery, headers } = way
  const window = { firstChars: 1, growth: 1, maxChars: 2000, contextChars: 500, maxHeldMs: 1000 }
  const stream = { ...policy().stream, delivery, headers, heartbeatMs: 20, holdBackChars: 0, window }
  return policy({
    outputRules: [rule(guardOf(way))],
    ...changes,
    stream: { ...stream, ...changes.stream },
  })
}
