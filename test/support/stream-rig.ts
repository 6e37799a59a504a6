import OpenAI from 'openai'
import { afterAll, beforeAll, expect } from 'vitest'
import type { ExchangeEnd } from '../../src/exchange/events.ts'
import type { DecisionRecord } from '../../src/exchange/record.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { type Bootstrap, connectionManagerOf, type EnvoyMode } from './bootstrap.ts'
import { readChatStream } from './chat.ts'
import { policySet } from './policies.ts'
import { type Stack, startStack } from './stack.ts'
import { DONE, REFUSAL } from './stream-events.ts'
import {
  type OnSeen,
  type RawAnswer,
  readByHelper,
  readEvents,
  readRaw,
  type SdkAnswer,
} from './stream-reader.ts'
import { type Gate, gate, type Script } from './upstream.ts'

/** What the upstream may wait for. */
export interface Cues {
  /** The client has what the scene awaits. */
  readonly seen: Gate
  /** After that, Weir holds as many bytes as the scene says. */
  readonly held: Gate
}

/** One exchange, to be played for one client after the other. */
export interface Scene {
  readonly policy: Policy
  readonly script: (cues: Cues) => Script
  /** What the client is to have before the upstream goes on. */
  readonly awaits: 'head' | 'text' | 'nothing'
  readonly heldBytes?: number
  /** The client goes away when Weir holds so many. */
  readonly leaves?: AbortController
  /** More keys of the request. */
  readonly ask?: Partial<OpenAI.ChatCompletionCreateParamsStreaming>
}

export interface Played<T> {
  readonly answer: T
  /** Of the response. */
  readonly record: DecisionRecord
  /** How the call ended. */
  readonly end: ExchangeEnd
}

/** Clients of all sorts before an Envoy with Weir. */
export interface StreamRig {
  readonly stack: Stack
  raw(scene: Scene): Promise<Played<RawAnswer>>
  /** By the SDK's iterator over events. */
  events(scene: Scene): Promise<Played<SdkAnswer>>
  /** By the SDK's helper. */
  helper(scene: Scene): Promise<Played<SdkAnswer>>
}

export function useStreamRig(mode: EnvoyMode): () => StreamRig {
  let rig: StreamRig | undefined
  beforeAll(async () => {
    rig = streamRig(await startStack(mode, { overrides: cutAtOnce }))
  })
  afterAll(() => rig?.stack.stop())
  return () => {
    if (!rig) throw new Error('the rig starts with the tests')
    return rig
  }
}

/** Envoy lets a client that it cuts wait for the end of the connection, a second if it is not told otherwise. */
function cutAtOnce(bootstrap: Bootstrap): void {
  Object.assign(connectionManagerOf(bootstrap), { delayed_close_timeout: '0.02s' })
}

function streamRig(stack: Stack): StreamRig {
  const client = new OpenAI({ apiKey: 'sk-test', baseURL: `${stack.envoy.address}/v1`, maxRetries: 0 })
  const play = async <T>(scene: Scene, read: (onSeen: OnSeen) => Promise<T>): Promise<Played<T>> => {
    const { telemetry } = stack.weir
    const cues = { seen: gate(), held: gate() }
    if (scene.awaits === 'nothing') cues.seen.open()
    stack.use(policySet(scene.policy))
    stack.upstream.respond(scene.script(cues))
    const { heldBytes = 0 } = scene
    const isHeld = cues.seen.opened.then(() => telemetry.until(() => telemetry.heldBytes >= heldBytes))
    void isHeld.then(() => {
      cues.held.open()
      scene.leaves?.abort()
    })
    const answer = await read(what => {
      if (what === scene.awaits) cues.seen.open()
    })
    await telemetry.until(() => telemetry.ends.length > 0)
    const [end] = telemetry.ends
    const record = telemetry.records.find(({ phase }) => phase === 'response')
    if (end === undefined || record === undefined) throw new Error('the call ended without a decision')
    return { answer, record, end }
  }
  const ask = (scene: Scene): OpenAI.ChatCompletionCreateParamsStreaming => ({
    model: 'gpt-test',
    messages: [{ role: 'user', content: 'hello' }],
    ...scene.ask,
    stream: true,
  })
  const options = ({ leaves }: Scene): { signal?: AbortSignal } => ({ signal: leaves?.signal })
  return {
    stack,
    raw: scene =>
      play(scene, onSeen => readRaw(stack.chat(JSON.stringify(ask(scene)), options(scene)), onSeen)),
    events: scene => play(scene, onSeen => readEvents(client, ask(scene), onSeen, options(scene))),
    helper: scene => play(scene, onSeen => readByHelper(client, ask(scene), onSeen)),
  }
}

/** What every sort of client is to get of a scene. */
export interface Expected {
  readonly record: Partial<DecisionRecord>
  readonly answer: SdkAnswer
}

/** Plays a scene for clients one after the other; returns what the first of them, which looks at bytes, got. */
export async function sees(
  rig: StreamRig,
  scene: Scene,
  sent: string,
  expected: (raw: Played<RawAnswer>) => Expected,
  clients: readonly ('events' | 'helper')[] = ['events', 'helper'],
): Promise<Played<RawAnswer>> {
  const raw = await rig.raw(scene)
  compareWithRecord(raw, sent)
  const { record, answer } = expected(raw)
  expect(raw.record).toMatchObject(record)
  for (const client of clients) {
    // The helper takes no stream without a finish reason.
    if (client === 'helper' && answer.finish === undefined) continue
    const sdk = await rig[client](scene)
    expect(sdk.answer).toEqual(answer)
    // A client that throws has gone away by itself.
    if (answer.error === undefined) expect(sdk.record.effective).toBe(raw.record.effective)
  }
  return raw
}

/**
 * The record tells what the client got: as many of the upstream's first bytes as were released, then nothing when
 * they are all, a refusal when something was denied, a cut when nobody decided.
 */
export function compareWithRecord({ answer, record }: Played<RawAnswer>, sent: string): void {
  const { effective, bytesReleased, bytesDiscarded } = record
  const released = sent.slice(0, bytesReleased)
  expect(answer.body.slice(0, bytesReleased)).toBe(released)
  const own = answer.body.slice(bytesReleased)
  expect(bytesReleased + bytesDiscarded).toBeLessThanOrEqual(sent.length)
  if (effective === 'released') {
    expect({ released, own, ended: answer.ended }).toEqual({ released: sent, own: '', ended: 'complete' })
  } else if (effective === 'denied') {
    expect(answer.ended).toBe('complete')
    expect(readChatStream(Buffer.from(answer.body))).toMatchObject({
      finish: 'content_filter',
      done: 1,
      roles: 1,
    })
    expect(own).toContain(REFUSAL)
    expect(own.endsWith(DONE)).toBe(true)
  } else {
    expect({ effective, own, ended: answer.ended }).toEqual({ effective: 'discarded', own: '', ended: 'cut' })
  }
}
