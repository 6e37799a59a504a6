import { gunzipSync, gzipSync, constants as zlib } from 'node:zlib'
import fc from 'fast-check'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { ExchangeInit } from '../../src/exchange/host.ts'
import type { Finding, Guardrail, LocalGuardrail, Verdict } from '../../src/guardrail/guardrail.ts'
import type { Policy, Rule } from '../../src/policy/policy.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { flagWordAsItGrows, policy, remoteGuardrail } from '../support/policies.ts'

/** What every guardrail here flags, and nothing else of what is sent. */
export const MARK = 'sesame'

const mode = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom<BodyMode>('full-duplex', 'streamed', 'buffered') },
  { weight: 1, arbitrary: fc.constantFrom<BodyMode>('none', 'buffered-partial', 'grpc') },
)

/** Every place of the mark. */
export function verdictOn(segments: readonly { readonly text: string }[]): Verdict {
  const findings = segments.flatMap(({ text }, segment): Finding[] =>
    [...text.matchAll(new RegExp(MARK, 'g'))].map(({ index: start }) => ({
      detector: 'mark',
      span: { segment, start, end: start + MARK.length },
    })),
  )
  return findings.length > 0 ? { kind: 'flagged', findings } : { kind: 'clean' }
}

const byWindows: LocalGuardrail = {
  name: 'by-windows',
  locality: 'local',
  scan: ({ segments }) => verdictOn(segments),
}
const growing: LocalGuardrail = { ...flagWordAsItGrows(MARK), name: 'growing', scan: byWindows.scan }
const GUARDS: readonly Guardrail[] = [byWindows, growing, remoteGuardrail()]
const ruleOf: fc.Arbitrary<Rule> = fc.record({
  guardrail: fc.constantFrom(...GUARDS),
  action: fc.constantFrom('block', 'block', 'redact', 'alert'),
  failOpen: fc.boolean(),
})
const rules = fc.array(ruleOf, { maxLength: 2 })
/** What has gone on already cannot be redacted: the config refuses it. */
const parallel = rules.map(list => list.filter(({ action }) => action !== 'redact'))

export const policyOf: fc.Arbitrary<Policy> = fc
  .record({
    inputRules: rules,
    parallelRules: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: parallel }),
    outputRules: rules,
    delivery: fc.constantFrom('window', 'withhold'),
    headers: fc.constantFrom('at_once', 'on_first_release'),
    onHeldLimit: fc.constantFrom('window', 'deny'),
    maxHeldBytes: fc.constantFrom(300, 900, 1_048_576),
    maxBytes: fc.constantFrom(90, 1500, 1_048_576),
    failMode: fc.constantFrom('skip', 'warn', 'error'),
    canonicalize: fc.boolean(),
  })
  .map(({ delivery, headers, onHeldLimit, maxHeldBytes, maxBytes, ...rest }) =>
    policy({
      ...rest,
      stream: { ...policy().stream, delivery, headers, onHeldLimit, maxHeldBytes },
      limits: { maxRequestBytes: maxBytes, maxResponseBytes: maxBytes },
    }),
  )

/** A body of the exchange: what it is and whether the mark stands in its text. */
export interface Body {
  readonly text: string
  readonly isMarked: boolean
  readonly coding: 'gzip' | undefined
}

const pieces = fc.array(fc.constantFrom('one ', 'ses', 'ame', 'é', '😀', MARK, 'open '), { maxLength: 6 })
/** As it is sent. */
export function bytesOf({ text, coding }: Body): Buffer {
  return coding === 'gzip' && text !== '' ? gzipSync(text) : Buffer.from(text)
}

const coding = fc.constantFrom(undefined, undefined, undefined, 'gzip' as const)

/** Now and then there is no body at all. */
const empty = fc.integer({ min: 0, max: 9 }).map(chance => chance === 9)

