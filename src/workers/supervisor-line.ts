import { type FromWorker, readToWorker, type ToWorker } from './messages.ts'

/** The variable that makes a process a worker: its index, from 0 on. Only the supervisor sets it. */
export const WORKER_VARIABLE = 'WEIR_WORKER'

/** A worker's end of the channel to its supervisor. */
export interface SupervisorLine {
  /** This worker's index. */
  readonly worker: number
  /** This process's. */
  readonly pid: number
  send(message: FromWorker): void
  /** `stop` comes as well when the supervisor is gone: nobody would ever tell it then. */
  onMessage(take: (message: ToWorker) => void): void
  /** An open channel keeps the process alive. */
  close(): void
}

/** The part of a process that a channel has. */
export interface Channel {
  readonly pid: number
  readonly send?: ((message: unknown, done: (error: Error | null) => void) => unknown) | undefined
  readonly disconnect?: (() => void) | undefined
  readonly connected?: boolean | undefined
  on(event: 'message', take: (message: unknown) => void): unknown
  on(event: 'disconnect', take: () => void): unknown
}

/** Undefined in a process that is no worker: one without the variable, or without a channel. */
export function supervisorLine(index: string | undefined, channel: Channel): SupervisorLine | undefined {
  if (index === undefined || !/^\d{1,3}$/.test(index) || channel.send === undefined) return undefined
  return {
    worker: Number(index),
    pid: channel.pid,
    // Of one that is gone the disconnect tells.
    send: message => void channel.send?.(message, () => {}),
    onMessage(take) {
      channel.on('message', received => {
        const message = readToWorker(received)
        if (message !== undefined) take(message)
      })
      const gone = (): void => take({ kind: 'stop' })
      channel.on('disconnect', gone)
      // What has happened before is told to nobody.
      if (channel.connected !== true) queueMicrotask(gone)
    },
    close() {
      if (channel.connected === true) channel.disconnect?.()
    },
  }
}
