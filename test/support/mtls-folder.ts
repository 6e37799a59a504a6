import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { createAuthority, type LeafOptions } from './certificates.ts'

/** The name that Envoy shows, and Weir lets in. */
export const ENVOY_SPIFFE = 'spiffe://cluster.local/ns/gateway/sa/envoy'

/** The certificates of Weir and of Envoy as Kubernetes mounts them, in a new folder, by a CA of its own. */
export interface MtlsFolder {
  readonly path: string
  /** `server.tls` of a config: the certificate that `current` leads to, and mTLS for ENVOY_SPIFFE. */
  readonly config: string
  /** What `weir envoy` is told of them. */
  readonly printed: readonly string[]
  write(name: string, text: string): void
  /** Makes the folder `name`, with a certificate and its key. */
  certify(name: string, options: LeafOptions): void
  /** Makes such a folder of Weir's own. */
  certifyWeir(name: string): void
  /** Replaces the link `current` in one step, as Kubernetes does it. */
  turnTo(version: string): void
  /** The fingerprint of the certificate that Envoy is shown at this address (`host:port`). */
  shownBy(address: string): Promise<string>
  remove(): void
}

export function openMtlsFolder(): MtlsFolder {
  const path = mkdtempSync(join(tmpdir(), 'weir-mtls-'))
  const authority = createAuthority('ca')
  const write = (name: string, text: string): void => writeFileSync(join(path, name), text)
  const certify = (name: string, options: LeafOptions): void => {
    const { cert, key } = authority.issue(options)
    mkdirSync(join(path, name))
    write(`${name}/tls.crt`, cert)
    write(`${name}/tls.key`, key)
  }
  const certifyWeir = (name: string): void => certify(name, { dns: ['weir.test'] })
  write('ca.pem', authority.cert)
  certifyWeir('v1')
  symlinkSync('v1', join(path, 'current'))
  return {
    path,
    config: `{ cert: ${path}/current/tls.crt, key: ${path}/current/tls.key, client_ca: ${path}/ca.pem, client_sans: ["${ENVOY_SPIFFE}"] }`,
    printed: [
      ...['--weir-ca', join(path, 'ca.pem')],
      ...['--client-cert', join(path, 'envoy/tls.crt'), '--client-key', join(path, 'envoy/tls.key')],
    ],
    write,
    certify,
    certifyWeir,
    turnTo: version => {
      symlinkSync(version, join(path, 'next'))
      renameSync(join(path, 'next'), join(path, 'current'))
    },
    shownBy: address =>
      fingerprintAt(address, { ca: authority.cert, ...authority.issue({ uris: [ENVOY_SPIFFE] }) }),
    remove: () => rmSync(path, { recursive: true }),
  }
}

function fingerprintAt(address: string, identity: tls.SecureContextOptions): Promise<string> {
  const [host, port] = address.split(':')
  return new Promise((resolve, reject) => {
    const options = { ...identity, host, port: Number(port), servername: 'weir.test', ALPNProtocols: ['h2'] }
    const socket = tls.connect(options, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}
