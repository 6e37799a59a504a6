import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { LocalGuardrail } from '../../src/guardrail/guardrail.ts'
import { keywords } from '../../src/guardrail/keywords/keywords.ts'
import type { Action, Policy, Rule } from '../../src/policy/policy.ts'
import {
  CHAT_HEADERS,
  chatCompletion,
  chatEvents,
  chatRequest,
  JSON_ANSWER,
  readChatStream,
  STREAM_ANSWER,
} from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { policy, policySet, rule } from '../support/policies.ts'

const mode = fc.constantFrom<BodyMode>('full-duplex', 'streamed', 'buffered')
const action = fc.constantFrom<Action>('block', 'redact', 'alert')
const words = fc.array(fc.constantFrom('fine ', 'sec', 'ret ', 'é', '😀', 'a secret ', 'token '), {
  maxLength: 12,
})
/** Between two chunks: which of the scans that wait end. */
const ends = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 8 })
const places = fc.array(fc.nat(), { maxLength: 8 })

interface Play {
  readonly how: BodyMode
  readonly actions: readonly [Action, Action]
  readonly ends: readonly (readonly number[])[]
  readonly places: readonly number[]
}
const play = fc.record({ how: mode, actions: fc.tuple(action, action), ends, places })

/** Finds every occurrence, and in streams by windows. */
function flagWord(word: string): LocalGuardrail {
  const { openScan: _, ...guardrail } = flagAsItGrows(word)
  return guardrail
}

function flagAsItGrows(word: string): LocalGuardrail {
  return keywords.create(word, keywords.configSchema.parse({ kind: 'keywords', words: [word] }))
}

/** Two rules of which one sees less, so that a stage has two scans. */
const rulesOf = ([first, second]: Play['actions']): readonly Rule[] => [
  rule(flagWord('secret'), first),
  { ...rule(flagWord('token'), second), view: { scan: 'conversation', roles: new Set(['user']) } },
]

/** An exchange in which local scans end late, in any order, or at once. */
function open(overrides: Partial<Policy>, { how, ends: when }: Play, localScans: 'at-once' | 'late') {
  const envoy = new EnvoyModel(policySet(policy(overrides)), { mode: how, localScans })
  let turn = 0
  const endSome = (): void => {
    for (const which of when[turn++ % when.length] ?? []) if (envoy.scans.length > 0) envoy.endScan(which)
  }
  return {
    envoy,
    feed(side: 'request' | 'response', body: string, at: readonly number[]): void {
      const bytes = Buffer.from(body)
      const borders = how === 'buffered' ? [] : at.map(place => place % (bytes.length + 1))
      const from = [0, ...borders.toSorted((a, b) => a - b)]
      from.forEach((start, index) => {
        endSome()
        const isLast = index === from.length - 1
        envoy.body(side, bytes.subarray(start, from[index + 1] ?? bytes.length), isLast ? 'end' : 'more')
      })
    },
    /** Every scan ends, and those that follow it. */
    settle(): EnvoyModel {
      while (envoy.scans.length > 0) {
        endSome()
        if (envoy.scans.length > 0) envoy.endScan()
      }
      return envoy
    },
  }
}

const BOTH = ['at-once', 'late'] as const
const told = ({ localReply, request, response, records, ended }: EnvoyModel) => ({
  reply: localReply && { ...localReply, body: Buffer.from(localReply.body).toString() },
  request: request.bytes.toString(),
  response: response.bytes.toString(),
  owed: [request.owed, response.owed],
  records,
  ended,
})

test('a request has the same end, whenever its local scans end', () => {
  fc.assert(
    fc.property(play, words, (how, said) => {
      const [atOnce, late] = BOTH.map(localScans => {
        const { envoy, feed, settle } = open({ inputRules: rulesOf(how.actions) }, how, localScans)
        envoy.headers('request', CHAT_HEADERS)
        feed('request', chatRequest(said.join('')), how.places)
        return told(settle())
      })
      expect(late).toEqual(atOnce)
    }),
    { numRuns: 300 },
  )
})

test('a JSON answer has the same end, whenever its local scans end', () => {
  fc.assert(
    fc.property(play, words, (how, said) => {
      const [atOnce, late] = BOTH.map(localScans => {
        const outputRules = [
          rule(flagWord('secret'), how.actions[0]),
          rule(flagWord('token'), how.actions[1], 'fail-open'),
        ]
        const { envoy, feed, settle } = open({ outputRules }, how, localScans)
        envoy.headers('request', CHAT_HEADERS)
        envoy.body('request', chatRequest('hello'), 'end')
        envoy.headers('response', JSON_ANSWER)
        feed('response', chatCompletion(said.join('')), how.places)
        return told(settle())
      })
      expect(late).toEqual(atOnce)
    }),
    { numRuns: 300 },
  )
})

