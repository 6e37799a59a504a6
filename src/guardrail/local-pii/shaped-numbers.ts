import type { Matcher } from './anchor.ts'
import { endsNumber, isInRow, MAX_GROUPS, startsNumber } from './digit-groups.ts'
import type { EntitySettings, Evidence } from './entity.ts'
import { candidateOf } from './entity.ts'

/** A kind of number with its own way to be written and its own check. */
export interface NumberKind {
  /**
   * How it is written, and how sure that makes it when its check holds: counts of digits with the joints between them,
   * such as `3-2-4`; `8L` for eight digits and a letter. For words that begin with letters, counts of letters and
   * digits by turns: `A1D7A1`.
   */
  readonly shapes: Readonly<Record<string, number>>
  /** Judges it in upper case, separators left out. */
  readonly accepts: (characters: string, written: string) => boolean
  /** What names it, in lower case. */
  readonly words: readonly string[]
  /** What names something else of the same shape. */
  readonly others?: readonly string[]
}

/** What else a number may be called that has the shape of one of these by chance. */
const OTHERS =
  'phone,phone number,telephone,tel,mobile,call,call me,call me at,text me,order,order number,invoice,invoice number,ticket,tracking,tracking number,serial,serial number,barcode,isbn,timestamp'.split(
    ',',
  )

/** Of a table of numbers some pass for anything. */
const IN_ROW = 0.35

interface Shaped {
  readonly kind: NumberKind
  readonly settings: EntitySettings
  readonly base: number
}

/** Looks the way in which a number is written up in a table: one look a group, however many kinds there are. */
export function shapedNumbers(kinds: readonly (readonly [EntitySettings, NumberKind])[]): {
  readonly digits: Matcher
  readonly letters: Matcher
} {
  const shapes = new Map<string, Shaped[]>()
  const beginnings = new Set<string>()
  for (const [settings, kind] of kinds) {
    for (const [shape, base] of Object.entries(kind.shapes)) {
      shapes.set(shape, [...(shapes.get(shape) ?? []), { kind, settings, base }])
      for (const part of shape.matchAll(/[-./+ ]/g)) beginnings.add(shape.slice(0, part.index))
    }
  }
  return { digits: digitsMatcher(shapes, beginnings), letters: lettersMatcher(shapes) }
}

function digitsMatcher(
  shapes: ReadonlyMap<string, readonly Shaped[]>,
  beginnings: ReadonlySet<string>,
): Matcher {
  return ({ view, at, groups }, emit) => {
    let shape = ''
    for (let index = 0; index < MAX_GROUPS; index++) {
      const group = groups.at(index)
      if (group === undefined) return
      shape += group.shape
      const fitting = shapes.get(shape)
      if (fitting !== undefined && endsNumber(view, group.end) && startsNumber(view, at)) {
        const written = view.text.slice(at, group.end)
        const less = isInRow(view, at, group.end, written) ? IN_ROW : 0
        for (const { kind, settings, base } of fitting) {
          const evidence = evidenceOf(kind, base - less, written)
          emit(candidateOf(view, settings, at, group.end, evidence))
        }
      }
      if (!beginnings.has(shape)) return
    }
  }
}

function lettersMatcher(shapes: ReadonlyMap<string, readonly Shaped[]>): Matcher {
  return (anchor, emit) => {
    if (anchor.isDigits) return
    const { view, start, end, word } = anchor
    for (const { kind, settings, base } of shapes.get(shapeOf(word)) ?? []) {
      if (!view.endsWord(end) || !startsNumber(view, start) || !endsNumber(view, end)) continue
      emit(candidateOf(view, settings, start, end, evidenceOf(kind, base, word)))
    }
  }
}

function evidenceOf(
  { accepts, words, others = OTHERS }: NumberKind,
  base: number,
  written: string,
): Evidence {
  const check = (): boolean => accepts(written.replace(/[^A-Za-z0-9]/g, '').toUpperCase(), written)
  return { base, words, others, check }
}

/** Longer words have no shape that stands in a table. */
const LONGEST_SHAPED = 20

/** `A1D7A1` for `X1234567L`. */
function shapeOf(word: string): string {
  if (word.length > LONGEST_SHAPED) return ''
  let shape = ''
  let from = 0
  for (let at = 1; at <= word.length; at++) {
    if (at < word.length && isDigitAt(word, at) === isDigitAt(word, from)) continue
    shape += `${isDigitAt(word, from) ? 'D' : 'A'}${at - from}`
    from = at
  }
  return shape
}

function isDigitAt(word: string, at: number): boolean {
  const code = word.charCodeAt(at)
  return code >= 0x30 && code <= 0x39
}
