import { mkdtempSync, rmSync, statSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createListener } from '../../../src/grpc/listener.ts'

let folder: string
let umask: number
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-socket-'))
  umask = process.umask(0)
})
afterEach(() => {
  process.umask(umask)
  rmSync(folder, { recursive: true })
})

const rights = (path: string): number => statSync(path).mode & 0o777

test.each([0o600, 0o660, 0o666])('a socket has the rights asked for, whatever the umask: %o', async mode => {
  for (const mask of [0, 0o077]) {
    process.umask(mask)
    const listener = createListener(mode, socket => socket.destroy())
    const path = join(folder, `${mode}-${mask}.sock`)
    expect(await listener.listen(`unix://${path}`)).toBe(`unix://${path}`)
    expect(rights(path)).toBe(mode)
    expect(process.umask()).toBe(mask)
    await listener.close()
  }
})

test('nobody can connect between the bind and the chmod', async () => {
  const path = join(folder, 'weir.sock')
  const listener = createListener(0o660, socket => socket.destroy())
  const listen = net.Server.prototype.listen
  const seen: number[] = []
  // The file is made inside of listen(): this is the earliest that anybody can see of it.
  net.Server.prototype.listen = function (this: net.Server, ...args: Parameters<typeof listen>) {
    const result = listen.apply(this, args)
    seen.push(rights(path))
    return result
  } as typeof listen
  try {
    await listener.listen(`unix://${path}`)
  } finally {
    net.Server.prototype.listen = listen
  }
  expect(seen).toEqual([0])
  await listener.close()
})

test('a socket that a killed process left is taken over, one that answers is not', async () => {
  const path = join(folder, 'weir.sock')
  const [first, second] = [0o600, 0o600].map(mode => createListener(mode, socket => socket.destroy()))
  await first!.listen(`unix://${path}`)
  await expect(second!.listen(`unix://${path}`)).rejects.toMatchObject({ code: 'address-in-use' })
  await first!.close()
})

test('a name with several addresses listens on all of them, by one port', async () => {
  const listener = createListener(0o600, socket => socket.destroy())
  const address = await listener.listen('localhost:0')
  const port = Number(address.split(':')[1])
  const socket = net.connect(port, '127.0.0.1')
  await new Promise(resolve => socket.on('close', resolve))
  await listener.close()
})
