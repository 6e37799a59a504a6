import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import { framed } from '../support/grpc-wire.ts'

const HEADERS = {
  ':method': 'POST',
  ':path': '/envoy.service.ext_proc.v3.ExternalProcessor/Process',
  'content-type': 'application/grpc',
  te: 'trailers',
}

/** Plays Envoy to workers of Weir, with as little work of its own as can be: a whole exchange is one write. */
export interface DirectClient {
  /** Plays an exchange over and over, of bodies of up to 62,000 bytes, `atOnce` with each worker, for so long; gives how many came to their end. */
  run(messages: readonly Uint8Array[], atOnce: number, forMs: number): Promise<number>
  close(): void
}

/** @param addresses `host:port` of each worker. */
export async function connectDirect(addresses: readonly string[]): Promise<DirectClient> {
  const sessions = await Promise.all(
    addresses.map(async address => {
      const session = connect(`http://${address}`)
      await once(session, 'connect')
      return session
    }),
  )
  return {
    async run(messages, atOnce, forMs) {
      const bytes = Buffer.concat(messages.map(message => framed(message)))
      const until = performance.now() + forMs
      const lane = async (session: ClientHttp2Session): Promise<number> => {
        let played = 0
        for (; performance.now() < until; played++) await play(session, bytes, repliesTo(messages))
        return played
      }
      const lanes = sessions.flatMap(session => Array.from({ length: atOnce }, () => lane(session)))
      return (await Promise.all(lanes)).reduce((sum, played) => sum + played, 0)
    },
    close() {
      for (const session of sessions) session.destroy()
    },
  }
}

/** As many as messages: in full duplex a body of up to 62,000 bytes is one reply. */
const repliesTo = (messages: readonly Uint8Array[]): number => messages.length

/** One exchange, left once all replies are here. Rejects unless both bodies came back and the call ended as OK. */
function play(session: ClientHttp2Session, bytes: Buffer, replies: number): Promise<void> {
  const stream = session.request(HEADERS)
  stream.write(bytes)
  return new Promise((resolve, reject) => {
    const count = new FrameCount()
    let status: unknown
    stream.on('data', (chunk: Buffer) => {
      count.take(chunk)
      if (count.frames >= replies) stream.end()
    })
    stream.on('trailers', trailers => {
      status = trailers['grpc-status']
    })
    stream.on('error', reject)
    stream.on('close', () => {
      // Replies carry the bodies, which are most of what was sent; a refusal would be short.
      if (status === '0' && count.bytes > bytes.byteLength / 2) resolve()
      else reject(new Error(`the call ended with status ${status} after ${count.bytes} bytes`))
    })
  })
}

/** How many gRPC messages have come whole. */
class FrameCount {
  frames = 0
  bytes = 0
  /** Of the prefix that is being read. */
  #prefix = Buffer.alloc(0)
  /** Bytes of the message that are still to come; undefined before its prefix is whole. */
  #missing: number | undefined

  take(chunk: Buffer): void {
    this.bytes += chunk.byteLength
    let rest = chunk
    while (rest.byteLength > 0) rest = this.#missing === undefined ? this.#readPrefix(rest) : this.#skip(rest)
  }

  #readPrefix(chunk: Buffer): Buffer {
    const wanted = 5 - this.#prefix.byteLength
    this.#prefix = Buffer.concat([this.#prefix, chunk.subarray(0, wanted)])
    if (this.#prefix.byteLength === 5) {
      this.#missing = this.#prefix.readUInt32BE(1)
      this.#prefix = Buffer.alloc(0)
    }
    return chunk.subarray(wanted)
  }

  #skip(chunk: Buffer): Buffer {
    const missing = this.#missing ?? 0
    this.#missing = missing - Math.min(missing, chunk.byteLength)
    if (this.#missing === 0) {
      this.frames += 1
      this.#missing = undefined
    }
    return chunk.subarray(missing)
  }
}
