import { expect, test } from 'vitest'
import { lakeraConversation } from '../../../../src/guardrail/lakera/messages.ts'
import { segment } from '../segments.ts'

test('every message knows the segments it came from, blank ones left out', () => {
  const { messages, sources } = lakeraConversation({
    side: 'input',
    segments: [
      segment(' ', { message: 0, role: 'system' }),
      segment('a', { message: 1 }),
      segment('', { message: 1 }),
      segment('b', { message: 1 }),
      segment('c', { message: 1, role: 'tool', kind: 'tool-result' }),
      segment('d', { message: 2 }),
      segment('e', { message: 3 }),
    ],
  })
  expect(messages.map(({ role, content }) => `${role}: ${content}`)).toEqual([
    'user: a\nb',
    'tool: c',
    'user: d',
    'user: e',
  ])
  expect(sources).toEqual([[1, 3], [4], [5], [6]])
})

test('interleaved choices come together, each in its own order', () => {
  const { messages, sources } = lakeraConversation({
    side: 'output',
    conversation: [],
    segments: ['b0', 'a0', 'b1', 'a1'].map((text, index) =>
      segment(text, { message: index % 2 === 0 ? 1 : 0 }),
    ),
    final: false,
  })
  expect(messages).toEqual([
    { role: 'assistant', content: 'a0\na1' },
    { role: 'assistant', content: 'b0\nb1' },
  ])
  expect(sources).toEqual([
    [1, 3],
    [0, 2],
  ])
})
