import { credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { protoPath } from 'grpc-health-check'

/** Watches the overall health of a server as `grpc.health.v1` tells it. */
export interface HealthWatch {
  /** Resolves when the server says so. */
  until(status: string): Promise<void>
  close(): void
}

export function watchHealth(address: string): HealthWatch {
  const loaded = loadPackageDefinition(loadSync(protoPath, { enums: String }))
  const Health: unknown = Reflect.get(
    Object(Reflect.get(Object(Reflect.get(loaded, 'grpc')), 'health')),
    'v1',
  )
  const Client = Reflect.get(Object(Health), 'Health') as ServiceClientConstructor
  const client = new Client(address, credentials.createInsecure())
  const seen: string[] = []
  let look = (): void => {}
  const stream = client.Watch?.({ service: '' })
  stream.on('data', (answer: { status: string }) => {
    seen.push(answer.status)
    look()
  })
  stream.on('error', () => {})
  return {
    until: status =>
      new Promise(resolve => {
        look = () => {
          if (seen.includes(status)) resolve()
        }
        look()
      }),
    close() {
      stream.cancel()
      client.close()
    },
  }
}
