import { once } from 'node:events'
import { connect, createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { Http2Rpc } from '../../../src/grpc/http2-rpc.ts'
import type { Rpc, RpcListener } from '../../../src/grpc/rpc.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

function nobody(): RpcListener {
  return { onMessage() {}, onHalfClose() {}, onCancel() {}, onDrain() {}, onWaiting() {} }
}

test.each(['reset by its peer', 'ended by us'])(
  'a call that was %s does not live on with its stream',
  async how => {
    const calls: WeakRef<RpcListener>[] = []
    const streams: ServerHttp2Stream[] = []
    const server = createServer()
    const open = (stream: ServerHttp2Stream): void => {
      streams.push(stream)
      const handler = (rpc: Rpc): RpcListener => {
        const listener = nobody()
        calls.push(new WeakRef(listener))
        rpc.write(Buffer.from('first'))
        if (how === 'ended by us') queueMicrotask(() => rpc.end())
        return listener
      }
      new Http2Rpc(stream, {}, handler, 1024)
    }
    server.on('stream', open)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const session = connect(`http://127.0.0.1:${port}`)
    const request = session.request({ ':method': 'POST' }, { endStream: false })
    await once(request, 'data')
    const closed = once(streams[0]!, 'close')
    request.resume()
    if (how === 'ended by us') await once(request, 'end')
    request.close()
    await closed
    await turn()
    collectGarbage()
    expect(streams).toHaveLength(1)
    expect(calls.map(call => call.deref())).toEqual([undefined])
    session.destroy()
    server.close()
  },
)
