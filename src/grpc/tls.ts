import { constants, type X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { type AllowedNames, allowsNames } from './peer-names.ts'

/** What the server shows of itself and demands of its peers. Texts are PEM. */
export interface TlsIdentity {
  /** The certificate and what stands between it and its CA. */
  readonly cert: string
  readonly key: string
  readonly client:
    | { readonly kind: 'anybody' }
    | { readonly kind: 'signed-by'; readonly ca: string; readonly names: AllowedNames }
}

/** Lets peers in by TLS. */
export interface TlsDoor {
  /** Shakes hands with a peer that has just connected. */
  accept(socket: Socket): void
  /**
   * Serves what connects from now on by another identity; connections that there are stay. Whether a certificate is
   * demanded at all was decided at the start.
   *
   * @throws Error of OpenSSL, and then the old identity stays
   */
  renew(identity: TlsIdentity): void
}

export interface TlsDoorEvents {
  readonly onConnection: (socket: TLSSocket) => void
  /** A peer was not let in: a code of Node's or OpenSSL's, or words of ours. */
  readonly onRefused: (why: string) => void
}

const HANDSHAKE_TIMEOUT_MS = 10_000

export function createTlsDoor(identity: TlsIdentity, { onConnection, onRefused }: TlsDoorEvents): TlsDoor {
  let names = namesOf(identity)
  const demandsCertificate = identity.client.kind === 'signed-by'
  const server = createServer({
    ...contextOf(identity),
    requestCert: demandsCertificate,
    rejectUnauthorized: demandsCertificate,
    ALPNProtocols: ['h2'],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  })
  server.on('tlsClientError', error => onRefused('code' in error ? String(error.code) : error.message))
  server.on('secureConnection', socket => {
    const refusal = refusalOf(socket, names)
    if (refusal === undefined) {
      onConnection(socket)
    } else {
      onRefused(refusal)
      socket.destroy()
    }
  })
  return {
    accept: socket => void server.emit('connection', socket),
    renew(next) {
      server.setSecureContext(contextOf(next))
      names = namesOf(next)
    },
  }
}

function contextOf({ cert, key, client }: TlsIdentity) {
  return {
    cert,
    key,
    ...(client.kind === 'signed-by' ? { ca: client.ca } : {}),
    minVersion: 'TLSv1.2' as const,
    // A session that is resumed was judged by the CA of its time; Envoy connects so seldom that it gains nothing.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}

function namesOf({ client }: TlsIdentity): AllowedNames {
  return client.kind === 'signed-by' ? client.names : 'any'
}

/** A peer that offers no ALPN at all is not refused by OpenSSL. */
function refusalOf(socket: TLSSocket, names: AllowedNames): string | undefined {
  if (socket.alpnProtocol !== 'h2') return 'no ALPN h2'
  if (names === 'any') return undefined
  const certificate: X509Certificate | undefined = socket.getPeerX509Certificate()
  if (certificate === undefined) return 'no client certificate'
  return allowsNames(names, certificate.subjectAltName) ? undefined : 'no name of its certificate is allowed'
}
