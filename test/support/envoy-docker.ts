import { GenericContainer } from 'testcontainers'
import { type EnvoyInstance, type EnvoyLaunch, LogTail } from './envoy-launch.ts'

const IMAGE = 'envoyproxy/envoy:v1.40.0'

/**
 * Runs Envoy in a container on the host's network, so that addresses mean the same as for the binary. The folders
 * are mounted at their own paths for the same reason. Needs Linux and a Docker engine on this machine.
 */
export async function launchContainer(launch: EnvoyLaunch): Promise<EnvoyInstance> {
  const log = new LogTail()
  let reportEnd: (reason: string) => void = () => {}
  const ended = new Promise<string>(resolve => {
    reportEnd = resolve
  })
  const container = await new GenericContainer(IMAGE)
    .withNetworkMode('host')
    // As root, so that it can write into the folder and reach sockets of this user.
    .withEnvironment({ ENVOY_UID: '0' })
    .withBindMounts([launch.folder, ...launch.socketFolders].map(path => ({ source: path, target: path })))
    .withCommand([...launch.args])
    .withLogConsumer(stream => {
      stream.on('data', chunk => log.append(chunk))
      stream.on('end', () => reportEnd('the Envoy container ended'))
    })
    .start()
  return {
    logs: () => log.read(),
    ended,
    async stop() {
      await container.stop({ timeout: 3_000 })
      reportEnd('the Envoy container was stopped')
    },
  }
}
