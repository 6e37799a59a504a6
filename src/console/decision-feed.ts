import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../telemetry/log.ts'
import { failure, send } from '../telemetry/page.ts'
import { type DecisionRing, KEPT_DECISIONS, type NumberedLine, type Slice } from './decision-ring.ts'

/** Readers that follow at once; one more gets 503. */
export const MAX_READERS = 16
/** Lines that a reader gets at once. It gets no more before its connection took these: that bounds what waits for it. */
const BATCH = 100
const TICK_MS = 100
const HEARTBEAT_MS = 15_000
/** A connection that took nothing for so long is cut. */
const STUCK_MS = 30_000
/** What a new follower gets of the past, unless it says. */
const DEFAULT_LAST = 50

export interface DecisionFeedDeps {
  readonly ring: DecisionRing
  /** Brings what other processes decided into the ring, before each reading of it; absent where there are none. */
  readonly refresh?: (() => Promise<void>) | undefined
  readonly log: Log
}

interface Reader {
  readonly response: ServerResponse
  readonly form: Form
  /** The place in the ring of what it got last. */
  at: number
  /** When it was last given something, monotonic milliseconds. */
  givenAt: number
}

/** How a reader is told: as an event stream, or by lines of JSON. */
interface Form {
  readonly contentType: string
  readonly opening: string
  readonly heartbeat: string
  readonly ending: string
  decision(one: NumberedLine): string
  gap(missed: number): string
}

/**
 * The decisions as they are made, for people and programs on the admin listener. Readers come to the ring, by a clock of
 * their own: a decision knows of none, and a slow reader misses decisions, which it is told, and holds up nobody.
 */
export class DecisionFeed {
  readonly #deps: DecisionFeedDeps
  readonly #readers = new Set<Reader>()
  /** Tells this process's places in the row from those of one before it. */
  readonly #epoch = randomBytes(4).toString('hex')
  #tick: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(deps: DecisionFeedDeps) {
    this.#deps = deps
  }

  /**
   * The kept decisions as lines of JSON. With `?follow=true`, or as an event stream where one is asked for, those that
   * come after as well; `?last=N` says how many of the kept ones.
   */
  async answer(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const wantsEvents = (request.headers.accept ?? '').includes('text/event-stream')
    const follows = wantsEvents || query.get('follow') === 'true'
    const last = lastOf(query.get('last'), follows ? DEFAULT_LAST : KEPT_DECISIONS)
    if (last === undefined) return send(response, failure(400, BAD_LAST))
    const form = wantsEvents ? this.#eventStream() : LINES
    if (request.method === 'HEAD') return void begin(response, form).end()
    await this.#refresh()
    // Not before: many may wait for the same refresh.
    if (follows && this.#readers.size >= MAX_READERS) return send(response, failure(503, TOO_MANY))
    const { ring } = this.#deps
    const at = this.#resumedAt(request.headers['last-event-id']) ?? Math.max(0, ring.last - last)
    if (!follows) return void begin(response, form).end(textOf(ring.after(at, KEPT_DECISIONS), form))
    if (this.#isClosed || response.destroyed) return void response.destroy()
    this.#follow({ response: begin(response, form), form, at, givenAt: performance.now() })
  }

  /** Ends every following; none begins after it. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#tick)
    for (const { response, form } of this.#readers) response.end(form.ending)
    this.#readers.clear()
  }

  #follow(reader: Reader): void {
    const { response, form } = reader
    this.#readers.add(reader)
    response.once('close', () => this.#readers.delete(reader))
    response.flushHeaders()
    if (form.opening !== '') response.write(form.opening)
    this.#give(reader)
    this.#tick ??= this.#later()
  }

  #later(): NodeJS.Timeout {
    return setTimeout(() => void this.#turn(), TICK_MS)
  }

  async #turn(): Promise<void> {
    await this.#refresh()
    if (this.#isClosed) return
    for (const reader of this.#readers) this.#give(reader)
    this.#tick = this.#readers.size > 0 ? this.#later() : undefined
  }

  /** A feed without what one process decided is better than none. */
  async #refresh(): Promise<void> {
    try {
      await this.#deps.refresh?.()
    } catch (error) {
      this.#deps.log.error('decisions of workers not read', { err: error })
    }
  }

  #give(reader: Reader): void {
    const { response, form } = reader
    const now = performance.now()
    if (response.writableNeedDrain) {
      if (now - reader.givenAt > STUCK_MS) response.destroy()
      return
    }
    const slice = this.#deps.ring.after(reader.at, BATCH)
    reader.at = slice.last
    const text = textOf(slice, form)
    if (text === '' && now - reader.givenAt < HEARTBEAT_MS) return
    response.write(text === '' ? form.heartbeat : text)
    reader.givenAt = now
  }

  #resumedAt(id: string | string[] | undefined): number | undefined {
    const [epoch, place] = String(id ?? '').split('-')
    if (epoch !== this.#epoch || !/^\d{1,15}$/.test(place ?? '')) return undefined
    return Math.min(Number(place), this.#deps.ring.last)
  }

  #eventStream(): Form {
    return {
      contentType: 'text/event-stream; charset=utf-8',
      opening: 'retry: 2000\n\n',
      heartbeat: ':\n\n',
      ending: 'event: end\ndata: {}\n\n',
      decision: ({ number, line }) => `id: ${this.#epoch}-${number}\nevent: decision\ndata: ${line}\n`,
      gap: missed => `event: gap\ndata: ${JSON.stringify({ missed })}\n\n`,
    }
  }
}

/** The same lines as in the log. */
const LINES: Form = {
  contentType: 'application/x-ndjson; charset=utf-8',
  opening: '',
  heartbeat: '\n',
  ending: '',
  decision: ({ line }) => line,
  gap: missed =>
    `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), msg: `decisions left out: ${missed}`, missed })}\n`,
}

const BAD_LAST = `last must be a whole number from 0 to ${KEPT_DECISIONS}`
const TOO_MANY = `${MAX_READERS} readers follow already: end one of them`

function lastOf(given: string | null, fallback: number): number | undefined {
  if (given === null) return fallback
  return /^\d{1,3}$/.test(given) && Number(given) <= KEPT_DECISIONS ? Number(given) : undefined
}

function begin(response: ServerResponse, { contentType }: Form): ServerResponse {
  return response.writeHead(200, {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    // A proxy that collects the whole answer first would show nothing.
    'x-accel-buffering': 'no',
  })
}

function textOf({ lines, missed }: Slice, form: Form): string {
  return `${missed > 0 ? form.gap(missed) : ''}${lines.map(one => form.decision(one)).join('')}`
}
