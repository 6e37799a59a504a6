import type { Socket } from 'node:net'

/** The statuses that Weir ends calls with. Numbers as in https://grpc.io/docs/guides/status-codes/ */
export const GRPC_STATUS = {
  ok: 0,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const

/** A status that is not OK: what the rest of an exchange must not pass after. */
export type FailureStatus = Exclude<(typeof GRPC_STATUS)[keyof typeof GRPC_STATUS], 0>

/** What can happen to a call. Nothing is told any more once it was ended by either side. */
export interface RpcListener {
  /** The bytes are the listener's own from then on. Must not throw. */
  onMessage(message: Buffer): void
  /** The peer sends no more messages; it may still read. */
  onHalfClose(): void
  /** The peer reset the call, its connection is gone, or its deadline has passed: nothing reaches it any more. */
  onCancel(): void
  /** After a `write` that said `full`: there is room again. */
  onDrain(): void
  /** `waitingBytes` has changed, though no message was told. */
  onWaiting(): void
}

/** Hears nothing of what happens to a call. */
export const DEAF: RpcListener = {
  onMessage() {},
  onHalfClose() {},
  onCancel() {},
  onDrain() {},
  onWaiting() {},
}

/** One call, as the server sees it. Everything but `metadata` and the counts is without effect once the call was ended. */
export interface Rpc {
  /** The value that the peer's initial metadata has under a key in lower case. */
  metadata(key: string): string | undefined
  /** Bytes received and not told yet. */
  readonly waitingBytes: number
  /** Bytes written and not taken yet, since a `write` that said `full`. */
  readonly unsentBytes: number
  /** Sends one message. `full`: it is kept all the same, but more should wait for `onDrain`. */
  write(message: Buffer): 'more' | 'full'
  /** No message is told until `resume`, and the peer is held up by flow control. */
  pause(): void
  resume(): void
  /** Ends the call as OK, behind what was written. */
  end(): void
  /** Ends the call as anything but OK, behind what was written. */
  fail(code: FailureStatus, details: string): void
}

/** Takes a call of one method. It must not throw, and may use the call only after it has returned. */
export type RpcHandler = (rpc: Rpc) => RpcListener

/** Methods by their path, `/package.Service/Method`. All are served as bidirectional streams of bytes. */
export type Methods = ReadonlyMap<string, RpcHandler>

/** HTTP/2 and gRPC over connections that somebody else accepts. */
export interface GrpcEngine {
  /** Serves a connection. The socket is the engine's from then on. */
  serve(socket: Socket): void
  /** Tells every peer to begin no new calls here (GOAWAY). Connections end when their last call does. */
  shutdown(): void
  /** Ends the connections that are left, behind what was written to them. */
  close(): void
}

export interface EngineOptions {
  /** A longer message ends its call as RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number
  readonly nodeVersion: string
  /** Most that a peer may send of one call unread; an engine may let it send less. */
  readonly streamWindowBytes?: number | undefined
}

export type CreateEngine = (methods: Methods, options: EngineOptions) => GrpcEngine
