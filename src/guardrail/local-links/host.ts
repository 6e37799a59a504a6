import { isIP } from 'node:net'
import { domainToUnicode } from 'node:url'
import { addressClass } from '../../service/address-class.ts'
import { normalise } from '../text/normalise.ts'

/** A host as a browser reads it. */
export interface Host {
  /** In lower case, punycode as the letters that it stands for. */
  readonly unicode: string
  /** In lower case and ASCII. */
  readonly ascii: string
  /** Punycode, or letters of another script that read as Latin ones. */
  readonly isDisguised: boolean
  readonly is: 'name' | 'public-address' | 'private-address'
}

/** Read as they stand; any other goes through the rules of browsers. */
const PLAIN_NAME =
  /^(?!.{254})(?:[a-z\d](?:[a-z\d_-]{0,61}[a-z\d])?\.){0,30}[a-z](?:[a-z\d-]{0,61}[a-z\d])?\.?$/

/** The host that a browser would go to: full-width, percent-encoded and numeric spellings undone. Undefined for none. */
export function readHost(written: string): Host | undefined {
  const lower = written.toLowerCase()
  if (PLAIN_NAME.test(lower) && !lower.includes('xn--')) {
    const name = lower.endsWith('.') ? lower.slice(0, -1) : lower
    return { unicode: name, ascii: name, isDisguised: false, is: 'name' }
  }
  if (lower === '' || !URL.canParse(`http://${lower}/`)) return undefined
  const { hostname } = new URL(`http://${lower}/`)
  const ascii = hostname.replace(/\.$/, '')
  const address = ascii.replace(/^\[|\]$/g, '')
  if (isIP(address) !== 0) {
    const is = addressClass(address) === 'public' ? 'public-address' : 'private-address'
    return { unicode: ascii, ascii, isDisguised: false, is }
  }
  const unicode = domainToUnicode(ascii) || ascii
  return { unicode, ascii, isDisguised: /xn--/i.test(written) || hasFalseLatin(unicode), is: 'name' }
}

/** Whether a label with Greek or Cyrillic letters reads as if it had none, or has Latin ones beside them. */
function hasFalseLatin(unicode: string): boolean {
  return unicode.split('.').some(label => {
    if (!/[\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Armenian}]/u.test(label)) return false
    return /[a-z]/.test(label) || /^[ -~]*$/.test(normalise(label).text)
  })
}
