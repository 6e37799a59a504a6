import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'

const PROTO_DIR = fileURLToPath(new URL('../../proto/', import.meta.url))

/** The project's own .proto files, as protobufjs reads them: a second, independent reader of the wire contract. */
export function loadProtos(): protobuf.Root {
  const root = new protobuf.Root()
  root.resolvePath = (_origin, target) =>
    target.startsWith('google/protobuf/') ? target : `${PROTO_DIR}${target}`
  return root.loadSync('envoy/service/ext_proc/v3/external_processor.proto', { keepCase: true })
}
