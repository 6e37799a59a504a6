import { describe, expect, test } from 'vitest'
import type { LlmFormat, LlmRequest } from '../../../../src/llm/format.ts'
import { geminiEmbed, geminiTokenCount } from '../../../../src/llm/gemini/index.ts'

const wrongShape = { kind: 'undecodable', reason: 'wrong-shape' }

function decode(body: unknown, format: LlmFormat, path = '/') {
  return format.decodeRequest(new TextEncoder().encode(JSON.stringify(body)), { path, query: '' })
}

function read(body: unknown, format: LlmFormat, path: string): LlmRequest {
  const decoded = decode(body, format, path)
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  return decoded.value
}

/** The segments without their messages: role, kind, text, path. */
const said = (request: LlmRequest) =>
  request.segments.map(({ role, kind, text, path }) => [role, kind, text, path.join('.')])

describe('counting tokens', () => {
  const count = (body: unknown) => read(body, geminiTokenCount, '/v1beta/models/m:countTokens')

  test('contents', () => {
    const request = count({
      contents: [{ parts: [{ text: 'x' }] }],
      systemInstruction: { parts: [{ text: 's' }] },
    })
    expect(request.model).toBe('m')
    expect(said(request)).toEqual([
      ['system', 'content', 's', 'systemInstruction.parts.0.text'],
      ['user', 'content', 'x', 'contents.0.parts.0.text'],
    ])
  })

  test.each(['generateContentRequest', 'generate_content_request'])('%s', key => {
    const inner = { model: 'models/m', contents: [{ parts: [{ text: 'x' }] }], cachedContent: 'c' }
    expect(said(count({ [key]: inner }))).toEqual([
      ['user', 'content', 'x', `${key}.contents.0.parts.0.text`],
    ])
    expect(count({ [key]: inner }).uninspectable).toBe(1)
  })

  test('contents beside an inner request are read as well', () => {
    const body = {
      contents: { parts: { text: 'x' } },
      generateContentRequest: { contents: { parts: { text: 'y' } } },
    }
    expect(count(body).segments.map(({ message, text }) => [message, text])).toEqual([
      [0, 'x'],
      [1, 'y'],
    ])
  })

  test('instances', () => {
    expect(said(count({ instances: [{ content: 'x' }] }))).toEqual([
      ['user', 'content', 'x', 'instances.0.content'],
    ])
  })

  test.each([{}, { generateContentRequest: {} }, { generateContentRequest: 'x' }])(
    'undecodable: %j',
    body => {
      expect(decode(body, geminiTokenCount)).toEqual(wrongShape)
    },
  )
})

describe('embedding', () => {
  const embed = (body: unknown) => read(body, geminiEmbed, '/v1beta/models/m:embedContent')

  test('one content with a title', () => {
    const request = embed({
      model: 'models/m',
      title: 't',
      content: { parts: [{ text: 'x' }, { inlineData: {} }] },
    })
    expect(request).toMatchObject({ model: 'm', streams: false, choices: 1, uninspectable: 1 })
    expect(said(request)).toEqual([
      ['user', 'content', 't', 'title'],
      ['user', 'content', 'x', 'content.parts.0.text'],
    ])
  })

  test('the title of Vertex AI', () => {
    const request = embed({ content: { parts: { text: 'x' } }, embedContentConfig: { title: 't' } })
    expect(said(request)).toEqual([
      ['user', 'content', 't', 'embedContentConfig.title'],
      ['user', 'content', 'x', 'content.parts.text'],
    ])
  })

  test('a batch: each request is a message', () => {
    const requests = ['x', 'y'].map(text => ({ content: { parts: [{ text }] } }))
    expect(
      embed({ requests }).segments.map(({ message, text, path }) => [message, text, path.join('.')]),
    ).toEqual([
      [0, 'x', 'requests.0.content.parts.0.text'],
      [1, 'y', 'requests.1.content.parts.0.text'],
    ])
  })

  test.each([{}, { content: 'x' }, { requests: ['x'] }, { requests: [{}] }, { content: { parts: ['x'] } }])(
    'undecodable: %j',
    body => {
      expect(decode(body, geminiEmbed)).toEqual(wrongShape)
    },
  )
})
