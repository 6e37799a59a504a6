import { describe, expect, test } from 'vitest'
import { novaMessages } from '../../../../src/llm/bedrock-converse/index.ts'
import {
  bedrockInvoke,
  bedrockInvokeStream,
  llamaText,
  mistralText,
  titanText,
} from '../../../../src/llm/bedrock-invoke/index.ts'
import type { LlmFormat } from '../../../../src/llm/format.ts'
import { readBedrockFixture, readWire, wireFrames } from '../../../support/bedrock.ts'
import { MESSAGE, refusalOf } from '../refused.ts'

const requestId = '01234567-89ab-cdef-0123-456789abcdef'
const json = (bytes: Uint8Array | undefined) => JSON.parse(Buffer.from(bytes ?? []).toString())

const TITAN =
  '{"inputTextTokenCount":4,"results":[{"tokenCount":2,"outputText":"x","completionReason":"FINISH"}]}'
const LLAMA = '{"generation":"x","prompt_token_count":4,"generation_token_count":2,"stop_reason":"stop"}'
const MISTRAL = '{"outputs":[{"text":"x","stop_reason":"stop"}]}'

describe('whole answers', () => {
  test.each([
    ['Titan', titanText, TITAN, ['results', 0, 'outputText']],
    ['Llama', llamaText, LLAMA, ['generation']],
    ['Mistral', mistralText, MISTRAL, ['outputs', 0, 'text']],
  ])('%s', (_, provider, body, path) => {
    const format = bedrockInvoke(provider)
    expect(format.decodeResponse(Buffer.from(body))).toEqual({
      kind: 'ok',
      value: {
        segments: [{ message: 0, role: 'assistant', kind: 'content', text: 'x', path }],
        uninspectable: 0,
      },
    })
    expect(format.claimsResponse(JSON.parse(body))).toBe(true)
    const after = format.rewrite(Buffer.from(body), [{ path, text: 'y' }])
    expect(Buffer.from(after).toString()).toBe(body.replace('"x"', '"y"'))
  })

  test('Nova', () => {
    const decoded = bedrockInvoke(novaMessages).decodeResponse(readBedrockFixture('response.json'))
    expect(decoded.kind === 'ok' && decoded.value.segments).toHaveLength(15)
  })

  test.each([
    ['of another provider', titanText, LLAMA],
    ['of another provider, again', llamaText, TITAN],
    ['whose results are no list', titanText, '{"results":{}}'],
    ['with a result that is a string', titanText, '{"results":["x"]}'],
    ['with a text that is a number', llamaText, '{"generation":7}'],
    ['that is a list', llamaText, '[]'],
  ])('undecodable: one %s', (_, provider, body) => {
    const undecodable = { kind: 'undecodable', reason: 'wrong-shape' }
    expect(bedrockInvoke(provider).decodeResponse(Buffer.from(body))).toEqual(undecodable)
    expect(bedrockInvoke(provider).claimsResponse(JSON.parse(body))).toBe(false)
  })

  test('an empty text', () => {
    expect(llamaText.decodeResponse(Buffer.from('{"generation":""}'))).toMatchObject({
      value: { segments: [] },
    })
    expect(llamaText.decodeResponse(Buffer.from('{"generation":null}'))).toMatchObject({
      value: { segments: [] },
    })
  })
})

