import fc from 'fast-check'

/** One thing that untrusted input reaches, and what must hold of it whatever comes. */
export interface FuzzTarget {
  readonly name: string
  /** Cases that one batch runs: a batch takes well under a second. */
  readonly batch: number
  /** One batch by that seed; the same seed gives the same cases. */
  check(seed: number, cases: number): Failure | undefined
}

/** A case that broke, made as small as it can be. */
interface Failure {
  /** As source text. */
  readonly shrunk: string
  readonly error: string
}

/** `holds` throws where it does not. */
export function fuzzTarget<Case>(
  name: string,
  batch: number,
  cases: fc.Arbitrary<Case>,
  holds: (one: Case) => void,
): FuzzTarget {
  const property = fc.property(cases, holds)
  return {
    name,
    batch,
    check(seed, numRuns) {
      const details = fc.check(property, { seed, numRuns })
      if (!details.failed) return undefined
      const { counterexample, errorInstance } = details
      const error =
        errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : errorInstance
      return { shrunk: fc.stringify(counterexample?.[0]), error: String(error) }
    },
  }
}

/** What one target came to in its time. */
export interface Fuzzed {
  readonly target: string
  readonly cases: number
  readonly ms: number
  /** With the seed of the batch that it came from: `--target NAME --seed SEED` meets it at once. */
  readonly failure: (Failure & { readonly seed: number }) | undefined
}

/** Runs batch after batch, each with the next seed, until `forMs` have passed or one fails. At least one batch runs. */
export function fuzz(target: FuzzTarget, firstSeed: number, forMs: number): Fuzzed {
  const startedMs = performance.now()
  const soFar = (): number => performance.now() - startedMs
  let cases = 0
  for (let seed = firstSeed; cases === 0 || soFar() < forMs; seed++) {
    const failure = target.check(seed | 0, target.batch)
    cases += target.batch
    if (failure !== undefined)
      return { target: target.name, cases, ms: soFar(), failure: { ...failure, seed } }
  }
  return { target: target.name, cases, ms: soFar(), failure: undefined }
}
