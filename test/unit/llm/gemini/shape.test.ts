import { describe, expect, test } from 'vitest'
import type { LlmFormat } from '../../../../src/llm/format.ts'
import { gemini, geminiArray, geminiSse, geminiStreamAt } from '../../../../src/llm/gemini/index.ts'

describe('the shape of an answer', () => {
  const shape = (format: LlmFormat, contentType: string | undefined, text: string) =>
    format.shapeOf(contentType, Buffer.from(text, 'latin1'))

  test.each([
    ['application/json', '', 'more'],
    ['application/json; charset=UTF-8', ' \r\n\t', 'more'],
    ['application/json', '\xef\xbb', 'more'],
    ['application/json', '[', 'event-stream'],
    ['application/json; charset=UTF-8', '\xef\xbb\xbf [{', 'event-stream'],
    ['application/json', '{"error":', 'json'],
    ['application/json', 'x', 'json'],
    ['application/json', ' '.repeat(5000), 'json'],
    ['application/json; charset=utf-16', '[', 'unknown-encoding'],
    ['text/event-stream', '', 'event-stream'],
    [undefined, '', 'more'],
    [undefined, ' [', 'event-stream'],
    [undefined, '{', 'json'],
    ['text/html', '<', 'unknown'],
  ])('of an array, %s %j: %s', (contentType, text, expected) => {
    expect(shape(geminiArray, contentType, text)).toBe(expected)
  })

  test.each([
    ['application/json', '[', 'json'],
    ['text/event-stream', '', 'event-stream'],
    [undefined, 'data:', 'event-stream'],
  ])('elsewhere, %s %j: %s', (contentType, text, expected) => {
    for (const format of [gemini, geminiSse]) expect(shape(format, contentType, text)).toBe(expected)
  })
})

describe('the form of a stream', () => {
  test.each([
    ['', 'gemini-array'],
    ['key=k', 'gemini-array'],
    ['alt=json', 'gemini-array'],
    ['salt=sse', 'gemini-array'],
    ['alt=sse', 'gemini-sse'],
    ['key=k&alt=sse', 'gemini-sse'],
    ['alt=sse&key=k', 'gemini-sse'],
    ['%24alt=sse', 'gemini-sse'],
    ['%61lt=s%73e', 'gemini-sse'],
    ['alt=json&alt=sse', 'gemini-sse'],
  ])('%j: %s', (query, name) => {
    expect(geminiStreamAt({ path: '/v1beta/models/m:streamGenerateContent', query }).name).toBe(name)
  })
})
