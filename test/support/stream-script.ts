import fc from 'fast-check'
import { expect } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Outcome, Span } from '../../src/guardrail/guardrail.ts'
import type { Policy, Rule } from '../../src/policy/policy.ts'
import { CHAT_HEADERS, chatEvents, chatRequest, readChatStream, STREAM_ANSWER } from './chat.ts'
import { EnvoyModel, type ScanEffect } from './envoy-model.ts'
import { policy, policySet } from './policies.ts'

/** The running texts of the answers here. */
export const VOICES = [
  { choice: 0, kind: 'content', say: (text: string): object => ({ content: text }) },
  { choice: 0, kind: 'reasoning', say: (text: string): object => ({ reasoning_content: text }) },
  { choice: 1, kind: 'content', say: (text: string): object => ({ content: text }) },
  {
    choice: 0,
    kind: 'tool-call',
    say: (text: string): object => ({ tool_calls: [{ index: 0, function: { arguments: text } }] }),
  },
] as const

export interface Delta {
  /** Index into `VOICES`. */
  readonly voice: number
  readonly text: string
}

/** The events with text of one answer, each with its deltas. */
export type Frames = readonly (readonly Delta[])[]

/** A stretch of a text, end exclusive. */
export type Stretch = Pick<Span, 'start' | 'end'>

const [ROLE = '', FINISH = '', DONE = ''] = chatEvents()

/** The events of the answer: the role, those with text, the finish, and perhaps `[DONE]`. */
export function eventsOf(frames: Frames, terminator: Script['terminator'] = 'done'): string[] {
  const events = frames.map(deltas => {
    const choices = deltas.map(({ voice, text }) => {
      const { choice, say } = VOICES[voice]!
      return { index: choice, delta: say(text), finish_reason: null }
    })
    return `data: ${JSON.stringify({ id: 'chatcmpl-up1', object: 'chat.completion.chunk', choices })}\n\n`
  })
  return [ROLE, ...events, FINISH, ...(terminator === 'done' ? [DONE] : [])]
}

/** The texts of all voices in the first events, in all of them when no number is given. */
export function textsOf(frames: Frames, events = Number.POSITIVE_INFINITY): string[] {
  const texts = VOICES.map(() => '')
  // The first event is the role.
  for (const { voice, text } of frames.slice(0, Math.max(0, events - 1)).flat()) texts[voice] += text
  return texts
}

/** Every place where one of the words stands; places that overlap are one. */
export function findAll(text: string, words: readonly string[]): Stretch[] {
  const found: Stretch[] = []
  for (let start = 0; start < text.length; start++) {
    const lengths = words.filter(word => text.startsWith(word, start)).map(word => word.length)
    if (lengths.length === 0) continue
    const end = start + Math.max(...lengths)
    const last = found.at(-1)
    if (last !== undefined && start < last.end) {
      found[found.length - 1] = { start: last.start, end: Math.max(last.end, end) }
    } else found.push({ start, end })
  }
  return found
}

/** The same deltas with a placeholder where each place of a word begins, and nothing of the rest of it. */
export function redactAll(frames: Frames, words: readonly string[], placeholder: string): Frames {
  const shown = textsOf(frames).map(text => {
    const units = text.split('')
    for (const { start, end } of findAll(text, words)) {
      units.fill('', start, end)
      units[start] = placeholder
    }
    return units
  })
  return frames.map(deltas =>
    deltas.map(({ voice, text }) => ({ voice, text: shown[voice]!.splice(0, text.length).join('') })),
  )
}

/** Answers of the first `voices`, whose texts are made of the fragments and cut into deltas and frames anywhere. */
export function answers(fragments: readonly string[], voices: number): fc.Arbitrary<Frames> {
  const text = fc.array(fc.constantFrom(...fragments), { maxLength: 16 }).map(parts => parts.join(''))
  const cut = fc.record({
    voice: fc.nat(voices - 1),
    chars: fc.integer({ min: 1, max: 9 }),
    joins: fc.boolean(),
  })
  const texts = fc.array(text, { minLength: voices, maxLength: voices })
  return fc.tuple(texts, fc.array(cut, { maxLength: 30 })).map(([whole, cuts]) => {
    const frames: Delta[][] = []
    const at = whole.map(() => 0)
    const rest = whole.map((all, voice) => ({ voice, chars: all.length, joins: false }))
    for (const { voice, chars, joins } of [...cuts, ...rest]) {
      const delta = { voice, text: whole[voice]!.slice(at[voice], at[voice]! + chars) }
      at[voice]! += delta.text.length
      if (delta.text === '') continue
      if (joins && frames.length > 0) frames.at(-1)!.push(delta)
      else frames.push([delta])
    }
    return frames
  })
}

/**
 * What happens to a stream, one after the other: a number is a chunk of so many bytes, `silence` so long a time without
 * one that every verdict comes and every timer rings.
 */
type Happening = number | 'verdict' | 'window-due' | 'heartbeat-due' | 'silence'

export interface Script {
  readonly mode: BodyMode
  readonly happenings: readonly Happening[]
  readonly terminator: 'done' | 'none'
  readonly ending: 'with-the-last-chunk' | 'alone' | 'trailers'
}

export const scripts: fc.Arbitrary<Script> = fc
  .record({
    mode: fc.constantFrom<BodyMode>('full-duplex', 'streamed'),
    happenings: fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 1, max: 500 }) },
        { weight: 2, arbitrary: fc.constant('verdict' as const) },
        { weight: 1, arbitrary: fc.constant('silence' as const) },
        { weight: 1, arbitrary: fc.constantFrom('window-due' as const, 'heartbeat-due' as const) },
      ),
      { maxLength: 60 },
    ),
    terminator: fc.constantFrom('done', 'none'),
    ending: fc.constantFrom('with-the-last-chunk', 'alone', 'trailers'),
  })
  // Trailers leave no place in STREAMED for what a scan on its way still holds.
  .filter(({ mode, ending }) => mode === 'full-duplex' || ending !== 'trailers')