describe('refusals, nothing sent yet', () => {
  test.each([
    ['auto', titanText, { results: [{ outputText: MESSAGE, completionReason: 'CONTENT_FILTERED' }] }],
    ['stop', titanText, { results: [{ outputText: MESSAGE, completionReason: 'FINISH' }] }],
    ['auto', llamaText, { generation: MESSAGE, stop_reason: 'stop' }],
    ['auto', mistralText, { outputs: [{ text: MESSAGE, stop_reason: 'stop' }] }],
  ] as const)('JSON, finish reason %s', (finishReason, provider, expected) => {
    const reply = bedrockInvoke(provider).refusal(refusalOf({ finishReason }), 'json')
    expect(reply).toMatchObject({
      contentType: 'application/json',
      headers: { 'x-amzn-requestid': requestId },
    })
    expect(json(reply?.body)).toEqual(expected)
  })

  test('the event stream', () => {
    const reply = bedrockInvokeStream(titanText).refusal(refusalOf(), 'event-stream')
    expect(reply).toMatchObject({
      contentType: 'application/vnd.amazon.eventstream',
      headers: { 'x-amzn-requestid': requestId, 'x-amzn-bedrock-content-type': 'application/json' },
    })
    expect(readWire(reply!.body)).toEqual([
      { chunk: { outputText: MESSAGE, completionReason: 'CONTENT_FILTERED' } },
    ])
  })

  test("a provider's own headers are not those of Bedrock's stream", () => {
    const provider: LlmFormat = {
      ...titanText,
      refusal: (given, shape) => ({ ...titanText.refusal(given, shape)!, headers: { 'request-id': 'x' } }),
    }
    expect(bedrockInvokeStream(provider).refusal(refusalOf(), 'event-stream')?.headers).toEqual({
      'x-amzn-requestid': requestId,
      'x-amzn-bedrock-content-type': 'application/json',
    })
  })

  test("a provider's events are chunks; what is no JSON in them is left out", () => {
    const events = ': ping\n\nevent: a\ndata: {"a":\ndata: 1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n'
    const provider: LlmFormat = {
      ...titanText,
      refusal: () => ({ contentType: 'text/event-stream', body: Buffer.from(events) }),
    }
    const reply = bedrockInvokeStream(provider).refusal(refusalOf(), 'event-stream')
    expect(readWire(reply!.body)).toEqual([{ chunk: { a: 1 } }, { chunk: { b: 2 } }])
  })

  test('a provider whose answers have no text has none here', () => {
    const format = bedrockInvoke({ ...titanText, refusal: () => undefined })
    expect(format.refusal(refusalOf(), 'json')).toBeUndefined()
    expect(format.refusal(refusalOf(), 'event-stream')).toBeUndefined()
  })
})

describe('refusals inside a stream', () => {
  const rest = (provider: LlmFormat, name: string, count: number, how: 'kept' | 'changed' = 'kept') => {
    const format = bedrockInvokeStream(provider)
    const at = format.openPosition()
    for (const frame of format.openStream().push(Buffer.concat(wireFrames(name).slice(0, count)))) {
      at.released(how === 'kept' ? frame : { bytes: frame.bytes, parts: frame.parts })
    }
    return readWire(format.streamRefusal(refusalOf(), at))
  }
  const said = (text: string) => [{ chunk: { generation: text, stop_reason: 'stop' } }]

  test.each([
    ['nothing released', 0, said(MESSAGE)],
    ['text is out', 1, said(`\n\n${MESSAGE}`)],
    ['at its end', 3, []],
  ])('%s', (_, count, expected) => {
    expect(rest(llamaText, 'invoke-llama.jsonl', count)).toEqual(expected)
    expect(rest(llamaText, 'invoke-llama.jsonl', count, 'changed')).toEqual(expected)
  })

  test('Nova closes what is open', () => {
    const names = rest(novaMessages, 'invoke-nova.jsonl', 5).flatMap(line =>
      'chunk' in line && typeof line.chunk === 'object' ? Object.keys(line.chunk ?? {}) : [],
    )
    expect(names).toEqual([
      'contentBlockStop',
      'contentBlockDelta',
      'contentBlockStop',
      'messageStop',
      'metadata',
    ])
  })

  test('a position of another format is a bug', () => {
    const other = { released: () => {} }
    expect(() => bedrockInvokeStream(llamaText).streamRefusal(refusalOf(), other)).toThrow('another format')
    expect(() => llamaText.streamRefusal(refusalOf(), other)).toThrow('another format')
  })
})

test('errors are those of Bedrock', () => {
  const error = { status: 403, message: 'no', code: 'content_filter' } as const
  const reply = bedrockInvoke(llamaText).error(error, { id: refusalOf().id, request: undefined })
  expect(reply.headers).toMatchObject({ 'x-amzn-errortype': 'AccessDeniedException' })
  expect(json(reply.body)).toEqual({ message: 'no' })
})
