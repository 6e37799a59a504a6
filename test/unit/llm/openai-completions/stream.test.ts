import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../../src/errors.ts'
import { openaiCompletions } from '../../../../src/llm/openai-completions/index.ts'
import {
  bytesOf,
  expectSameHowever,
  framesOf,
  gather,
  partsOf,
  readFixture,
  textOf,
} from '../openai-given.ts'

describe('recorded streams', () => {
  test.each([
    ['text.sse', { '0/content/0': 'The river Weiß is cold 🥶.' }, ['finish 0', 'terminator']],
    [
      'two-prompts.sse',
      { '0/content/0': 'Yes, sure', '1/content/0': 'No, never' },
      ['finish 0', 'finish 1', 'terminator'],
    ],
    ['crlf-comments.sse', { '0/content/0': 'Hi' }, ['finish 0', 'terminator']],
    ['vllm.sse', { '0/content/0': ' one two' }, ['finish 0', 'terminator']],
    ['upstream-error.sse', { '0/content/0': 'Hal' }, []],
  ])('%s', (name, texts, rest) => {
    const bytes = readFixture(`openai-completions/${name}`)
    expect(gather(framesOf(openaiCompletions, bytes))).toEqual({ texts, rest })
    expectSameHowever(openaiCompletions, bytes)
  })

  test('every recorded stream is tested', () => {
    const all = readdirSync(new URL('../../../fixtures/openai-completions/', import.meta.url))
    expect(all.filter(name => name.endsWith('.sse'))).toHaveLength(5)
  })
})

describe('parts of a choice', () => {
  const text = (choice: number, block: number, said: string, ...path: (string | number)[]) => ({
    kind: 'text-delta',
    choice,
    textKind: 'content',
    block,
    text: said,
    path: ['choices', 0, ...path],
  })
  const undecodable = { kind: 'undecodable', reason: 'wrong-shape' }

  test.each([
    ['a text', { index: 2, text: 'a' }, [text(2, 0, 'a', 'text')]],
    ['no index', { text: 'a' }, [text(0, 0, 'a', 'text')]],
    ['nothing', { index: 0, text: '' }, []],
    ['an odd text', { index: 0, text: 7 }, [{ kind: 'uninspectable' }]],
    ['a delta', { index: 0, delta: { content: 'a' } }, [text(0, 2, 'a', 'delta', 'content')]],
    [
      'texts side by side',
      { index: 0, text: 'a', message: { content: 'b' } },
      [text(0, 0, 'a', 'text'), text(0, 1, 'b', 'message', 'content')],
    ],
    ['an empty finish reason', { index: 0, text: '', finish_reason: '' }, []],
    ['a finish reason', { index: 1, text: '', finish_reason: 'stop' }, [{ kind: 'finish', choice: 1 }]],
    ['the last choice there may be', { index: 2047, text: 'a' }, [text(2047, 0, 'a', 'text')]],
    ['one past it', { index: 2048, text: 'a' }, [undecodable]],
    ['a negative index', { index: -1, text: 'a' }, [undecodable]],
    ['an index of a text', { index: '0', text: 'a' }, [undecodable]],
    ['no object', 'a', [undecodable]],
  ])('%s', (_, choice, parts) => {
    expect(partsOf(openaiCompletions, `data: ${JSON.stringify({ choices: [choice] })}\n\n`)).toEqual(parts)
  })

  test.each([
    ['not JSON', 'data: {"choices"\n\n', 'not-json'],
    ['no object', 'data: 7\n\n', 'wrong-shape'],
    ['no choices', 'data: {"id":"a"}\n\n', 'wrong-shape'],
    ['no event stream', '{"choices":[]}\n\n', 'not-event-stream'],
  ])('undecodable: %s', (_, event, reason) => {
    expect(partsOf(openaiCompletions, event)).toEqual([{ kind: 'undecodable', reason }])
  })

  test.each([': ping\n\n', 'data:\n\n', 'event: x\n\n', 'data: {"choices":[]}\n\n'])(
    'without text: %j',
    event => {
      expect(partsOf(openaiCompletions, event)).toEqual([])
    },
  )
})

describe('rewriting a frame', () => {
  const [frame] = framesOf(
    openaiCompletions,
    bytesOf(
      ': c\nevent: x\ndata: {"id" : "i","choices":[{"text":"a","logprobs":{"tokens":["a"]},"token_ids":[1]},{"text":"b","logprobs":1}]}\r\n\r\n',
    ),
  )
  const path = ['choices', 0, 'text']

  test('changes the text and what spells it out', () => {
    const after = openaiCompletions.rewriteFrame(frame!, [{ path, text: '"\n\u2028' }])
    expect(textOf(after.bytes)).toBe(
      ': c\nevent: x\ndata: {"id" : "i","choices":[{"text":"\\"\\n\\u2028","logprobs":null,"token_ids":null},{"text":"b","logprobs":1}]}\r\n\r\n',
    )
    expect(after.parts).toEqual(framesOf(openaiCompletions, after.bytes)[0]!.parts)
  })

  test('without edits is the same frame', () => {
    expect(openaiCompletions.rewriteFrame(frame!, [])).toBe(frame)
  })

  test.each([
    ['no text of the frame', [{ path: ['choices', 2, 'text'], text: '' }]],
    ['no text at all', [{ path: ['id'], text: '' }]],
    [
      'one text twice',
      [
        { path, text: '' },
        { path, text: '' },
      ],
    ],
  ])('throws on an edit of %s', (_, edits) => {
    expect(() => openaiCompletions.rewriteFrame(frame!, edits)).toThrow(WeirError)
  })
})
