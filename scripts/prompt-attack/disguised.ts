import { Chance } from '../../test/eval/chance.ts'
import { ENCODINGS } from '../../test/eval/sets/encode.ts'
import type { LabelledText } from './bags.ts'

const PER_WAY = 80
/** What the set's encodings say before an attack. */
const LEAD = /^(?:(?:Decode|Read) this|This is)[^:]*: |^What a nice day!/

const WAYS: Readonly<Record<string, (text: string) => string>> = {
  ...ENCODINGS,
  binary: text => bytes(text, 2, 8).join(' '),
  pairs: text => bytes(text, 16, 2).join(' '),
  escapes: text =>
    bytes(text, 16, 4)
      .map(digits => `\\u${digits}`)
      .join(''),
}

const bytes = (text: string, radix: number, width: number): string[] =>
  [...text].map(character => (character.codePointAt(0) ?? 0).toString(radix).padStart(width, '0'))

/**
 * Harmless texts of the set in every disguise: it holds attacks in them only, and a model that has seen nothing else
 * takes the disguise for the attack.
 */
export function disguised(items: readonly LabelledText[]): LabelledText[] {
  const short = items.filter(
    ({ label, text }) =>
      label !== 'attack' && text.length > 30 && text.length < 400 && /^[\t\n\r\x20-\x7e]*$/.test(text),
  )
  return Object.entries(WAYS).flatMap(([way, encode]) =>
    new Chance(`disguised ${way}`).sample(short, PER_WAY).map(item => ({
      ...item,
      id: `${way} ${item.id}`,
      label: 'hard' as const,
      category: `disguised-${way}`,
      text: encode(item.text).replace(LEAD, ''),
      basis: item.basis ?? item.text,
    })),
  )
}
