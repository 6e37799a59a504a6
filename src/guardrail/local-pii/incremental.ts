import type { Finding, IncrementalScan, ScanProgress } from '../guardrail.ts'
import { endsInHalfCharacter } from '../text/half-character.ts'
import type { Candidate, Reader, TextEnd } from './candidate.ts'
import { UNDISGUISED } from './disguise.ts'
import { settleOverlaps } from './overlaps.ts'
import type { ReadingTrack } from './reading-track.ts'
import { openPlainTrack, openUndisguisedTrack } from './reading-track.ts'

/**
 * Everything in a text that is complete. Of readings that tie, the one of the reader named first counts, and the text
 * as it came before the text without its disguises.
 */
export function readWhole(readers: readonly Reader[], text: string, segment: number): Finding[] {
  const plain = openPlainTrack(readers)
  const undisguised = UNDISGUISED.changes(text) ? openUndisguisedTrack(readers, plain.state()) : undefined
  const candidates = [...plain.read(text, 'closed').found, ...(undisguised?.read(text, 'closed').found ?? [])]
  return findingsOf(settleOverlaps(candidates, text.length).kept, segment)
}

/**
 * Reads a text piece by piece, each with the end of what came before: a reader goes on where one of its entities may be
 * under way. In prose that is the last word; an e-mail address reaches back furthest, 321 units. From the first
 * disguise on the text is read without them as well, and hidden characters lengthen what they stand in.
 */
export function openPiiScan(readers: readonly Reader[]): IncrementalScan {
  const plain = openPlainTrack(readers)
  let undisguised: ReadingTrack | undefined
  /** A first half of a character, which nothing reads before it is known what it is half of; at most one unit. */
  let half = ''
  /** Complete, but a longer one that overlaps it may be under way. Offsets count from the text's start. */
  let undecided: readonly Candidate[] = []

  const advance = (piece: string, textEnd: TextEnd): ScanProgress => {
    const known = half === '' ? piece : half + piece
    half = textEnd === 'open' && endsInHalfCharacter(known) ? known.slice(-1) : ''
    const whole = half === '' ? known : known.slice(0, -1)
    if (undisguised === undefined && UNDISGUISED.changes(whole)) {
      undisguised = openUndisguisedTrack(readers, plain.state())
    }
    const asItCame = plain.read(whole, textEnd)
    const asItReads = undisguised?.read(whole, textEnd) ?? asItCame
    const openFrom = Math.min(asItCame.openFrom, asItReads.openFrom)
    const found = asItReads === asItCame ? asItCame.found : [...asItCame.found, ...asItReads.found]
    const settled = settleOverlaps([...undecided, ...found], openFrom)
    undecided = settled.undecided
    return {
      findings: findingsOf(settled.kept, 0),
      safeTo: undecided.reduce((least, { start }) => Math.min(least, start), openFrom),
    }
  }

  return { push: piece => advance(piece, 'open'), end: () => advance('', 'closed') }
}

function findingsOf(kept: readonly Candidate[], segment: number): Finding[] {
  return kept.flatMap(({ detector, score, start, end, allowed }) =>
    allowed ? [] : [{ detector, score, span: { segment, start, end } }],
  )
}
