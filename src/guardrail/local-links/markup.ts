/** Units of an image's alternative text; of a longer one the finding is the URL alone. */
export const MAX_ALT = 128
/** Units that may stand between a URL and the end of its image. */
const MAX_TITLE = 128
const AFTER_IMAGE = /[ \t]{0,4}>?(?:[ \t\n]{1,4}(?:"[^"\n]{0,100}"|'[^'\n]{0,100}'))?[ \t]{0,4}\)/y

/** What a URL stands in. `image`: whoever renders the text fetches it unasked. `start` is where its markup does. */
export interface Markup {
  readonly is: 'image' | 'link' | 'text'
  readonly start: number
}

/** Looks at no more than 160 units before the URL. */
export function markupBefore(text: string, urlStart: number): Markup {
  const plain = { is: 'text', start: urlStart } as const
  const before = text.slice(Math.max(0, urlStart - 12), urlStart)
  const opening = /\]\([ \t]{0,4}<?$/.exec(before)?.[0]
  if (opening !== undefined) {
    const altEnd = urlStart - opening.length
    const lowest = Math.max(0, altEnd - MAX_ALT)
    const alt = text.slice(lowest, altEnd)
    const open = alt.lastIndexOf('![')
    const isImage = open !== -1 && !/[\]\n]/.test(alt.slice(open + 2))
    return isImage ? { is: 'image', start: lowest + open } : { is: 'link', start: urlStart }
  }
  // A definition, which an image may use as well.
  if (/\]:[ \t]{0,4}<?$/.test(before)) return { is: 'image', start: urlStart }
  if (/(?:src|srcset|poster|background)=["']?$/i.test(before) || /\burl\(["']?$/i.test(before))
    return { is: 'image', start: urlStart }
  return /href=["']?$/i.test(before) ? { is: 'link', start: urlStart } : plain
}

/** Where a Markdown image ends whose URL ends at `urlEndsAt`; `open` when more text decides. */
export function imageEnd(text: string, urlEndsAt: number, textEnd: 'open' | 'closed'): number | 'open' {
  AFTER_IMAGE.lastIndex = urlEndsAt
  const match = AFTER_IMAGE.exec(text)
  if (match !== null) return urlEndsAt + match[0].length
  const left = text.slice(urlEndsAt)
  const isCut = left.length < MAX_TITLE && !left.includes(')')
  return textEnd === 'open' && isCut ? 'open' : urlEndsAt
}

/** Bracket, parenthesis, and a URL's scheme. */
const MAX_BEGINNING = 40
const OPEN_IMAGE = /^!\[[^\]\n]{0,168}(?:\](?:\([ \t]{0,4}<?[\w:/+.-]{0,24})?)?$/

/** Where an image begins whose URL is still to come, in what the text ends with; the text's length when there is none. */
export function openImage(text: string): number {
  const lowest = Math.max(0, text.length - MAX_ALT - MAX_BEGINNING)
  const open = text.slice(lowest).lastIndexOf('![')
  if (open !== -1 && OPEN_IMAGE.test(text.slice(lowest + open))) return lowest + open
  return text.endsWith('!') ? text.length - 1 : text.length
}
