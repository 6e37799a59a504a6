import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { contentCodings } from '../../../src/coding/codings.ts'
import { type ReadJob, type ReadResult, readBody } from '../../../src/exchange/body-reading.ts'
import type { LlmFormat } from '../../../src/llm/format.ts'
import { FORMATS, formatNamed } from '../../../src/llm/formats.ts'
import { openaiChat } from '../../../src/llm/openai-chat/index.ts'
import { ThreadReader } from '../../../src/reading/thread-reader.ts'
import { chatCompletion, chatEvents, chatRequest } from '../../support/chat.ts'

const PLACE = { path: '/v1/chat/completions', query: '' }
const LIMITS = { maxWaitingBytes: 1_000_000, deadlineMs: 60_000 }

const readers: ThreadReader[] = []
const faults: unknown[] = []
function reader(limits: Partial<typeof LIMITS> = {}): ThreadReader {
  const opened = new ThreadReader(error => faults.push(error), { ...LIMITS, ...limits })
  readers.push(opened)
  return opened
}
afterEach(async () => {
  faults.length = 0
  await Promise.all(readers.splice(0).map(one => one.close()))
})

interface Given {
  readonly format?: LlmFormat
  readonly contentEncoding?: string
  readonly form?: 'as-it-came' | 'canonical'
}
function request(body: string | Uint8Array, given: Given = {}): ReadJob {
  const { format = openaiChat, contentEncoding, form = 'as-it-came' } = given
  return {
    kind: 'request',
    body: Buffer.from(body),
    contentEncoding,
    maxBytes: 1_000_000,
    roomBytes: Number.POSITIVE_INFINITY,
    format,
    place: PLACE,
    form,
  }
}
/** A Buffer that owns all of its memory, as a decompressor gives them. */
function ofItsOwn(text: string): Buffer {
  const body = Buffer.from(new ArrayBuffer(Buffer.byteLength(text)))
  body.write(text)
  return body
}
const read = (by: ThreadReader, job: ReadJob): Promise<ReadResult> => new Promise(done => by.read(job, done))

describe('a thread', () => {
  const form = '--b\r\ncontent-disposition: form-data; name="response_format"\r\n\r\nsrt\r\n--b--\r\n'
  const response = {
    kind: 'response',
    contentEncoding: undefined,
    maxBytes: 1_000_000,
    roomBytes: Number.POSITIVE_INFINITY,
  } as const
  const json = { format: openaiChat, shape: 'json', contentType: 'application/json' } as const
  const jobs: readonly (readonly [string, ReadJob])[] = [
    ['a request', request(chatRequest('hello \ud83d\ude00 \u0000', { stream: true }))],
    ['a request that is to be written anew', request(' {"messages": []} ', { form: 'canonical' })],
    ['a request in a coding', request(gzipSync(chatRequest('hello')), { contentEncoding: 'gzip' })],
    ['a coding that is broken', request('no gzip', { contentEncoding: 'gzip' })],
    ['what is no JSON', request('{')],
    ['a form', request(form, { format: formatNamed('openai-audio-transcription')! })],
    ['an answer', { ...response, ...json, body: Buffer.from(chatCompletion('hello')) }],
    ['an answer in memory of its own', { ...response, ...json, body: ofItsOwn(chatCompletion('hello')) }],
    [
      'an event stream',
      { ...response, ...json, shape: 'event-stream', body: Buffer.from(chatEvents('a', 'b').join('')) },
    ],
    [
      'a change',
      {
        kind: 'rewrite',
        format: openaiChat,
        body: Buffer.from(chatRequest('hello')),
        edits: [{ path: ['messages', 0, 'content'], text: 'bye' }],
      },
    ],
  ]

  it('makes of a body what is made of it here', async () => {
    const thread = reader()
    for (const [what, job] of jobs) {
      const bytes = Buffer.from(job.body)
      expect(plain(await read(thread, job)), what).toEqual(plain(readBody(job, contentCodings)))
      expect(Buffer.from(job.body).equals(bytes), 'the body is still ours').toBe(true)
    }
  })

  it('knows every format', async () => {
    const thread = reader()
    for (const format of FORMATS) {
      const result = await read(thread, request('{}', { format }))
      expect([format.name, result.kind]).toEqual([format.name, 'request'])
    }
  })

  it('that breaks fails one job, and the next gets another', async () => {
    const thread = reader()
    const unknown = read(thread, request('{}', { format: { ...openaiChat, name: 'nobody' } }))
    const next = read(thread, request(chatRequest('hello')))
    expect(await unknown).toEqual({ kind: 'fault', reason: 'internal' })
    expect((await next).kind).toBe('request')
    expect(faults).toHaveLength(1)
  })

  it('that cannot be started fails each job, and nobody waits behind it', async () => {
    const nowhere = new ThreadReader(error => faults.push(error), LIMITS, new URL('https://nowhere.invalid/'))
    readers.push(nowhere)
    const told: string[] = []
    nowhere.read(request('{}'), () => told.push('first'))
    expect(told).toEqual([])
    expect(await read(nowhere, request('{}'))).toEqual({ kind: 'fault', reason: 'internal' })
    expect(told).toEqual(['first'])
    expect(faults).toHaveLength(2)
  })

  it('that a job cannot be given to fails that job, and no other', async () => {
    const thread = reader()
    const unsendable = { ...request('{}'), place: Object.assign({ ...PLACE }, { cannot: () => {} }) }
    const jobs = [unsendable, request('[]'), unsendable, request('[]')]
    const results = await Promise.all(jobs.map(job => read(thread, job)))
    expect(results.map(({ kind }) => kind)).toEqual(['fault', 'request', 'fault', 'request'])
    expect(faults).toHaveLength(2)
  })

  it('that takes too long is ended', async () => {
    const thread = reader({ deadlineMs: 1 })
    expect(await read(thread, request(chatRequest('hello')))).toEqual({ kind: 'fault', reason: 'timeout' })
    expect(faults).toEqual([])
  })

  it('is not asked for more than may wait', async () => {
    const thread = reader({ maxWaitingBytes: 100 })
    const running = read(thread, request('{"messages":[]}'))
    const waiting = read(thread, request('[]'.padEnd(90)))
    expect(await read(thread, request('[]'.padEnd(90)))).toEqual({ kind: 'fault', reason: 'overloaded' })
    expect([(await running).kind, (await waiting).kind]).toEqual(['request', 'request'])
  })

  it('says nothing to those who wait no more, and takes no job of theirs', async () => {
    const thread = reader({ maxWaitingBytes: 100 })
    const told: string[] = []
    const forget = ['runs', 'waits'].map(who => thread.read(request('[]'.padEnd(90)), () => told.push(who)))
    for (const one of forget) one()
    await read(thread, request('[]'.padEnd(90)))
    expect(told).toEqual([])
  })
})

/** Without the members that are undefined, which JSON has not, and bytes as what they say. */
function plain(result: ReadResult): unknown {
  if (result.kind === 'fault') return result
  const body = Buffer.from(result.body).toString('latin1')
  if (result.kind === 'rewrite') return { ...result, body }
  const canonical =
    result.kind === 'request' ? result.canonical && Buffer.from(result.canonical).toString() : undefined
  return { ...result, body, canonical, decoded: JSON.parse(JSON.stringify(result.decoded)) }
}
