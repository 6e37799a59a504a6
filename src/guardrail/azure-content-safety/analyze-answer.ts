import { z } from 'zod'
import { GuardrailFailure } from '../guardrail.ts'
import type { AzureContentSafetyConfig, Thresholds } from './config.ts'
import type { Reading } from './reading.ts'

/** The service's names of the categories. */
const CATEGORIES = { hate: 'Hate', self_harm: 'SelfHarm', sexual: 'Sexual', violence: 'Violence' } as const

type Category = keyof Thresholds

/** `blocklistItemText` quotes what was found: it is not even read. */
const answerSchema = z.object({
  categoriesAnalysis: z.array(z.object({ category: z.string(), severity: z.int().min(0).max(7).nullish() })),
  blocklistsMatch: z.array(z.object({ blocklistName: z.string() })).nullish(),
})

/** What is asked of `text:analyze` and how its answer is read. */
export interface Analysis {
  readonly thresholds: readonly {
    readonly category: Category
    readonly serviceName: string
    readonly severity: number
  }[]
  readonly blocklists: readonly string[]
  readonly outputType: 'FourSeverityLevels' | 'EightSeverityLevels'
}

export function analysisOf(config: AzureContentSafetyConfig): Analysis {
  const names: readonly Category[] = ['hate', 'self_harm', 'sexual', 'violence']
  const thresholds = names.flatMap(category => {
    const severity = config.thresholds[category]
    return severity === 'off' ? [] : [{ category, serviceName: CATEGORIES[category], severity }]
  })
  return {
    thresholds,
    blocklists: config.blocklists,
    outputType: config.severity_levels === 'four' ? 'FourSeverityLevels' : 'EightSeverityLevels',
  }
}

export function analyzeBody(text: string, { thresholds, blocklists, outputType }: Analysis): object {
  return {
    text,
    categories: thresholds.map(({ serviceName }) => serviceName),
    blocklistNames: blocklists.length === 0 ? undefined : blocklists,
    // A hit ends the analysis otherwise, and with it the evidence.
    haltOnBlocklistHit: blocklists.length === 0 ? undefined : false,
    outputType,
  }
}

/**
 * Decodes the answer to `text:analyze`. Throws GuardrailFailure `bad-response` when a category that was asked for has
 * no severity, or blocklists were and there is no list of matches.
 */
export function readAnalysis(answer: unknown, { thresholds, blocklists }: Analysis): Reading {
  const decoded = answerSchema.safeParse(answer)
  if (!decoded.success) throw new GuardrailFailure('bad-response', 'the answer is no text analysis')
  const { categoriesAnalysis, blocklistsMatch } = decoded.data
  if (blocklists.length > 0 && !blocklistsMatch) {
    throw new GuardrailFailure('bad-response', 'the answer has no list of blocklist matches')
  }
  const categories = thresholds.map(({ category, serviceName, severity }) => {
    const found = highestSeverity(categoriesAnalysis, serviceName)
    return { detector: category, detected: found >= severity, level: `severity_${found}` }
  })
  const matched = new Set((blocklistsMatch ?? []).map(({ blocklistName }) => blocklistName))
  const lists = [...new Set([...blocklists, ...matched])].map(name => ({
    detector: blocklistDetector(name, blocklists),
    detected: matched.has(name),
  }))
  const findings = [...categories, ...lists].flatMap(({ detected, ...finding }) =>
    detected ? [finding] : [],
  )
  return { findings, breakdown: [...categories, ...lists] }
}

function highestSeverity(
  analyses: readonly { readonly category: string; readonly severity?: number | null | undefined }[],
  serviceName: string,
): number {
  const severities = analyses
    .filter(({ category }) => category === serviceName)
    .map(({ severity }) => severity)
  if (severities.length === 0) {
    throw new GuardrailFailure('bad-response', `the answer has no analysis for ${serviceName}`)
  }
  return Math.max(
    ...severities.map(severity => {
      if (typeof severity === 'number') return severity
      throw new GuardrailFailure('bad-response', `the answer has no severity for ${serviceName}`)
    }),
  )
}

/** Only a name that was asked for is passed on, since detectors end up in headers and logs. */
function blocklistDetector(name: string, blocklists: readonly string[]): string {
  return blocklists.includes(name) ? `blocklist/${name.toLowerCase()}` : 'blocklist'
}
