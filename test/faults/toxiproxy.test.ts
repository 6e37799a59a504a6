import { once } from 'node:events'
import net from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startToxiproxy, type ToxicProxy, type Toxiproxy } from '../support/toxiproxy.ts'

/** Fault tests trust what these toxics do: shown here on a plain TCP echo. */

let toxiproxy: Toxiproxy
let echo: net.Server
let proxy: ToxicProxy
const open = new Set<net.Socket>()

beforeAll(async () => {
  toxiproxy = await startToxiproxy()
  echo = net.createServer(socket => {
    open.add(socket)
    socket.on('error', () => socket.destroy())
    socket.pipe(socket)
  })
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
})

beforeEach(async () => {
  const { port } = echo.address() as net.AddressInfo
  proxy = await toxiproxy.open(`127.0.0.1:${port}`)
})

afterEach(() => {
  for (const socket of open) socket.destroy()
  open.clear()
})

afterAll(async () => {
  await toxiproxy.stop()
  echo.close()
  await once(echo, 'close')
})

interface Wire {
  readonly socket: net.Socket
  /** What came so far. */
  received(): string
  /** How it ended: the error's code, or `end` after a FIN. */
  readonly ended: Promise<string>
}

async function connect(): Promise<Wire> {
  const socket = net.connect(proxy.port, '127.0.0.1')
  open.add(socket)
  let text = ''
  socket.setEncoding('utf8').on('data', piece => {
    text += piece
  })
  const ended = new Promise<string>(resolve => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)))
    socket.once('end', () => resolve('end'))
  })
  await once(socket, 'connect')
  return { socket, received: () => text, ended }
}

async function answerTo(wire: Wire, text: string): Promise<string> {
  const length = wire.received().length
  wire.socket.write(text)
  while (wire.received().length < length + text.length) await once(wire.socket, 'data')
  return wire.received().slice(length)
}

describe('a toxic', () => {
  test('is not there at first', async () => {
    expect(await answerTo(await connect(), 'hello')).toBe('hello')
  })

  test('latency keeps each piece back for that long, also on a connection that is open, until it is removed', async () => {
    const wire = await connect()
    expect(await answerTo(wire, 'one')).toBe('one')
    const name = await proxy.add('downstream', { type: 'latency', latency: 300 })
    const startedMs = performance.now()
    expect(await answerTo(wire, 'two')).toBe('two')
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(290)
    await proxy.remove(name)
    expect(await answerTo(wire, 'three')).toBe('three')
  })

  test('reset_peer resets the connection in place of an answer', async () => {
    await proxy.add('downstream', { type: 'reset_peer', timeout: 0 })
    const wire = await connect()
    wire.socket.write('hello')
    expect(await wire.ended).toBe('ECONNRESET')
    expect(wire.received()).toBe('')
  })

  test('limit_data lets so many bytes through and then closes', async () => {
    await proxy.add('downstream', { type: 'limit_data', bytes: 4 })
    const wire = await connect()
    wire.socket.write('hello')
    expect(await wire.ended).toBe('end')
    expect(wire.received()).toBe('hell')
  })

  test('timeout lets nothing through and then closes', async () => {
    await proxy.add('downstream', { type: 'timeout', timeout: 50 })
    const wire = await connect()
    wire.socket.write('hello')
    expect(await wire.ended).toBe('end')
    expect(wire.received()).toBe('')
  })

  test('a proxy that is down closes its connections, refuses new ones and comes back at its address', async () => {
    const wire = await connect()
    expect(await answerTo(wire, 'hello')).toBe('hello')
    await proxy.takeDown()
    await wire.ended
    await expect(connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await proxy.bringUp()
    expect(await answerTo(await connect(), 'again')).toBe('again')
  })
})
