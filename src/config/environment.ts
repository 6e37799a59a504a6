/** Variables by name, as `$env://` references read them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The environment of this process: the only place that reads it, so that tests can hand in their own. */
export function processEnvironment(): Environment {
  return process.env
}
