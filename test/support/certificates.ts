import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** A certificate and its key, PEM. */
export interface Certified {
  readonly cert: string
  readonly key: string
}

export interface LeafOptions {
  /** Subject alternative names. */
  readonly dns?: readonly string[]
  readonly uris?: readonly string[]
  readonly emails?: readonly string[]
  /** As ASN.1 writes it: YYMMDDhhmmssZ, 50 to 99 for the last century. */
  readonly validUntil?: string
}

/** A CA of a test's own, made in memory so that no key lies in the repository. */
export interface Authority {
  readonly cert: string
  issue(options: LeafOptions): Certified
}

export function createAuthority(name: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const isCa = extension('551d13', sequence(der(0x01, Buffer.from([0xff]))))
  const self = { issuer: name, issuerKey: keys.privateKey, subject: name, subjectKey: keys.publicKey }
  return {
    cert: certificate({ ...self, validUntil: '491231235959Z', extensions: [isCa] }),
    issue({ dns = [], uris = [], emails = [], validUntil = '491231235959Z' }) {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const names = [
        ...emails.map(email => der(0x81, Buffer.from(email))),
        ...dns.map(host => der(0x82, Buffer.from(host))),
        ...uris.map(uri => der(0x86, Buffer.from(uri))),
      ]
      const extensions = names.length === 0 ? [] : [extension('551d11', sequence(...names))]
      const leaf = { ...self, subject: 'leaf', subjectKey: publicKey, validUntil, extensions }
      return { cert: certificate(leaf), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
    },
  }
}

/** One DER element; lengths up to 65535. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const prefix =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...prefix]), content])
}

function sequence(...contents: readonly Uint8Array[]): Buffer {
  return der(0x30, ...contents)
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x04, value))
}

function nameOf(common: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(common)))))
}

interface CertificateParts {
  readonly issuer: string
  readonly issuerKey: KeyObject
  readonly subject: string
  readonly subjectKey: KeyObject
  readonly validUntil: string
  readonly extensions: readonly Buffer[]
}

/** RFC 5280. */
function certificate(parts: CertificateParts): string {
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
  const utcTime = (text: string): Buffer => der(0x17, Buffer.from(text))
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1]), randomBytes(8)),
    ecdsaWithSha256,
    nameOf(parts.issuer),
    sequence(utcTime('200101000000Z'), utcTime(parts.validUntil)),
    nameOf(parts.subject),
    parts.subjectKey.export({ type: 'spki', format: 'der' }),
    ...(parts.extensions.length === 0 ? [] : [der(0xa3, sequence(...parts.extensions))]),
  )
  const signature = sign('sha256', toBeSigned, parts.issuerKey)
  const bytes = sequence(toBeSigned, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature))
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
