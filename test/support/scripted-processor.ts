import { fileURLToPath } from 'node:url'
import { type Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { WireMessage, WireReply } from './scripted-replies.ts'

const SERVICE = 'envoy.service.ext_proc.v3.ExternalProcessor'

/** An ext_proc server whose every reply is the test's own: for facts about Envoy, right replies and wrong ones. */
export interface ScriptedProcessor {
  /** `host:port`. */
  readonly address: string
  /** The oldest call that was not taken yet, waited for. */
  call(): Promise<ScriptedCall>
  /** Sends GOAWAY: running calls go on, new ones find nobody. Resolves when the last running call is over. */
  drain(): Promise<void>
  /** Takes every connection down at once, as a process that was killed. May be called twice. */
  kill(): void
}

export interface ScriptedCall {
  /** gRPC initial metadata. */
  readonly metadata: Metadata
  /** All messages so far, those that `next` already gave included. */
  readonly received: readonly WireMessage[]
  /** The next message, waited for. Rejects when the call is over first. */
  next(): Promise<WireMessage>
  /** The next message, which must be of this phase. */
  next(phase: WireMessage['request']): Promise<WireMessage>
  send(...replies: readonly WireReply[]): void
  /** Ends the call with status OK. */
  end(): void
  /** Ends the call with a status that is not OK. */
  fail(code?: status): void
  /** Envoy closed its half of the call, or reset it. */
  readonly left: Promise<void>
  /** Envoy reset the call. */
  readonly cancelled: Promise<void>
}

export async function startScripted(): Promise<ScriptedProcessor> {
  const server = new Server({ 'grpc.max_receive_message_length': 64 * 1024 * 1024 })
  const calls: ScriptedCall[] = []
  const takers: ((call: ScriptedCall) => void)[] = []
  server.addService(loadService(), {
    Process(grpc: ServerDuplexStream<WireMessage, WireReply>) {
      const call = watch(grpc)
      const taker = takers.shift()
      if (taker) taker(call)
      else calls.push(call)
    },
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  return {
    address: `127.0.0.1:${port}`,
    call() {
      const waiting = calls.shift()
      return waiting ? Promise.resolve(waiting) : new Promise(resolve => takers.push(resolve))
    },
    drain: () => new Promise(resolve => server.tryShutdown(() => resolve())),
    kill: () => server.forceShutdown(),
  }
}

function loadService() {
  const definition = loadSync('envoy/service/ext_proc/v3/external_processor.proto', {
    includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
    keepCase: true,
    oneofs: true,
    defaults: true,
    enums: String,
  })
  const service = definition[SERVICE]
  if (!service || 'format' in service) throw new Error(`proto/ defines no service ${SERVICE}`)
  return service
}

function watch(grpc: ServerDuplexStream<WireMessage, WireReply>): ScriptedCall {
  const received: WireMessage[] = []
  let taken = 0
  let wake = (): void => {}
  let over = false
  const cancelled = new Promise<void>(resolve => {
    grpc.on('cancelled', () => resolve())
  })
  const halfClosed = new Promise<void>(resolve => {
    grpc.on('end', () => resolve())
  })
  const left = Promise.race([halfClosed, cancelled])
  void left.then(() => {
    over = true
    wake()
  })
  grpc.on('data', (message: WireMessage) => {
    received.push(message)
    wake()
  })
  // A reset by Envoy; `left` tells it.
  grpc.on('error', () => {})

  return {
    metadata: grpc.metadata,
    received,
    async next(phase?: WireMessage['request']) {
      while (taken === received.length) {
        if (over) throw new Error(`the call is over; received ${received.map(one => one.request).join(', ')}`)
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      const message = received[taken++]!
      if (phase && message.request !== phase) throw new Error(`expected ${phase}, got ${message.request}`)
      return message
    },
    send(...replies) {
      for (const reply of replies) grpc.write(reply)
    },
    end() {
      grpc.end()
    },
    fail(code = status.INTERNAL) {
      grpc.emit('error', { code, details: 'scripted' })
    },
    left,
    cancelled,
  }
}