const requestBody: fc.Arbitrary<Body> = fc
  .record({ pieces, streams: fc.boolean(), coding, cut: fc.constantFrom(0, 0, 0, 2) })
  .map(({ pieces, streams, coding, cut }) => {
    const said = pieces.join('') || 'hello'
    const text = chatRequest(said, { stream: streams })
    return { text: text.slice(0, text.length - cut), isMarked: said.includes(MARK), coding }
  })
const answerBody: fc.Arbitrary<Body & { readonly contentType: string | undefined }> = fc
  .record({
    pieces,
    streams: fc.boolean(),
    coding,
    cut: fc.constantFrom(0, 0, 0, 2),
    told: fc.boolean(),
    empty,
  })
  .map(({ pieces, streams, coding, cut, told, empty }) => {
    const said = pieces.join('')
    const text = streams ? chatEvents(...pieces).join('') : chatCompletion(said)
    const contentType = streams ? 'text/event-stream' : 'application/json'
    const type = told ? contentType : undefined
    const isMarked = said.includes(MARK) && !empty
    return { text: empty ? '' : text.slice(0, text.length - cut), isMarked, coding, contentType: type }
  })

/** Something that happens next; what cannot happen then is left out. */
export type Act =
  | { readonly kind: 'request' | 'response'; readonly size: number }
  | { readonly kind: 'verdict'; readonly fails: boolean }
  | { readonly kind: 'heartbeat-due' | 'window-due' | 'deadline' | 'over-budget' }

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('request', 'response'),
      size: fc.integer({ min: 0, max: 400 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('verdict'), fails: fc.constantFrom(false, false, false, true) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        ...([
          'heartbeat-due',
          'window-due',
          'heartbeat-due',
          'window-due',
          'deadline',
          'over-budget',
        ] as const),
      ),
    }),
  },
)

/** One exchange from its first message to its last. */
export interface Scene {
  readonly init: Pick<
    ExchangeInit,
    'requestMode' | 'responseMode' | 'sendsBodyBeforeHeaderReply' | 'observed'
  >
  readonly policy: Policy
  readonly request: Body
  readonly answer: Body & { readonly contentType: string | undefined }
  readonly status: string
  readonly ends: { readonly request: 'end' | 'trailers'; readonly response: 'end' | 'trailers' }
  /** Envoy takes the wish to buffer a STREAMED answer. */
  readonly buffersOnWish: boolean
  readonly acts: readonly Act[]
}

const end = fc.constantFrom('end', 'end', 'trailers')
export const scene: fc.Arbitrary<Scene> = fc.record({
  init: fc.record({
    requestMode: mode,
    responseMode: mode,
    sendsBodyBeforeHeaderReply: fc.boolean(),
    observed: fc.constantFrom(false, false, false, false, true),
  }),
  policy: policyOf,
  request: requestBody,
  answer: answerBody,
  status: fc.constantFrom('200', '200', '200', '201', '404', '503'),
  ends: fc.record({ request: end, response: end }),
  buffersOnWish: fc.boolean(),
  acts: fc.array(act, { maxLength: 30 }),
})

/** Whether a rule keeps the mark back, whatever fails. */
export function enforces(list: readonly Rule[]): boolean {
  return list.some(({ action, failOpen }) => action !== 'alert' && !failOpen)
}

/** What somebody reads of bytes that may be coded, whole or cut. */
export function textOf(bytes: Buffer): string {
  const plain =
    bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { finishFlush: zlib.Z_SYNC_FLUSH }) : bytes
  const raw = plain.toString()
  if (!raw.startsWith('data:') && !raw.startsWith(':')) return raw
  return raw
    .split('\n\n')
    .map(block => deltaOf(block))
    .join('')
}

function deltaOf(block: string): string {
  try {
    const event: unknown = JSON.parse(block.replace(/^data: /, ''))
    const content: unknown = Reflect.get(Object(event), 'choices')?.[0]?.delta?.content
    return typeof content === 'string' ? content : ''
  } catch {
    return ''
  }
}
