import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Frame } from '../../../../src/llm/format.ts'
import { geminiSse } from '../../../../src/llm/gemini/index.ts'

const fixture = readFileSync(new URL('../../../fixtures/gemini/streamed-call.sse', import.meta.url))

function decode(bytes: Uint8Array): readonly Frame[] {
  const stream = geminiSse.openStream()
  return [...stream.push(bytes), ...stream.end()]
}

const decodeText = (text: string) => decode(new TextEncoder().encode(text))
const event = (answer: unknown) => `data: ${JSON.stringify(answer)}\n\n`

describe('a call that is streamed', () => {
  const piece = (functionCall: unknown, finishReason?: string) =>
    event({ candidates: [{ content: { parts: [{ functionCall }] }, finishReason }] })
  const fragment = (jsonPath: string, stringValue: string, willContinue?: boolean) => ({
    jsonPath,
    stringValue,
    willContinue,
  })
  /** Per event: the texts of the arguments, by block, and whether the call may go. */
  const told = (...events: string[]) =>
    decodeText(events.join('')).map(({ parts }) => [
      ...parts.flatMap(part =>
        part.kind === 'text-delta' && part.text !== '' ? [`${part.block}:${part.text}`] : [],
      ),
      ...(parts.some(({ kind }) => kind === 'finish') ? ['finish'] : []),
    ])

  test('every piece is held until the call ends', () => {
    const frames = decode(fixture)
    const isCalling = frames.map(({ parts }) =>
      parts.some(part => part.kind === 'text-delta' && part.textKind === 'tool-call'),
    )
    expect(isCalling).toEqual([true, true, true, true, true, false, false])
    expect(frames.map(({ parts }) => parts.some(({ kind }) => kind === 'finish'))).toEqual([
      ...[false, false, false, false],
      true,
      false,
      true,
    ])
  })

  test.each([
    [
      'its last piece says that none follows',
      [
        piece({ name: 'f', partialArgs: [fragment('$.a', 'x', true)], willContinue: true }),
        piece({ partialArgs: [fragment('$.a', 'y')] }),
        piece({ name: 'g', args: { a: 'z' } }),
      ],
      [['3:x'], ['3:y', 'finish'], ['5:z', 'finish']],
    ],
    [
      'an argument that goes on keeps the call open',
      [
        piece({ name: 'f', partialArgs: [fragment('$.a', 'x', true)] }),
        piece({ partialArgs: [fragment('$.a', 'y')] }),
      ],
      [['3:x'], ['3:y', 'finish']],
    ],
    [
      'it comes in one piece',
      [piece({ name: 'f', partialArgs: [fragment('$.a', 'x')] })],
      [['3:x', 'finish']],
    ],
    [
      'every piece names it',
      [
        piece({ name: 'f', id: 'i', partialArgs: [fragment('$.a', 'x')], willContinue: true }),
        piece({ name: 'f', id: 'i', partialArgs: [fragment('$.a', 'y')], willContinue: false }),
      ],
      [['3:x'], ['3:y', 'finish']],
    ],
    [
      'another begins before it ends',
      [
        piece({ name: 'f', partialArgs: [fragment('$.a', 'x')], willContinue: true }),
        piece({ name: 'g', partialArgs: [fragment('$.a', 'y')], willContinue: true }),
        piece({}),
        piece({ partialArgs: [fragment('$.a', 'z')] }),
      ],
      [['3:x'], ['5:y'], [], ['3:z', 'finish']],
    ],
    [
      'a whole one comes before it ends',
      [piece({ name: 'f', willContinue: true }), piece({ name: 'g', args: { a: 'y' } }), piece({})],
      [[], ['4:y'], ['finish']],
    ],
    [
      'the answer ends before it',
      [
        piece({ name: 'f', willContinue: true }),
        piece({ partialArgs: [fragment('$.a', 'x', true)] }, 'MAX_TOKENS'),
      ],
      [[], ['3:x', 'finish']],
    ],
    [
      'what ends nothing is a call without a name',
      [piece({}), piece({ partialArgs: [fragment('$.a', 'x', true)] }), piece({})],
      [['finish'], ['4:x'], ['finish']],
    ],
  ])('%s', (_, events, expected) => {
    expect(told(...events)).toEqual(expected)
  })

  test('calls of two candidates do not meet', () => {
    const answer = (a: string, b: string) => {
      const call = (value: string) => ({ functionCall: { partialArgs: [fragment('$.a', value, true)] } })
      return event({
        candidates: [{ content: { parts: [call(a)] } }, { index: 1, content: { parts: [call(b)] } }],
      })
    }
    const said = decodeText(answer('x', 'y') + answer('x', 'y')).flatMap(({ parts }) =>
      parts.flatMap(part =>
        part.kind === 'text-delta' && part.text !== '' ? [[part.choice, part.block, part.text]] : [],
      ),
    )
    expect(said).toEqual([
      [0, 3, 'x'],
      [1, 5, 'y'],
      [0, 3, 'x'],
      [1, 5, 'y'],
    ])
  })
})
