import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { createTlsDoor, type TlsDoor, type TlsIdentity } from '../../../src/grpc/tls.ts'
import { type Certified, createAuthority } from '../../support/certificates.ts'

const authority = createAuthority('ca')
const stranger = createAuthority('ca')
const SERVER = { dns: ['weir.test'] }
const SPIFFE = 'spiffe://cluster.local/ns/gateway/sa/envoy'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function identity(client: TlsIdentity['client'] = { kind: 'anybody' }, from = authority): TlsIdentity {
  return { ...from.issue(SERVER), client }
}
const signedBy = (names: 'any' | readonly string[] = 'any'): TlsIdentity['client'] => ({
  kind: 'signed-by',
  ca: authority.cert,
  names,
})

/** A listener that answers `hello` to whom it lets in. */
async function listen(of: TlsIdentity): Promise<{ door: TlsDoor; port: number; refusals: string[] }> {
  const refusals: string[] = []
  const door = createTlsDoor(of, {
    onConnection: socket => {
      socket.on('error', () => {})
      socket.on('data', () => socket.write('again'))
      socket.write('hello')
    },
    onRefused: why => refusals.push(why),
  })
  const server = net.createServer(door.accept)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => server.close())
  const address = server.address()
  return { door, refusals, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

/** What a client hears first, or why it is not let in. */
async function greet(port: number, options: tls.ConnectionOptions = {}) {
  const socket = tls.connect({
    ...{ host: '127.0.0.1', port, servername: 'weir.test', ca: [authority.cert, stranger.cert] },
    ...{ ALPNProtocols: ['h2'], checkServerIdentity: () => undefined },
    ...options,
  })
  closing.push(() => socket.destroy())
  const heard = await new Promise<string>(resolve => {
    socket.on('data', bytes => resolve(bytes.toString()))
    socket.on('error', error => resolve('code' in error ? String(error.code) : error.message))
    socket.on('close', () => resolve('closed'))
  })
  return { socket, heard }
}

test('who speaks TLS 1.2 or newer and h2 is let in', async () => {
  const { port, refusals } = await listen(identity())
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { socket, heard } = await greet(port, { minVersion: version, maxVersion: version })
    expect([heard, socket.alpnProtocol, socket.getProtocol()]).toEqual(['hello', 'h2', version])
  }
  expect(refusals).toEqual([])
})

test.each<[string, tls.ConnectionOptions]>([
  ['an old TLS', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }],
  ['another protocol', { ALPNProtocols: ['http/1.1'] }],
  ['no ALPN', { ALPNProtocols: undefined }],
])('%s is refused', async (_what, options) => {
  const { port, refusals } = await listen(identity())
  expect((await greet(port, options)).heard).not.toBe('hello')
  await expect.poll(() => refusals).toHaveLength(1)
})

test('plain text is refused', async () => {
  const { port, refusals } = await listen(identity())
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.end('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(Buffer.from(chunk)))
  await once(socket, 'close')
  expect(Buffer.concat(chunks).toString()).not.toContain('hello')
  expect(refusals).toHaveLength(1)
})

test.each<[string, 'any' | readonly string[], Certified | Record<string, never>, string]>([
  ['a certificate of the CA', 'any', authority.issue({}), 'hello'],
  ['one with the name', [SPIFFE], authority.issue({ uris: [SPIFFE] }), 'hello'],
  ['no certificate', 'any', {}, 'refused'],
  ['one of another CA of the same name', 'any', stranger.issue({ uris: [SPIFFE] }), 'refused'],
  ['one that expired', 'any', authority.issue({ validUntil: '210101000000Z' }), 'refused'],
  ['another name', [SPIFFE], authority.issue({ uris: [`${SPIFFE}-2`] }), 'refused'],
  ['no name', [SPIFFE], authority.issue({}), 'refused'],
])('with a client CA: %s', async (_what, names, certified, outcome) => {
  const { port, refusals } = await listen(identity(signedBy(names)))
  const { heard } = await greet(port, certified)
  expect(heard === 'hello' ? 'hello' : 'refused').toBe(outcome)
  await expect.poll(() => refusals).toHaveLength(outcome === 'hello' ? 0 : 1)
})

test('another identity is shown to those that come later, and who is in stays', async () => {
  const { door, port } = await listen(identity())
  const { socket: early } = await greet(port, { ca: authority.cert })
  door.renew(identity({ kind: 'anybody' }, stranger))
  expect((await greet(port, { ca: authority.cert })).heard).not.toBe('hello')
  expect((await greet(port, { ca: stranger.cert })).heard).toBe('hello')
  early.write('still here')
  const [answer] = await once(early, 'data')
  expect(answer.toString()).toBe('again')
})

test('other names and another CA count for those that come later', async () => {
  const { door, port } = await listen(identity(signedBy([SPIFFE])))
  const mine = authority.issue({ uris: [SPIFFE] })
  const { socket, heard } = await greet(port, mine)
  expect(heard).toBe('hello')
  door.renew(identity(signedBy(['other'])))
  // A session of the time before must not be a way around.
  expect((await greet(port, { ...mine, session: socket.getSession() })).heard).not.toBe('hello')
  door.renew(identity({ kind: 'signed-by', ca: stranger.cert, names: 'any' }))
  expect((await greet(port, { ...mine, session: socket.getSession() })).heard).not.toBe('hello')
  expect((await greet(port, stranger.issue({}))).heard).toBe('hello')
})

test('no session is resumed', async () => {
  const { port } = await listen(identity())
  const { socket } = await greet(port, { maxVersion: 'TLSv1.2' })
  const again = await greet(port, { maxVersion: 'TLSv1.2', session: socket.getSession() })
  expect(again.heard).toBe('hello')
  expect(again.socket.isSessionReused()).toBe(false)
})

test('what OpenSSL does not take leaves the old identity where it is', async () => {
  const { door, port } = await listen(identity())
  const wrong = { ...identity(), key: stranger.issue(SERVER).key }
  expect(() => door.renew(wrong)).toThrow()
  expect((await greet(port)).heard).toBe('hello')
})
