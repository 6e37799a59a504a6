import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/**
 * Who may ask. The admin listener has no login: whoever reaches it is let in, and it is for the network to say who that
 * is. A browser of somebody who reaches it must not ask on behalf of any page that it happens to show: these are the
 * checks against that. Each gives why the caller is refused, or nothing.
 */

/** Hosts that name this listener without a name service, which an attacker's own name could lead here (DNS rebinding). */
export function hostProblem(host: string | undefined, known: readonly string[]): string | undefined {
  const name = (host ?? '').toLowerCase().replace(/:\d*$/, '')
  const isAddress = isIP(name) !== 0 || /^\[[\da-f:.]+\]$/.test(name)
  if (isAddress || name === 'localhost' || name.endsWith('.localhost') || known.includes(name))
    return undefined
  return 'asked by a host name that is not known: ask by IP address or localhost, or list the name in server.console.hosts'
}

/** A request that a page of another origin makes. Programs other than browsers send no such header. */
export function siteProblem(headers: IncomingHttpHeaders): string | undefined {
  const site = headers['sec-fetch-site']
  return site === undefined || site === 'same-origin' || site === 'none' ? undefined : OTHER_ORIGIN
}

/** The same for what does something: browsers send the origin with it, older ones too. */
export function originProblem(headers: IncomingHttpHeaders): string | undefined {
  const { origin, host } = headers
  const isOwn = origin === undefined || origin === `http://${host}` || origin === `https://${host}`
  return isOwn ? siteProblem(headers) : OTHER_ORIGIN
}

/** A request for what only shows something: by an unknown host name, or of another origin. */
export function readerProblem(headers: IncomingHttpHeaders, known: readonly string[]): string | undefined {
  return hostProblem(headers.host, known) ?? siteProblem(headers)
}

const OTHER_ORIGIN = 'asked by a page of another origin'
