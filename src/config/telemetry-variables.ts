import type { Environment } from './environment.ts'

export type SignalName = 'traces' | 'metrics'

/**
 * The variables of OpenTelemetry's specification, read with the meaning that it gives them: an empty one counts as not
 * set, and one that cannot be used is a problem and counts as not set.
 */
export class TelemetryVariables {
  readonly #env: Environment
  readonly #problems = new Set<string>()

  constructor(env: Environment) {
    this.#env = env
  }

  /** One sentence each, without the value. */
  get problems(): readonly string[] {
    return [...this.#problems]
  }

  problem(name: string, what: string): void {
    this.#problems.add(`${name}: ${what}`)
  }

  upper(signal: SignalName): string {
    return signal.toUpperCase()
  }

  text(name: string): string | undefined {
    const text = this.#env[name]?.trim()
    return text === '' ? undefined : text
  }

  /** What the signal's own variable says, else the one of all signals. */
  ofSignal<T>(signal: SignalName, what: string, read: (name: string) => T | undefined): T | undefined {
    return read(`OTEL_EXPORTER_OTLP_${this.upper(signal)}_${what}`) ?? read(`OTEL_EXPORTER_OTLP_${what}`)
  }

  flag(name: string): boolean | undefined {
    return this.text(name) === undefined ? undefined : this.text(name)?.toLowerCase() === 'true'
  }

  oneOf<T extends string>(name: string, words: readonly T[]): T | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const word = words.find(one => one === text)
    if (word === undefined) this.problem(name, `must be one of ${words.join(', ')}; it is ignored`)
    return word
  }

  whole(name: string, least: number): number | undefined {
    return this.#number(
      name,
      value => Number.isSafeInteger(value) && value >= least,
      `a whole number from ${least}`,
    )
  }

  share(name: string): number | undefined {
    return this.#number(name, value => value >= 0 && value <= 1, 'a number from 0 to 1')
  }

  /** Those of the signal go before those of all signals. */
  headers(signal: SignalName): Readonly<Record<string, string>> {
    const all = this.pairs('OTEL_EXPORTER_OTLP_HEADERS')
    const own = this.pairs(`OTEL_EXPORTER_OTLP_${this.upper(signal)}_HEADERS`)
    return Object.fromEntries(
      Object.entries({ ...all, ...own }).flatMap(([name, value]) => {
        const isSendable = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(name) && /^[\x20-\x7e]*$/.test(value)
        if (!isSendable)
          this.problem('OTEL_EXPORTER_OTLP_HEADERS', 'holds a header that cannot be sent; it is left out')
        return isSendable ? [[name.toLowerCase(), value]] : []
      }),
    )
  }

  pairs(name: string): Readonly<Record<string, string>> {
    return pairsIn(this.text(name) ?? '')
  }

  #number(name: string, fits: (value: number) => boolean, form: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (!Number.isNaN(value) && fits(value)) return value
    this.problem(name, `must be ${form}; it is ignored`)
    return undefined
  }
}

/** `key=value,key=value`, values percent-encoded: the form of W3C Baggage, without its properties. */
export function pairsIn(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(',').flatMap(entry => {
    const at = entry.indexOf('=')
    const name = entry.slice(0, at).trim()
    return at < 0 || name === '' ? [] : [[name, decoded(entry.slice(at + 1).trim())]]
  })
  return Object.fromEntries(pairs)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
