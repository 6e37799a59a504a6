import { isPlainAscii } from '../text/characters.ts'
import type { Encoding } from './encodings.ts'
import type { Channel } from './features.ts'

/** What is true of a window beside its words, in the order of their weights in the model. Never reordered: a model's version says which it knows. */
export const TRAITS = [
  'any',
  'tool',
  'scale-0',
  'scale-1',
  'scale-2',
  'base64',
  'hex',
  'binary',
  'escapes',
  'rot13',
  'leetspeak',
  'reversed',
  'spaced',
  'tag-characters',
  'zero-width',
  'mixed-scripts',
  'styled',
] as const
type Trait = (typeof TRAITS)[number]

const bit = (trait: Trait): number => 1 << TRAITS.indexOf(trait)

/** Sizes of windows, in units as they are read. An attack in a long text fills one of a size; each has its own chance. */
export const SCALES = [128, 384, 1152] as const
const SCALE_BITS = [bit('scale-0'), bit('scale-1'), bit('scale-2')] as const

export function scaleTrait(scale: number): number {
  return SCALE_BITS[scale] ?? 0
}

/** The traits, as bits, that all windows of a text share. */
export function traitsOf(original: string, channel: Channel, encoding: Encoding | 'plain'): number {
  let traits = bit('any')
  if (channel === 'tool') traits |= bit('tool')
  if (encoding !== 'plain') return traits | bit(encoding)
  return isPlainAscii(original) ? traits : traits | disguises(original)
}

const LEAST_TAGS = 4
const LEAST_HIDDEN = 4
const LEAST_MIXED = 3
const LEAST_STYLED = 10
/** A flag of a region is spelled in tag characters behind this. */
const BLACK_FLAG = '\u{1f3f4}'
const TAG_HIGH = 0xdb40
const MATHEMATICAL_HIGH = 0xd835

/** Ways of writing that look the same to a reader: hardly anybody uses them but to hide something. */
function disguises(text: string): number {
  let tags = 0
  let hidden = 0
  let mixed = 0
  let styled = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x80) continue
    if (code === TAG_HIGH) tags++
    else if (code === MATHEMATICAL_HIGH || (code >= 0xff21 && code <= 0xff5a)) styled++
    else if (isZeroWidth(code)) hidden += betweenLetters(text, at)
    else if (code >= 0x370 && code <= 0x52f) mixed += besideLatin(text, at)
  }
  if (tags > 0 && text.includes(BLACK_FLAG)) tags = 0
  return (
    (tags >= LEAST_TAGS ? bit('tag-characters') : 0) |
    (hidden >= LEAST_HIDDEN ? bit('zero-width') : 0) |
    (mixed >= LEAST_MIXED ? bit('mixed-scripts') : 0) |
    (styled >= LEAST_STYLED ? bit('styled') : 0)
  )
}

const isZeroWidth = (code: number): boolean =>
  code === 0x200b || code === 0x2060 || code === 0xfeff || code === 0xad || code === 0x180e

const isLatin = (code: number): boolean => (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)

const betweenLetters = (text: string, at: number): number =>
  Number(isLatin(text.charCodeAt(at - 1)) && isLatin(text.charCodeAt(at + 1)))

const besideLatin = (text: string, at: number): number =>
  Number(isLatin(text.charCodeAt(at - 1)) || isLatin(text.charCodeAt(at + 1)))
