import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { decompress } from './decompress.ts'
import { type FramingFault, MessageReader } from './message-reader.ts'
import { destroyQuietly } from './quiet-destroy.ts'
import { type FailureStatus, GRPC_STATUS, type Rpc, type RpcHandler, type RpcListener } from './rpc.ts'
import { RESPONSE_HEADERS, trailers, trailersOnly } from './status.ts'
import { startDeadline } from './timeout.ts'

const PREFIX_BYTES = 5
const WITH_TRAILERS = { waitForTrailers: true, sendDate: false }
const TRAILERS_ONLY = { endStream: true, sendDate: false }

const RPC = Symbol('the call that is open on the stream')

/**
 * Node keeps a stream, and what hangs on it, until the next full garbage collection, long after its end. So all that
 * holds a call to its stream is this one property, which goes with the call's end: with listeners of its own each, every
 * call lived on as long, and each minor collection had them to copy.
 */
interface RpcStream extends ServerHttp2Stream {
  [RPC]?: Http2Rpc | undefined
}

/** One call on a stream of node:http2. */
export class Http2Rpc implements Rpc {
  readonly #stream: RpcStream
  readonly #headers: IncomingHttpHeaders
  readonly #maxMessageBytes: number
  readonly #reader: MessageReader
  readonly #listener: RpcListener
  readonly #deadline: NodeJS.Timeout | undefined
  #state: 'open' | 'ended' = 'open'
  #reading: 'flowing' | 'paused' = 'flowing'
  /** Set while messages are told: whoever pauses and resumes meanwhile must not have them told out of order. */
  #telling: 'idle' | 'busy' = 'idle'
  /** Whether the listener was told that bytes wait, and may believe so still. */
  #waiting: 'none' | 'told' = 'none'
  /** From the first pause on. */
  #arrivals: 'untold' | 'told' = 'untold'
  #input: 'more' | 'half-closed' | 'told' = 'more'
  /** Messages of this turn. They leave together, in one DATA frame where they fit. */
  readonly #outbox: Buffer[] = []
  #outboxBytes = 0
  /** `awaited` since the listener was told `full`, `announced` once the stream will say when there is some. */
  #room: 'enough' | 'awaited' | 'announced' = 'enough'

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    handler: RpcHandler,
    maxMessageBytes: number,
  ) {
    this.#stream = stream
    this.#headers = headers
    this.#maxMessageBytes = maxMessageBytes
    this.#reader = new MessageReader(maxMessageBytes)
    this.#listener = handler(this)
    bind(this.#stream, this)
    this.#deadline = startDeadline(headers['grpc-timeout'], (code, details) => this.#broken(code, details))
    if (stream.aborted) this.cancelled()
  }

  metadata(key: string): string | undefined {
    const value = this.#headers[key]
    return typeof value === 'object' ? value[0] : value
  }

  get waitingBytes(): number {
    // What is being told now is the listener's own.
    if (this.#telling === 'busy' && this.#reading === 'flowing') return 0
    return this.#reader.waitingBytes + this.#stream.readableLength
  }

  get unsentBytes(): number {
    return this.#room === 'enough' ? 0 : this.#outboxBytes + this.#stream.writableLength
  }

  write(message: Buffer): 'more' | 'full' {
    if (this.#state === 'ended') return 'more'
    if (this.#outbox.length === 0) process.nextTick(flush, this)
    this.#outbox.push(message)
    this.#outboxBytes += PREFIX_BYTES + message.byteLength
    const { writableLength, writableHighWaterMark } = this.#stream
    if (writableLength + this.#outboxBytes < writableHighWaterMark) return 'more'
    if (this.#room === 'enough') this.#room = 'awaited'
    return 'full'
  }

  /** Sends what this turn has written. */
  flush(): void {
    const isTaken = this.#sendOutbox()
    if (this.#room !== 'awaited') return
    this.#room = 'announced'
    // What was in its way may have gone since the listener was told, and then no `drain` comes.
    if (isTaken === 'at-once') this.drained()
    else this.#stream.once('drain', onDrain)
  }

  drained(): void {
    if (this.#room === 'enough' || this.#state === 'ended') return
    this.#room = 'enough'
    this.#listener.onDrain()
  }

  #sendOutbox(): 'at-once' | 'in-time' {
    const stream = this.#stream
    if (this.#outbox.length === 0 || stream.destroyed || stream.closed) return 'in-time'
    if (!stream.headersSent) stream.respond(RESPONSE_HEADERS, WITH_TRAILERS)
    return stream.write(this.#takeOutbox()) ? 'at-once' : 'in-time'
  }

  pause(): void {
    if (this.#reading === 'paused' || this.#state === 'ended') return
    this.#reading = 'paused'
    this.#stream.pause()
    if (this.#arrivals === 'untold') this.#tellArrivals()
  }

  /** Node tells nobody what a stream takes in while it is paused, which is up to the whole of its window. */
  #tellArrivals(): void {
    this.#arrivals = 'told'
    const stream = this.#stream
    const push = stream.push
    stream.push = (chunk, encoding) => {
      const wantsMore = push.call(stream, chunk, encoding)
      if (this.#reading === 'paused' && this.#state === 'open') this.#listener.onWaiting()
      return wantsMore
    }
  }

  resume(): void {
    if (this.#reading === 'flowing' || this.#state === 'ended') return
    this.#reading = 'flowing'
    this.#tell()
    if (this.#isFlowing()) this.#stream.resume()
  }

  end(): void {
    this.#finish(GRPC_STATUS.ok, '')
  }

  fail(code: FailureStatus, details: string): void {
    this.#finish(code, details)
  }

  #finish(code: FailureStatus | typeof GRPC_STATUS.ok, details: string): void {
    if (this.#state === 'ended') return
    this.#sendOutbox()
    this.#close()
    const stream = this.#stream
    if (stream.destroyed || stream.closed) return
    if (!stream.headersSent) {
      stream.respond(trailersOnly(code, details), TRAILERS_ONLY)
      return
    }
    stream.once('wantTrailers', () => stream.sendTrailers(trailers(code, details)))
    stream.end()
  }

  #close(): void {
    this.#state = 'ended'
    this.#stream[RPC] = undefined
    clearTimeout(this.#deadline)
    // What the peer still sends is read and dropped: left where it is, it would use up the connection's window.
    this.#stream.resume()
  }

  received(chunk: Buffer): void {
    this.#reader.push(chunk)
    this.#tell()
    const waiting = this.#reader.waitingBytes > 0 ? 'told' : 'none'
    if (waiting === 'none' && this.#waiting === 'none') return
    this.#waiting = waiting
    if (this.#state === 'open') this.#listener.onWaiting()
  }

  halfClosed(): void {
    this.#input = 'half-closed'
    this.#tell()
  }

  #isFlowing(): boolean {
    return this.#state === 'open' && this.#reading === 'flowing'
  }

  /** Tells the messages that are complete, one at a time for as long as the listener takes them. */
  #tell(): void {
    if (this.#telling === 'busy') return
    this.#telling = 'busy'
    while (this.#isFlowing()) {
      const message = this.#reader.next()
      if (message === undefined) break
      if (typeof message === 'string') this.#misframed(message)
      else if (message.coding === 'plain') this.#listener.onMessage(message.bytes)
      else this.#tellCompressed(message.bytes)
    }
    this.#telling = 'idle'
    if (this.#input === 'half-closed' && this.#isFlowing()) this.#tellHalfClose()
  }

  #tellHalfClose(): void {
    this.#input = 'told'
    if (this.#reader.isEmpty) this.#listener.onHalfClose()
    else this.#broken(GRPC_STATUS.internal, 'the last message is incomplete')
  }

  #tellCompressed(bytes: Buffer): void {
    const plain = decompress(bytes, this.metadata('grpc-encoding'), this.#maxMessageBytes)
    if (Buffer.isBuffer(plain)) this.#listener.onMessage(plain)
    else this.#broken(plain.code, plain.details)
  }

  #misframed(fault: FramingFault): void {
    if (fault === 'bad-flag') this.#broken(GRPC_STATUS.internal, 'unknown message flag')
    else this.#broken(GRPC_STATUS.resourceExhausted, `message larger than ${this.#maxMessageBytes} bytes`)
  }

  /** Ends the call on our own account; to the listener it is gone. */
  #broken(code: FailureStatus, details: string): void {
    if (this.#state === 'ended') return
    this.#finish(code, details)
    this.#listener.onCancel()
  }

  cancelled(): void {
    if (this.#state === 'ended') return
    this.#close()
    this.#listener.onCancel()
  }

  #takeOutbox(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#outboxBytes)
    let at = 0
    for (const message of this.#outbox) {
      bytes[at] = 0
      bytes.writeUInt32BE(message.byteLength, at + 1)
      bytes.set(message, at + PREFIX_BYTES)
      at += PREFIX_BYTES + message.byteLength
    }
    this.#outbox.length = 0
    this.#outboxBytes = 0
    return bytes
  }
}

function flush(rpc: Http2Rpc): void {
  rpc.flush()
}

function bind(stream: RpcStream, rpc: Http2Rpc): void {
  stream[RPC] = rpc
  stream.destroy = destroyQuietly
  // A peer's reset shows as `aborted` at once, and as `close` only when all that it sent before was read.
  stream.on('aborted', onCancel)
  stream.on('close', onCancel)
  // Whatever it is, `close` follows.
  stream.on('error', ignore)
  stream.on('data', onData)
  stream.on('end', onEnd)
}

function onData(this: RpcStream, chunk: Buffer): void {
  this[RPC]?.received(chunk)
}

function onEnd(this: RpcStream): void {
  this[RPC]?.halfClosed()
}

function onCancel(this: RpcStream): void {
  this[RPC]?.cancelled()
}

function onDrain(this: RpcStream): void {
  this[RPC]?.drained()
}

function ignore(): void {}
