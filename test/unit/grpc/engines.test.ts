import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Rpc, RpcHandler, RpcListener } from '../../../src/grpc/rpc.ts'
import { GRPC_STATUS } from '../../../src/grpc/rpc.ts'
import { ENGINES } from '../../support/engine.ts'
import { framed, startWire, unframed, type WireRig } from '../../support/grpc-wire.ts'

/** What a handler under test was told, and the call that it was told of. */
class Told implements RpcListener {
  readonly rpc: Rpc
  readonly events: string[] = []
  readonly #waiting = new Set<() => void>()
  onEach: (event: string) => void = () => {}
  onWaitingChange: (bytes: number) => void = () => {}

  constructor(rpc: Rpc) {
    this.rpc = rpc
  }
  onMessage(message: Buffer): void {
    this.#tell(message.length > 40 ? `${message.length} bytes` : message.toString())
  }
  onHalfClose(): void {
    this.#tell('half-close')
  }
  onCancel(): void {
    this.#tell('cancel')
  }
  onDrain(): void {
    this.#tell('drain')
  }
  onWaiting(): void {
    this.onWaitingChange(this.rpc.waitingBytes)
  }
  /** Resolves when it was told so many times. */
  async told(count: number): Promise<readonly string[]> {
    while (this.events.length < count) await new Promise<void>(resolve => this.#waiting.add(resolve))
    return this.events
  }
  /** The half-close is left out that a client of Node's sends before some resets, and grpc-js makes up before all. */
  async toldButHalfClose(count: number): Promise<readonly string[]> {
    const without = (): readonly string[] => this.events.filter(event => event !== 'half-close')
    while (without().length < count) await this.told(this.events.length + 1)
    return without()
  }
  #tell(event: string): void {
    this.events.push(event)
    this.onEach(event)
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

describe.each(Object.entries(ENGINES))('the %s engine', (_name, createEngine) => {
  let wire: WireRig | undefined
  afterEach(async () => {
    await wire?.stop()
    wire = undefined
  })

  async function start(prepare: (told: Told) => void = () => {}, maxMessageBytes = 1_000_000) {
    const calls: Told[] = []
    const begun = Promise.withResolvers<Told>()
    const handler: RpcHandler = rpc => {
      const told = new Told(rpc)
      calls.push(told)
      prepare(told)
      queueMicrotask(() => begun.resolve(told))
      return told
    }
    wire = await startWire(createEngine, handler, { maxMessageBytes })
    return { wire, first: begun.promise, calls }
  }

  test('tells messages in order, however they were cut, and answers behind them', async () => {
    const { wire, first } = await start()
    const call = wire.call({ 'x-weir-policy': 'strict' })
    const bytes = Buffer.concat([framed('one'), framed(''), framed('x'.repeat(100_000)), framed('two')])
    for (const byte of bytes.subarray(0, 20)) call.stream.write(Buffer.of(byte))
    call.stream.write(bytes.subarray(20))
    const told = await first
    expect(await told.told(4)).toEqual(['one', '', '100000 bytes', 'two'])
    expect(told.rpc.metadata('x-weir-policy')).toBe('strict')
    expect(told.rpc.metadata('x-other')).toBeUndefined()
    told.rpc.write(Buffer.from('a'))
    told.rpc.write(Buffer.from('b'))
    told.rpc.end()
    const { headers, body } = await call.ended
    expect(unframed(body)).toEqual(['a', 'b'])
    expect(headers).toMatchObject({ ':status': '200', 'grpc-status': '0' })
    expect(headers['content-type']).toMatch(/^application\/grpc/)
  })

  test('ends a call that it wrote nothing to, by either way', async () => {
    const { wire } = await start(told => {
      told.onEach = event =>
        event === 'ok' ? told.rpc.end() : told.rpc.fail(GRPC_STATUS.unavailable, 'no 100 %\nü')
    })
    const ok = wire.call()
    ok.stream.write(framed('ok'))
    expect((await ok.ended).headers).toMatchObject({ ':status': '200', 'grpc-status': '0' })
    const failed = wire.call()
    failed.stream.write(framed('fail'))
    const { headers } = await failed.ended
    expect(headers['grpc-status']).toBe('14')
    expect(decodeURIComponent(headers['grpc-message'] ?? '')).toBe('no 100 %\nü')
  })

  test('ends a call but once, and tells it nothing afterwards', async () => {
    const { wire, first } = await start(told => {
      told.onEach = () => {
        told.rpc.write(Buffer.from('answer'))
        told.rpc.fail(GRPC_STATUS.internal, 'broken')
        told.rpc.end()
        told.rpc.write(Buffer.from('late'))
      }
    })
    const call = wire.call()
    call.stream.write(Buffer.concat([framed('one'), framed('two')]))
    const { headers, body } = await call.ended
    call.stream.close()
    await new Promise(resolve => wire.session.ping(resolve))
    expect(headers['grpc-status']).toBe('13')
    expect(unframed(body)).toEqual(['answer'])
    expect((await first).events).toEqual(['one'])
  })

  test('tells the half-close behind the last message', async () => {
    const { wire, first } = await start()
    wire.call().stream.end(framed('last'))
    expect(await (await first).told(2)).toEqual(['last', 'half-close'])
  })

  test.each([0, 2, 8])('tells a reset by code %i once, of a call that is paused too', async code => {
    const { wire, calls } = await start(told => {
      told.onEach = event => event === 'pause' && told.rpc.pause()
    })
    const [reading, paused] = [wire.call(), wire.call()]
    reading.stream.write(framed('go on'))
    paused.stream.write(Buffer.concat([framed('pause'), framed('not told')]))
    await new Promise(resolve => wire.session.ping(resolve))
    paused.stream.write(framed('not read'))
    await new Promise(resolve => wire.session.ping(resolve))
    for (const call of [reading, paused]) call.stream.close(code)
    expect(await calls[0]!.toldButHalfClose(2)).toEqual(['go on', 'cancel'])
    expect(await calls[1]!.toldButHalfClose(2)).toEqual(['pause', 'cancel'])
    // Nothing that is left to be told comes after a whole round trip.
    await new Promise(resolve => wire.session.ping(resolve))
    for (const told of calls) expect(await told.toldButHalfClose(2)).toHaveLength(2)
  })

  test('tells a connection that broke', async () => {
    const { wire, first } = await start()
    wire.call().stream.write(framed('one'))
    await (await first).told(1)
    wire.session.destroy()
    expect(await (await first).toldButHalfClose(2)).toEqual(['one', 'cancel'])
  })

  test('holds messages while it is paused, also those that came in one frame', async () => {
    const { wire, first } = await start(told => {
      told.onEach = event => event === 'one' && told.rpc.pause()
    })
    const call = wire.call()
    call.stream.end(Buffer.concat([framed('one'), framed('two'), framed('three')]))
    const told = await first
    await told.told(1)
    await new Promise(resolve => wire.session.ping(resolve))
    expect(told.events).toEqual(['one'])
    told.rpc.resume()
    expect(await told.told(4)).toEqual(['one', 'two', 'three', 'half-close'])
  })

  test('keeps to what the peer takes, and says when there is room again', async () => {
    const { wire, first } = await start()
    const call = wire.call()
    call.stream.pause()
    call.stream.write(framed('begin'))
    const told = await first
    await told.told(1)
    // More than the client lets come unread.
    let written = 1
    while (told.rpc.write(Buffer.alloc(300_000)) === 'more') written += 1
    expect(written).toBeLessThan(20)
    await new Promise(resolve => wire.session.ping(resolve))
    expect(told.events).toEqual(['begin'])
    call.stream.resume()
    expect(await told.told(2)).toEqual(['begin', 'drain'])
    told.rpc.end()
    expect((await call.ended).body).toHaveLength(written * 300_005)
  })

  test.each<[string, Buffer, number]>([
    ['a message too long', framed('x'.repeat(1001)), GRPC_STATUS.resourceExhausted],
    [
      'a length alone that is too long',
      framed('x'.repeat(1001)).subarray(0, 5),
      GRPC_STATUS.resourceExhausted,
    ],
    ['a bomb', framed(gzipSync(Buffer.alloc(100_000)), 1), GRPC_STATUS.resourceExhausted],
    ['no gzip in a message that says so', framed('plain', 1), GRPC_STATUS.internal],
  ])('refuses %s, and never as OK', async (_what, bytes, status) => {
    const { wire, first } = await start(undefined, 1000)
    const call = wire.call({ 'grpc-encoding': 'gzip' })
    call.stream.write(bytes)
    expect((await call.ended).headers['grpc-status']).toBe(String(status))
    expect(await (await first).told(1)).toEqual(['cancel'])
  })

  test('reads what is compressed by gzip, and refuses what it does not know', async () => {
    const { wire, first } = await start()
    const call = wire.call({ 'grpc-encoding': 'gzip' })
    call.stream.write(Buffer.concat([framed(gzipSync('small'), 1), framed('plain')]))
    expect(await (await first).told(2)).toEqual(['small', 'plain'])
    const unknown = wire.call({ 'grpc-encoding': 'br' })
    unknown.stream.write(framed('x', 1))
    expect((await unknown.ended).headers['grpc-status']).toBe(String(GRPC_STATUS.unimplemented))
  })

  test('ends a call at its grpc-timeout', async () => {
    const { wire, first } = await start()
    const call = wire.call({ 'grpc-timeout': '20m' })
    expect((await call.ended).headers['grpc-status']).toBe(String(GRPC_STATUS.deadlineExceeded))
    expect(await (await first).told(1)).toEqual(['cancel'])
    const unreadable = wire.call({ 'grpc-timeout': '20 years' })
    expect((await unreadable.ended).headers['grpc-status']).toBe(String(GRPC_STATUS.internal))
  })

  test('refuses other methods and other types of content', async () => {
    const { wire, calls } = await start()
    const unknown = wire.call({ ':path': '/test.Service/Other' })
    expect((await unknown.ended).headers).toMatchObject({ ':status': '200', 'grpc-status': '12' })
    for (const type of ['application/json', undefined]) {
      const wrong = wire.call({ 'content-type': type })
      expect((await wrong.ended).headers[':status'], type).toBe('415')
    }
    expect(calls).toEqual([])
  })

  test('lets running calls finish at a shutdown, and takes no others', async () => {
    const { wire, first } = await start()
    const call = wire.call()
    call.stream.write(framed('running'))
    const told = await first
    await told.told(1)
    const goaway = once(wire.session, 'goaway')
    const closed = wire.server.shutdown()
    await goaway
    told.rpc.write(Buffer.from('answer'))
    told.rpc.end()
    const { headers, body } = await call.ended
    call.stream.end()
    expect(headers['grpc-status']).toBe('0')
    expect(unframed(body)).toEqual(['answer'])
    await closed
  })

  test('closes by force what a peer leaves open, behind its last word', async () => {
    const { wire, first } = await start()
    const call = wire.call()
    call.stream.write(framed('running'))
    const told = await first
    await told.told(1)
    const closed = wire.server.shutdown()
    told.rpc.fail(GRPC_STATUS.unavailable, 'shutting down')
    wire.server.forceClose()
    expect((await call.ended).headers['grpc-status']).toBe('14')
    await closed
  })
})

describe('what a call of the http2 engine has waiting', () => {
  let wire: WireRig | undefined
  afterEach(() => wire?.stop())

  async function begin(onEach: (event: string, rpc: Rpc) => void = () => {}) {
    const begun = Promise.withResolvers<Told>()
    const waiting: number[] = []
    wire = await startWire(ENGINES.http2!, rpc => {
      const told = new Told(rpc)
      told.onEach = event => onEach(event, rpc)
      told.onWaitingChange = bytes => waiting.push(bytes)
      queueMicrotask(() => begun.resolve(told))
      return told
    })
    const call = wire.call()
    call.stream.write(framed('begin'))
    const told = await begun.promise
    await told.told(1)
    const ping = (): Promise<unknown> => new Promise(resolve => wire?.session.ping(resolve))
    return { call, told, waiting, ping }
  }

  test('is a message under way, until it is told', async () => {
    const { call, told, waiting, ping } = await begin()
    expect([told.rpc.waitingBytes, waiting]).toEqual([0, []])
    const bytes = framed('x'.repeat(200_000))
    call.stream.write(bytes.subarray(0, 150_000))
    await ping()
    expect(told.rpc.waitingBytes).toBe(150_000 - 5)
    expect(waiting.at(-1)).toBe(150_000 - 5)
    call.stream.write(bytes.subarray(150_000))
    await told.told(2)
    await ping()
    expect([told.rpc.waitingBytes, waiting.at(-1)]).toEqual([0, 0])
  })

  test('is all that comes while it is paused, told as it comes', async () => {
    const { call, told, waiting, ping } = await begin((event, rpc) => {
      if (event === 'begin') rpc.pause()
    })
    // More than a stream keeps of its own accord: up to its window there is no stopping it.
    const bytes = Buffer.concat(Array.from({ length: 10 }, () => framed('y'.repeat(50_000))))
    call.stream.write(bytes)
    await vi.waitUntil(() => waiting.at(-1) === bytes.length, { interval: 1 })
    expect(told.rpc.waitingBytes).toBe(bytes.length)
    told.rpc.resume()
    await told.told(11)
    await ping()
    expect(told.rpc.waitingBytes).toBe(0)
    expect(waiting.at(-1)).toBe(0)
  })

  test('is not what is being told', async () => {
    const seen: number[] = []
    const { call, told } = await begin((_event, rpc) => seen.push(rpc.waitingBytes))
    call.stream.write(Buffer.concat(Array.from({ length: 5 }, () => framed('z'.repeat(1000)))))
    await told.told(6)
    expect(seen).toEqual([0, 0, 0, 0, 0, 0])
  })

  test('is what the peer does not take, until it does', async () => {
    const { call, told } = await begin()
    call.stream.pause()
    let written = 0
    do written += 300_000
    while (told.rpc.write(Buffer.alloc(300_000)) === 'more')
    expect(told.rpc.unsentBytes).toBeGreaterThan(0)
    expect(told.rpc.unsentBytes).toBeLessThanOrEqual(written + 1000)
    call.stream.resume()
    expect(await told.told(2)).toEqual(['begin', 'drain'])
    expect(told.rpc.unsentBytes).toBe(0)
  })
})

test('grpc-web is no gRPC: its trailers stand in the body', async () => {
  const wire = await startWire(ENGINES.http2!, rpc => new Told(rpc))
  const call = wire.call({ 'content-type': 'application/grpc-web+proto' })
  expect((await call.ended).headers[':status']).toBe('415')
  await wire.stop()
})

test('what was written in one turn leaves in one piece', async () => {
  const wire = await startWire(ENGINES.http2!, rpc => {
    const told = new Told(rpc)
    told.onEach = () => {
      for (const message of ['one', 'two', 'three']) rpc.write(Buffer.from(message))
    }
    return told
  })
  const call = wire.call()
  call.stream.write(framed('go'))
  const [chunk] = await once(call.stream, 'data')
  expect(unframed(chunk)).toEqual(['one', 'two', 'three'])
  await wire.stop()
})

test('half a message at the end of a call is no end that is OK', async () => {
  const wire = await startWire(ENGINES.http2!, rpc => new Told(rpc))
  const call = wire.call()
  call.stream.end(framed('cut').subarray(0, 6))
  expect((await call.ended).headers['grpc-status']).toBe(String(GRPC_STATUS.internal))
  await wire.stop()
})

test('a reset makes no error of its own', async () => {
  const made: unknown[] = []
  const channel = diagnostics.channel('http2.server.stream.error')
  const told = Promise.withResolvers<Told>()
  const wire = await startWire(ENGINES.http2!, rpc => {
    const one = new Told(rpc)
    told.resolve(one)
    return one
  })
  const subscriber = (message: unknown): void => void made.push(Reflect.get(Object(message), 'error'))
  channel.subscribe(subscriber)
  const call = wire.call()
  call.stream.write(framed('one'))
  await (await told.promise).told(1)
  call.stream.close(2)
  await (await told.promise).toldButHalfClose(2)
  await new Promise(resolve => wire.session.ping(resolve))
  channel.unsubscribe(subscriber)
  await wire.stop()
  expect(made.map(String)).toEqual(['Error: the peer reset the stream'])
})
