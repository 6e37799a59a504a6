/** A running Envoy, however it was started. */
export interface EnvoyInstance {
  /** Everything it has written so far, for failing tests. */
  logs(): string
  /** Resolves with the reason once it has ended by itself or by `stop`. */
  readonly ended: Promise<string>
  stop(): Promise<void>
}

export interface EnvoyLaunch {
  /** Holds `config.json`; Envoy writes `admin-address` into it. */
  readonly folder: string
  readonly args: readonly string[]
  /** Folders of Unix sockets that Envoy must reach. */
  readonly socketFolders: readonly string[]
}

/** Keeps the newest text up to a cap: a chatty log level must not fill the memory, and the end tells most. */
export class LogTail {
  static readonly MAX_CHARS = 2_000_000
  #text = ''

  append(piece: Uint8Array | string): void {
    this.#text += typeof piece === 'string' ? piece : Buffer.from(piece).toString('utf8')
    if (this.#text.length > 2 * LogTail.MAX_CHARS) this.#text = this.#text.slice(-LogTail.MAX_CHARS)
  }

  read(): string {
    return this.#text.slice(-LogTail.MAX_CHARS)
  }
}
