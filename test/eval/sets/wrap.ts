import type { Chance } from '../chance.ts'
import type { LabelledSpan } from '../item.ts'

/** A text in pieces, those to be found with their entity: dressing it up keeps track of where they end up. */
export interface Piece {
  readonly text: string
  readonly entity?: string
}

export type Wrap = (pieces: readonly Piece[], chance: Chance) => readonly Piece[]

const each =
  (change: (text: string) => string): Wrap =>
  pieces =>
    pieces.map(piece => ({ ...piece, text: change(piece.text) }))

const around = (before: string, after: string, wrap: Wrap = pieces => pieces): Wrap => {
  return (pieces, chance) => [{ text: before }, ...wrap(pieces, chance), { text: after }]
}

const EMOJI = ['😀', '👍🏽', '🇩🇪', '👨‍👩‍👧', '✨', '📧']
const jsonText = (text: string): string => JSON.stringify(text).slice(1, -1)
const fullWidth = (text: string): string =>
  text.replaceAll(/[!-~]/g, sign => String.fromCodePoint((sign.codePointAt(0) ?? 0) + 0xfee0))

/** What personal data stands in: other characters, another syntax. */
export const WRAPS: Readonly<Record<string, Wrap>> = {
  plain: pieces => pieces,
  emoji: (pieces, chance) =>
    pieces.flatMap(piece => [{ text: `${chance.pick(EMOJI)} ` }, piece, { text: ` ${chance.pick(EMOJI)}` }]),
  'full-width': pieces =>
    pieces.map(piece => (piece.entity === undefined ? piece : { ...piece, text: fullWidth(piece.text) })),
  crlf: around(
    'Dear all,\r\n\r\n',
    '\r\n\r\nKind regards\r\n',
    each(text => text.replaceAll('\n', '\r\n')),
  ),
  json: around('{"id": 7, "note": "', '", "done": false}', each(jsonText)),
  markdown: (pieces, chance) => {
    const mark = chance.pick(['**', '`', '_'])
    const marked = pieces.flatMap(piece =>
      piece.entity === undefined ? [piece] : [{ text: mark }, piece, { text: mark }],
    )
    return [{ text: '## Notes\n\n- first\n- ' }, ...marked, { text: '\n' }]
  },
  table: around(
    '| key | value |\n|---|---|\n| row | ',
    ' |\n',
    each(text => text.replaceAll('\n', ' ')),
  ),
  code: around(
    'function load() {\n  // ',
    '\n  return 1\n}\n',
    each(text => text.replaceAll('\n', ' ')),
  ),
}

/** The wraps in which a text is put; plain ones are half of all. */
export const pickWrap = (chance: Chance): string =>
  chance.next() < 0.5 ? 'plain' : chance.pick(Object.keys(WRAPS))

/** The text as a whole, and where in it stands what is to be found. */
export function join(pieces: readonly Piece[]): { readonly text: string; readonly spans: LabelledSpan[] } {
  const spans: LabelledSpan[] = []
  let text = ''
  for (const piece of pieces) {
    if (piece.entity !== undefined) {
      spans.push({ start: text.length, end: text.length + piece.text.length, entity: piece.entity })
    }
    text += piece.text
  }
  return { text, spans }
}
