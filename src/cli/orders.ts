import type { CommandIo } from './command.ts'

/** What a process that serves is told from outside: by signals, or where it is a worker by its supervisor. */
export interface Orders {
  /** Resolves with who told it to stop. */
  readonly stop: Promise<string>
  readonly isToStop: boolean
  /** Has `act` done at each order to read everything again; at once as well where one came before. */
  onReload(act: () => void): void
  /** Has `act` done before a second signal ends the process at once. */
  beforeExit(act: () => void): void
  /** Hears nothing any more, also not from the supervisor. */
  close(): void
}

type OrdersIo = Pick<CommandIo, 'onStopSignal' | 'onReloadSignal' | 'supervisor' | 'exit'>

/** Takes orders from now on: until `close` no signal does to the process what it does by itself. */
export function takeOrders(io: OrdersIo): Orders {
  const stop = Promise.withResolvers<string>()
  let isToStop = false
  let reloads = 0
  let reload = (): void => {}
  let hurry = (): void => {}
  const onStop = (by: string): void => {
    isToStop = true
    stop.resolve(by)
  }
  const onStopSignal = (signal: string): void => {
    if (isToStop) {
      hurry()
      io.exit(1)
    } else onStop(signal)
  }
  const onReload = (): void => {
    reloads += 1
    reload()
  }
  const { supervisor } = io
  // A terminal's signals reach a worker and its supervisor: to stop is for one of them, and it tells the other.
  const unwatch = [io.onStopSignal(supervisor ? () => {} : onStopSignal), io.onReloadSignal(onReload)]
  supervisor?.onMessage(({ kind }) => {
    if (kind === 'stop') onStop('supervisor')
    if (kind === 'reload') onReload()
  })
  return {
    stop: stop.promise,
    get isToStop() {
      return isToStop
    },
    onReload(act) {
      reload = act
      if (reloads > 0) act()
    },
    beforeExit(act) {
      hurry = act
    },
    close() {
      for (const end of unwatch) end()
      supervisor?.close()
    },
  }
}
