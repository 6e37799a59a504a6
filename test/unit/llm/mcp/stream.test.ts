import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { StreamGate } from '../../../../src/exchange/stream-gate.ts'
import type { StreamGatePort } from '../../../../src/exchange/stream-gate-port.ts'
import type { Frame, Part } from '../../../../src/llm/format.ts'
import { mcp } from '../../../../src/llm/mcp/index.ts'
import type { StreamSettings } from '../../../../src/policy/policy.ts'
import { flagWordAsItGrows, policy, rule } from '../../../support/policies.ts'

const fixtures = new URL('../../../fixtures/mcp/', import.meta.url)
const readFixture = (name: string) => Uint8Array.from(readFileSync(new URL(name, fixtures)))
const encode = (text: string) => new TextEncoder().encode(text)

function decode(bytes: Uint8Array): readonly Frame[] {
  const stream = mcp.openStream()
  return [...stream.push(bytes), ...stream.end()]
}

function decodeByBytes(bytes: Uint8Array): readonly Frame[] {
  const stream = mcp.openStream()
  return [...Array.from(bytes, byte => stream.push(Uint8Array.of(byte))).flat(), ...stream.end()]
}

const partsOf = (text: string): readonly Part[] => decode(encode(text)).flatMap(frame => frame.parts)
const partsOfMessage = (message: object) =>
  partsOf(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)

const terminator = { kind: 'terminator' }
const uninspectable = { kind: 'uninspectable' }
const finish = { kind: 'finish', choice: 0 }

/** Each frame's parts, a text as its kind, its block and itself. */
const summary = (frames: readonly Frame[]) =>
  frames.map(({ parts }) =>
    parts.map(part => (part.kind === 'text-delta' ? [part.textKind, part.block, part.text] : part.kind)),
  )

const STREAMS = {
  'tools-call.sse': [
    [],
    [],
    [['tool-result', 0, 'Asking the river Weiß']],
    [['tool-result', 1, '{"phone":"555-0100"}'], ['tool-result', 2, '555-0100'], 'terminator'],
  ],
  'server-requests.sse': [
    [['tool-result', 0, 'select 1']],
    [
      ['content', 1, 'You are terse.'],
      ['content', 2, 'Hi 🥶'],
      ['tool-call', 3, 'Köln'],
      ['tool-result', 4, '12 °C'],
      'finish',
      'terminator',
    ],
    [['tool-result', 5, 'Your name?'], ['tool-result', 6, 'Full name'], 'terminator'],
    ['uninspectable', 'terminator'],
  ],
  'crlf-comments.sse': [[], [['tool-result', 0, 'Hi'], 'terminator']],
  'batch.sse': [
    [
      ['tool-result', 0, 'one'],
      ['tool-result', 1, 'No such prompt'],
      ['tool-result', 2, 'try another'],
      'terminator',
    ],
    ['uninspectable'],
  ],
  'input-required.sse': [[['tool-result', 0, 'Which room?'], 'terminator']],
}

describe('recorded streams', () => {
  test.each(Object.entries(STREAMS))('%s', (name, expected) => {
    const bytes = readFixture(name)
    const frames = decode(bytes)
    expect(summary(frames)).toEqual(expected)
    expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
    expect(decodeByBytes(bytes)).toEqual(frames)
  })

  test('every recorded stream is tested', () => {
    expect(readdirSync(fixtures).filter(name => name.endsWith('.sse'))).toHaveLength(
      Object.keys(STREAMS).length,
    )
  })
})

describe('parts of a message', () => {
  const text = (block: number, value: string, ...path: (string | number)[]) => ({
    kind: 'text-delta',
    choice: 0,
    textKind: 'tool-result',
    block,
    text: value,
    syntax: undefined,
    path,
  })

  test('every text has a block of its own and the path to itself', () => {
    const result = { content: [{ type: 'text', text: 'x' }], structuredContent: { a: 'x' } }
    expect(partsOfMessage({ id: 1, result })).toEqual([
      text(0, 'x', 'result', 'content', 0, 'text'),
      text(1, 'x', 'result', 'structuredContent', 'a'),
      terminator,
    ])
  })

  test('blocks go on over the messages: no text runs into another’s', () => {
    const message = `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"message":"x"}}\n\n`
    const blocks = partsOf(message + message).flatMap(part =>
      part.kind === 'text-delta' ? [part.block] : [],
    )
    expect(blocks).toEqual([0, 1])
  })

  test('messages of an array have their place in the path', () => {
    const event = 'data: [{"id":1,"result":{"content":"x"}},{"id":2,"result":{"content":"y"}}]\n\n'
    expect(partsOf(event)).toEqual([
      text(0, 'x', 0, 'result', 'content'),
      text(1, 'y', 1, 'result', 'content'),
      terminator,
    ])
  })

  test('the calls of a sampling request are complete with it', () => {
    const content = { type: 'tool_use', id: 'c', name: 'f', input: '{"a":1}' }
    const parts = partsOfMessage({
      id: 1,
      method: 'sampling/createMessage',
      params: { messages: [{ content }] },
    })
    expect(parts).toMatchObject([
      { textKind: 'tool-call', text: '{"a":1}', syntax: 'json' },
      finish,
      terminator,
    ])
  })

  test.each([
    ['an answer without text', { id: 1, result: {} }, [terminator]],
    ['news without text', { method: 'notifications/tools/list_changed' }, [terminator]],
    ['news', { method: 'notifications/message', params: { data: 'x' } }, [text(0, 'x', 'params', 'data')]],
    ['a ping', { id: 1, method: 'ping' }, [terminator]],
    [
      'a picture',
      { id: 1, result: { content: [{ type: 'image', data: 'AA==', mimeType: 'image/png' }] } },
      [uninspectable, terminator],
    ],
  ])('%s', (_, message, parts) => {
    expect(partsOfMessage(message)).toEqual(parts)
  })
})

