import { expect, test } from 'vitest'
import { takeOrders } from '../../../src/cli/orders.ts'
import type { ToWorker } from '../../../src/workers/messages.ts'

/** A process that a test gives orders to, and what it did about them. */
function processOf(kind: 'alone' | 'worker') {
  const did: string[] = []
  const tell = { stop: (_signal: string) => {}, reload: () => {}, worker: (_message: ToWorker) => {} }
  const supervisor = {
    ...{ worker: 0, pid: 1, send() {}, close: () => void did.push('line closed') },
    onMessage(take: typeof tell.worker) {
      tell.worker = take
    },
  }
  const orders = takeOrders({
    onStopSignal(stop) {
      tell.stop = stop
      return () => void did.push('stop unheard')
    },
    onReloadSignal(reload) {
      tell.reload = reload
      return () => void did.push('reload unheard')
    },
    supervisor: kind === 'worker' ? supervisor : undefined,
    exit: code => void did.push(`exit ${code}`),
  })
  return { did, tell, orders }
}

test('the first signal is an order to stop, the second ends the process behind what cannot wait', async () => {
  const { did, tell, orders } = processOf('alone')
  orders.beforeExit(() => did.push('flushed'))
  expect(orders.isToStop).toBe(false)
  tell.stop('SIGTERM')
  expect([orders.isToStop, await orders.stop, did]).toEqual([true, 'SIGTERM', []])
  tell.stop('SIGINT')
  expect(did).toEqual(['flushed', 'exit 1'])
})

test('a worker leaves signals to its supervisor, which never ends it at once', async () => {
  const { did, tell, orders } = processOf('worker')
  tell.stop('SIGINT')
  tell.stop('SIGINT')
  expect([orders.isToStop, did]).toEqual([false, []])
  tell.worker({ kind: 'stop' })
  tell.worker({ kind: 'stop' })
  expect([orders.isToStop, await orders.stop, did]).toEqual([true, 'supervisor', []])
})

test.each(['alone', 'worker'] as const)('an order to read again that came early is not lost (%s)', kind => {
  const { did, tell, orders } = processOf(kind)
  tell.reload()
  tell.reload()
  orders.onReload(() => did.push('read'))
  expect(did).toEqual(['read'])
  tell.reload()
  tell.worker({ kind: 'reload' })
  expect(did).toHaveLength(kind === 'worker' ? 3 : 2)
  expect(orders.isToStop).toBe(false)
})

test.each([
  ['alone', ['stop unheard', 'reload unheard']],
  ['worker', ['stop unheard', 'reload unheard', 'line closed']],
] as const)('nothing is heard any more behind its end (%s)', (kind, what) => {
  const { did, orders } = processOf(kind)
  orders.close()
  expect(did).toEqual(what)
})
