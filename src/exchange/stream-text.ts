import type { Completion, Decoded, LlmFormat, Part, TextPart, TextSegment } from '../llm/format.ts'
import type { RuleOutcome } from '../policy/decide.ts'
import type { Rule } from '../policy/policy.ts'
import { inOriginal } from '../policy/redact.ts'
import type { Redaction } from '../policy/redaction.ts'
import type { Restorer } from '../policy/restore.ts'
import { ReadingAllowance } from './rule-scan.ts'
import { type TextPlace, Track } from './track.ts'

/** What one scan sees of one track. */
export interface Covered {
  readonly track: Track
  readonly segment: TextSegment
  /** Where the segment's text begins and ends in the track. */
  readonly start: number
  readonly to: number
}

type TextDelta = Extract<Part, { kind: 'text-delta' }>

/** Hears what incremental rules came to over a track just now; never of nothing. */
export type OnFound = (track: Track, outcomes: readonly RuleOutcome[]) => void

function keyOf({ choice, textKind, block }: TextPart): string {
  return `${choice}/${textKind}/${block}`
}

/** The running texts of a stream, in the order in which they began. */
export class StreamText {
  readonly #incrementalRules: readonly Rule[]
  readonly #restorer: Restorer | undefined
  readonly #keeps: 'what-scans-see' | 'all'
  readonly #allowance = new ReadingAllowance()
  readonly #onFound: OnFound
  #strayRepeats = 0
  #keptChars = 0
  readonly #tracks = new Map<string, Track>()
  /** That of the text before, which mostly goes on. */
  #latest: Track | undefined

  /** `repeats`: that of the stream's decoder. */
  constructor(
    incrementalRules: readonly Rule[],
    restorer: Restorer | undefined,
    repeats: true | undefined,
    onFound: OnFound,
  ) {
    this.#incrementalRules = incrementalRules
    this.#onFound = onFound
    this.#restorer = restorer
    this.#keeps = repeats ? 'all' : 'what-scans-see'
  }

  /** Characters that are kept until the end, whatever has gone. */
  get keptChars(): number {
    return this.#keptChars
  }

  get isEmpty(): boolean {
    return this.#tracks.size === 0
  }

  /** An incremental rule has not read all that is here. */
  get isBehind(): boolean {
    for (const track of this.#tracks.values()) if (track.isBehind) return true
    return false
  }

  /** Another event: incremental rules may read as much in it as in any. */
  renewAllowance(): void {
    this.#allowance.renew()
  }

  append(part: TextDelta): TextPlace {
    const { choice, textKind, block } = part
    let track = this.#latest
    if (track?.choice !== choice || track.kind !== textKind || track.block !== block) {
      track = this.#trackOf(keyOf(part), part)
      this.#latest = track
    }
    if (this.#keeps === 'all') this.#keptChars += part.text.length
    return this.#append(track, part)
  }

  #append(track: Track, part: TextDelta): TextPlace {
    const { place, outcomes } = track.append(part)
    this.#tell(track, outcomes)
    return place
  }

  #tell(track: Track, outcomes: readonly RuleOutcome[]): void {
    if (outcomes.length > 0) this.#onFound(track, outcomes)
  }

  /** A text said once more needs no second look; one that differs from what was said is a text of its own. */
  repeat(part: Extract<Part, { kind: 'text-repeat' }>): TextPlace {
    const key = keyOf(part)
    const track = this.#tracks.get(key)
    if (track?.says(part.text)) return { track, from: 0, to: track.length, part }
    this.#strayRepeats += 1
    const stray: TextDelta = { ...part, kind: 'text-delta' }
    return this.#append(this.#trackOf(`${key}/${this.#strayRepeats}`, stray), stray)
  }

  #trackOf(key: string, part: TextDelta): Track {
    let track = this.#tracks.get(key)
    if (track === undefined) {
      track = new Track(part, this.#incrementalRules, this.#allowance, this.#restorer, this.#keeps)
      this.#tracks.set(key, track)
    }
    return track
  }

  /** Has the incremental rules that are behind read on. */
  goOn(): void {
    for (const track of this.#tracks.values()) this.#tell(track, track.goOn())
  }

  /** No text of these grows any more. */
  complete(which: (track: Track) => boolean): void {
    for (const track of this.#tracks.values()) if (which(track)) this.#tell(track, track.complete())
  }

  /** Text that a scan by windows could see now and has not. */
  get unscannedChars(): number {
    let chars = 0
    for (const track of this.#tracks.values()) chars += scannableTo(track) - track.scannedTo
    return chars
  }

  /** Everything that is new, each text behind some of what was cleared before. */
  cover(contextChars: number): readonly Covered[] {
    return [...this.#tracks.values()].flatMap(track => {
      const to = scannableTo(track)
      if (to <= track.scannedTo) return []
      const { start, text } = track.pieceTo(to, contextChars)
      const segment: TextSegment = {
        message: track.choice,
        role: 'assistant',
        kind: track.kind,
        text,
        syntax: track.syntax,
        path: [],
      }
      return [{ track, segment, start, to }]
    })
  }

  /** Makes the redactions that a scan asks for. `too-late`: one reaches into what the client already has. */
  redact(covered: readonly Covered[], redactions: readonly Redaction[]): 'done' | 'too-late' {
    // All places are those of the texts as they were when the scan saw them.
    const found = redactions.map(redaction => {
      const seen = covered[redaction.span.segment]
      return seen && { track: seen.track, place: inOriginal(redaction, seen.track.redacted, seen.start) }
    })
    for (const one of found) {
      if (one === undefined || one.place.span.start < one.track.releasedTo) return 'too-late'
      one.track.redact([one.place])
    }
    return 'done'
  }

  /** All of it, for a copy that is judged at once. */
  segments(): readonly TextSegment[] {
    this.complete(() => true)
    return this.cover(0).map(({ segment }) => segment)
  }
}

/** All texts of an event stream that is there as a whole, be it a copy or a file. */
export function readEventStream(format: LlmFormat, chunks: readonly Uint8Array[]): Decoded<Completion> {
  const decoder = format.openStream()
  const text = new StreamText([], undefined, decoder.repeats, () => {})
  let uninspectable = 0
  const frames = chunks.flatMap(chunk => decoder.push(chunk))
  for (const part of [...frames, ...decoder.end()].flatMap(frame => frame.parts)) {
    if (part.kind === 'undecodable') return part
    if (part.kind === 'uninspectable') uninspectable += 1
    else if (part.kind === 'text-delta') text.append(part)
    else if (part.kind === 'text-repeat') text.repeat(part)
  }
  return { kind: 'ok', value: { segments: text.segments(), uninspectable } }
}

/** Redaction of incremental rules comes first, so scans see only what those have settled; tool calls whole. */
function scannableTo(track: Track): number {
  const isPartial = !track.isComplete || track.isBehind
  return track.kind === 'tool-call' && isPartial ? track.scannedTo : track.safeTo
}
