import { formatListenAddress, type ListenAddress } from '../config/address.ts'

/**
 * Where the worker of this index, from 0 on, listens: the first as configured, each other one port higher, or at the
 * socket with its index behind the path. One port for all would leave all exchanges of an Envoy worker with one
 * of ours, since it keeps one HTTP/2 connection to each endpoint. Port 0 stays 0: the system gives each its own.
 */
export function workerAddress(address: ListenAddress, index: number): ListenAddress {
  if (address.kind === 'unix') return index === 0 ? address : { ...address, path: `${address.path}.${index}` }
  return address.port === 0 ? address : { ...address, port: address.port + index }
}

/** The same, as it is written in configs and logs. */
export function workerAddresses(address: ListenAddress, workers: number): readonly string[] {
  return Array.from({ length: workers }, (_, index) => formatListenAddress(workerAddress(address, index)))
}
