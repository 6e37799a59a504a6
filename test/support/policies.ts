import type {
  Finding,
  LocalGuardrail,
  Outcome,
  RemoteGuardrail,
  ScanProgress,
  Verdict,
} from '../../src/guardrail/guardrail.ts'
import type { Action, Policy, PolicySet, Rule } from '../../src/policy/policy.ts'

/** A local guardrail that flags every occurrence of `word`, with its span. */
export function flagWord(
  word: string,
  options: { span?: 'with-span' | 'without-span' } = {},
): LocalGuardrail {
  return {
    name: `flags-${word}`,
    locality: 'local',
    scan({ segments }): Verdict {
      const findings = segments.flatMap((segment, index) => {
        const start = segment.text.indexOf(word)
        if (start < 0) return []
        const span = { segment: index, start, end: start + word.length }
        return [options.span === 'without-span' ? { detector: 'test/word' } : { detector: 'test/word', span }]
      })
      return findings.length > 0 ? { kind: 'flagged', findings } : { kind: 'clean' }
    },
  }
}

/** The same as it scans a growing text: it lets go of all that cannot be the beginning of `word`. */
export function flagWordAsItGrows(word: string): LocalGuardrail {
  return {
    ...flagWord(word),
    openScan() {
      // What may still become a part of the word, and where it stands: looking anew at all of a long text takes forever.
      let kept = ''
      let keptFrom = 0
      const drop = (length: number): void => {
        kept = kept.slice(length)
        keptFrom += length
      }
      const progress = (isOver: boolean): ScanProgress => {
        const findings: Finding[] = []
        for (let at = kept.indexOf(word); at >= 0; at = kept.indexOf(word)) {
          const start = keptFrom + at
          drop(at + word.length)
          findings.push({ detector: 'test/word', span: { segment: 0, start, end: keptFrom } })
        }
        let safeTo = keptFrom + kept.length
        for (let length = 1; length < word.length && !isOver; length++) {
          if (kept.endsWith(word.slice(0, length))) safeTo = keptFrom + kept.length - length
        }
        drop(safeTo - keptFrom)
        return { findings, safeTo }
      }
      return {
        push(more) {
          kept += more
          return progress(false)
        },
        end: () => progress(true),
      }
    },
  }
}

/** What a remote guardrail that finds nothing comes to. */
export const CLEAN: Outcome = { kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 }
/** And one that finds something, without a place. */
export const FLAGGED: Outcome = {
  kind: 'verdict',
  verdict: { kind: 'flagged', findings: [{ detector: 'prompt_attack' }] },
  ms: 1,
}

/** A remote guardrail for exchanges driven by hand: its scans are answered by the test. */
export function remoteGuardrail(name = 'remote'): RemoteGuardrail {
  return {
    name,
    locality: 'remote',
    timeoutMs: 1000,
    scan: () => Promise.reject(new Error('answered by the test')),
  }
}

export function rule(
  guardrail: Rule['guardrail'],
  action: Action = 'block',
  failOpen: 'fail-open' | 'fail-closed' = 'fail-closed',
): Rule {
  return { guardrail, action, failOpen: failOpen === 'fail-open' }
}

/** A policy with the defaults of the config, and what the test says. */
export function policy(overrides: Partial<Policy> = {}): Policy {
  return {
    name: 'test',
    match: undefined,
    inputRules: [],
    parallelRules: [],
    outputRules: [],
    stream: {
      delivery: 'withhold',
      headers: 'at_once',
      heartbeatMs: 5000,
      maxHeldBytes: 1_048_576,
      onHeldLimit: 'window',
      maxDurationMs: 600_000,
      holdBackChars: 64,
      window: { firstChars: 80, growth: 2, maxChars: 2000, contextChars: 500, maxHeldMs: 1000 },
    },
    limits: { maxRequestBytes: 10_485_760, maxResponseBytes: 33_554_432 },
    failMode: 'skip',
    uninspectable: 'pass',
    canonicalize: false,
    denyCode: 200,
    denyFormat: 'provider',
    requestFailureMessage: 'Request blocked by policy',
    responseFailureMessage: 'Response blocked by policy',
    revealFailureCategories: false,
    finishReason: 'auto',
    ...overrides,
  }
}

export function policySet(...policies: Policy[]): PolicySet {
  return { policies, unmatched: 'pass', formats: [] }
}
