import type { BedrockChecksConfig } from './config.ts'

/** What is asked of the service, and from which score on it counts. */
export interface Checks {
  /** By the service's name of the category. Empty: not asked. */
  readonly contentFilter: ReadonlyMap<string, number>
  readonly promptAttack: ReadonlyMap<string, number>
  readonly entities: readonly string[]
  /** For entities. */
  readonly confidence: number
}

export function checksOf(config: BedrockChecksConfig): Checks {
  const { content_filter, prompt_attack, sensitive_information } = config
  return {
    contentFilter: thresholdsOf(content_filter),
    promptAttack: thresholdsOf(prompt_attack),
    entities: sensitive_information.entities,
    confidence: sensitive_information.threshold,
  }
}

function thresholdsOf(thresholds: Readonly<Record<string, number | 'off'>>): ReadonlyMap<string, number> {
  return new Map(
    Object.entries(thresholds).flatMap(([category, threshold]) =>
      threshold === 'off' ? [] : [[category, threshold]],
    ),
  )
}

/** As a request names them. A check of nothing is refused, so that it is left out. */
export function checksBody({ contentFilter, promptAttack, entities }: Checks) {
  return {
    contentFilter: categoriesOf(contentFilter),
    promptAttack: categoriesOf(promptAttack),
    sensitiveInformation: entities.length === 0 ? undefined : { entities: entities.map(type => ({ type })) },
  }
}

function categoriesOf(thresholds: ReadonlyMap<string, number>) {
  const categories = [...thresholds.keys()].map(category => ({ category }))
  return categories.length === 0 ? undefined : { categories }
}