test('an event stream has the same end, whenever its local scans end', () => {
  fc.assert(
    fc.property(play, words, fc.constantFrom('window', 'withhold'), (how, said, delivery) => {
      const secret = said.join('').includes('secret')
      for (const localScans of BOTH) {
        const window = { ...policy().stream.window, firstChars: 8, maxChars: 16 }
        const stream = { ...policy().stream, delivery, window, holdBackChars: 6 }
        const outputRules = [rule(flagWord('secret'), how.actions[0])]
        const { envoy, feed, settle } = open({ outputRules, stream }, how, localScans)
        envoy.headers('request', CHAT_HEADERS)
        envoy.body('request', chatRequest('hello', { stream: true }), 'end')
        envoy.headers('response', STREAM_ANSWER)
        feed('response', chatEvents(...said).join(''), how.places)
        settle()
        const got = readChatStream(Buffer.from(envoy.localReply?.body ?? envoy.response.bytes))
        const [does] = how.actions
        if (does === 'alert' || !secret) expect(got.text).toBe(said.join(''))
        else expect(got.text).not.toContain('secret')
        if (does === 'block' && secret) expect(got.text).toContain('Response blocked by policy')
        expect(got.done).toBe(1)
        if (!envoy.localReply) expect(envoy.response.owed).toEqual([])
        expect(envoy.records.filter(({ phase }) => phase === 'response')).toHaveLength(1)
      }
    }),
    { numRuns: 300 },
  )
})

test('rules of during_call hold the answer until their late scans end, and no longer', () => {
  fc.assert(
    fc.property(play, words, fc.constantFrom<Action>('block', 'alert'), (how, said, does) => {
      const [atOnce, late] = BOTH.map(localScans => {
        const { envoy, feed, settle } = open(
          { parallelRules: [rule(flagWord('secret'), does)] },
          how,
          localScans,
        )
        envoy.headers('request', CHAT_HEADERS)
        feed('request', chatRequest(said.join('')), how.places)
        envoy.headers('response', JSON_ANSWER)
        if (envoy.scans.length > 0) expect(envoy.response.headersOut || envoy.response.endOut).toBe(false)
        // Outside of full duplex Envoy waits for the headers' reply before it sends what follows.
        settle()
        if (!envoy.localReply && !envoy.ended) envoy.body('response', chatCompletion('an answer'), 'end')
        const { reply, request, records } = told(settle())
        // Where nothing is left to look at the call is over, and Envoy goes on alone.
        if (envoy.ended === undefined) expect(envoy.response.owed).toEqual([])
        return { reply, request, records }
      })
      expect(late).toEqual(atOnce)
    }),
    { numRuns: 300 },
  )
})

/** Pieces of text that one event may read, and pieces that it may not. */
const largeWords = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('fine ', 'sec', 'ret ', 'a secret ') },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom('long ', 'token '), fc.integer({ min: 2000, max: 12_000 })),
    },
  ),
  { minLength: 1, maxLength: 8 },
)

test('what a stream has more of than one event may read is read in turns, and nothing goes before', () => {
  fc.assert(
    fc.property(
      play,
      largeWords,
      fc.constantFrom('window', 'withhold'),
      fc.constantFrom('alone', 'before a window'),
      (how, pieces, delivery, others) => {
        const said = pieces.map(piece => (typeof piece === 'string' ? piece : piece[0].repeat(piece[1])))
        const whole = said.join('')
        const [does, otherwise] = how.actions
        const byWindow = others === 'alone' ? [] : [rule(flagWord('token'), otherwise)]
        const stream = { ...policy().stream, delivery }
        const outputRules = [rule(flagAsItGrows('secret'), does), ...byWindow]
        const { envoy, settle } = open({ outputRules, stream }, how, 'late')
        const out = (): Buffer => Buffer.from(envoy.localReply?.body ?? envoy.response.bytes)
        const look = (): void => {
          if (does !== 'alert') expect(out().includes('secret')).toBe(false)
          if (otherwise !== 'alert' && byWindow.length > 0) expect(out().includes('token')).toBe(false)
        }
        envoy.headers('request', CHAT_HEADERS)
        envoy.body('request', chatRequest('hello', { stream: true }), 'end')
        envoy.headers('response', STREAM_ANSWER)
        const events = chatEvents(...said)
        const chunks = how.how === 'buffered' ? [events.join('')] : events
        let turns = 0
        for (const [index, chunk] of chunks.entries()) {
          envoy.body('response', chunk, index === chunks.length - 1 ? 'end' : 'more')
          look()
          for (const which of how.ends[turns++ % how.ends.length] ?? []) {
            if (which % 2 === 0) envoy.goOn()
            else if (envoy.scans.length > 0) envoy.endScan(which)
            look()
          }
        }
        while (envoy.turnsOwed + envoy.scans.length > 0) {
          envoy.goOn()
          look()
          settle()
          look()
        }
        const isDenied =
          (does === 'block' && whole.includes('secret')) ||
          (byWindow.length > 0 && otherwise === 'block' && whole.includes('token'))
        const got = readChatStream(out())
        expect(got.done).toBe(1)
        // Withheld text is denied as a whole.
        if (isDenied && delivery === 'withhold') expect(got.text).toBe('Response blocked by policy')
        else if (isDenied) expect(got.text).toContain('Response blocked by policy')
        else {
          const redacted = does === 'redact' ? whole.replaceAll('secret', '<KEYWORD>') : whole
          const twice =
            byWindow.length > 0 && otherwise === 'redact'
              ? redacted.replaceAll('token', '<KEYWORD>')
              : redacted
          expect(got.text.replaceAll(/<[A-Z]+>/g, '<KEYWORD>') === twice).toBe(true)
        }
        if (!envoy.localReply) expect(envoy.response.owed).toEqual([])
        expect(envoy.records.filter(({ phase }) => phase === 'response')).toHaveLength(1)
      },
    ),
    { numRuns: 60 },
  )
})
