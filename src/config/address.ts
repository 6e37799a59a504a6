/** Where a listener listens: one host and port (port 0 lets the system choose), or the path of a Unix socket. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** The form in which addresses are written, for messages. */
export const ADDRESS_FORM = 'host:port or unix:///absolute/path'

/** The kernel's limit for the path of a Unix socket (`sun_path`, its closing zero left out). */
const MAX_SOCKET_PATH = 107

/** Reads `host:port`, `[ipv6]:port` or `unix:///path`; undefined when it is none of these. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text.startsWith('unix:')) return parseSocketPath(text)
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const host = match[1] ?? match[2] ?? ''
  const port = Number(match[3])
  return port <= 65_535 ? { kind: 'tcp', host, port } : undefined
}

function parseSocketPath(text: string): ListenAddress | undefined {
  const path = /^unix:\/\/(\/[^\0]+)$/.exec(text)?.[1]
  return path !== undefined && path.length <= MAX_SOCKET_PATH ? { kind: 'unix', path } : undefined
}

/** The inverse of parseListenAddress. */
export function formatListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}
