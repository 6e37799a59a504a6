import { describe, expect, test } from 'vitest'
import type { Guardrail } from '../../src/guardrail/guardrail.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { rule } from '../support/policies.ts'
import { DONE, finish, ROLE, STREAM_TYPE, sdkAnswer, text } from '../support/stream-events.ts'
import { compareWithRecord, type Scene, useStreamRig } from '../support/stream-rig.ts'
import { guardOf, policyOf, RemoteWords, STALLING, type Way, waysOf } from '../support/stream-ways.ts'
import { type Gate, gate, type Script } from '../support/upstream.ts'

const early = [ROLE, text('fine ')]
/** A remote guard is asked for certain when all of the stream is there. */
const heldFor = ({ guard }: Way): string => (guard === 'remote' ? text(STALLING) + DONE : text(STALLING))

/** A scan that will never be answered is aborted, which a test waits for. */
const givenUp = async (guardrail: Guardrail): Promise<void> => {
  if (guardrail instanceof RemoteWords) await guardrail.givenUp.opened
}

describe.each(ENVOY_MODES)('in %s', { timeout: 10_000 }, mode => {
  const rig = useStreamRig(mode)

  /**
   * A stream whose last text is held: it has no verdict yet, or a finding may begin in it. Then comes what `ending`
   * says. BUFFERED shows nothing of it as long as it goes on.
   */
  function holding(way: Way, ending: (held: Gate) => Pick<Script, 'chunks' | 'ending'>) {
    const held = heldFor(way)
    const sent = [...early, held].join('')
    const guardrail = guardOf(way)
    const isWindow = way.delivery === 'window' && mode !== 'buffered'
    const hasHead = mode === 'streamed' || (mode === 'full-duplex' && way.headers === 'at_once')
    const out = isWindow ? early.join('') : ''
    const scene: Scene = {
      policy: policyOf(way, { outputRules: [rule(guardrail)] }),
      awaits: isWindow ? 'text' : hasHead ? 'head' : 'nothing',
      heldBytes: sent.length - out.length,
      script: cues => {
        const { chunks = [], ...rest } = ending(cues.held)
        return { headers: STREAM_TYPE, ...rest, chunks: [...early, cues.seen, held, ...chunks] }
      },
    }
    return { scene, guardrail, sent, out, hasHead: hasHead || isWindow }
  }

  describe.each(waysOf(mode))('delivery $delivery, headers $headers, guard $guard', way => {
    test('an upstream that is cut while its text is held: the client is cut, and nothing held is out', async () => {
      const { scene, guardrail, sent, out, hasHead } = holding(way, isHeld => ({
        chunks: mode === 'buffered' ? [] : [isHeld],
        ending: 'cut',
      }))
      const raw = await rig().raw(scene)
      if (mode !== 'buffered') await givenUp(guardrail)
      expect(raw.record).toMatchObject({
        effective: 'discarded',
        because: 'cancelled',
        bytesReleased: out.length,
        bytesDiscarded: mode === 'buffered' ? 0 : scene.heldBytes,
      })
      const sdk = await rig().events(scene)
      expect(sdk.record.effective).toBe('discarded')
      if (hasHead) {
        expect(raw.answer.body).toBe(out)
        compareWithRecord(raw, sent)
        expect(sdk.answer).toEqual(sdkAnswer({ text: out === '' ? '' : 'fine ', error: 'TypeError' }))
      } else {
        // Envoy answers for an upstream that it has shown nothing of.
        expect(raw.answer).toMatchObject({ status: 502, type: 'text/plain', ended: 'complete' })
        expect(raw.answer.body).not.toContain('data:')
        expect(sdk.answer).toEqual(sdkAnswer({ error: 'InternalServerError' }))
      }
    })

    test('an upstream that is cut after its terminator: the client has everything', async () => {
      const all = [ROLE, text('fine'), finish(), DONE].join('')
      const raw = await rig().raw({
        policy: policyOf(way),
        awaits: mode === 'buffered' ? 'nothing' : 'text',
        script: cues => ({ headers: STREAM_TYPE, chunks: [all, cues.seen], ending: 'cut' }),
      })
      if (mode === 'buffered') {
        expect(raw.answer.status).toBe(502)
        expect(raw.record).toMatchObject({ effective: 'discarded', bytesReleased: 0 })
      } else {
        expect(raw.answer).toMatchObject({ status: 200, body: all, ended: 'cut' })
        expect(raw.record).toMatchObject({
          effective: 'released',
          because: 'clean',
          bytesReleased: all.length,
        })
      }
    })
  })

  // BUFFERED holds nothing for a local guard.
  const waiting = waysOf(mode).filter(({ guard }) => mode !== 'buffered' || guard === 'remote')
  describe.each(waiting)('delivery $delivery, headers $headers, guard $guard', way => {
    test.each(['raw', 'events'] as const)(
      'a client that goes away while text is held (%s): the call ends, and with it the scan and the upstream',
      async client => {
        const { upstream, weir } = rig().stack
        const never = mode === 'buffered' ? [] : [gate()]
        const { scene, guardrail, out, hasHead } = holding(way, () => ({ chunks: never }))
        const count = upstream.requests.length
        const { answer, record, end } = await rig()[client]({ ...scene, leaves: new AbortController() })
        expect(record).toMatchObject({
          effective: 'discarded',
          because: 'cancelled',
          bytesReleased: out.length,
          bytesDiscarded: scene.heldBytes,
        })
        await givenUp(guardrail)
        expect([end, weir.telemetry.heldBytes]).toEqual(['closed-by-envoy', 0])
        if (mode !== 'buffered') await (await upstream.request(count)).aborted
        if ('body' in answer) expect(answer).toMatchObject({ body: out, ended: 'cut' })
        else {
          const error = hasHead ? undefined : 'APIUserAbortError'
          expect(answer).toEqual(sdkAnswer({ text: out === '' ? '' : 'fine ', error }))
        }
      },
    )
  })
})
