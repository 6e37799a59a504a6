import { describe, expect, test } from 'vitest'
import {
  bedrockConverse,
  bedrockConverseStream,
  novaMessages,
} from '../../../../src/llm/bedrock-converse/index.ts'
import { readBedrockFixture, wireFrames } from '../../../support/bedrock.ts'

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

function completion(body: Uint8Array) {
  const decoded = bedrockConverse.decodeResponse(body)
  if (decoded.kind !== 'ok') throw new Error(decoded.reason)
  return decoded.value
}

test('a recorded answer: every text', () => {
  const { segments, uninspectable } = completion(readBedrockFixture('response.json'))
  const block = 'output.message.content'
  const cited = `${block}.2.citationsContent`
  const trace = 'trace.guardrail'
  expect(segments.map(({ role, kind, text, path }) => [role, kind, text, path.join('.')])).toEqual([
    ['assistant', 'reasoning', 'Ask the tool.', `${block}.0.reasoningContent.reasoningText.text`],
    ['assistant', 'content', 'Call 555-0100.', `${block}.1.text`],
    ['assistant', 'content', 'It opened in 1890.', `${cited}.content.0.text`],
    ['assistant', 'content', 'bridges', `${cited}.citations.0.title`],
    ['assistant', 'content', 'b.txt', `${cited}.citations.0.source`],
    ['assistant', 'content', 'Opened in 1890.', `${cited}.citations.0.sourceContent.0.text`],
    ['assistant', 'content', 'https://example.com/b', `${cited}.citations.0.location.web.url`],
    ['assistant', 'content', 'example.com', `${cited}.citations.0.location.web.domain`],
    ['assistant', 'tool-call', 'ann@example.com', `${block}.3.toolUse.input.to`],
    ['assistant', 'tool-call', 'Hi', `${block}.3.toolUse.input.lines.0`],
    ['assistant', 'tool-call', 'Bye', `${block}.3.toolUse.input.lines.1`],
    ['tool', 'tool-result', 'a page', `${block}.4.toolResult.content.0.json.found`],
    ['assistant', 'content', 'END', 'additionalModelResponseFields.stop_sequence'],
    ['assistant', 'content', 'Call 555-0100.', `${trace}.modelOutput.0`],
    ['assistant', 'content', 'call', `${trace}.outputAssessments.gr1.0.wordPolicy.customWords.0.match`],
  ])
  expect(segments.every(({ message }) => message === 0)).toBe(true)
  expect(uninspectable).toBe(1)
})

describe('shapes', () => {
  const answer = (content: unknown) => encode({ output: { message: { role: 'assistant', content } } })

  test.each([
    ['no content', answer(undefined), 0],
    ["an upstream's own extension", answer('x'), 1],
    ['a block that is a string', answer(['x']), 1],
    ['a text that is a number', answer([{ text: 7 }]), 1],
  ])('%s', (_, body, uninspectable) => {
    expect(completion(body)).toEqual({ segments: [], uninspectable })
  })

  test.each([
    ['an empty object', encode({}), 'wrong-shape'],
    ['no message', encode({ output: {} }), 'wrong-shape'],
    ['a list', encode([]), 'wrong-shape'],
    ['not JSON', Buffer.from('x'), 'not-json'],
  ])('undecodable: %s', (_, body, reason) => {
    expect(bedrockConverse.decodeResponse(body)).toEqual({ kind: 'undecodable', reason })
  })
})

test.each([
  ['its type', 'application/vnd.amazon.eventstream', '', 'event-stream'],
  [
    'its type in capitals, with a charset',
    'Application/Vnd.Amazon.EventStream; charset=x',
    '',
    'event-stream',
  ],
  ['JSON', 'application/json', '', 'json'],
  ['JSON in another charset', 'application/json; charset=utf-16', '', 'unknown-encoding'],
  ['SSE, which cannot be read', 'text/event-stream', '', 'event-stream'],
  ['no type, nothing', undefined, '', 'more'],
  ['no type, JSON', undefined, '{', 'json'],
  ['no type, the beginning of a frame', undefined, '\0\0', 'more'],
  ['no type, a frame', undefined, wireFrames('converse-text.jsonl')[0]!, 'event-stream'],
  [
    'another type, a frame',
    'application/octet-stream',
    wireFrames('converse-text.jsonl')[0]!,
    'event-stream',
  ],
  ['no type, zeros', undefined, '\0'.repeat(20), 'unknown'],
  ['text', 'text/plain', 'Hello', 'unknown'],
])('the shape of a body: %s', (_, contentType, bytes, shape) => {
  expect(bedrockConverse.shapeOf(contentType, Buffer.from(bytes))).toBe(shape)
})

describe('claims', () => {
  const whole = JSON.parse(readBedrockFixture('response.json').toString())
  test.each([
    ['a whole answer', whole, true, true],
    ['the first event', { role: 'assistant', p: 'ab' }, true, true],
    ['the first event of Nova', { messageStart: { role: 'assistant' } }, false, true],
    ['chat completions', { object: 'chat.completion', choices: [] }, false, false],
    ['messages of Anthropic', { type: 'message', role: 'assistant', content: [] }, false, false],
    ['responses', { object: 'response', output: [] }, false, false],
    ['a string', 'x', false, false],
    ['null', null, false, false],
  ])('%s', (_, value, converse, nova) => {
    expect(bedrockConverseStream.claimsResponse(value)).toBe(converse)
    expect(novaMessages.claimsResponse(value)).toBe(nova)
  })
})
