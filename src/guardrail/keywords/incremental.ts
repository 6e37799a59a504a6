import type { IncrementalScan } from '../guardrail.ts'
import { endsInHalfCharacter } from '../incremental.ts'
import type { OpenSearch, SearchProgress } from './multi-search.ts'

/** Searches a text piece by piece. `fold` keeps offsets and sees whole characters only: half of one has no case. */
export function openKeywordScan(
  search: OpenSearch,
  fold: (text: string) => string,
  detector: string,
): IncrementalScan {
  /** A first half of a character whose second half may come with the next piece; at most one unit. */
  let half = ''

  const progress = ({ found, safeTo }: SearchProgress) => ({
    findings: found.map(({ start, end }) => ({ detector, score: 1, span: { segment: 0, start, end } })),
    safeTo,
  })

  return {
    push(text) {
      const known = half + text
      const whole = endsInHalfCharacter(known) ? known.slice(0, -1) : known
      half = known.slice(whole.length)
      return progress(search.push(fold(whole)))
    },
    end() {
      const last = search.push(fold(half))
      const rest = search.end()
      half = ''
      return progress({ found: [...last.found, ...rest.found], safeTo: rest.safeTo })
    },
  }
}
