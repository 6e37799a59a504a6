import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail/guardrail.ts'
import { checkedVerdict } from '../guardrail/run-scan.ts'
import { SingleFlight } from '../service/single-flight.ts'
import { CachedTexts } from './cached-texts.ts'
import type { Digest, KeyScope } from './verdict-key.ts'
import { subjectKey } from './verdict-key.ts'
import type { VerdictEvent, VerdictMemory } from './verdict-lookup.ts'
import { VerdictLookup } from './verdict-lookup.ts'
import { storable } from './whole-verdict.ts'

/** What a guardrail needs to remember its verdicts. */
export interface CacheOptions {
  readonly store: VerdictMemory
  readonly digest: Digest
  /** Another one for every change of the guardrail's config, its secrets included. */
  readonly configVersion: string
  /** Called once a lookup: once a scan, or once for each different text where texts are judged one by one. */
  readonly report: (event: VerdictEvent) => void
  /** A lookup that takes longer counts as `error`. */
  readonly lookupMs?: number
}

/** A cache that takes longer than this saves too little to be waited for. */
const DEFAULT_LOOKUP_MS = 50

/**
 * The guardrail, asked only for what the store does not know. What it throws goes on as it came, and nothing of it is
 * kept: only whole verdicts are. Scans of the same subject at the same time share one call.
 */
export function cached(guardrail: RemoteGuardrail, options: CacheOptions): RemoteGuardrail {
  const { store, digest, configVersion, report, lookupMs = DEFAULT_LOOKUP_MS } = options
  const scope: KeyScope = { guardrail: guardrail.name, configVersion, digest }
  const lookup = new VerdictLookup({ store, report, lookupMs })
  const flights = new SingleFlight<Verdict>()
  const parts = { guardrail, scope, lookup, flights }
  const texts = new CachedTexts(parts)
  return {
    ...guardrail,
    scan: async (subject, signal) => {
      // Nobody waits for the answer any more: what is thrown then is the guardrail's own affair.
      if (signal.aborted || subject.segments.length === 0) return guardrail.scan(subject, signal)
      return judgesTextsAlone(guardrail, subject)
        ? texts.scan(subject, signal)
        : scanWhole(parts, subject, signal)
    },
  }
}

/** An answer that is judged by its question is not judged text by text. */
function judgesTextsAlone(guardrail: RemoteGuardrail, subject: ScanSubject): boolean {
  if (guardrail.judges !== 'each-text') return false
  return subject.side === 'input' || subject.conversation.length === 0
}

interface WholeScan {
  readonly guardrail: RemoteGuardrail
  readonly scope: KeyScope
  readonly lookup: VerdictLookup
  readonly flights: SingleFlight<Verdict>
}

async function scanWhole(
  { guardrail, scope, lookup, flights }: WholeScan,
  subject: ScanSubject,
  signal: AbortSignal,
): Promise<Verdict> {
  const key = subjectKey(scope, subject)
  const known = await lookup.find(new Map([[key, subject]]), signal)
  const verdict = known.get(key)
  if (verdict !== undefined) return verdict
  const ask = async () => {
    const answer = checkedVerdict(await guardrail.scan(subject, signal), subject)
    lookup.keep(key, answer)
    return answer
  }
  return flights.run(key, signal, ask, answer => storable(answer) !== undefined)
}
