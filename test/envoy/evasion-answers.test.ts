import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { contentCodings } from '../../src/coding/codings.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { useStacks } from '../support/evasion.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { type RawAnswer, sendRaw } from '../support/raw-request.ts'
import type { Stack } from '../support/stack.ts'
import type { Script } from '../support/upstream.ts'

const WORD = 'secret'
const HARMLESS = 'public'

/**
 * What becomes of an answer with the word in it:
 * `seen`: the guard found it. Without the word the client gets what the upstream said, once its coding is undone.
 * `unread`: nobody can say what it means; refused, with the word or without.
 * `error`: no answer of a model, by its status; it passes.
 */
type Outcome = 'seen' | 'unread' | 'error'
type Row = readonly [looks: string, outcome: Outcome, why: string, answer: (word: string) => Script]

const events = (word: string): string => chatEvents('the ', word).join('')
const answering = (
  looks: string,
  outcome: Outcome,
  why: string,
  contentType: string | undefined,
  body: (word: string) => string | Uint8Array,
  more: { status?: number; coding?: string } = {},
): Row => [
  looks,
  outcome,
  why,
  word => ({
    status: more.status ?? 200,
    headers: { 'content-type': contentType, 'content-encoding': more.coding },
    chunks: [body(word)],
  }),
]

const BY_BYTES = 'lenient clients read the bytes'
const LIES = 'it is not what it says, and clients differ in what they make of it'
const TYPES: readonly Row[] = [
  answering('no type over JSON', 'seen', BY_BYTES, undefined, chatCompletion),
  answering('no type over events', 'seen', BY_BYTES, undefined, events),
  answering('bytes over JSON', 'seen', BY_BYTES, 'application/octet-stream', chatCompletion),
  answering('bytes over events', 'seen', BY_BYTES, 'application/octet-stream', events),
  answering('text over JSON', 'seen', BY_BYTES, 'text/plain', chatCompletion),
  answering('a picture over JSON', 'seen', BY_BYTES, 'image/png', chatCompletion),
  answering('HTML over events', 'seen', BY_BYTES, 'text/html; charset=utf-8', events),
  answering('JSON of another kind', 'seen', 'is JSON', 'application/vnd.x+json', chatCompletion),
  answering('a type in upper case', 'seen', 'the same type', 'TEXT/EVENT-STREAM', events),
  answering('JSON over events', 'unread', LIES, 'application/json', events),
  answering('events over JSON', 'unread', LIES, 'text/event-stream', chatCompletion),
  answering('no type over bare text', 'unread', LIES, undefined, word => `the ${word}`),
  answering('JSON over bare text', 'unread', LIES, 'application/json', word => `the ${word}`),
  answering('a charset that is not read', 'unread', LIES, 'application/json; charset=utf-7', chatCompletion),
  answering('UTF-16', 'unread', LIES, 'application/json', word =>
    Buffer.from(chatCompletion(word), 'utf16le'),
  ),
  answering(
    'two documents',
    'unread',
    LIES,
    'application/json',
    word => chatCompletion('x') + chatCompletion(word),
  ),
]

const A_COMPLETION = 'clients read any 2xx as one'
const STATUSES: readonly Row[] = [
  answering('201', 'seen', A_COMPLETION, 'application/json', chatCompletion, { status: 201 }),
  answering('202', 'seen', A_COMPLETION, 'text/event-stream', events, { status: 202 }),
  answering('203', 'seen', A_COMPLETION, undefined, chatCompletion, { status: 203 }),
  answering('206', 'seen', A_COMPLETION, 'application/json', chatCompletion, { status: 206 }),
  answering('299', 'seen', A_COMPLETION, 'application/json', chatCompletion, { status: 299 }),
  answering('302', 'error', 'clients read none', 'application/json', chatCompletion, { status: 302 }),
  answering('404', 'error', 'clients read an error', 'application/json', chatCompletion, { status: 404 }),
  answering('500', 'error', 'clients read an error', 'text/event-stream', events, { status: 500 }),
]

