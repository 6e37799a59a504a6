import type { OpenRuns } from '../text/base64-runs.ts'
import { openBase64Runs } from '../text/base64-runs.ts'
import { endsInHalfCharacter } from '../text/half-character.ts'
import type { Occurrence, SearchProgress } from './multi-search.ts'
import type { CompiledWords } from './search-text.ts'
import { openMerge, openTextSearch, searchPlain } from './search-text.ts'

/** What a text is searched for, and whether base64 in it is read as well. */
export interface KeywordSearch {
  readonly words: CompiledWords
  readonly base64: 'decoded' | 'as-text'
}

/** Everything in a text that is complete. */
export function searchWhole(search: KeywordSearch, text: string): readonly Occurrence[] {
  const plain = search.base64 === 'as-text' ? searchPlain(search.words, text) : undefined
  if (plain !== undefined) return plain
  const open = openKeywordSearch(search)
  return [...open.push(text).found, ...open.end().found]
}

/** Searches a text piece by piece. Half a character has no case and may become a disguise, so it waits for the rest. */
export function openKeywordSearch({ words, base64 }: KeywordSearch) {
  const search = openTextSearch(words)
  const runs = base64 === 'decoded' ? openBase64Runs() : undefined
  const merge = openMerge()
  /** A first half of a character whose second half may come with the next piece; at most one unit. */
  let half = ''

  const inRuns = (progress: ReturnType<OpenRuns['push']>): SearchProgress => ({
    found: progress.runs.filter(run => holdsWord(words, run.text)),
    safeTo: progress.openFrom,
  })

  return {
    push(text: string): SearchProgress {
      const known = half === '' ? text : half + text
      const whole = endsInHalfCharacter(known) ? known.slice(0, -1) : known
      half = known.slice(whole.length)
      const progress = search.push(whole)
      return runs === undefined ? progress : merge([progress, inRuns(runs.push(whole))])
    },
    end(): SearchProgress {
      const last = search.push(half)
      const rest = search.end()
      const progress = { found: [...last.found, ...rest.found], safeTo: rest.safeTo }
      if (runs === undefined) return progress
      const decoded = inRuns(runs.push(half))
      const ended = inRuns(runs.end())
      return merge([progress, { found: [...decoded.found, ...ended.found], safeTo: ended.safeTo }])
    },
  }
}

/** What a run says is read once: base64 in it stays as it is. */
function holdsWord(words: CompiledWords, text: string): boolean {
  return searchWhole({ words, base64: 'as-text' }, text).length > 0
}
