/** The subject alternative names of which a peer must have one, as a config writes them. */
export type AllowedNames = 'any' | readonly string[]

/** A name of a certificate; `type` as Node writes it, such as `DNS` or `URI`. */
export interface BorneName {
  readonly type: string
  readonly value: string
}

/**
 * Whether a certificate bears one of the names. A name with `://` is a URI (a SPIFFE ID is), one with `@` an e-mail
 * address, any other a DNS name; it is compared as a whole and with names of its own type only, and a wildcard in a
 * certificate stands for nothing but itself.
 *
 * @param subjectAltName as `X509Certificate.subjectAltName` writes them
 */
export function allowsNames(allowed: AllowedNames, subjectAltName: string | undefined): boolean {
  if (allowed === 'any') return true
  const borne = new Set(readNames(subjectAltName).map(comparable))
  return allowed.some(name => borne.has(comparable({ type: typeOf(name), value: name })))
}

function typeOf(name: string): 'DNS' | 'URI' | 'email' {
  if (name.includes('://')) return 'URI'
  return name.includes('@') ? 'email' : 'DNS'
}

/** DNS does not tell cases apart; the rest does, or may. */
function comparable({ type, value }: BorneName): string {
  return `${type}:${type === 'DNS' ? value.toLowerCase() : value}`
}

/**
 * The names in `X509Certificate.subjectAltName`: `DNS:a, URI:b`; a value in which a comma or the like stands is a JSON
 * string. What cannot be read bears no name.
 */
export function readNames(subjectAltName: string | undefined): readonly BorneName[] {
  const text = subjectAltName ?? ''
  const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y
  const names: BorneName[] = []
  while (entry.lastIndex < text.length) {
    const match = entry.exec(text)
    if (match === null) return []
    const [, type = '', value = ''] = match
    names.push({ type, value: value.startsWith('"') ? unquoted(value) : value })
  }
  return names
}

function unquoted(text: string): string {
  const value: unknown = JSON.parse(text)
  return String(value)
}
