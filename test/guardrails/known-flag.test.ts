import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Outcome, RemoteGuardrail, ScanSubject } from '../../src/guardrail/guardrail.ts'
import { createGuardrail, guardrailConfigSchema } from '../../src/guardrail/registry.ts'
import { runRemoteScan } from '../../src/guardrail/run-scan.ts'
import { decide } from '../../src/policy/decide.ts'
import { createHttpClient } from '../../src/service/http-client.ts'
import { cached } from '../../src/verdict-cache/cached.ts'
import { createMemoryStore } from '../../src/verdict-cache/memory-store.ts'
import { guardrailDeps } from '../support/guard-http.ts'
import { GUARD_KINDS, type GuardKind, KEY_CANARY } from '../support/guard-kinds.ts'
import { rule } from '../support/policies.ts'
import { input } from '../unit/guardrail/segments.ts'
import { startSilentServer } from '../unit/service/http-rig.ts'

/**
 * What a service flagged before the deadline is blocked, whatever becomes of the rest: also by a rule with `fail_open`.
 * The deadline comes when a test wants it to.
 */

const never = new AbortController().signal

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

interface Rig extends AsyncDisposable {
  readonly guardrail: RemoteGuardrail
  scan(subject: ScanSubject): Promise<Outcome>
  /** The service answered a request of flagged text, and another is sent that nobody will answer. */
  readonly halfWay: Promise<unknown>
}

/** A guardrail with a cache. Requests without the flagged text go to a server that never answers. */
async function openRig(kind: GuardKind): Promise<Rig> {
  const service = await kind.start()
  const silent = await startSilentServer()
  const http = createHttpClient()
  const answered = Promise.withResolvers<void>()
  const unanswered = Promise.withResolvers<void>()
  const connect: typeof http.connect = access => {
    const postJson = http.connect(access)
    return async post => {
      if (JSON.stringify(post.body).includes(kind.flagged)) {
        const answer = await postJson(post)
        answered.resolve()
        return answer
      }
      unanswered.resolve()
      return postJson({ ...post, url: silent.url })
    }
  }
  const config = JSON.stringify(kind.config(service.origin)).replaceAll('$env://KEY', KEY_CANARY)
  const parsed = guardrailConfigSchema.parse(JSON.parse(config))
  const guardrail = createGuardrail('guard', parsed, guardrailDeps(connect))
  if (guardrail.locality !== 'remote') throw new Error('the kind is remote')
  const guard = cached(guardrail, {
    store: createMemoryStore({ maxEntries: 100, ttlMs: 60_000 }),
    digest: text => text,
    configVersion: 'v1',
    report: () => {},
  })
  return {
    guardrail: guard,
    scan: subject => runRemoteScan(guard, subject, never, () => 0),
    halfWay: Promise.all([answered.promise, unanswered.promise]),
    async [Symbol.asyncDispose]() {
      await http.close()
      await silent.close()
      await service.close()
    },
  }
}

describe.each(GUARD_KINDS)('$title', kind => {
  test('blocks by what one request found, though another still waits', async () => {
    await using rig = await openRig(kind)
    const scan = rig.scan(input(`${'word '.repeat(kind.limit / 4)}${kind.flagged}`))
    await rig.halfWay
    await vi.advanceTimersByTimeAsync(rig.guardrail.timeoutMs)
    const outcome = await scan
    expect(decide([{ rule: rule(rig.guardrail, 'block', 'fail-open'), outcome }])).toEqual({
      kind: 'deny',
      because: 'flagged',
    })
  })
})

const EACH_TEXT = GUARD_KINDS.filter(({ title }) => title === 'presidio')

test.each(EACH_TEXT)('$title: blocks by what it remembers, though the rest still waits', async kind => {
  await using rig = await openRig(kind)
  const known = `mail to ${kind.flagged}`
  expect(await rig.scan(input(known))).toMatchObject({ verdict: { kind: 'flagged' } })
  const scan = rig.scan(input(known, 'and a new text'))
  await rig.halfWay
  await vi.advanceTimersByTimeAsync(rig.guardrail.timeoutMs)
  const outcome = await scan
  expect(outcome).toMatchObject({ verdict: { kind: 'flagged', incomplete: 'timeout' } })
  for (const fail of ['fail-open', 'fail-closed'] as const)
    expect(decide([{ rule: rule(rig.guardrail, 'block', fail), outcome }])).toEqual({
      kind: 'deny',
      because: 'flagged',
    })
})
