import { createClient } from '@redis/client'
import type { PlaintextRule, ResolveAll } from '../service/egress.ts'
import { guardedLookup, protocolOf } from '../service/egress.ts'

/** What is told of the connection, once a change. */
export type ConnectionState = 'connected' | 'lost'

export interface RedisConnectionOptions extends Partial<PlaintextRule> {
  /** `redis://` or `rediss://`, with the password; checked by `redisUrlProblem` before, a literal address with it. */
  readonly url: string
  /** PEM: trusted in place of the public authorities. */
  readonly ca?: string
  /** What names resolve to; default the system's resolver. */
  readonly resolve?: ResolveAll
  /** `cause`: a code such as ECONNREFUSED or WRONGPASS, never a text of the server's. */
  readonly report: (state: ConnectionState, cause?: string) => void
  /** A command that has no answer by then gives the connection up. Default 1000. */
  readonly commandTimeoutMs?: number
  /** Milliseconds for TCP, TLS and login together. Default 2000. */
  readonly connectTimeoutMs?: number
  /** Milliseconds before the first attempt after a loss; it doubles up to `maxBackoffMs`. Default 100. */
  readonly minBackoffMs?: number
  /** Default 10,000. */
  readonly maxBackoffMs?: number
  /** 0 to 1, spreads the attempts of many replicas. */
  readonly random?: () => number
}

/** The store could not be asked. Its message is one of ours. */
export class RedisFault extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'RedisFault'
  }
}

/** Commands under way at once; one more fails at once, so that a slow server does not fill the memory. */
const MAX_PENDING = 2048
/** Asked for at each start of a connection: it answers only if the login may read under this prefix. */
const PROBE_KEY = 'weir:verdict:probe'

type Client = ReturnType<typeof openClient>
/** Those without a default, besides `url` and `report`. */
type Given = 'ca' | 'resolve'

/**
 * Keeps one connection to a Redis or Valkey server, for ever: it connects in the background, and whatever goes wrong
 * it tries again. Commands never wait for a connection: without one they fail at once. The client library's own
 * reconnecting is not used: it waits without end for a server that takes the connection and says nothing.
 */
export class RedisConnection {
  readonly #options: Required<Omit<RedisConnectionOptions, Given>> & Pick<RedisConnectionOptions, Given>
  /** The one in use or being opened; a client that is not this one has been given up. */
  #client: Client | undefined
  #isReady = false
  /** Attempts since the last connection that held. */
  #attempts = 0
  #retry: NodeJS.Timeout | undefined
  #reported: ConnectionState | undefined
  /** Rejections of the commands under way: for a client that is given up. */
  readonly #pending = new Set<(fault: RedisFault) => void>()

  constructor(options: RedisConnectionOptions) {
    this.#options = {
      allowPlaintext: false,
      commandTimeoutMs: 1000,
      connectTimeoutMs: 2000,
      minBackoffMs: 100,
      maxBackoffMs: 10_000,
      random: Math.random,
      ...options,
    }
    void this.#open()
  }

  /** At most `maxBytes` of the value; empty where there is none. Rejects with a RedisFault. */
  async read(key: string, maxBytes: number): Promise<string> {
    return (await this.#run(client => client.getRange(key, 0, maxBytes - 1))) ?? ''
  }

  /** Rejects with a RedisFault. */
  async write(key: string, value: string, ttlMs: number): Promise<void> {
    await this.#run(client => client.set(key, value, { expiration: { type: 'PX', value: ttlMs } }))
  }

  close(): void {
    clearTimeout(this.#retry)
    this.#discard()
  }

  #run<T>(command: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#client
    if (client === undefined || !this.#isReady)
      return Promise.reject(new RedisFault('the cache server is not connected'))
    if (this.#pending.size >= MAX_PENDING)
      return Promise.reject(new RedisFault('too many commands are under way'))
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const timer = setTimeout(() => this.#lost(client, 'TIMEOUT'), this.#options.commandTimeoutMs)
    this.#pending.add(reject)
    // Without the cause: the library's errors may quote what was sent.
    command(client).then(resolve, () => reject(new RedisFault('the cache server refused the command')))
    return promise.finally(() => {
      clearTimeout(timer)
      this.#pending.delete(reject)
    })
  }

  async #open(): Promise<void> {
    const { connectTimeoutMs } = this.#options
    const client = openClient(this.#options)
    this.#client = client
    // Without a listener the process would end; every way to lose a connection passes here or rejects below.
    client.on('error', (error: unknown) => this.#lost(client, codeOf(error)))
    const timer = setTimeout(() => this.#lost(client, 'TIMEOUT'), connectTimeoutMs)
    try {
      await client.connect()
      // Given up meanwhile: the library finishes a connect that was under way, and would leave it open.
      if (this.#client !== client) return client.destroy()
      await client.getRange(PROBE_KEY, 0, 0)
      if (this.#client !== client) return
      this.#isReady = true
      this.#attempts = 0
      this.#report('connected')
    } catch (error) {
      this.#lost(client, codeOf(error))
    } finally {
      clearTimeout(timer)
    }
  }

  /** Gives the client up and tries again later. Told once a client: what a given up one still says does not count. */
  #lost(client: Client, cause: string | undefined): void {
    if (this.#client !== client) return
    this.#discard()
    const { minBackoffMs, maxBackoffMs, random } = this.#options
    const backoffMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.min(this.#attempts, 30))
    this.#attempts += 1
    // Between half and all of it. The process does not live on for it.
    this.#retry = setTimeout(() => void this.#open(), backoffMs * (0.5 + random() / 2)).unref()
    this.#report('lost', cause)
  }

  #discard(): void {
    const client = this.#client
    this.#client = undefined
    this.#isReady = false
    for (const reject of this.#pending) reject(new RedisFault('the connection to the cache server was lost'))
    client?.destroy()
  }

  #report(state: ConnectionState, cause?: string): void {
    if (state === this.#reported) return
    this.#reported = state
    this.#options.report(state, cause)
  }
}

type ClientOptions = Pick<RedisConnectionOptions, 'url' | 'allowPlaintext' | Given> & {
  readonly connectTimeoutMs: number
}

function openClient({ url, ca, allowPlaintext = false, resolve, connectTimeoutMs }: ClientOptions) {
  const protocol = protocolOf(new URL(url).protocol)
  const socket = {
    connectTimeout: connectTimeoutMs,
    reconnectStrategy: false as const,
    // At every connect: what a name leads to may be another address each time.
    lookup: guardedLookup({ protocol, allowPlaintext, resolve }),
  }
  // Said, since a variable of the process could else turn it off.
  const tls = { tls: true as const, rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) }
  return createClient({
    url,
    socket: protocol === 'https:' ? { ...socket, ...tls } : socket,
    // What proxies in front of Redis understand: they know neither HELLO nor the rest of what a client may say first.
    RESP: 2,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    disableOfflineQueue: true,
  })
}

/** The code of a socket's error, or the first word of an error reply, which the protocol keeps for one. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && typeof error.code === 'string') return error.code
  return /^[A-Z]{3,20}(?= )/.exec(error.message)?.[0]
}