const ENCODE = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync, zstd: zstdCompressSync }
const ENCODED = 'clients undo it, asked for or not'
const CODINGS: readonly Row[] = [
  ...Object.entries(ENCODE).flatMap(([coding, encode]) => [
    answering(
      `${coding} over JSON`,
      'seen',
      ENCODED,
      'application/json',
      word => encode(chatCompletion(word)),
      { coding },
    ),
    answering(`${coding} over events`, 'seen', ENCODED, 'text/event-stream', word => encode(events(word)), {
      coding,
    }),
    answering(`${coding} over no type`, 'seen', ENCODED, undefined, word => encode(events(word)), { coding }),
  ]),
  answering('X-GZIP', 'seen', ENCODED, 'application/json', word => gzipSync(chatCompletion(word)), {
    coding: 'X-GZIP',
  }),
  answering('gzip over plain JSON', 'unread', LIES, 'application/json', chatCompletion, { coding: 'gzip' }),
  answering('gzip over plain events', 'unread', LIES, 'text/event-stream', events, { coding: 'gzip' }),
  answering('gzip, unsaid', 'unread', LIES, 'application/json', word => gzipSync(chatCompletion(word))),
  answering('a coding that is not known', 'unread', LIES, 'application/json', chatCompletion, {
    coding: 'compress',
  }),
]

const stacks = useStacks()
const asked = [
  ['a client that streams', true],
  ['a client that does not', false],
] as const

describe.each(ENVOY_MODES.flatMap(mode => asked.map(([client, stream]) => [mode, client, stream] as const)))(
  '%s, %s',
  (mode, _, stream) => {
    test.each([...TYPES, ...STATUSES, ...CODINGS])('%s: %s, for %s', async (_, outcome, __, answer) => {
      const stack = stacks.get(mode)!
      const flagged = await ask(stack, stream, answer(WORD))
      if (outcome === 'error') {
        expect(flagged.body.toString()).toContain(WORD)
        return
      }
      expect(readable(flagged)).not.toContain(WORD)
      expect(readable(flagged)).toContain('Response blocked by policy')
      const because = outcome === 'seen' ? 'flagged' : 'failed-closed'
      const record = await stack.weir.telemetry.decided('response')
      expect([record.effective, record.because]).toEqual(['denied', because])
      if (outcome === 'unread') return
      const harmless = await ask(stack, stream, answer(HARMLESS))
      expect(readable(harmless)).toBe(said(answer(HARMLESS)))
    })
  },
)

async function ask(stack: Stack, stream: boolean, answer: Script): Promise<RawAnswer> {
  stack.use(policySet(policy({ outputRules: [rule(flagWord(WORD))] })))
  stack.upstream.respond(answer)
  const headers = { 'content-type': 'application/json' }
  return sendRaw(stack.envoy.address, {
    target: '/v1/chat/completions',
    headers,
    body: [chatRequest('hello', { stream })],
  })
}

/** As a client reads it. */
function readable({ headers, body }: RawAnswer): string {
  return decoded(headers['content-encoding'] ?? '', body).replaceAll(':\n\n', '')
}

function said({ headers, chunks = [] }: Script): string {
  const bytes = chunks.flatMap(chunk =>
    typeof chunk === 'string' || chunk instanceof Uint8Array ? [chunk] : [],
  )
  const body = Buffer.concat(bytes.map(chunk => Buffer.from(chunk)))
  return decoded(String(headers?.['content-encoding'] ?? '').toLowerCase(), body)
}

function decoded(coding: string, body: Uint8Array): string {
  if (coding === '' || coding === 'identity') return Buffer.from(body).toString()
  const decoder = contentCodings.open(coding.toLowerCase(), 1e7)
  const parts = decoder === undefined ? [] : [decoder.push(body), decoder.end()]
  return parts.map(part => (typeof part === 'string' ? part : Buffer.from(part).toString())).join('')
}
