import { createHash } from 'node:crypto'
import { z } from 'zod'
import { NO_HINTS, problemsFrom } from '../config/problems.ts'
import { WeirError } from '../errors.ts'
import {
  type Finding,
  failureReason,
  GuardrailFailure,
  type RemoteGuardrail,
  type ScanSubject,
  type Verdict,
} from '../guardrail/guardrail.ts'

/**
 * What guard services said to the texts of cases, so that they need not be asked again. Texts stand in it only as
 * digests: a text that a case holds is found again, and any other was never asked.
 */
const findingSchema = z.strictObject({
  detector: z.string().max(128),
  score: z.number().optional(),
  level: z.string().max(128).optional(),
  span: z.strictObject({ segment: z.int().min(0), start: z.int().min(0), end: z.int().min(0) }).optional(),
})
const answerSchema = z.union([z.literal('clean'), z.strictObject({ flagged: z.array(findingSchema) })])
const recordingSchema = z.strictObject({
  version: z.literal(1),
  /** By guardrail, then by the digest of what it was asked. */
  guardrails: z.record(z.string(), z.record(z.string(), answerSchema)),
})

type Answer = z.output<typeof answerSchema>

/** The answers of one file of cases. */
export class Recording {
  readonly #answers: Map<string, Map<string, Answer>>
  readonly #pending = new Set<Promise<void>>()
  readonly #failures: string[] = []

  private constructor(answers: Map<string, Map<string, Answer>>) {
    this.#answers = answers
  }

  static empty(): Recording {
    return new Recording(new Map())
  }

  /**
   * Reads what `text` wrote.
   *
   * @throws WeirError `bad-config` where it is something else
   */
  static read(json: string): Recording {
    const parsed = recordingSchema.safeParse(parsedJson(json), { reportInput: true })
    if (!parsed.success) {
      throw new WeirError('bad-config', 'the recording does not hold: record it again', {
        problems: problemsFrom(parsed.error.issues, NO_HINTS),
      })
    }
    const { guardrails } = parsed.data
    return new Recording(
      new Map(Object.entries(guardrails).map(([name, answers]) => [name, new Map(Object.entries(answers))])),
    )
  }

  /** Undefined where the guardrail was never asked this. */
  verdictOf(guardrail: string, subject: ScanSubject): Verdict | undefined {
    const answer = this.#answers.get(guardrail)?.get(digestOf(subject))
    if (answer === undefined) return undefined
    return answer === 'clean'
      ? { kind: 'clean' }
      : { kind: 'flagged', findings: answer.flagged.map(asFinding) }
  }

  /**
   * Asks the service, and keeps what it says: to its end, also where the exchange has been decided without it, since in
   * a replay it would be asked all the same.
   */
  async ask(guardrail: RemoteGuardrail, subject: ScanSubject): Promise<Verdict> {
    const asked = guardrail.scan(subject, AbortSignal.timeout(guardrail.timeoutMs))
    const kept = asked.then(
      verdict => this.#keep(guardrail.name, subject, verdict),
      (error: unknown) => this.#fail(guardrail.name, failureReason(error)),
    )
    this.#pending.add(kept)
    return asked
  }

  #keep(guardrail: string, subject: ScanSubject, verdict: Verdict): void {
    if (verdict.kind === 'flagged' && verdict.incomplete !== undefined) {
      this.#fail(guardrail, verdict.incomplete)
      return
    }
    const answers = this.#answers.get(guardrail) ?? new Map<string, Answer>()
    this.#answers.set(guardrail, answers)
    const flagged = (findings: readonly Finding[]): Answer => ({ flagged: findings.map(asRecorded) })
    answers.set(digestOf(subject), verdict.kind === 'clean' ? 'clean' : flagged(verdict.findings))
  }

  #fail(guardrail: string, reason: string): void {
    this.#failures.push(`${guardrail} failed (${reason}): nothing to record`)
  }

  /** Resolves when every service that was asked has answered; with those that failed since the last time. */
  async settled(): Promise<readonly string[]> {
    await Promise.all(this.#pending)
    this.#pending.clear()
    return [...new Set(this.#failures.splice(0))]
  }

  /** As `read` takes it. Equal recordings are equal texts. */
  text(): string {
    const sorted = <T>(entries: Iterable<[string, T]>): Record<string, T> =>
      Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)))
    const guardrails = sorted([...this.#answers].map(([name, answers]) => [name, sorted(answers)]))
    return `${JSON.stringify({ version: 1, guardrails }, undefined, 2)}\n`
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Of all that a guardrail may judge by. */
function digestOf(subject: ScanSubject): string {
  const texts = ({ segments }: Pick<ScanSubject, 'segments'>): readonly unknown[] =>
    segments.map(({ role, kind, text }) => [role, kind, text])
  const conversation = subject.side === 'output' ? texts({ segments: subject.conversation }) : []
  const asked = [subject.side, conversation, texts(subject)]
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 32)
}

/** Longer than any name of a category. */
const MAX_NAME = 128

function asRecorded({ detector, score, level, span }: Finding): z.output<typeof findingSchema> {
  return {
    detector: detector.slice(0, MAX_NAME),
    ...(score !== undefined && { score }),
    ...(level !== undefined && { level: level.slice(0, MAX_NAME) }),
    ...(span && { span: { segment: span.segment, start: span.start, end: span.end } }),
  }
}

function asFinding({ detector, score, level, span }: z.output<typeof findingSchema>): Finding {
  return {
    detector,
    ...(score !== undefined && { score }),
    ...(level !== undefined && { level }),
    ...(span && { span }),
  }
}

/** What a scan comes to that no recording answers. */
export function unrecorded(): GuardrailFailure {
  return new GuardrailFailure('unreachable', 'nothing says what this guardrail answers')
}
