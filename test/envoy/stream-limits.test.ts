import { describe, expect, test } from 'vitest'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { rule } from '../support/policies.ts'
import {
  bytesOf,
  DONE,
  finish,
  ROLE,
  refusedAfter,
  STREAM_TYPE,
  sdkAnswer,
  text,
  toolCall,
} from '../support/stream-events.ts'
import { type Cues, type Scene, sees, useStreamRig } from '../support/stream-rig.ts'
import {
  FLAGGED,
  guardOf,
  LAZY_WINDOW,
  policyOf,
  RemoteWords,
  type Way,
  waysOf,
} from '../support/stream-ways.ts'
import { type Gate, gate } from '../support/upstream.ts'

/** What is there when a limit is reached, and what comes after it. */
const early = [ROLE, text('one '), text('two ')]
const late = [text('three '), text('four'), finish(), DONE]
const all = [...early, ...late].join('')

const whole = sdkAnswer({ text: 'one two three four', finish: 'stop' })
const released = { effective: 'released', bytesReleased: all.length, bytesDiscarded: 0 } as const
const denied = { effective: 'denied', because: 'failed-closed' } as const
const flagged = { effective: 'denied', because: 'flagged' } as const

const failingOpen = (way: Way) => [rule(guardOf(way), 'block', 'fail-open')]

