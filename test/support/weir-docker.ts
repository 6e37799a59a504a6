import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers'
import { LogTail } from './envoy-launch.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Building fetches a base image and the packages. */
export const IMAGE_WITHIN_MS = 600_000
const STOP_WITHIN_MS = 30_000

/** Whether a container engine answers here. */
export async function engineAnswers(): Promise<boolean> {
  return getContainerRuntimeClient().then(
    () => true,
    () => false,
  )
}

/** Builds the image of deploy/Dockerfile. It is removed with the process. */
export async function buildWeirImage(): Promise<GenericContainer> {
  const context = await mkdtemp(join(tmpdir(), 'weir-image-'))
  try {
    // testcontainers heeds a .dockerignore at the root alone, and ours stands beside the Dockerfile: without this the
    // whole checkout would travel to the engine.
    const allowed = await readFile(join(ROOT, 'deploy/Dockerfile.dockerignore'), 'utf8')
    for (const [, path] of allowed.matchAll(/^!(.+)$/gm)) {
      await mkdir(dirname(join(context, path!)), { recursive: true })
      await cp(join(ROOT, path!), join(context, path!), { recursive: true })
    }
    await cp(join(ROOT, 'deploy/Dockerfile'), join(context, 'Dockerfile'))
    return await GenericContainer.fromDockerfile(context).withBuildkit().build()
  } finally {
    await rm(context, { recursive: true, force: true })
  }
}

export interface ServedImage {
  /** `host:port` for Envoy. */
  readonly address: string
  stop(): Promise<void>
}

/** Serves a config from the image, on the host's network, so that addresses mean the same as for the binary. */
export async function serveImage(image: GenericContainer, config: string): Promise<ServedImage> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-served-image-'))
  // The image runs as a user of its own.
  await chmod(folder, 0o755)
  await writeFile(join(folder, 'weir.yaml'), config, { mode: 0o644 })
  const log = new LogTail()
  const serving = Promise.withResolvers<string>()
  // Whoever awaits it sees it reject; where the start itself failed, nobody does.
  serving.promise.catch(() => {})
  const container = await image
    .withNetworkMode('host')
    .withBindMounts([{ source: folder, target: '/etc/weir', mode: 'ro' }])
    .withDroppedCapabilities('ALL')
    .withCommand([
      ...['serve', '--config', '/etc/weir/weir.yaml'],
      ...['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
    ])
    .withLogConsumer(stream => {
      stream.on('data', chunk => {
        log.append(chunk)
        const address = /"listen":"([^"]+)"/.exec(log.read())?.[1]
        if (address !== undefined) serving.resolve(address)
      })
      stream.on('end', () => serving.reject(new Error(`the image ended before it served:\n${log.read()}`)))
    })
    .withWaitStrategy(Wait.forLogMessage(/"msg":"serving"/))
    .start()
  return {
    address: await serving.promise,
    async stop() {
      await container.stop({ timeout: STOP_WITHIN_MS })
      await rm(folder, { recursive: true, force: true })
    },
  }
}
