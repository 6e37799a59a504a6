import { createGrpcJsEngine } from '../../src/grpc/grpc-js-engine.ts'
import { createHttp2Engine } from '../../src/grpc/http2-engine.ts'
import type { CreateEngine } from '../../src/grpc/rpc.ts'

export const ENGINES: Readonly<Record<string, CreateEngine>> = {
  http2: createHttp2Engine,
  'grpc-js': createGrpcJsEngine,
}

/** What the tests' gRPC room runs on: WEIR_TRANSPORT=grpc-js runs them on the reference. */
export function engineOfTests(): CreateEngine | undefined {
  const name = process.env.WEIR_TRANSPORT
  if (name === undefined) return undefined
  const engine = ENGINES[name]
  if (engine === undefined) throw new Error(`WEIR_TRANSPORT must be one of ${Object.keys(ENGINES)}`)
  return engine
}