describe('events', () => {
  const message = '{"jsonrpc":"2.0","id":1,"result":{}}'

  test.each([
    ['a comment', ': ping\n\n', []],
    ['a place to resume from', 'id: 3\ndata: \n\n', []],
    ['a place without data', 'id: 3\nretry: 100\n\n', []],
    ['blank data', 'data:   \n\n', []],
    ['the usual name', `event: message\ndata: ${message}\n\n`, [terminator]],
    ['an empty name', `event:\ndata: ${message}\n\n`, [terminator]],
    ['a message under another name', `event: other\ndata: ${message}\n\n`, [terminator]],
    ['something else under another name', 'event: ping\ndata: ping\n\n', [uninspectable]],
    ['JSON under another name', 'event: ping\ndata: {"a":"b"}\n\n', [uninspectable]],
    ['without a last blank line', `data: ${message}`, [terminator]],
  ])('%s', (_, input, parts) => {
    expect(partsOf(input)).toEqual(parts)
  })

  test.each([
    ['not JSON', 'data: {"jsonrpc":\n\n', 'not-json'],
    ['[DONE]', 'data: [DONE]\n\n', 'not-json'],
    ['a cut last event', 'data: {"jsonrpc":"2.0","id":1,"resu', 'not-json'],
    ['no message', 'data: {"choices":[]}\n\n', 'wrong-shape'],
    ['an empty array', 'event: message\ndata: []\n\n', 'wrong-shape'],
    ['a bare string', 'data: "x"\n\n', 'wrong-shape'],
    ['too deep', `data: ${'['.repeat(100_000)}${']'.repeat(100_000)}\n\n`, 'wrong-shape'],
    ['a JSON body', message, 'not-event-stream'],
  ])('undecodable: %s', (_, input, reason) => {
    expect(partsOf(input)).toEqual([{ kind: 'undecodable', reason }])
  })

  test('undecodable: not UTF-8', () => {
    const frames = decode(Uint8Array.from([...encode('data: "'), 0xff, ...encode('"\n\n')]))
    expect(frames.flatMap(frame => frame.parts)).toEqual([{ kind: 'undecodable', reason: 'not-utf8' }])
  })
})

test('buffered counts the bytes of the event that is not complete', () => {
  const stream = mcp.openStream()
  stream.push(encode(': x\n\ndata: é'))
  expect(stream.buffered).toBe(8)
  stream.end()
  expect(stream.buffered).toBe(0)
})

describe('delivery', () => {
  /** A gate before a rule that judges texts as they grow, and what it let go. */
  function openGate(overrides: Partial<StreamSettings>) {
    const out: string[] = []
    const told: string[] = []
    const port: StreamGatePort = {
      scans: () => {},
      judge: () => told.push('judge'),
      judgeFault: () => {
        throw new Error('a fault')
      },
      note: () => {},
      release: frames => out.push(...frames.map(({ frame }) => new TextDecoder().decode(frame.bytes))),
      passUnseen: () => told.push('pass'),
      finish: () => told.push('finish'),
      deny: () => {
        told.push('deny')
        gate.close()
      },
      uninspectable: () => told.push('uninspectable'),
      unreadable: () => 'release',
      goOnLater: () => {},
      pause: () => {},
      resume: () => {},
      startWindow: () => {},
    }
    const settings = { ...policy().stream, ...overrides }
    const rules = [rule(flagWordAsItGrows('secret'))]
    const gate = new StreamGate(port, mcp.openStream(), settings, {
      maxBytes: 1e6,
      rules,
      restorer: undefined,
    })
    return { gate, out, told }
  }

  const log = (data: string) =>
    `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${data}"}}\n\n`
  const question =
    'data: {"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":{"message":"a sec"}}\n\n'
  const progress = 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}\n\n'
  const answer = (said: string) => `data: {"jsonrpc":"2.0","id":7,"result":{"content":"${said}"}}\n\n`

  test.each([
    ['withhold', [log('one '), log('two '), answer('three')], [0, 0, 3]],
    ['window', [log('one '), log('two '), answer('three')], [1, 2, 3]],
    // Its end could be the beginning of the word that is looked for.
    ['withhold', [question, answer('ret')], [1, 2]],
    ['window', [question, answer('ret')], [1, 2]],
    ['withhold', [log('one '), question, log('two '), answer('three')], [0, 2, 2, 4]],
    ['withhold', [progress, progress, answer('done')], [1, 2, 3]],
    ['window', [progress, progress, answer('done')], [1, 2, 3]],
  ] as const)(
    '%s: what the server asks reaches the client before it can answer',
    (delivery, events, released) => {
      const { gate, out, told } = openGate({ delivery })
      const counts = events.map(event => {
        gate.push(encode(event))
        return out.length
      })
      expect(counts).toEqual(released)
      gate.end()
      expect(out).toEqual(events)
      expect(told).toEqual(['finish'])
    },
  )

  test.each(['withhold', 'window'] as const)('%s: a message goes whole or not at all', delivery => {
    const { gate, out, told } = openGate({ delivery })
    const asked = question.replace('a sec', 'the secret')
    gate.push(encode(progress + asked.slice(0, 40)))
    gate.push(encode(asked.slice(40)))
    expect(out).toEqual([progress])
    expect(told).toEqual(['deny'])
  })
})