/** How far the upstream has come. */
export interface Progress {
  readonly fed: number
  readonly ended: boolean
}

/** One exchange up to the response's headers; delivery `window` unless `stream` says otherwise. */
export function openStreamed(
  mode: BodyMode,
  outputRules: readonly Rule[],
  stream: Partial<Policy['stream']> = {},
): EnvoyModel {
  const settings = { ...policy().stream, delivery: 'window' as const, ...stream }
  const envoy = new EnvoyModel(policySet(policy({ outputRules: [...outputRules], stream: settings })), {
    mode,
  })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello', { stream: true }), 'end')
  envoy.headers('response', STREAM_ANSWER)
  return envoy
}

/** What a test does with the scans, and its look at things after every step and at the end of every silence. */
interface Player {
  answer(scan: ScanEffect): Outcome
  look(progress: Progress): void
  listen?(progress: Progress): void
}

/** Plays the happenings, then the rest of the upstream's bytes, its end, and a verdict for every scan. */
export function play(envoy: EnvoyModel, events: readonly string[], script: Script, player: Player): void {
  const performance = new Performance(envoy, events, script, player)
  for (const happening of script.happenings) performance.perform(happening)
  performance.finish()
}

class Performance {
  readonly #envoy: EnvoyModel
  readonly #upstream: Buffer
  readonly #ending: Script['ending']
  readonly #player: Player
  #fed = 0
  #ended = false
  /** Timers of a window that rang, or were replaced by the next. */
  #rung = 0

  constructor(envoy: EnvoyModel, events: readonly string[], { ending }: Script, player: Player) {
    this.#envoy = envoy
    this.#upstream = Buffer.from(events.join(''))
    this.#ending = ending
    this.#player = player
  }

  perform(happening: Happening): void {
    if (happening === 'verdict') this.#settle()
    else if (happening === 'window-due') this.#ring()
    else if (happening === 'heartbeat-due') this.#envoy.step({ kind: 'heartbeat-due' })
    else if (happening === 'silence') this.#keepSilent()
    else this.#send(happening)
    this.#look()
  }

  finish(): void {
    while (this.#fed < this.#upstream.length && !isDenied(this.#envoy)) {
      this.perform(this.#envoy.paused ? 'verdict' : 200)
    }
    if (!this.#ended) {
      this.#ended = true
      if (this.#ending === 'trailers') this.#envoy.trailers('response')
      else this.#envoy.body('response', '', 'end')
      this.#look()
    }
    this.perform('silence')
  }

  #send(size: number): void {
    // A call that asked for a pause is brought no more.
    if (this.#envoy.paused || this.#fed === this.#upstream.length) return
    const from = this.#fed
    this.#fed = Math.min(from + size, this.#upstream.length)
    this.#ended = this.#fed === this.#upstream.length && this.#ending === 'with-the-last-chunk'
    this.#envoy.body('response', this.#upstream.subarray(from, this.#fed), this.#ended ? 'end' : 'more')
  }

  #settle(): void {
    const { scans } = this.#envoy
    expect(scans.length).toBeLessThanOrEqual(1)
    if (scans[0]) this.#envoy.answerScan(this.#player.answer(scans[0]))
  }

  #ring(): void {
    this.#rung = this.#envoy.windows.length
    this.#envoy.step({ kind: 'window-due' })
  }

  #keepSilent(): void {
    const { scans, windows } = this.#envoy
    for (; scans.length > 0 || this.#rung < windows.length; this.#look()) {
      if (scans.length > 0) this.#settle()
      else this.#ring()
    }
    this.#player.listen?.({ fed: this.#fed, ended: this.#ended })
  }

  #look(): void {
    this.#player.look({ fed: this.#fed, ended: this.#ended })
  }
}

/** How many of the events the client has, whole and in order. All that may follow them is a refusal. */
export function receivedEvents(envoy: EnvoyModel, events: readonly string[]): number {
  const out = envoy.response.bytes.toString().replaceAll(':\n\n', '')
  let count = 0
  let at = 0
  while (count < events.length && out.startsWith(events[count]!, at)) at += events[count++]!.length
  const { text } = readChatStream(Buffer.from(out.slice(at)))
  if (isDenied(envoy)) expect(text.replaceAll('Response blocked by policy', '').trim()).toBe('')
  else expect(out.slice(at)).toBe('')
  return count
}

export function isDenied(envoy: EnvoyModel): boolean {
  return envoy.records.some(({ effective }) => effective === 'denied')
}

/** Every event arrived, with nothing of ours among them, and the stream is over. */
export function expectWhole(envoy: EnvoyModel, events: readonly string[]): void {
  expect(isDenied(envoy)).toBe(false)
  expect(receivedEvents(envoy, events)).toBe(events.length)
  expectEnded(envoy)
}

/** No voice may have more characters at the client than its limit says; undefined is no limit. */
export function expectWithin(
  limits: readonly (number | undefined)[],
  said: Frames,
  envoy: EnvoyModel,
  events: readonly string[],
): void {
  textsOf(said, receivedEvents(envoy, events)).forEach(({ length }, voice) => {
    expect(length).toBeLessThanOrEqual(limits[voice] ?? length)
  })
}

/** Nobody waits for anything any more. */
export function expectEnded(envoy: EnvoyModel): void {
  expect(envoy.response.endOut).toBe(true)
  expect(envoy.response.owed).toEqual([])
  expect(envoy.paused).toBe(false)
}
