import { expect, test } from 'vitest'
import { McpRequest } from '../../../src/llm/mcp/request.ts'
import { openaiChat } from '../../../src/llm/openai-chat/index.ts'
import { withoutTexts } from '../../../src/llm/without-texts.ts'
import { chatRequest } from '../../support/chat.ts'

test('a request without its texts is the same otherwise, and the first keeps its own', () => {
  const decoded = openaiChat.decodeRequest(Buffer.from(chatRequest('hello', { stream: true })))
  if (decoded.kind !== 'ok') throw new Error(decoded.reason)
  expect(withoutTexts(decoded.value)).toEqual({ ...decoded.value, segments: [] })
  expect(decoded.value.segments).toHaveLength(1)
})

test("a format's own class stays that class", () => {
  const segments = [{ message: 0, role: 'user', kind: 'content', text: 'hello', path: [] }] as const
  const request = new McpRequest({ segments, uninspectable: 0, asked: [], envelope: 'batch' })
  const left = withoutTexts(request)
  expect(left).toBeInstanceOf(McpRequest)
  expect(left).toMatchObject({ segments: [], envelope: 'batch' })
})