describe.each(ENVOY_MODES)('in %s', { timeout: 10_000 }, mode => {
  const rig = useStreamRig(mode)
  const isBuffered = mode === 'buffered'

  /** The upstream says no more: for ever where Weir can end the stream alone, else until the client has text. */
  const silence = (cues: Cues): readonly Gate[] =>
    isBuffered ? [] : [mode === 'full-duplex' ? gate() : cues.seen]
  const sceneOf = (policy: Scene['policy'], chunks: (cues: Cues) => readonly (string | Gate)[]): Scene => ({
    policy,
    awaits: isBuffered ? 'nothing' : 'text',
    script: cues => ({ headers: STREAM_TYPE, chunks: chunks(cues) }),
  })

  describe('past max_held_bytes', () => {
    const maxHeldBytes = bytesOf(early) - 1
    const stream = { window: LAZY_WINDOW, maxHeldBytes }

    test.each(waysOf(mode))(
      'on_held_limit window: arrives whole, its beginning before its end, and all is scanned ($delivery, $headers, $guard)',
      async way => {
        const guardrail = guardOf(way)
        const policy = policyOf(way, { stream, outputRules: [rule(guardrail)] })
        const scene = sceneOf(policy, cues => [...early, cues.seen, ...late])
        await sees(rig(), scene, all, () => ({ record: { ...released, because: 'clean' }, answer: whole }))
        if (guardrail instanceof RemoteWords) expect(guardrail.asked.at(-1)).toBe('one two three four')
      },
    )

    test.each(waysOf(mode))(
      'on_held_limit window, flagged: is refused after what was clean ($delivery, $headers, $guard)',
      async way => {
        const rest = [text(`a ${FLAGGED}`), finish(), DONE]
        const scene = sceneOf(policyOf(way, { stream }), cues => [...early, cues.seen, ...rest])
        await sees(rig(), scene, [...early, ...rest].join(''), () => ({
          record: { ...flagged, bytesReleased: isBuffered ? 0 : bytesOf(early) },
          answer: refusedAfter(isBuffered ? '' : 'one two '),
        }))
      },
    )

    test.each(waysOf(mode).filter(({ guard }) => guard === 'remote'))(
      'while a verdict is on its way: loses nothing ($delivery, $headers, $guard)',
      async way => {
        const guardrail = new RemoteWords()
        const answers = gate()
        guardrail.answering = answers.opened
        const many = Array.from({ length: 200 }, (_, index) => text(`${index} `))
        const sent = [ROLE, ...many, finish(), DONE]
        const scene: Scene = {
          policy: policyOf(way, { stream, outputRules: [rule(guardrail)] }),
          awaits: 'nothing',
          heldBytes: maxHeldBytes + 1,
          script: cues => {
            void cues.held.opened.then(answers.open)
            return { headers: STREAM_TYPE, chunks: sent }
          },
        }
        const { answer, record } = await rig().raw(scene)
        expect(answer).toMatchObject({ status: 200, body: sent.join(''), ended: 'complete' })
        expect(record).toMatchObject({
          effective: 'released',
          because: 'clean',
          bytesReleased: bytesOf(sent),
        })
      },
    )

    // Delivery window lets go of what it can in any case.
    const withheld = waysOf(mode).filter(({ delivery }) => delivery === 'withhold')
    const denying = { ...stream, onHeldLimit: 'deny' } as const

    test.each(withheld)('on_held_limit deny: is refused ($headers, $guard)', async way => {
      const scene = sceneOf(policyOf(way, { stream: denying }), cues => [...early, ...silence(cues)])
      await sees(rig(), scene, early.join(''), () => ({
        record: { ...denied, bytesReleased: 0 },
        answer: refusedAfter(''),
      }))
    })

    test.each(withheld)('on_held_limit deny, failing open: arrives whole ($headers, $guard)', async way => {
      const policy = policyOf(way, { stream: denying, outputRules: failingOpen(way) })
      const scene = sceneOf(policy, cues => [...early, cues.seen, ...late])
      await sees(rig(), scene, all, () => ({
        record: { ...released, because: 'failed-open' },
        answer: whole,
      }))
    })
  })

  describe.each(waysOf(mode))('past max_response_bytes ($delivery, $headers, $guard)', way => {
    const policyUpTo = (maxResponseBytes: number, outputRules = [rule(guardOf(way))]) =>
      policyOf(way, {
        stream: { window: LAZY_WINDOW },
        limits: { maxRequestBytes: 10_000, maxResponseBytes },
        outputRules,
      })

    /** What is there before the limit and after it, and how much of it gets out. */
    const [begin, middle, rest] = toolCall('fine')
    test.each([
      { what: 'after what is within', within: early, room: 10, beyond: late, out: early, text: 'one two ' },
      {
        what: 'after a word that the limit cuts',
        within: [ROLE, text(`a ${FLAGGED.slice(0, 3)}`)],
        room: 0,
        beyond: [text(FLAGGED.slice(3)), ...late],
        out: [ROLE, text(`a ${FLAGGED.slice(0, 3)}`)],
        text: `a ${FLAGGED.slice(0, 3)}`,
      },
      {
        what: 'before a tool call that the limit cuts',
        within: [...early, begin!, middle!],
        room: 0,
        beyond: [rest!, finish('tool_calls'), DONE],
        out: early,
        text: 'one two ',
      },
    ])('is refused $what', async ({ within, room, beyond, out, text }) => {
      const scene = sceneOf(policyUpTo(bytesOf(within) + room), cues => [
        ...within,
        beyond[0]!,
        ...silence(cues),
      ])
      await sees(rig(), scene, [...within, ...beyond].join(''), () => ({
        record: { ...denied, bytesReleased: bytesOf(out) },
        answer: refusedAfter(text),
      }))
    })

    test('flagged within: none of that is out', async () => {
      const within = [ROLE, text(`a ${FLAGGED}`)]
      const scene = sceneOf(policyUpTo(bytesOf(within)), cues => [...within, ...late, ...silence(cues)])
      await sees(rig(), scene, [...within, ...late].join(''), () => ({
        record: { ...flagged, bytesReleased: 0 },
        answer: refusedAfter(''),
      }))
    })

    test('by no byte: arrives whole', async () => {
      const scene = sceneOf(policyUpTo(all.length), () => [...early, ...late])
      await sees(rig(), scene, all, () => ({ record: { ...released, because: 'clean' }, answer: whole }))
    })

    test('failing open: arrives whole', async () => {
      const scene = sceneOf(policyUpTo(bytesOf(early), failingOpen(way)), () => [...early, ...late])
      await sees(rig(), scene, all, () => ({
        record: { ...released, because: 'failed-open' },
        answer: whole,
      }))
    })

    test('failing open, but one of two rules: is refused after what is within', async () => {
      const rules = [...failingOpen(way), rule(guardOf(way))]
      const scene = sceneOf(policyUpTo(bytesOf(early), rules), cues => [...early, ...late, ...silence(cues)])
      await sees(rig(), scene, all, () => ({
        record: { ...denied, bytesReleased: bytesOf(early) },
        answer: refusedAfter('one two '),
      }))
    })

    test('failing open, flagged within: is refused', async () => {
      const within = [ROLE, text(`a ${FLAGGED}`)]
      const scene = sceneOf(policyUpTo(bytesOf(within), failingOpen(way)), () => [...within, ...late])
      await sees(rig(), scene, [...within, ...late].join(''), () => ({
        record: { ...flagged, bytesReleased: 0 },
        answer: refusedAfter(''),
      }))
    })
  })
})
