import { fileURLToPath } from 'node:url'
import {
  type ChannelOptions,
  type ClientDuplexStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type StatusObject,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const PROTO_DIR = fileURLToPath(new URL('../../proto/', import.meta.url))

const definition = loadSync('envoy/service/ext_proc/v3/external_processor.proto', {
  includeDirs: [PROTO_DIR],
  keepCase: true,
  enums: String,
  oneofs: true,
})

type Message = Record<string, unknown>

/** One Process call as Envoy makes it, with a second codec (proto-loader's). */
export interface ProcessorCall {
  send(message: Message): void
  /** The next reply, waited for. Rejects when the call ends first. */
  reply(): Promise<Message>
  /** How the call ended, waited for. */
  readonly status: Promise<StatusObject>
  halfClose(): void
  cancel(): void
}

export interface ProcessorClient {
  process(initialMetadata?: Record<string, string>): ProcessorCall
  close(): void
}

/** A client of the gRPC room on `address`. */
export function connectProcessor(address: string, options: ChannelOptions = {}): ProcessorClient {
  const found = findService(loadPackageDefinition(definition), [
    'envoy',
    'service',
    'ext_proc',
    'v3',
    'ExternalProcessor',
  ])
  const client = new found(address, credentials.createInsecure(), options)
  return {
    process(initialMetadata = {}) {
      const metadata = new Metadata()
      for (const [key, value] of Object.entries(initialMetadata)) metadata.set(key, value)
      const start: unknown = client.Process
      if (typeof start !== 'function') throw new Error('no Process in the service')
      return watch(start.call(client, metadata))
    },
    close: () => client.close(),
  }
}

function findService(root: unknown, path: readonly string[]): ServiceClientConstructor {
  let node: unknown = root
  for (const step of path) node = Reflect.get(Object(node), step)
  if (typeof node !== 'function') throw new Error(`no service ${path.join('.')}`)
  return node as ServiceClientConstructor
}

function watch(call: ClientDuplexStream<Message, Message>): ProcessorCall {
  const replies: Message[] = []
  const waiting: ((message: Message) => void)[] = []
  call.on('data', (message: Message) => {
    const next = waiting.shift()
    if (next) next(message)
    else replies.push(message)
  })
  call.on('error', () => {})
  const status = new Promise<StatusObject>(resolve => {
    call.on('status', resolve)
  })
  return {
    send: message => {
      call.write(message)
    },
    reply() {
      const known = replies.shift()
      if (known) return Promise.resolve(known)
      return new Promise((resolve, reject) => {
        waiting.push(resolve)
        status.then(({ code, details }) => reject(new Error(`the call ended: ${code} ${details}`)))
      })
    },
    status,
    halfClose: () => call.end(),
    cancel: () => call.cancel(),
  }
}
