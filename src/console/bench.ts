import { z } from 'zod'
import { errorReply, REFUSALS } from '../exchange/local-reply.ts'
import { placeOf } from '../llm/detect.ts'
import type { PolicySet } from '../policy/policy.ts'
import { selectPolicy } from '../policy/select.ts'
import { examineBody } from '../rehearsal/scan-body.ts'
import { type BenchAnswer, benchAnswer, shownReply, stampOf } from './bench-answer.ts'

/**
 * Characters of a body on the bench. Bodies up to this are read within one turn of the event loop, as serving reads
 * them; larger ones are for `weir scan`.
 */
export const MAX_BODY_CHARS = 131_072

/** What is put on the bench. */
const questionSchema = z.strictObject({
  side: z.enum(['input', 'output']),
  /** A path as a client would ask for it; empty for a response whose request is not known. */
  path: z
    .string()
    .max(2048)
    .regex(/^(?:\/|$)/, { error: 'must start with /' }),
  contentType: z.string().max(200),
  /** Empty: the first policy that takes the host and the path. */
  policy: z.string().max(200),
  host: z.string().max(300),
  body: z.string().max(MAX_BODY_CHARS, { error: `must have at most ${MAX_BODY_CHARS} characters` }),
})

export type BenchQuestion = z.output<typeof questionSchema>

/** An answer as the admin listener gives it. */
export interface BenchResponse {
  readonly status: number
  /** JSON. */
  readonly body: string
}

/** A config that is not closed while it is pinned. */
export interface BenchPin {
  readonly policies: PolicySet
  release(): void
}

export interface BenchDeps {
  /** The config in force. */
  readonly pin: () => BenchPin
  readonly unixSeconds: () => number
  /** Takes known secrets out: a guard service may name a detector after one. */
  readonly scrub: (line: string) => string
  /** Hears of a bug; an error of ours holds no content. */
  readonly fault: (error: unknown) => void
}

/**
 * Judges what is pasted as serving it would, with the guardrails of the config in force, remote ones too. Nothing of it
 * is kept, logged or counted. One at a time: it shares its process with the traffic.
 */
export class Bench {
  readonly #deps: BenchDeps
  #isBusy = false

  constructor(deps: BenchDeps) {
    this.#deps = deps
  }

  /** Never rejects. `question`: JSON from outside. */
  async judge(question: string): Promise<BenchResponse> {
    const given = readQuestion(question)
    if (typeof given === 'string') return failed(400, given)
    if (this.#isBusy) return failed(429, 'the bench judges something else just now: try again')
    this.#isBusy = true
    try {
      const answer = await this.#answer(given)
      return typeof answer === 'string'
        ? failed(400, answer)
        : { status: 200, body: this.#deps.scrub(`${JSON.stringify(answer)}\n`) }
    } catch (error) {
      this.#deps.fault(error)
      return failed(500, 'internal error')
    } finally {
      this.#isBusy = false
    }
  }

  async #answer({
    side,
    path,
    contentType,
    policy,
    host,
    body,
  }: BenchQuestion): Promise<BenchAnswer | string> {
    const pinned = this.#deps.pin()
    try {
      const place = path === '' ? undefined : placeOf(path)
      const selection = selectPolicy(pinned.policies, {
        policyName: policy === '' ? undefined : policy,
        host: host === '' ? undefined : host,
        path: place?.path,
        route: undefined,
      })
      if (selection.kind === 'unknown-policy') return 'policy names no policy of the config in force'
      if (selection.kind === 'unmatched')
        return unmatchedAnswer(side, pinned.policies, this.#deps.unixSeconds())
      const examination = await examineBody({
        side,
        policy: selection.policy,
        body: new TextEncoder().encode(body),
        place,
        contentType: contentType === '' ? undefined : contentType,
        formats: pinned.policies.formats,
      })
      return benchAnswer(examination, selection.policy, body, this.#deps.unixSeconds())
    } finally {
      pinned.release()
    }
  }
}

function readQuestion(text: string): BenchQuestion | string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'the question is no JSON'
  }
  const read = questionSchema.safeParse(value)
  if (read.success) return read.data
  const [first] = read.error.issues
  return `${first?.path.join('.') || 'the question'}: ${first?.message ?? 'does not hold'}`
}

function unmatchedAnswer(
  side: 'input' | 'output',
  { unmatched }: PolicySet,
  unixSeconds: number,
): BenchAnswer {
  const denial = { side: 'request', because: 'unmatched', findings: [] } as const
  const stamp = stampOf(unixSeconds)
  const reply = errorReply(REFUSALS.unmatched, denial, undefined, undefined, stamp, undefined)
  return {
    decision: unmatched === 'pass' ? 'release' : 'deny',
    because: 'unmatched',
    side,
    rules: [],
    texts: [],
    uninspectable: 0,
    ...(unmatched === 'deny' && { reply: shownReply(reply) }),
  }
}

function failed(status: number, error: string): BenchResponse {
  return { status, body: `${JSON.stringify({ error })}\n` }
}
