import { describe, expect, test } from 'vitest'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { rule } from '../support/policies.ts'
import {
  bytesOf,
  DONE,
  finish,
  REFUSAL,
  ROLE,
  refusedAfter,
  STREAM_TYPE,
  sdkAnswer,
  text,
} from '../support/stream-events.ts'
import { type Expected, type Scene, type StreamRig, sees, useStreamRig } from '../support/stream-rig.ts'
import {
  FLAGGED,
  guardOf,
  LAZY_WINDOW,
  policyOf,
  RemoteWords,
  STALLING,
  waysOf,
} from '../support/stream-ways.ts'
import { gate } from '../support/upstream.ts'

const early = [ROLE, text('one '), text('two ')]
const late = [text('three '), text('four'), finish(), DONE]
const all = [...early, ...late].join('')
/** Long enough for all that comes before the silence. */
const stream = { window: LAZY_WINDOW, maxDurationMs: 300 }

const silentAfter = (events: readonly string[], policy: Scene['policy']): Scene => ({
  policy,
  awaits: 'nothing',
  script: () => ({ headers: STREAM_TYPE, chunks: [...events, gate()] }),
})

/** By one way of the SDK: every client takes the whole time. */
const showsOnce = (rig: StreamRig, scene: Scene, sent: string, expected: Expected) =>
  sees(rig, scene, sent, () => expected, ['events'])

describe('past max_duration_ms, in full-duplex', { timeout: 10_000 }, () => {
  const rig = useStreamRig('full-duplex')
  const ways = waysOf('full-duplex')

  test.each(ways)('$delivery, $headers, $guard: a silent stream is refused after what is held', async way => {
    const scene = silentAfter(early, policyOf(way, { stream }))
    await showsOnce(rig(), scene, all, {
      record: { effective: 'denied', because: 'failed-closed', bytesReleased: bytesOf(early) },
      answer: refusedAfter('one two '),
    })
  })

  // A local guard has denied long before.
  const remote = ways.filter(({ guard, headers }) => guard === 'remote' && headers === 'at_once')
  test.each(remote)('$delivery, $headers, $guard: what is held and flagged does not get out', async way => {
    const held = [...early, text(`a ${FLAGGED}`)]
    await showsOnce(rig(), silentAfter(held, policyOf(way, { stream })), held.join(''), {
      record: { effective: 'denied', because: 'flagged', bytesReleased: 0 },
      answer: refusedAfter(''),
    })
  })

  test.each(remote)(
    '$delivery, $headers, $guard: a guard that is silent too has its own time, and then what is held is refused',
    async way => {
      const outputRules = [rule(new RemoteWords(stream.maxDurationMs + 100))]
      const held = [ROLE, text(STALLING), DONE]
      const scene = silentAfter(held, policyOf(way, { stream, outputRules }))
      const { answer, record } = await rig().raw(scene)
      expect(record).toMatchObject({ effective: 'denied', because: 'failed-closed', bytesReleased: 0 })
      expect(answer.ended).toBe('complete')
      expect(answer.body).toContain(REFUSAL)
      expect(answer.body).not.toContain('unanswered')
    },
  )

  // Nothing may come before the upstream's first chunk, unless it is a whole answer.
  test.each(ways.filter(({ delivery }) => delivery === 'withhold'))(
    '$headers, $guard: a stream that never began',
    async way => {
      const { answer, record, end } = await rig().raw(silentAfter([], policyOf(way, { stream })))
      const isCut = way.headers === 'at_once'
      expect(record).toMatchObject({
        effective: isCut ? 'discarded' : 'denied',
        because: 'failed-closed',
        bytesReleased: 0,
        bytesDiscarded: 0,
      })
      expect([answer.ended, end]).toEqual(isCut ? ['cut', 'failed'] : ['complete', 'done'])
      expect(answer.body.includes(REFUSAL)).toBe(!isCut)
    },
  )
})

describe('past max_duration_ms, in streamed', { timeout: 10_000 }, () => {
  const rig = useStreamRig('streamed')
  const ways = waysOf('streamed')

  test.each(ways)('$delivery, $guard: a silent stream is cut, there is no chunk to answer', async way => {
    const isOut = way.delivery === 'window' && way.guard === 'local'
    const scene = silentAfter(early, policyOf(way, { stream }))
    const { end } = await showsOnce(rig(), scene, early.join(''), {
      record: {
        effective: 'discarded',
        because: 'failed-closed',
        bytesReleased: isOut ? bytesOf(early) : 0,
        bytesDiscarded: isOut ? 0 : bytesOf(early),
      },
      answer: sdkAnswer({ text: isOut ? 'one two ' : '', error: 'TypeError' }),
    })
    // UNAVAILABLE: an OK end would let the rest pass.
    expect(end).toBe('failed')
  })

  test.each(ways.filter(({ guard }) => guard === 'local'))(
    '$delivery, $guard: a stream that was refused and goes on in silence is cut after the refusal',
    async way => {
      const { answer, record, end } = await rig().raw(
        silentAfter([ROLE, text(`a ${FLAGGED}`)], policyOf(way, { stream })),
      )
      expect(record).toMatchObject({ effective: 'denied', because: 'flagged', bytesReleased: 0 })
      expect(answer.body).toContain(REFUSAL)
      expect(answer.body.endsWith(DONE)).toBe(true)
      expect([answer.ended, end]).toEqual(['cut', 'failed'])
    },
  )
})

describe('past max_duration_ms, in buffered', { timeout: 10_000 }, () => {
  const rig = useStreamRig('buffered')

  test.each(waysOf('buffered'))('$delivery, $guard: the client gets an error, and no text', async way => {
    const { answer, record, end } = await rig().raw(silentAfter(early, policyOf(way, { stream })))
    expect(answer).toMatchObject({ status: 503, type: 'application/json', ended: 'complete' })
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'guardrail_unavailable' } })
    expect([record.effective, record.bytesReleased, end]).toEqual(['discarded', 0, 'failed'])
  })
})

describe.each(ENVOY_MODES.filter(mode => mode !== 'buffered'))(
  'past max_duration_ms, failing open, in %s',
  { timeout: 10_000 },
  mode => {
    const rig = useStreamRig(mode)
    const ways = waysOf(mode).filter(
      ({ delivery, headers }) => delivery === 'withhold' && headers === 'at_once',
    )

    test.each(ways)('$guard: what is held goes, and the rest unseen', async way => {
      const scene: Scene = {
        policy: policyOf(way, { stream, outputRules: [rule(guardOf(way), 'block', 'fail-open')] }),
        awaits: 'nothing',
        heldBytes: bytesOf(early),
        script: cues => {
          const rest = gate()
          // Weir's own timer for it has begun before, in this process.
          void cues.held.opened.then(() => setTimeout(rest.open, stream.maxDurationMs))
          return { headers: STREAM_TYPE, chunks: [...early, rest, ...late] }
        },
      }
      await showsOnce(rig(), scene, all, {
        record: { effective: 'released', because: 'failed-open' },
        answer: sdkAnswer({ text: 'one two three four', finish: 'stop' }),
      })
    })
  },
)
