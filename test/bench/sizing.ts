import { ScanWindow } from '../../src/exchange/scan-window.ts'
import type { StreamSettings } from '../../src/policy/policy.ts'

/**
 * How many of what a load needs: the arithmetic of docs/scaling.md. The constants are what it plans with, a little above
 * what docs/performance.md measured; the program that writes that page says where one does not hold.
 */
export interface Constants {
  /** CPU of Weir for one chunk of a stream at a pace of 2 a second, microseconds. */
  readonly chunkUs: number
  /** CPU of Weir for the rest of an exchange: its request, its headers, its record, microseconds. */
  readonly exchangeUs: number
  /** CPU of Weir for one call of a guard service over HTTP on loopback, microseconds. */
  readonly guardCallUs: number
  /** Memory of a stream that waits for its next chunk, bytes. */
  readonly idleStreamBytes: number
  /** Memory of one small event that a stream holds back, bytes: its own are the least of it. */
  readonly heldEventBytes: number
  /** Memory of a process before its first stream, bytes. */
  readonly processBytes: number
}

export const PLANNED: Constants = {
  chunkUs: 100,
  exchangeUs: 250,
  guardCallUs: 400,
  idleStreamBytes: 20 * 1024,
  heldEventBytes: 2 * 1024,
  processBytes: 256 * 1024 * 1024,
}

/** What a second of traffic is, over all streams. */
export interface Load {
  readonly streams: number
  readonly secondsAStream: number
  readonly chunksASecond: number
  /** Events that a stream holds back, on average over its life. */
  readonly heldEvents: number
}

type Window = StreamSettings['window']

/** As a policy has them that says nothing of them. */
export const DEFAULT_WINDOW: Window = {
  firstChars: 80,
  growth: 2,
  maxChars: 2000,
  contextChars: 500,
  maxHeldMs: 1000,
}

/**
 * Guard calls that an answer of so many characters takes by windows, when no timer cuts one short and no sentence end
 * makes the first smaller: one for each window that fills, and a last one for what is left.
 */
export function windowCalls(characters: number, window: Window): number {
  return windowsOf(characters, window).length
}

/**
 * Characters that a stream of an even pace holds back on average over its life: half of the window that fills, longer
 * for larger ones, and what always stays back.
 */
export function heldByWindow(characters: number, window: Window, holdBackChars: number): number {
  const held = windowsOf(characters, window).reduce((sum, filled) => sum + filled * (filled / 2), 0)
  return held / characters + holdBackChars
}

/** The characters of each window of an answer that comes one by one, as serving cuts them. */
function windowsOf(characters: number, settings: Window): readonly number[] {
  const window = new ScanWindow(settings)
  const windows: number[] = []
  let unscanned = 0
  for (let at = 0; at < characters; at++) {
    if (window.isFull(unscanned, '')) {
      windows.push(unscanned)
      window.next()
      unscanned = 0
    }
    unscanned += 1
  }
  return [...windows, unscanned]
}

/** CPU seconds of Weir that a second of one stream takes, so cores for one stream. */
export function coresAStream(load: Load, guardCallsAStream: number, constants: Constants): number {
  const { chunkUs, exchangeUs, guardCallUs } = constants
  const once = (exchangeUs + guardCallsAStream * guardCallUs) / load.secondsAStream
  return (load.chunksASecond * chunkUs + once) / 1e6
}

/** How workers are placed and how full they may be. */
export interface Fleet {
  /** The share of a core that a worker uses at the peak. */
  readonly utilisation: number
  readonly zones: number
  readonly workersAReplica: number
}

export interface Sizing {
  readonly coresAStream: number
  readonly streamsAWorker: number
  /** To carry the load with one zone gone. */
  readonly workers: number
  readonly replicas: number
  readonly replicasAZone: number
  /** Streams on one replica while all zones are there. */
  readonly streamsAReplica: number
  /** With one zone gone: the peak that limits are set by. */
  readonly peakStreamsAReplica: number
  /** Bytes of a replica at that peak, heap that waits to be collected included. */
  readonly replicaBytes: number
  readonly exchangesASecond: number
  readonly guardCallsASecond: number
}

/** A heap has what lives and what waits to be collected: as much again. */
const HEAP_HEADROOM = 2

export function size(load: Load, guardCallsAStream: number, fleet: Fleet, constants: Constants): Sizing {
  const cores = coresAStream(load, guardCallsAStream, constants)
  const streamsAWorker = Math.floor(fleet.utilisation / cores)
  const carrying = Math.ceil(load.streams / (streamsAWorker * fleet.workersAReplica))
  // Any zones - 1 of them carry everything.
  const replicasAZone = Math.ceil(carrying / (fleet.zones - 1))
  const replicas = replicasAZone * fleet.zones
  const peakStreamsAReplica = Math.ceil(load.streams / (replicas - replicasAZone))
  const held = peakStreamsAReplica * (constants.idleStreamBytes + load.heldEvents * constants.heldEventBytes)
  const exchangesASecond = load.streams / load.secondsAStream
  return {
    coresAStream: cores,
    streamsAWorker,
    workers: replicas * fleet.workersAReplica,
    replicas,
    replicasAZone,
    streamsAReplica: Math.ceil(load.streams / replicas),
    peakStreamsAReplica,
    replicaBytes: fleet.workersAReplica * constants.processBytes + HEAP_HEADROOM * held,
    exchangesASecond,
    guardCallsASecond: exchangesASecond * guardCallsAStream,
  }
}
