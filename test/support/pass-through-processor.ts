import { fileURLToPath } from 'node:url'
import grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024
/** Envoy wants the body replies of full duplex small. */
const MAX_DUPLEX_BYTES = 62_000
const SERVICE = 'envoy.service.ext_proc.v3.ExternalProcessor'

export interface PassThroughProcessor {
  /** `host:port`. */
  readonly address: string
  /** Every message of every call, in order of arrival. */
  readonly received: readonly ReceivedMessage[]
  stop(): void
}

export interface ReceivedMessage {
  /** `request_headers`, `response_body` … */
  readonly phase: string
  /** Names of a header phase; empty for the others. */
  readonly headerNames: readonly string[]
  /** Envoy's string attributes that came along. */
  readonly attributes: Readonly<Record<string, string | undefined>>
  /** Bytes of a body phase; 0 for the others. */
  readonly bodyBytes: number
}

interface WireHeaders {
  readonly headers?: { readonly headers: readonly { readonly key: string }[] }
}
interface WireBody {
  readonly body: Uint8Array
  readonly end_of_stream: boolean
}
interface WireMessage {
  readonly request: string
  readonly request_headers?: WireHeaders
  readonly response_headers?: WireHeaders
  readonly request_body?: WireBody
  readonly response_body?: WireBody
  readonly attributes?: Record<string, { readonly fields: Record<string, { readonly stringValue?: string }> }>
  readonly protocol_config?: { readonly request_body_mode: string }
}

/**
 * An ext_proc server that lets everything pass, for tests of Envoy's configs rather than of Weir. Its first reply of
 * a call sets the dynamic metadata `weir: { note: "passed" }`.
 */
export async function startPassThrough(): Promise<PassThroughProcessor> {
  const received: ReceivedMessage[] = []
  const server = new grpc.Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  })
  server.addService(loadService(), {
    Process(call: grpc.ServerDuplexStream<WireMessage, object>) {
      let duplex: boolean | undefined
      call.on('data', (message: WireMessage) => {
        const isFirst = duplex === undefined
        duplex ??= message.protocol_config?.request_body_mode === 'FULL_DUPLEX_STREAMED'
        received.push(summarize(message))
        for (const reply of repliesTo(message, duplex)) call.write(isFirst ? { ...reply, ...NOTE } : reply)
      })
      call.on('end', () => call.end())
      // Envoy ends calls by reset.
      call.on('error', () => {})
    },
  })
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure()
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)))
  })
  return { address: `127.0.0.1:${port}`, received, stop: () => server.forceShutdown() }
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

const NOTE = {
  dynamic_metadata: {
    fields: { weir: { structValue: { fields: { note: { stringValue: 'passed' } } } } },
  },
}

function repliesTo(message: WireMessage, duplex: boolean): object[] {
  const phase = message.request
  const body = message.request_body ?? message.response_body
  if (!body) return [{ [phase]: phase.endsWith('_trailers') ? {} : { response: {} } }]
  if (!duplex) return [{ [phase]: { response: {} } }]
  return split(body.body).map((piece, index, all) => ({
    [phase]: {
      response: {
        body_mutation: {
          streamed_response: { body: piece, end_of_stream: body.end_of_stream && index === all.length - 1 },
        },
      },
    },
  }))
}

/** At least one piece, an empty one for an empty body. */
function split(bytes: Uint8Array): Uint8Array[] {
  const count = Math.max(1, Math.ceil(bytes.length / MAX_DUPLEX_BYTES))
  return Array.from({ length: count }, (_, i) =>
    bytes.subarray(i * MAX_DUPLEX_BYTES, (i + 1) * MAX_DUPLEX_BYTES),
  )
}

function summarize(message: WireMessage): ReceivedMessage {
  const headers = (message.request_headers ?? message.response_headers)?.headers?.headers ?? []
  const fields = Object.values(message.attributes ?? {}).flatMap(struct => Object.entries(struct.fields))
  return {
    phase: message.request,
    headerNames: headers.map(header => header.key),
    attributes: Object.fromEntries(fields.map(([name, value]) => [name, value.stringValue])),
    bodyBytes: (message.request_body ?? message.response_body)?.body.length ?? 0,
  }
}
