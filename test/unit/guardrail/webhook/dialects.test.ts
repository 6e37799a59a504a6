import { describe, expect, test } from 'vitest'
import type { ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import { input, output } from '../segments.ts'
import { ANSWER, at, CONVERSATION, clean, failure, speaking, unplaced, verdict } from './speaking.ts'

const KEY = 'webhook-key'

describe('generic', () => {
  test('categories come with their scores, in lower case', async () => {
    await using guard = await speaking('generic')
    expect(await guard.scan(input('FLAG-ME'))).toMatchObject(
      verdict({ findings: [{ detector: 'prompt_attack', score: 0.9 }, { detector: 'hate' }] }),
    )
    expect(guard.stub.requests[0]?.json).toEqual({ input: 'FLAG-ME', phase: 'input' })
  })

  test.each<[string, object, object]>([
    ['allowed', { allowed: true }, clean],
    ['not allowed', { allowed: false }, unplaced],
    ['flagged', { flagged: true }, unplaced],
    ['not flagged', { flagged: false }, clean],
    ['blocked', { blocked: true }, unplaced],
    ['not blocked', { blocked: false }, clean],
    ['allowed and flagged', { allowed: true, flagged: true }, unplaced],
    ['allowed, flagged null', { allowed: true, flagged: null }, failure('bad-response')],
    ['allowed as text, not flagged', { allowed: 'false', flagged: false }, failure('bad-response')],
    ['allowed as text', { allowed: 'false' }, failure('bad-response')],
    [
      'categories that are no names',
      { flagged: true, categories: ['my card is 4111', 7, null], scores: null },
      unplaced,
    ],
    [
      'a score out of bounds',
      { flagged: true, categories: ['hate'], scores: { hate: 7 } },
      verdict({ findings: [{ detector: 'hate' }] }),
    ],
  ])('%s', async (_, answer, expected) => {
    await using guard = await speaking('generic')
    guard.stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
    expect(await guard.scan(input('hi'))).toMatchObject(expected)
  })
})

describe('agentgateway', () => {
  test('roles are kept, and what was masked is found in its place', async () => {
    await using guard = await speaking('agentgateway')
    await guard.scan(CONVERSATION)
    expect(guard.stub.requests[0]).toMatchObject({
      path: '/guard/request',
      json: {
        body: {
          messages: [
            { role: 'system', content: 'Be brief.' },
            { role: 'user', content: 'hello' },
          ],
        },
      },
    })
    const masked = verdict({ kind: 'flagged', findings: [at(1, 8, 13)] })
    expect(await guard.scan(input('', '😀 mail a@b.c'))).toMatchObject(masked)
    expect(await guard.scan(output('fine', '😀 mail a@b.c'))).toMatchObject(masked)
  })

  const reject = { body: 'No', status_code: 403, reason: 'pii' }
  const mask = (...contents: readonly string[]) => ({
    body: { messages: contents.map(content => ({ role: 'user', content })) },
  })
  test.each<[string, unknown, object]>([
    ['pass', { reason: 'ok' }, clean],
    ['pass without a reason', {}, clean],
    ['reject', reject, unplaced],
    ['reject with its status as text', { ...reject, status_code: '403' }, failure('bad-response')],
    ['reject without a status', { body: 'No', reason: 'pii' }, failure('bad-response')],
    ['reject without a body', { status_code: 403 }, failure('bad-response')],
    ['reject with null for a body', { ...reject, body: null }, failure('bad-response')],
    ['mask', mask('[X]'), verdict({ findings: [at(0, 0, 2)] })],
    ['mask that changes nothing', mask('hi'), clean],
    ['mask of another number of texts', mask('hi', 'x'), unplaced],
    ['mask of no text', { body: { messages: [{ role: 'user' }] } }, failure('bad-response')],
    ['mask of the other side', { body: { choices: [] } }, failure('bad-response')],
    ['an action unheard of', { quarantine: true }, failure('bad-response')],
    ['no object', 'pass', failure('bad-response')],
  ])('%s', async (_, action, expected) => {
    await using guard = await speaking('agentgateway')
    guard.stub.failNext({ kind: 'body', body: JSON.stringify({ action }) })
    expect(await guard.scan(input('hi'))).toMatchObject(expected)
  })
})

describe('litellm', () => {
  test('texts with their roles, the parameters, and what was masked in its place', async () => {
    await using guard = await speaking('litellm', { params: { threshold: 0.8 } })
    await guard.scan(CONVERSATION)
    await guard.scan(ANSWER)
    expect(guard.stub.requests.map(({ json }) => json)).toMatchObject([
      {
        input_type: 'request',
        texts: ['Be brief.', 'hello'],
        structured_messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'hello' },
        ],
        additional_provider_specific_params: { threshold: 0.8 },
      },
      { input_type: 'response', texts: ['one', 'two'] },
    ])
    expect(await guard.scan(input('x', 'to a@b.c or d@e.f'))).toMatchObject(
      verdict({ findings: [at(1, 3, 8), at(1, 12, 17)] }),
    )
  })

  test('a mask far into a split text is mapped back', async () => {
    await using guard = await speaking('litellm', { max_chars: 500 })
    const head = 'word '.repeat(300)
    expect(await guard.scan(input('x', `${head}a@b.c`))).toMatchObject(
      verdict({ findings: [at(1, head.length, head.length + 5)] }),
    )
  })

  test('the key goes as x-api-key, and the whole URL is taken as well', async () => {
    const key = { header: 'x-api-key', value: KEY }
    await using guard = await speaking('litellm', { api_key: KEY }, { key })
    expect(await guard.scan(input('hi'))).toMatchObject(clean)
    const path = '/beta/litellm_basic_guardrail_api'
    await using whole = await speaking('litellm', { api_key: KEY }, { key, path })
    expect(await whole.scan(input('hi'))).toMatchObject(clean)
  })

  const intervened = (more: object) => ({ action: 'GUARDRAIL_INTERVENED', ...more })
  test.each<[string, object, object]>([
    ['blocked without a reason', { action: 'BLOCKED' }, unplaced],
    ['another action', { action: 'none' }, failure('bad-response')],
    ['texts that are none', intervened({ texts: [null] }), failure('bad-response')],
    ['another number of texts', intervened({ texts: ['h*', 'x'] }), unplaced],
    ['no texts', intervened({ texts: null, images: [] }), unplaced],
    ['texts as they were', intervened({ texts: ['hi'] }), unplaced],
  ])('%s', async (_, answer, expected) => {
    await using guard = await speaking('litellm')
    guard.stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
    expect(await guard.scan(input('hi'))).toMatchObject(expected)
  })
})

