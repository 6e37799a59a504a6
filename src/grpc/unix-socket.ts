import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { stat, unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'

/**
 * Binds a Unix socket that only those can connect to whom `mode` names (writing is connecting). The kernel makes the
 * file under the umask; it is narrowed for the very call that binds, so that nobody can connect before the `chmod`.
 */
export async function listenOnPath(server: Server, path: string, mode: number): Promise<void> {
  await removeStaleSocket(path)
  const listening = once(server, 'listening')
  const umask = process.umask(0o777)
  try {
    server.listen(path)
  } finally {
    process.umask(umask)
  }
  await listening
  chmodSync(path, mode)
}

/** A process that was killed leaves its socket behind, and nobody can bind there again. One that answers stays. */
async function removeStaleSocket(path: string): Promise<void> {
  const isSocket = await stat(path).then(
    file => file.isSocket(),
    () => false,
  )
  if (!isSocket) return
  const isAlive = await new Promise<boolean>(resolve => {
    const probe = connect(path, () => {
      probe.destroy()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
  })
  if (!isAlive) await unlink(path)
}
