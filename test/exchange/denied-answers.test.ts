import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import {
  CHAT_HEADERS,
  chatCompletion,
  chatEvents,
  chatRequest,
  JSON_ANSWER,
  STREAM_ANSWER,
} from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'

const blocking = { outputRules: [rule(flagWord('secret'))] }
const STAMP_ID = '0123456789abcdef0123456789abcdef'

/** An exchange at its end, whose answer came as one chunk. */
function answered(
  mode: BodyMode,
  settings: Partial<Policy>,
  headers: Record<string, string>,
  body: string | Uint8Array,
  request: Record<string, unknown> = {},
): EnvoyModel {
  const envoy = new EnvoyModel(policySet(policy(settings)), { mode })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello', request), 'end')
  envoy.headers('response', headers)
  envoy.body('response', body, 'end')
  return envoy
}

describe('a JSON answer whose headers are out, denied', () => {
  test.each([200, 403])('asks for the headers of a denial, and for status %d', denyCode => {
    const envoy = answered('streamed', { ...blocking, denyCode }, JSON_ANSWER, chatCompletion('a secret'))
    expect(envoy.response.mutation).toEqual({
      set: {
        ':status': String(denyCode),
        'content-type': 'application/json',
        'cache-control': 'no-store',
        'x-should-retry': 'false',
        'x-weir-decision': 'deny',
        'x-weir-reason': 'flagged',
        'x-weir-request-id': STAMP_ID,
      },
      // What described the upstream's bytes.
      remove: ['content-length', 'etag', 'content-encoding'],
    })
  })

  test('keeps the coding that its header has told', () => {
    const headers = { ...JSON_ANSWER, 'content-encoding': 'gzip' }
    const envoy = answered('streamed', blocking, headers, gzipSync(chatCompletion('a secret')))
    expect(envoy.response.mutation?.remove).toEqual(['content-length', 'etag'])
  })
})

describe('a denied answer whose headers are still ours has the shape that the client asked for', () => {
  test.each([
    ['an event stream where the upstream sends JSON', true, JSON_ANSWER, chatCompletion('a secret')],
    ['JSON where it sends an event stream', false, STREAM_ANSWER, chatEvents('a secret').join('')],
  ] as const)('%s', (_, stream, headers, body) => {
    const envoy = answered('buffered', blocking, headers, body, { stream })
    expect(envoy.localReply?.headers['content-type']).toBe(stream ? 'text/event-stream' : 'application/json')
  })
})

describe('the record of an answer', () => {
  const images = (count: number): string => {
    const part = { type: 'image_url', image_url: { url: 'x' } }
    const content = [{ type: 'text', text: 'fine' }, ...Array(count).fill(part)]
    return JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content } }] })
  }

  test.each(ENVOY_MODES)('tells all that went out in %s', mode => {
    const body = images(2)
    const envoy = answered(mode, blocking, JSON_ANSWER, body)
    expect(envoy.records.at(-1)).toMatchObject({
      effective: 'released',
      bytesReleased: body.length,
      uninspectable: 2,
    })
    expect(envoy.counts.filter(what => what === 'uninspectable')).toHaveLength(1)
  })

  test('tells what of a stream went out, and how much in it could not be inspected', () => {
    const odd = `data: {"choices":[{"index":0,"delta":{"content":[{"type":"hologram"}]}}]}\n\n`
    const body = `${odd}${odd}${chatEvents('fine').join('')}`
    const envoy = answered('full-duplex', blocking, STREAM_ANSWER, body, { stream: true })
    expect(envoy.records.at(-1)).toMatchObject({ bytesReleased: body.length, uninspectable: 2 })
    expect(envoy.counts.filter(what => what === 'uninspectable')).toHaveLength(1)
  })
})