describe('portkey', () => {
  test('a request before, an answer behind its request after', async () => {
    await using guard = await speaking('portkey')
    await guard.scan(CONVERSATION)
    await guard.scan(ANSWER)
    expect(guard.stub.requests.map(({ json }) => json)).toMatchObject([
      {
        eventType: 'beforeRequestHook',
        request: {
          json: {
            messages: [
              { role: 'system', content: 'Be brief.' },
              { role: 'user', content: 'hello' },
            ],
          },
          text: 'Be brief.\nhello',
        },
        response: { json: {}, text: '', statusCode: null },
      },
      {
        eventType: 'afterRequestHook',
        request: { json: { messages: [{ role: 'user', content: 'asked' }] }, text: 'asked' },
        response: { text: 'one\ntwo', statusCode: 200 },
      },
    ])
  })

  test('what was transformed is found in its place', async () => {
    await using guard = await speaking('portkey')
    expect(await guard.scan(input('x', 'to a@b.c'))).toMatchObject(verdict({ findings: [at(1, 3, 8)] }))
    expect(await guard.scan(output('x', 'to a@b.c'))).toMatchObject(verdict({ findings: [at(1, 3, 8)] }))
  })

  const transformed = (json: unknown) => ({ verdict: true, transformedData: { request: { json } } })
  test.each<[string, object, object]>([
    ['verdict false', { verdict: false }, unplaced],
    ['not transformed', transformed(null), clean],
    ['no json', { verdict: true, transformedData: { request: {} } }, clean],
    ['transformed into the same', transformed({ messages: [{ content: 'hi' }] }), clean],
    ['into another number of texts', transformed({ messages: [] }), unplaced],
    ['into something else', transformed({ prompt: 'x' }), unplaced],
    ['verdict as a number', { verdict: 1 }, failure('bad-response')],
    ['transformed data that is none', { verdict: true, transformedData: 'x' }, failure('bad-response')],
  ])('%s', async (_, answer, expected) => {
    await using guard = await speaking('portkey')
    guard.stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
    expect(await guard.scan(input('hi'))).toMatchObject(expected)
  })
})

describe('the model that the request asks for', () => {
  const from = (model: string | undefined): ScanSubject => ({
    ...input('hi'),
    origin: { exchangeId: 'exchange-1', model },
  })

  test.each(['generic', 'litellm'] as const)('is told by %s, on both sides', async dialect => {
    await using guard = await speaking(dialect)
    expect(await guard.scan(from('gpt-5'))).toMatchObject(clean)
    expect(
      await guard.scan({ ...ANSWER, origin: { exchangeId: 'exchange-1', model: 'gpt-5' } }),
    ).toMatchObject(clean)
    expect(guard.stub.requests.map(({ json }) => json)).toEqual([
      expect.objectContaining({ model: 'gpt-5' }),
      expect.objectContaining({ model: 'gpt-5' }),
    ])
  })

  test.each([undefined, '', 'm'.repeat(257)])('is left out where it is no name: %s', async model => {
    for (const dialect of ['generic', 'litellm'] as const) {
      await using guard = await speaking(dialect)
      expect(await guard.scan(from(model))).toMatchObject(clean)
      expect(guard.stub.requests[0]?.json).not.toHaveProperty('model')
    }
  })
})
